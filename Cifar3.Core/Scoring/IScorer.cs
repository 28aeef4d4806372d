namespace Cifar3;

/// <summary>What a classifier computes with: pixels in, probabilities out. Thread-safe; a dispose during calls waits for none and frees memory when the last of them ends.</summary>
internal interface IScorer : IDisposable
{
    /// <summary>What it computes on: Cpu or Cuda.</summary>
    ExecutionProvider Provider { get; }

    /// <summary>Runtime, version and device in words.</summary>
    string Device { get; }

    /// <summary>Why Auto took the CPU although the runtime offers CUDA; null otherwise.</summary>
    string? FallbackReason { get; }

    /// <summary>Cores that it uses.</summary>
    int Threads { get; }

    /// <summary>Images that one call takes best when many calls run at once.</summary>
    int PieceSize { get; }

    /// <summary>Probabilities of any number of images.</summary>
    /// <param name="pixels">[N, 32, 32, 3], uint8.</param>
    /// <param name="probabilities">Receives [N, classes].</param>
    /// <exception cref="ObjectDisposedException">The scorer is disposed.</exception>
    /// <exception cref="Cifar3Exception">The runtime failed: no memory, device lost.</exception>
    void Run(ReadOnlySpan<byte> pixels, Span<float> probabilities);

    /// <summary>The same on the calling thread alone, for callers that share the cores out themselves; at most <see cref="PieceSize"/> images.</summary>
    /// <inheritdoc cref="Run"/>
    void RunPiece(ReadOnlySpan<byte> pixels, Span<float> probabilities);
}

namespace Cifar3;

/// <summary>
/// What computes probabilities: pixels in, probabilities out. Made by <see cref="ScorerFactory"/> alone. Thread-safe; a dispose during calls waits for
/// none and frees memory when the last of them ends.
/// </summary>
internal interface IScorer : IDisposable
{
    /// <summary>Which it is: Managed, OnnxRuntime or Cuda.</summary>
    ScoringBackend Backend { get; }

    /// <summary>Runtime, version and device in words.</summary>
    string Device { get; }

    /// <summary>Cores that it uses.</summary>
    int Threads { get; }

    /// <summary>Images that one call takes best when many calls run at once.</summary>
    int PieceSize { get; }

    /// <summary>Probabilities of any number of images.</summary>
    /// <param name="pixels">[N, 32, 32, 3], uint8.</param>
    /// <param name="probabilities">Receives [N, classes].</param>
    /// <exception cref="ObjectDisposedException">The scorer is disposed.</exception>
    /// <exception cref="Cifar3Exception">The runtime failed: no memory, device lost.</exception>
    void Score(ReadOnlySpan<byte> pixels, Span<float> probabilities);

    /// <summary>The same on the calling thread alone, for callers that share the cores out themselves, a piece (<see cref="PieceSize"/>) or so at a time.</summary>
    /// <param name="pixels">[N, 32, 32, 3], uint8.</param>
    /// <param name="probabilities">Receives [N, classes].</param>
    /// <param name="cancellation">Ends a run that is under way, where the runtime can.</param>
    /// <exception cref="OperationCanceledException">Cancelled; the probabilities are not to be used.</exception>
    /// <inheritdoc cref="Score" path="/exception"/>
    void ScorePiece(ReadOnlySpan<byte> pixels, Span<float> probabilities, CancellationToken cancellation);
}

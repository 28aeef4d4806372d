using System.Collections.Concurrent;
using Microsoft.ML.OnnxRuntime;

namespace Cifar3;

/// <summary>One ONNX Runtime session and the buffers of its runs, which are reused. Thread-safe; its owner sees to it that none runs when it is disposed.</summary>
/// <param name="session">The session; disposed with this.</param>
/// <param name="signature">Its input and output.</param>
/// <param name="capacity">The most images of one run.</param>
/// <param name="onDevice">Whether it computes on a GPU.</param>
internal sealed class OnnxRunner(InferenceSession session, OnnxSignature signature, int capacity, bool onDevice) : IDisposable
{
    private readonly RunOptions runOptions = new();
    private readonly ConcurrentBag<ScoringBuffer> buffers = [];
    private readonly string[] inputNames = [signature.InputName], outputNames = [signature.OutputName];

    /// <summary>The most images of one run.</summary>
    public int Capacity => capacity;

    /// <summary>Number of classes.</summary>
    public int Classes => signature.Classes;

    /// <summary>Runs over at most <see cref="Capacity"/> images.</summary>
    public void Run(ReadOnlySpan<byte> pixels, Span<float> probabilities)
    {
        int n = pixels.Length / CnnArchitecture.ImageBytes;
        if (!buffers.TryTake(out var buffer))
        {
            buffer = new ScoringBuffer(session, signature, n);
        }
        else if (buffer.Capacity < n)
        {
            buffer.Dispose();
            buffer = new ScoringBuffer(session, signature, Math.Min(capacity, Math.Max(n, 2 * buffer.Capacity)));
        }

        try
        {
            var binding = buffer.Load(pixels);
            if (onDevice)
            {
                // A binding copies its input to the device when it is made, so it serves one run only.
                session.Run(runOptions, inputNames, [binding.Input], outputNames, [binding.Output]);
            }
            else
            {
                session.RunWithBinding(runOptions, binding.Io);
            }

            buffer.Store(probabilities);
        }
        finally
        {
            buffers.Add(buffer);
        }
    }

    public void Dispose()
    {
        while (buffers.TryTake(out var buffer))
        {
            buffer.Dispose();
        }

        session.Dispose();
        runOptions.Dispose();
    }
}

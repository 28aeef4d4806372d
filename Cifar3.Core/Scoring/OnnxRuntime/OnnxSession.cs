using System.Collections.Concurrent;
using Microsoft.ML.OnnxRuntime;

namespace Cifar3;

/// <summary>One session of ONNX Runtime and the buffers of its runs, which are reused. Thread-safe; its owner sees to it that none runs when it is disposed.</summary>
/// <param name="session">The session; disposed with this.</param>
/// <param name="signature">Its input and output.</param>
/// <param name="capacity">The most images of one run.</param>
/// <param name="onDevice">Whether it computes on a GPU.</param>
/// <param name="inputMemory">Memory of the session that inputs lie in, where it has such; null for ordinary memory.</param>
internal sealed class OnnxSession(InferenceSession session, OnnxSignature signature, int capacity, bool onDevice, OrtMemoryInfo? inputMemory = null) : IDisposable
{
    private readonly OrtAllocator? allocator = inputMemory is null ? null : TryCreate(session, inputMemory);
    private readonly RunOptions unstoppable = new();
    private readonly ConcurrentBag<OnnxBuffer> buffers = [];
    private readonly string[] inputNames = [signature.InputName], outputNames = [signature.OutputName];

    /// <summary>The most images of one run.</summary>
    public int Capacity => capacity;

    /// <summary>Number of classes.</summary>
    public int Classes => signature.Classes;

    /// <summary>Runs over at most <see cref="Capacity"/> images.</summary>
    /// <param name="pixels">[N, 32, 32, 3].</param>
    /// <param name="probabilities">Receives [N, classes].</param>
    /// <param name="cancellation">Ends the run between two of the graph's nodes.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public void Run(ReadOnlySpan<byte> pixels, Span<float> probabilities, CancellationToken cancellation = default)
    {
        var buffer = Rent(pixels.Length / CnnArchitecture.ImageBytes);
        try
        {
            var binding = buffer.Load(pixels);
            if (!cancellation.CanBeCanceled)
            {
                Run(binding, unstoppable);
            }
            else
            {
                RunUntil(binding, cancellation);
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

        allocator?.Dispose();
        session.Dispose();
        unstoppable.Dispose();
    }

    private static OrtAllocator? TryCreate(InferenceSession session, OrtMemoryInfo memory)
    {
        try
        {
            return new OrtAllocator(session, memory);
        }
        catch (OnnxRuntimeException)
        {
            return null; // a session without it: ordinary memory serves too
        }
    }

    private OnnxBuffer Rent(int images)
    {
        if (!buffers.TryTake(out var buffer))
        {
            return new OnnxBuffer(session, signature, images, allocator);
        }

        if (buffer.Capacity >= images)
        {
            return buffer;
        }

        buffer.Dispose();
        return new OnnxBuffer(session, signature, Math.Min(capacity, Math.Max(images, 2 * buffer.Capacity)), allocator);
    }

    private void RunUntil(OnnxBuffer.Binding binding, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        using var options = new RunOptions();
        using var registration = cancellation.UnsafeRegister(static options => ((RunOptions)options!).Terminate = true, options);
        try
        {
            Run(binding, options);
        }
        catch (OnnxRuntimeException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
    }

    private void Run(OnnxBuffer.Binding binding, RunOptions options)
    {
        if (onDevice)
        {
            // A binding copies its input to the device when it is made, so it serves one run only.
            session.Run(options, inputNames, [binding.Input], outputNames, [binding.Output]);
        }
        else
        {
            session.RunWithBinding(options, binding.Io);
        }
    }
}

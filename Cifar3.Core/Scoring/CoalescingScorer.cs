using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Cifar3;

/// <summary>
/// Puts single images of callers who call at the same time together and scores them in one run. The first caller of a batch leads it: it waits
/// for a free core and, while others are calling who may join, up to the delay allowed; it scores for all, and the others sleep meanwhile.
/// Reuses its batches: a warm call allocates nothing.
/// </summary>
/// <param name="inner">What scores.</param>
/// <param name="classes">Number of classes.</param>
/// <param name="delay">The longest that an image waits for others, beyond what it waits for a free core.</param>
internal sealed class CoalescingScorer(IScorer inner, int classes, TimeSpan delay) : IScorer
{
    private readonly object gate = new();
    private readonly ConcurrentBag<CoalescedBatch> unused = [];
    private CoalescedBatch? open;
    private int running; // batches on a core
    private int calling; // single images that are under way

    public ExecutionProvider Provider => inner.Provider;

    public string Device => inner.Device;

    public string? FallbackReason => inner.FallbackReason;

    public int PieceSize => inner.PieceSize;

    public int Threads => inner.Threads;

    public void RunPiece(ReadOnlySpan<byte> pixels, Span<float> probabilities) => inner.RunPiece(pixels, probabilities);

    public void Run(ReadOnlySpan<byte> pixels, Span<float> probabilities)
    {
        if (pixels.Length != CnnArchitecture.ImageBytes)
        {
            inner.Run(pixels, probabilities);
            return;
        }

        var batch = Join(pixels, out int index);
        if (index == 0)
        {
            Lead(batch);
        }

        batch.Await();
        batch.Results.Slice(index * classes, classes).CopyTo(probabilities);
        var error = batch.Error;
        Interlocked.Decrement(ref calling);
        if (batch.Leave())
        {
            unused.Add(batch);
        }

        error?.Throw();
    }

    public void Dispose() => inner.Dispose();

    private CoalescedBatch Join(ReadOnlySpan<byte> pixels, out int index)
    {
        Interlocked.Increment(ref calling);
        lock (gate)
        {
            if (open is null && !unused.TryTake(out open))
            {
                open = new CoalescedBatch(inner.PieceSize, classes);
            }

            var batch = open;
            index = batch.Add(pixels);
            if (batch.IsFull)
            {
                open = null;
                Monitor.PulseAll(gate);
            }

            return batch;
        }
    }

    private void Lead(CoalescedBatch batch)
    {
        Gather(batch);
        try
        {
            inner.RunPiece(batch.Pixels, batch.Results);
        }
#pragma warning disable CA1031 // whatever it is, it is thrown again in the callers of this batch
        catch (Exception e)
#pragma warning restore CA1031
        {
            batch.Error = ExceptionDispatchInfo.Capture(e);
        }

        lock (gate)
        {
            running--;
            Monitor.PulseAll(gate);
        }

        batch.Finish();
    }

    /// <summary>Waits for a core, then for others while there are any, and closes the batch.</summary>
    private void Gather(CoalescedBatch batch)
    {
        long start = Stopwatch.GetTimestamp();
        lock (gate)
        {
            while (running == inner.Threads)
            {
                Monitor.Wait(gate);
            }

            running++;
            while (open == batch && Volatile.Read(ref calling) > batch.Count)
            {
                var left = delay - Stopwatch.GetElapsedTime(start);
                if (left <= TimeSpan.Zero || !Monitor.Wait(gate, left))
                {
                    break;
                }
            }

            if (open == batch)
            {
                open = null;
            }
        }
    }
}

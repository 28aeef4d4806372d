using System.Runtime.ExceptionServices;

namespace Cifar3;

/// <summary>Single images of several callers and their results. Filled under its owner's lock; used again when the last caller has left.</summary>
/// <param name="capacity">The most images.</param>
/// <param name="classes">Number of classes.</param>
internal sealed class CoalescedBatch(int capacity, int classes)
{
    private readonly object gate = new();
    private readonly byte[] pixels = new byte[capacity * CnnArchitecture.ImageBytes];
    private readonly float[] probabilities = new float[capacity * classes];
    private int callers;
    private bool finished;

    /// <summary>Images so far.</summary>
    public int Count { get; private set; }

    /// <summary>Whether no further image fits.</summary>
    public bool IsFull => Count == capacity;

    /// <summary>The images, [count, 32, 32, 3].</summary>
    public ReadOnlySpan<byte> Pixels => pixels.AsSpan(0, Count * CnnArchitecture.ImageBytes);

    /// <summary>Receives their probabilities, [count, classes].</summary>
    public Span<float> Results => probabilities.AsSpan(0, Count * classes);

    /// <summary>What went wrong in their run; null for nothing.</summary>
    public ExceptionDispatchInfo? Error { get; set; }

    /// <summary>Takes an image.</summary>
    /// <returns>Its place.</returns>
    public int Add(ReadOnlySpan<byte> image)
    {
        image.CopyTo(pixels.AsSpan(Count * CnnArchitecture.ImageBytes));
        callers++;
        return Count++;
    }

    /// <summary>The results are there: wakes all callers.</summary>
    public void Finish()
    {
        lock (gate)
        {
            finished = true;
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Waits for the results.</summary>
    public void Await()
    {
        lock (gate)
        {
            while (!finished)
            {
                Monitor.Wait(gate);
            }
        }
    }

    /// <summary>A caller has taken its result; true for the last, who may give the batch away: it is empty again.</summary>
    public bool Leave()
    {
        if (Interlocked.Decrement(ref callers) > 0)
        {
            return false;
        }

        (Count, finished, Error) = (0, false, null);
        return true;
    }
}

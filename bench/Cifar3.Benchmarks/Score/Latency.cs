using System.Diagnostics;

namespace Cifar3.Benchmarks;

/// <summary>One image at a time from one caller, pixels to probabilities.</summary>
internal sealed class Latency(ImageSet images)
{
    private const int Calls = 3000;

    private readonly double[] milliseconds = new double[Calls];
    private readonly float[] probabilities = new float[images.ClassNames.Length];

    /// <summary>What <see cref="Measure"/> gave last.</summary>
    public (double P50, double P99) Last { get; private set; }

    /// <summary>The middle and the 99th hundredth of the calls, in milliseconds.</summary>
    public (double P50, double P99) Measure(Cifar3Classifier classifier)
    {
        for (int i = 0; i < Calls; i++)
        {
            long start = Stopwatch.GetTimestamp();
            classifier.Score(images.Image(i % images.Count), probabilities);
            milliseconds[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        Array.Sort(milliseconds);
        return Last = (milliseconds[Calls / 2], milliseconds[Calls * 99 / 100]);
    }

    /// <summary>Managed bytes that a warm call allocates.</summary>
    public double AllocatedBytes(Cifar3Classifier classifier)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Calls; i++)
        {
            classifier.Score(images.Image(i % images.Count), probabilities);
        }

        return (GC.GetAllocatedBytesForCurrentThread() - before) / (double)Calls;
    }

}

using System.Diagnostics;

namespace Cifar3.Benchmarks;

/// <summary>Eight threads that each score one image at a time, as requests to a server do.</summary>
internal static class Callers
{
    private const int Threads = 8, CallsEach = 400;

    /// <summary>Images a second of all together.</summary>
    public static double Rate(Cifar3Classifier classifier, ImageSet images)
    {
        long start = Stopwatch.GetTimestamp();
        Run(classifier, images, CallsEach);
        return Threads * CallsEach / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Each of the threads makes so many calls.</summary>
    public static void Run(Cifar3Classifier classifier, ImageSet images, int callsEach)
    {
        var threads = Enumerable.Range(0, Threads).Select(thread => new Thread(() =>
        {
            float[] probabilities = new float[classifier.ClassNames.Length];
            for (int i = 0; i < callsEach; i++)
            {
                classifier.Score(images.Image((i + thread) % images.Count), probabilities);
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
    }
}

namespace Cifar3.Benchmarks;

/// <summary>Whether memory grows while a classifier serves eight threads: a million predictions, the first 200,000 to warm up.</summary>
internal static class MemoryGrowth
{
    private const int Steps = 10, CallsEachStep = 12_500; // of eight threads: 100,000 predictions a step

    /// <summary>Bytes that the process holds more after a million predictions than after 200,000.</summary>
    public static double Measure(Cifar3Classifier classifier, ImageSet images)
    {
        long after = 0;
        for (int step = 1; step <= Steps; step++)
        {
            Callers.Run(classifier, images, CallsEachStep);
            GC.Collect();
            long held = ProcessMemory.WorkingSet;
            Console.Error.WriteLine($"{step * 100_000:N0} predictions: {held / 1e6:N1} MB");
            after = step == 2 ? held : after;
        }

        return ProcessMemory.WorkingSet - after;
    }
}

using Cifar3;
using Cifar3.Training;

namespace Quickstart;

/// <summary>Real images where they can be had, else the synthetic set, said loudly; and the recipe that suits them.</summary>
internal static class DataChoice
{
    /// <summary>
    /// The fewest steps an epoch should have: those of CIFAR-10's 15,000 images in batches of 128. Batch normalization's moving
    /// statistics need several hundred before validation means anything.
    /// </summary>
    private const int MinSteps = 117;

    public static (ImageData Data, Recipe Recipe) Load(string? path, CancellationToken cancel)
    {
        using var progress = new LoadProgress();
        var options = new DataOptions { Progress = progress, CancellationToken = cancel };
        if (Cifar3Data.TryLoad(path, options, out var data, out string? reason))
        {
            return (data, RecipeFor(data));
        }

        progress.Dispose();
        Report.Warning("NO REAL IMAGES: this run trains on the built-in SYNTHETIC set.", $"Its figures say nothing about photographs. {reason}");
        data = Cifar3Data.Synthetic();
        return (data, RecipeFor(data) with { Name = "synthetic" });
    }

    /// <summary>The seed recipe; for a small set with smaller batches, down to 8 images, so that it still has enough steps.</summary>
    private static Recipe RecipeFor(ImageData data)
    {
        int batch = Recipe.Seed.BatchSize;
        while (batch > 8 && data.Train.Count / batch < MinSteps)
        {
            batch /= 2;
        }

        return Recipe.Seed with { BatchSize = batch };
    }
}

/// <summary>A line that tells how far a download or the decoding is; only in a terminal.</summary>
internal sealed class LoadProgress : IProgress<DataProgress>, IDisposable
{
    private readonly Lock gate = new();
    private bool lineOpen;

    public void Report(DataProgress value)
    {
        if (Console.IsOutputRedirected)
        {
            return;
        }

        lock (gate)
        {
            string unit = value.Stage == DataStage.Downloading ? $"{value.Done / 1e6:N0} of {value.Total / 1e6:N0} MB" : $"{value.Done:N0} of {value.Total:N0} images";
            Console.Write($"\r{value.Stage}: {unit}   ");
            lineOpen = true;
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            Console.Write(lineOpen ? "\r\e[2K" : "");
            lineOpen = false;
        }
    }
}

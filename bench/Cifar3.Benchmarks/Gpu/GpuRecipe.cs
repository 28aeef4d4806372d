using System.Diagnostics;
using Cifar3.Training;

namespace Cifar3.Benchmarks;

/// <summary>The notebook's recipe with validation, on the GPU, and a training that goes from the managed engine to the GPU and back.</summary>
internal static class GpuRecipe
{
    private const double Goal = 3; // seconds of ten epochs on one H100

    public static void Run(ImageData data, int[] filters, int epochs, GpuFindings findings)
    {
        var options = new TrainerOptions { Recipe = Recipe.Keras, Engine = TrainingEngine.Gpu, Filters = filters, Seed = 1, Epoch = epochs };
        var clock = Stopwatch.StartNew();
        var last = new Cifar3Trainer(options).Fit(data.Train, data.Test).History.Epochs[^1];
        findings.Time($"the notebook's recipe, {epochs} epochs of {data.Train.Count:N0} images with validation, s", clock.Elapsed.TotalSeconds, epochs == 10 && data.Train.Count == BenchmarkImages.TrainCount ? Goal : null);
        findings.Add("its accuracy, training and validation", FormattableString.Invariant($"{last.Accuracy:0.000}, {last.ValAccuracy:0.000}"));
    }

    public static void HandOver(ImageData data, int[] filters, GpuFindings findings)
    {
        string workspace = Directory.CreateTempSubdirectory("cifar3-gpu-").FullName;
        try
        {
            var options = new TrainerOptions { Recipe = Recipe.Keras, Filters = filters, Seed = 1, WorkspacePath = workspace };
            double[] losses = [.. new[] { TrainingEngine.Managed, TrainingEngine.Gpu, TrainingEngine.Managed }.Select((engine, i) =>
                new Cifar3Trainer(options with { Engine = engine, Epoch = i + 1, Resume = i > 0 }).Fit(data.Train, data.Test).History["loss"][^1])];
            findings.Check("an epoch managed, one on the GPU, one managed: losses", losses[2] < losses[0], string.Join(", ", losses.Select(loss => FormattableString.Invariant($"{loss:0.000}"))), "falling");
        }
        finally
        {
            Directory.Delete(workspace, recursive: true);
        }
    }
}

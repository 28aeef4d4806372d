using System.Diagnostics;
using System.Runtime.InteropServices;
using Cifar3.Training;

namespace Cifar3.Benchmarks;

/// <summary>Times of a step: as a training takes it, its launches alone, and these as one CUDA graph; and of predictions.</summary>
internal static class GpuTimes
{
    /// <summary>Milliseconds of a step of a batch, as targets for one H100.</summary>
    private static readonly Dictionary<int, double> Goals = new() { [128] = 1.2, [512] = 4 };

    public static void Run(CnnModel model, ImageSet images, int batch, int steps, GpuFindings findings)
    {
        using var engine = new GpuEngine(model, new EngineOptions { Seed = 1, MaxBatchSize = batch });
        var (pixels, labels) = GpuStateChecks.Batch(images, batch, 1);
        long step = 0;
        for (int i = 0; i < Math.Min(steps, 20); i++)
        {
            engine.TrainStep(pixels, labels, [], 1e-3f, ++step);
        }

        double[] each = [.. Enumerable.Range(0, steps).Select(_ => Milliseconds(() => engine.TrainStep(pixels, labels, [], 1e-3f, ++step))).Order()];
        findings.Time($"step of {batch}, ms, middle of {steps}", each[steps / 2], Goals.TryGetValue(batch, out double goal) ? goal : null);
        findings.Add($"step of {batch}, ms, fastest and slowest tenth", FormattableString.Invariant($"{each[steps / 10]:0.###} to {each[^(steps / 10 + 1)]:0.###}"));

        double launching = Milliseconds(() => Launch(engine, steps, batch, ref step));
        findings.Add($"step of {batch}, launches alone: host, ms", FormattableString.Invariant($"{launching / steps:0.###}"));
        findings.Add($"step of {batch}, launches alone: done, ms", FormattableString.Invariant($"{(launching + Milliseconds(() => Wait(engine))) / steps:0.###}"));
        if (engine.OpenedDevice is CudaDevice cuda)
        {
            using var graph = CudaGraph.Capture(cuda, () => Launch(engine, 1, batch, ref step));
            graph.Launch();
            Wait(engine);
            double replayed = Milliseconds(() =>
            {
                for (int i = 0; i < steps; i++)
                {
                    graph.Launch();
                }

                Wait(engine);
            });
            findings.Add($"step of {batch}, launches as a CUDA graph: done, ms", FormattableString.Invariant($"{replayed / steps:0.###}"));
        }

        float[] probabilities = new float[batch * model.Architecture.Classes];
        double[] predictions = [.. Enumerable.Range(0, steps).Select(_ => Milliseconds(() => engine.Predict(pixels, probabilities))).Order()];
        findings.Add($"predictions in batches of {batch}, images a second", FormattableString.Invariant($"{batch / predictions[steps / 2] * 1e3:N0}"));
    }

    private static void Launch(GpuEngine engine, int steps, int batch, ref long step)
    {
        for (int i = 0; i < steps; i++)
        {
            engine.LaunchStep(batch, 1e-3f, ++step);
        }
    }

    /// <summary>Reads a number: what was launched before it is done then.</summary>
    private static void Wait(GpuEngine engine) => engine.ReadWeights(new float[engine.WeightCount]);

    private static double Milliseconds(Action work)
    {
        var clock = Stopwatch.StartNew();
        work();
        return clock.Elapsed.TotalMilliseconds;
    }
}

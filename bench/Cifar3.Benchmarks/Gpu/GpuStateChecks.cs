using Cifar3.Training;

namespace Cifar3.Benchmarks;

/// <summary>The engine as a whole: repeats, states handed over with the managed engine, and its steps from the managed engine's states.</summary>
internal static class GpuStateChecks
{
    private const float LearningRate = 1e-3f;
    private const double MedianCeiling = 2e-4; // the golden files' ceiling; the worst has none here: where rounding decides a ReLU, few images and filters make it large

    public static void Run(Func<CnnModel, EngineOptions, ITrainingEngine> create, ImageSet images, CnnModel model, int batch, int steps, GpuFindings findings)
    {
        var options = new EngineOptions { Seed = 7, MaxBatchSize = batch };
        using var gpu = create(model, options);
        using var again = create(model, options);
        using var managed = new ManagedEngine(model, options);
        double loss = 0, worst = 0;
        int handedOver = 0, repeated = 0;
        var medians = new List<double>();
        for (int step = 1; step <= steps; step++)
        {
            var (pixels, labels) = Batch(images, batch, step);
            var before = managed.ExportState();
            gpu.ImportState(before);
            again.ImportState(before);
            handedOver += Differences(gpu.ExportState(), before);
            var expected = managed.TrainStep(pixels, labels, LearningRate, step);
            var actual = gpu.TrainStep(pixels, labels, LearningRate, step);
            again.TrainStep(pixels, labels, LearningRate, step);
            repeated += Differences(gpu.ExportState(), again.ExportState());

            var reference = Gradients(before, managed.ExportState()).ToDictionary(g => g.Name, g => g.Values);
            double[] errors = [.. Gradients(before, gpu.ExportState()).Select(g => RelativeL2(g.Values, reference[g.Name])).Order()];
            loss = Math.Max(loss, Math.Abs(actual.LossSum / expected.LossSum - 1));
            worst = Math.Max(worst, errors[^1]);
            medians.Add(errors[errors.Length / 2]);
        }

        findings.Check("managed state in and out, numbers with other bits", handedOver == 0, $"{handedOver}", "0");
        findings.Check($"{steps} steps twice, numbers with other bits", repeated == 0, $"{repeated}", "0");
        findings.AtMost($"{steps} steps from the managed engine's states, batch {batch}: loss", loss, 1e-5);
        findings.AtMost("gradients, median of the medians", medians.Order().ElementAt(medians.Count / 2), MedianCeiling);
        findings.Add("gradients, median of each step", string.Join(' ', medians.Select(median => FormattableString.Invariant($"{median:0e+0}"))));
        findings.Add("gradients, worst (where rounding decides a ReLU or a window)", FormattableString.Invariant($"{worst:0.0e+0}"));
    }

    /// <summary>The gradients that a step put into Adam's first moments: g = (m' − 0.9·m)/0.1.</summary>
    public static IEnumerable<(string Name, double[] Values)> Gradients(EngineState before, EngineState after) =>
        before.AdamM.Zip(after.AdamM, (a, b) => (a.Name, a.Values.ToArray().Zip(b.Values.ToArray(), (m, next) => (next - .9 * m) / .1).ToArray()));

    /// <summary>√Σ(a − expected)² / √Σ expected²; infinity where a number is none, which would otherwise be sorted before the smallest.</summary>
    public static double RelativeL2(double[] actual, IReadOnlyList<double> expected)
    {
        double error = Math.Sqrt(actual.Zip(expected, (a, e) => (a - e) * (a - e)).Sum() / expected.Sum(e => e * e));
        return double.IsNaN(error) ? double.PositiveInfinity : error;
    }

    public static double RelativeL2(double[] actual, float[] expected) => RelativeL2(actual, [.. expected.Select(value => (double)value)]);

    /// <summary>The pixels and labels of a step's batch, round and round.</summary>
    public static (byte[] Pixels, int[] Labels) Batch(ImageSet images, int batch, long step)
    {
        var part = images.Select([.. Enumerable.Range(0, batch).Select(i => (int)(((step - 1) * batch + i) * 7919 % images.Count))]); // a prime: folders come class by class
        return (part.Pixels.ToArray(), part.Labels.ToArray());
    }

    private static int Differences(EngineState a, EngineState b) =>
        new[] { (a.Weights, b.Weights), (a.AdamM, b.AdamM), (a.AdamV, b.AdamV) }
            .SelectMany(pair => pair.Item1.Zip(pair.Item2))
            .Sum(pair => pair.First.Values.ToArray().Zip(pair.Second.Values.ToArray()).Count(v => BitConverter.SingleToInt32Bits(v.First) != BitConverter.SingleToInt32Bits(v.Second)));
}

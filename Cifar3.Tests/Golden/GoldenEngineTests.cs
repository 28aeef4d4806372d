using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// Every engine against real Keras on real images, within the ceilings that the golden files' README sets: single steps from
/// Keras' own states, and predictions.
/// </summary>
/// <remarks>
/// The order in which TensorFlow's kernels sum is the processor's affair (caches, vectors), and with it the side that a tie falls to. Where one falls to the other
/// side than Keras' in double, the same ceilings hold against the oracle with that side taken.
/// </remarks>
[TestFixtureSource(typeof(EnginesUnderTest), nameof(EnginesUnderTest.Names))]
[Category(TestCategories.Numerics)]
public sealed class GoldenEngineTests(string engineName)
{
    private const float LearningRate = 1e-3f;
    private const double MedianGradient = 2e-4;
    private EngineUnderTest engine = null!;

    [OneTimeSetUp]
    public void RequireEngine() => engine = EnginesUnderTest.Require(engineName);

    [TestCase(1, 5e-3)]
    [TestCase(50, 1e-3)]
    public void TrainStep_FromKerasState_IsKerasStepInDouble(int step, double worstGradient)
    {
        using var golden = GoldenFile.Open();
        var before = golden.StateBefore(step);
        var (images, labels) = golden.BatchOf(step);
        string exact = $"step_{step}/float64";
        using var e = Create(GoldenFile.Model());
        e.ImportState(before);

        var result = e.TrainStep(images, labels, LearningRate, step);

        var after = e.ExportState();
        double loss = Math.Abs(result.LossSum / result.Count / golden.Attribute(exact, "loss") - 1);
        var expected = golden.Gradients(step);
        var errors = EngineComparison.Gradients(before, after).ToDictionary(g => g.Key, g => EngineComparison.RelativeL2(g.Value, expected[g.Key]));
        if (e is TensorFlowEngine tensorFlow && EngineComparison.Median(errors.Values) >= MedianGradient)
        {
            expected = WithTiesOf(tensorFlow, before, images, labels, step);
            errors = EngineComparison.Gradients(before, after).ToDictionary(g => g.Key, g => EngineComparison.RelativeL2(g.Value, expected[g.Key]));
        }

        double median = EngineComparison.Median(errors.Values);
        var worst = errors.MaxBy(error => error.Value);
        int better = errors.Count(error => error.Value < golden.Attribute($"step_{step}/float32", $"gradient_error.{error.Key.Replace('/', '.')}"));
        TestContext.Out.WriteLine(
            $"step {step}: loss {loss:e1}, gradients median {median:e1} worst {worst.Value:e1} ({worst.Key}), nearer than Keras' float32 in {better} of {errors.Count}");
        Assert.Multiple(() =>
        {
            Assert.That(loss, Is.LessThan(1e-5), "mean loss, relative");
            Assert.That(result.Correct, Is.EqualTo(golden.Count(exact, "correct")).Within(1), "correct");
            Assert.That(median, Is.LessThan(MedianGradient), "gradients, median");
            Assert.That(worst.Value, Is.LessThan(worstGradient), $"gradient of {worst.Key}");
            Assert.That(better, Is.AtLeast(16), $"nearer than Keras' own float32 gradients: {string.Join(", ", errors.Select(x => $"{x.Key} {x.Value:e1}"))}");
            AssertWeights(golden, step, before, after);
            if (step == 1)
            {
                AssertMovingStatisticsOfKeras2(golden, before, after);
            }

            OracleStep.AssertAdamFollowsItsFormula(before, after, step);
        });
    }

    [TestCase("keras3/trained.keras", "trained")]
    [TestCase("keras2/trained.h5", "keras2")]
    [TestCase("keras2.3.1/model_0.880.h5", "keras231")]
    public void Predict_TrainedModel_IsKerasPrediction(string file, string group)
    {
        using var golden = GoldenFile.Open();
        var (images, _) = golden.TestImages();
        float[] expected = golden.Floats($"{group}/predictions_test");
        var p = new float[expected.Length];
        using var e = Create(CnnModel.LoadKeras(TestFiles.Golden(file)));

        e.Predict(images, p);

        double worst = EngineComparison.Farthest(p, expected);
        TestContext.Out.WriteLine($"{file}: probabilities differ by up to {worst:e1}");
        Assert.That(worst, Is.LessThan(1e-5));
        Assert.That(p.Chunk(3).Select(row => row.IndexOf(row.Max())), Is.EqualTo(expected.Chunk(3).Select(row => row.IndexOf(row.Max()))));
    }

    /// <summary>The oracle's gradients of the step with the engine's side taken at ties.</summary>
    private static Dictionary<string, double[]> WithTiesOf(TensorFlowEngine e, EngineState before, byte[] images, int[] labels, int step)
    {
        e.ImportState(before);
        var activations = e.Activations(images, labels, training: true, step);
        var model = GoldenFile.Model();
        var oracle = new ReferenceNetwork(model, before);
        oracle.DrawMasks(labels.Length, step, seed: 0); // the rates are 0: nothing is dropped
        oracle.Forward(ReferenceNetwork.Scale(images), labels.Length, training: true);
        int ties = FollowedTies.Take(oracle, model, activations);
        oracle.Backward(labels);
        TestContext.Out.WriteLine($"{ties} ties fall to another side than in double");
        return oracle.Gradients;
    }

    /// <summary>Moving statistics relative to their largest value; weights element by element, where Adam may turn a tiny gradient's sign into a full step.</summary>
    private static void AssertWeights(GoldenFile golden, int step, EngineState before, EngineState after)
    {
        int within = 0, all = 0;
        double farthest = 0, moving = 0;
        foreach (var (actual, expected) in after.Weights.Zip(golden.Weights($"step_{step}/float64/weights")))
        {
            if (actual.IsMoving())
            {
                moving = Math.Max(moving, EngineComparison.RelativeToLargest(actual.Doubles(), expected.Doubles()));
                continue;
            }

            for (int n = 0; n < actual.Count; n++, all++)
            {
                double difference = Math.Abs((double)actual.Values[n] - expected.Values[n]);
                within += difference <= 1e-6 + 1e-5 * Math.Abs(expected.Values[n]) ? 1 : 0;
                farthest = EngineComparison.Worse(farthest, difference);
            }
        }

        TestContext.Out.WriteLine($"moving statistics {moving:e1}, weights {100.0 * within / all:F3} % within float32, farthest {farthest:e1}");
        Assert.That(moving, Is.LessThan(1e-5), "moving statistics, relative to the largest");
        Assert.That(farthest, Is.LessThan(2 * LearningRate), "weight farthest from Keras'");
        if (before.Step > 0) // in the first step every gradient, however small, becomes a step of full size: there no share is promised
        {
            Assert.That((double)within / all, Is.AtLeast(.999), "share of the weights that are Keras'");
        }
    }

    /// <summary>
    /// Keras 2 on the same step: the same means, and the unbiased batch variance, N/(N − 1) times ours. Its statistics are summed in
    /// float32 and are 1.6e-5 off the exact ones.
    /// </summary>
    private static void AssertMovingStatisticsOfKeras2(GoldenFile golden, EngineState before, EngineState after)
    {
        const double momentum = BatchNormalizationLayer.DefaultMomentum;
        double worst = 0;
        foreach (var layer in GoldenFile.Model().Layers.OfType<BatchNormalizationLayer>())
        {
            double count = (double)GoldenFile.Batch * layer.OutputShape[0] * layer.OutputShape[1], unbiased = count / (count - 1);
            double[] means = Keras2("moving_mean"), variances = Keras2("moving_variance");
            double[] ourMeans = Ours(after, "moving_mean"), old = Ours(before, "moving_variance"), ourVariances = Ours(after, "moving_variance");
            worst = Math.Max(worst, EngineComparison.RelativeToLargest(ourMeans, means));
            worst = Math.Max(worst, EngineComparison.RelativeToLargest(ourVariances.Zip(old, (y, x) => momentum * x + unbiased * (y - momentum * x)), variances));
            double ratio = EngineComparison.Median(variances.Select((keras2, i) => (keras2 - momentum * old[i]) / (ourVariances[i] - momentum * old[i])));
            TestContext.Out.WriteLine($"{layer.Name}: batch variance of Keras 2 is {ratio:F6} times ours, N/(N - 1) is {unbiased:F6}");
            Assert.That(ratio, Is.EqualTo(unbiased).Within(1e-4), layer.Name);

            double[] Keras2(string name) => [.. golden.Floats($"keras2/step_1_moving/{layer.Name}.{name}").Select(value => (double)value)];
            double[] Ours(EngineState state, string name) => state.Weights.Of($"{layer.Name}/{name}").Doubles();
        }

        TestContext.Out.WriteLine($"moving statistics of Keras 2: {worst:e1}");
        Assert.That(worst, Is.LessThan(2e-5), "moving statistics of Keras 2, relative to the largest");
    }

    private ITrainingEngine Create(CnnModel model) => engine.Create(model, new EngineOptions { Seed = 1, Threads = 2, MaxBatchSize = GoldenFile.Batch });
}

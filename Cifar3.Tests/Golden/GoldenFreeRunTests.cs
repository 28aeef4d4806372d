using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// Fifty steps of plain training from Keras' initial weights. Adam drives any two runs apart within a few steps, Keras' own runs
/// included, so the mean losses of ten steps each are compared with the band of Keras' four runs; of the last ten: .297, .305 and .328 in float32, .331 in double.
/// </summary>
[TestFixtureSource(nameof(Engines))]
public sealed class GoldenFreeRunTests(string engineName)
{
    private const float LearningRate = 1e-3f;
    private const double Margin = 1.15; // around Keras' band: four runs are few

    /// <summary>The GPU's takes minutes on a processor's OpenCL: in a category of its own.</summary>
    private static IEnumerable<TestFixtureData> Engines => [.. EnginesUnderTest.FastNames.Select(name => new TestFixtureData(name)), InCategory(new TestFixtureData("GPU"), TestCategories.Slow)];

    [Test]
    public void TrainStep_FiftyFreeSteps_EndAtKerasLoss()
    {
        using var golden = GoldenFile.Open();
        using var e = EnginesUnderTest.Require(engineName).Create(
            golden.ModelOf("initial_weights"), new EngineOptions { Seed = 1, Threads = 2, MaxBatchSize = GoldenFile.Batch });
        var losses = new List<double>();

        for (int step = 1; step <= 50; step++)
        {
            var (images, labels) = golden.BatchOf(step);
            losses.Add(e.TrainStep(images, labels, LearningRate, step).LossSum / GoldenFile.Batch);
        }

        double mean = losses.TakeLast(10).Average();
        TestContext.Out.WriteLine($"mean loss of steps 41-50: {mean:F3} (Keras: {golden.Doubles("free_run/loss_float32_0").TakeLast(10).Average():F3}, in double {golden.Doubles("free_run/loss_float64").TakeLast(10).Average():F3})");
        Assert.That(losses[0], Is.EqualTo(golden.Attribute("step_1/float64", "loss")).Within(1e-5));
        Assert.That(mean, Is.InRange(.25, .40));
        double[][] keras = [.. new[] { "loss_float64", "loss_float32_0", "loss_float32_1", "loss_float32_2" }.Select(run => golden.Doubles($"free_run/{run}").Chunk(10).Select(ten => ten.Average()).ToArray())];
        Assert.Multiple(() =>
        {
            foreach (var (ten, actual) in losses.Chunk(10).Select(ten => ten.Average()).Index())
            {
                double lowest = keras.Min(run => run[ten]), highest = keras.Max(run => run[ten]);
                TestContext.Out.WriteLine($"steps {10 * ten + 1}-{10 * ten + 10}: {actual:F3} (Keras: {lowest:F3} to {highest:F3})");
                Assert.That(actual, Is.InRange(lowest / Margin, highest * Margin), $"steps {10 * ten + 1} to {10 * ten + 10}");
            }
        });
    }

    private static TestFixtureData InCategory(TestFixtureData data, string category)
    {
        data.Properties.Add("Category", category);
        return data;
    }
}

using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// Fifty steps of plain training from Keras' initial weights. Adam drives any two runs apart within a few steps, Keras' own runs
/// included, so only the mean loss of the last ten is compared: .297, .305 and .328 in Keras' float32, .331 in double.
/// </summary>
[TestFixtureSource(typeof(EnginesUnderTest), nameof(EnginesUnderTest.FastNames))]
public sealed class GoldenFreeRunTests(string engineName)
{
    private const float LearningRate = 1e-3f;

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
    }
}

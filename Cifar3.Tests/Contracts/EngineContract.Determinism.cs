using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Same seed, same bits: in every run and with any number of threads. Engines that do not promise it are skipped.</summary>
public sealed partial class EngineContract
{
    [Test]
    public void TrainStep_TwoRuns_EndInTheSameBits()
    {
        var first = TrainedState(Small, threads: 2);

        EngineComparison.AssertSameBits(TrainedState(Small, threads: 2), first, "second run");
    }

    [TestCase(new[] { 8, 16, 24 }, 2)]
    [TestCase(new[] { 8, 16, 24 }, 3)]
    [TestCase(new[] { 8, 16, 24 }, 8)]
    [TestCase(new[] { 5, 7, 9 }, 3)]
    [TestCase(new[] { 32, 64, 128 }, 3)]
    public void TrainStep_OtherNumberOfThreads_EndsInTheSameBits(int[] filters, int threads)
    {
        var one = TrainedState(filters, threads: 1);

        EngineComparison.AssertSameBits(TrainedState(filters, threads), one, $"{threads} threads against 1");
    }

    [Test]
    public void EvaluateAndPredict_OtherNumberOfThreads_GiveTheSameBits()
    {
        byte[] images = EngineTestData.RandomImages(21, 1);
        int[] labels = EngineTestData.RandomLabels(21, 3, 1);

        var (oneLoss, oneP) = Measure(1);
        var (twoLoss, twoP) = Measure(3);

        Assert.That(twoLoss, Is.EqualTo(oneLoss));
        Assert.That(twoP, Is.EqualTo(oneP));

        (BatchResult, float[]) Measure(int threads)
        {
            var p = new float[63];
            var model = EngineTestData.Model(Small, 3, .5);
            using var e = Create(model, EngineTestData.RandomState(model, 1), threads: threads, maxBatch: 8);
            RequireDeterminism(e);
            e.Predict(images, p);
            return (e.Evaluate(images, labels), p);
        }
    }

    /// <summary>Three steps with batches of 14, 14 and 5.</summary>
    private EngineState TrainedState(int[] filters, int threads)
    {
        using var e = Create(EngineTestData.Model(filters, 3, .5), threads: threads, maxBatch: 14);
        RequireDeterminism(e);
        Train(e, 1, 2, batch: 14);
        Train(e, 3, 3, batch: 5);
        return e.ExportState();
    }

    private static void RequireDeterminism(ITrainingEngine e) => Assume.That(e.IsDeterministic, $"{e.Name} on {e.Device} does not promise the same bits in every run.");
}

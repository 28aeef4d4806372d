using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>One training step is the oracle's step: loss, correct, gradients, Adam, moving statistics.</summary>
public sealed partial class EngineContract
{
    /// <summary>Batches away from ties: every tensor's gradient within 5e-5.</summary>
    [TestCase(new[] { 8, 16, 24 }, 3, .5, 1, 1e-5)]
    [TestCase(new[] { 8, 16, 24 }, 10, .25, 7, 1e-5)]
    [TestCase(new[] { 5, 7, 9 }, 2, .5, 7, 1e-5)]
    [TestCase(new[] { 1, 2, 3 }, 2, .3, 3, 1e-5)]
    [TestCase(new[] { 17, 33, 19 }, 100, 0, 2, 1e-5)]
    [TestCase(new[] { 32, 64, 128 }, 3, .5, 3, 4e-6)]
    public void TrainStep_AwayFromTies_EqualsOracle(int[] filters, int classes, double dropout, int batch, double margin)
    {
        var model = EngineTestData.Model(filters, classes, dropout);
        var before = EngineTestData.RandomState(model, seed: 1);
        var (images, labels) = EngineTestData.BatchAwayFromTies(model, before, batch, step: 3, Seed, margin);
        using var e = Create(model, before);

        OracleStep.AssertEqual(e, model, before, new Step(images, labels, 3, Seed), StepCeilings.AwayFromTies);
    }

    /// <summary>Settings of the model, not of the engine: another momentum and epsilon in each block, as other people's files have them.</summary>
    [Test]
    public void TrainStep_OtherBatchNormalization_EqualsOracle()
    {
        var architecture = new CnnArchitecture(3, Small, [.5, .5, .5], batchNormalizationMomentum: [.9, .5, 0], batchNormalizationEpsilon: [1e-5, .02, .3]);
        var model = CnnModel.Create(["a", "b", "c"], architecture, seed: 1);
        var before = EngineTestData.RandomState(model, seed: 1);
        var (images, labels) = EngineTestData.BatchAwayFromTies(model, before, 7, step: 3, Seed, 1e-5);
        using var e = Create(model, before);

        OracleStep.AssertEqual(e, model, before, new Step(images, labels, 3, Seed), StepCeilings.AwayFromTies);

        var after = e.ExportState();
        var p = new float[labels.Length * 3];
        e.Predict(images, p);
        Assert.That(p, Is.EqualTo(new ReferenceNetwork(model, after).Predict(images)).Within(1e-5), "probabilities");
    }

    /// <summary>Batches too large to be free of ties: the golden files' ceilings of a step near its start.</summary>
    [TestCase(new[] { 8, 16, 24 }, 128)]
    [TestCase(new[] { 5, 7, 9 }, 130)]
    public void TrainStep_LargeBatch_EqualsOracle(int[] filters, int batch)
    {
        var model = EngineTestData.Model(filters, 3, .5);
        var before = EngineTestData.RandomState(model, seed: 2);
        using var e = Create(model, before, maxBatch: 130);

        OracleStep.AssertEqual(e, model, before, new Step(EngineTestData.RandomImages(batch, 1), EngineTestData.RandomLabels(batch, 3, 1), 3, Seed), StepCeilings.WithTies);
    }

    [Test]
    public void TrainStep_ShortBatchAfterFullOne_EqualsOracle()
    {
        var model = EngineTestData.Model(Small, 3, .5);
        using var e = Create(model, EngineTestData.RandomState(model, seed: 3), maxBatch: 12);
        e.TrainStep(EngineTestData.RandomImages(12, 1), EngineTestData.RandomLabels(12, 3, 1), LearningRate, step: 3);
        var before = e.ExportState();
        var (images, labels) = EngineTestData.BatchAwayFromTies(model, before, batch: 5, step: 4, Seed, margin: 1e-5);

        OracleStep.AssertEqual(e, model, before, new Step(images, labels, 4, Seed), StepCeilings.AwayFromTies);
    }

    [Test]
    public void TrainStep_FullBatchAfterShortOne_EqualsOracle()
    {
        var model = EngineTestData.Model(Small, 3, .5);
        using var e = Create(model, EngineTestData.RandomState(model, seed: 4), maxBatch: 6);
        e.TrainStep(EngineTestData.RandomImages(1, 1), [2], LearningRate, step: 3);
        var before = e.ExportState();
        var (images, labels) = EngineTestData.BatchAwayFromTies(model, before, batch: 6, step: 4, Seed, margin: 1e-5);

        OracleStep.AssertEqual(e, model, before, new Step(images, labels, 4, Seed), StepCeilings.AwayFromTies);
    }

    /// <summary>The step's number is Adam's t and the masks' key, beyond 32 bits too; the seed is the masks' other key.</summary>
    [TestCase(1L, 7)]
    [TestCase(1000L, 7)]
    [TestCase((1L << 32) + 5, 7)]
    [TestCase(3L, -1)]
    public void TrainStep_StepAndSeed_EnterAdamAndMasksAsTheOracles(long step, int seed)
    {
        var model = EngineTestData.Model(Small, 3, .5);
        var before = EngineTestData.RandomState(model, seed: 5);
        var (images, labels) = EngineTestData.BatchAwayFromTies(model, before, batch: 4, step, seed, margin: 1e-5);
        using var e = Create(model, before, seed);

        OracleStep.AssertEqual(e, model, before, new Step(images, labels, step, seed), StepCeilings.AwayFromTies);
    }

    [Test]
    public void TrainStep_OtherStepOrSeed_DrawsOtherMasks()
    {
        var model = EngineTestData.Model(Small, 3, .5);
        byte[] images = EngineTestData.RandomImages(4, 1);

        double[] losses = [Loss(seed: 1, step: 1), Loss(seed: 1, step: 2), Loss(seed: 2, step: 1)];

        Assert.That(losses, Is.Unique);
        Assert.That(Loss(seed: 1, step: 1), Is.EqualTo(losses[0]).Within(1e-6));

        double Loss(int seed, long step)
        {
            using var e = Create(model, seed: seed);
            return e.TrainStep(images, [0, 1, 2, 0], LearningRate, step).LossSum;
        }
    }

    /// <summary>Flat images: every window of the pooling is a tie between equals, where any choice gives the same kernel gradients but at the borders.</summary>
    [Test]
    public void TrainStep_FlatImages_GivesFiniteNumbersAndTheOraclesLoss()
    {
        var model = EngineTestData.Model(Small, 3, 0);
        var before = EngineTestData.RandomState(model, seed: 6);
        byte[] images = [.. Enumerable.Repeat((byte)0, CnnArchitecture.ImageBytes), .. Enumerable.Repeat((byte)255, CnnArchitecture.ImageBytes)];
        using var e = Create(model, before);

        var result = e.TrainStep(images, [0, 1], LearningRate, 3);

        var expected = new ReferenceNetwork(model, before).TrainStep(images, [0, 1], LearningRate, 3, Seed);
        Assert.That(result.LossSum, Is.EqualTo(expected.LossSum).Within(1e-5 * expected.LossSum));
        Assert.That(e.ExportState().Weights.SelectMany(w => w.ToArray()), Is.All.Matches<float>(float.IsFinite));
    }
}

using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Predict and Evaluate: inference mode, any number of images.</summary>
public sealed partial class EngineContract
{
    private static readonly Lazy<(CnnModel Model, EngineState State)> TrainedSmall = new(() =>
    {
        var model = EngineTestData.Model(Small, 3, .5);
        return (model, EngineTestData.RandomState(model, seed: 1));
    });

    [TestCase(new[] { 8, 16, 24 }, 10, 19)]
    [TestCase(new[] { 5, 7, 9 }, 2, 1)]
    [TestCase(new[] { 5, 7, 9 }, 2, 70)] // more than any engine's buffers hold then
    [TestCase(new[] { 32, 64, 128 }, 3, 9)]
    public void Predict_NotAMultipleOfTheBatch_EqualsOracle(int[] filters, int classes, int count)
    {
        var model = EngineTestData.Model(filters, classes, .5);
        var state = EngineTestData.RandomState(model, seed: 1);
        byte[] images = EngineTestData.RandomImages(count, 2);
        var p = new float[count * classes];
        using var e = Create(model, state, maxBatch: 8);

        e.Predict(images, p);

        double[] expected = new ReferenceNetwork(model, state).Predict(images);
        double worst = EngineComparison.Farthest(p, expected);
        TestContext.Out.WriteLine($"probabilities differ by up to {worst:e1}");
        Assert.That(worst, Is.LessThan(1e-5));
        foreach (float[] row in p.Chunk(classes))
            Assert.That(row.Sum(value => (double)value), Is.EqualTo(1).Within(1e-6));
    }

    [Test]
    public void Predict_OneByOne_EqualsAllTogether()
    {
        const int count = 21;
        byte[] images = EngineTestData.RandomImages(count, 3);
        var together = new float[count * 3];
        var alone = new float[count * 3];
        using var e = CreateTrained(maxBatch: 8, out _);

        e.Predict(images, together);
        for (int n = 0; n < count; n++)
            e.Predict(images.AsSpan(n * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes), alone.AsSpan(n * 3, 3));

        Assert.That(alone, Is.EqualTo(together).Within(1e-6f));
    }

    [TestCase(1)]
    [TestCase(8)]
    [TestCase(21)]
    [TestCase(70)]
    public void Evaluate_AnyNumber_IsLossAndAccuracyOfPredict(int count)
    {
        byte[] images = EngineTestData.RandomImages(count, 4);
        int[] labels = EngineTestData.RandomLabels(count, 3, 4);
        var p = new float[count * 3];
        using var e = CreateTrained(maxBatch: 8, out _);

        var result = e.Evaluate(images, labels);

        e.Predict(images, p);
        var (loss, correct) = ReferenceSoftmaxCrossEntropy.Measure([.. p.Select(value => (double)value)], labels, 3);
        Assert.That(result.Count, Is.EqualTo(count));
        Assert.That(result.LossSum, Is.EqualTo(loss).Within(1e-5 * loss));
        Assert.That(result.Correct, Is.EqualTo(correct));
    }

    [Test]
    public void EvaluateAndPredict_NoImages_GiveNothing()
    {
        using var e = CreateTrained(maxBatch: 8, out _);

        Assert.That(e.Evaluate([], []), Is.EqualTo(new BatchResult(0, 0, 0)));
        Assert.That(() => e.Predict([], []), Throws.Nothing);
    }

    [Test]
    public void EvaluateAndPredict_BetweenSteps_ChangeNothing()
    {
        byte[] images = EngineTestData.RandomImages(11, 5);
        int[] labels = EngineTestData.RandomLabels(11, 3, 5);
        using var e = CreateTrained(maxBatch: 8, out var state);

        e.Evaluate(images, labels);
        e.Predict(images, new float[33]);

        EngineComparison.AssertSameBits(e.ExportState(), state, "after Evaluate and Predict");
        using var other = CreateTrained(maxBatch: 8, out _);
        double expected = other.TrainStep(images.AsSpan(0, 8 * CnnArchitecture.ImageBytes), labels.AsSpan(0, 8), LearningRate, 3).LossSum;
        double loss = e.TrainStep(images.AsSpan(0, 8 * CnnArchitecture.ImageBytes), labels.AsSpan(0, 8), LearningRate, 3).LossSum;
        Assert.That(loss, Is.EqualTo(expected).Within(e.IsDeterministic ? 0 : 1e-6 * expected));
    }

    /// <summary>Weights may be made ready for inference once; not for longer than they last.</summary>
    [Test]
    public void Predict_BeforeAndAfterEachChange_IsOfTheStateThen()
    {
        byte[] images = EngineTestData.RandomImages(8, 5);
        int[] labels = EngineTestData.RandomLabels(8, 3, 5);
        using var e = CreateTrained(maxBatch: 8, out var state);
        Action[] changes = [() => e.TrainStep(images, labels, LearningRate, 3), () => e.UpdateStatistics(images, .5), () => e.ImportState(state)];
        float[] last = Predicted(e);
        foreach (var (i, change) in changes.Index())
        {
            change();

            float[] found = Predicted(e);
            using var fresh = Create(TrainedSmall.Value.Model, e.ExportState(), maxBatch: 8);
            Assert.That(found, Is.EqualTo(Predicted(fresh)).Within(1e-6f), $"change {i}");
            Assert.That(found, Is.Not.EqualTo(last).Within(1e-6f));
            last = found;
        }

        float[] Predicted(ITrainingEngine engine)
        {
            var p = new float[24];
            engine.Predict(images, p);
            return p;
        }
    }

    /// <summary>Saturated probabilities: p[label] underflows in float32, the loss must not become infinite.</summary>
    [Test]
    public void Evaluate_HopelesslyWrong_GivesAFiniteLoss()
    {
        var model = EngineTestData.Model(Small, 3, .5);
        var weights = model.Weights.Select(w => w.Name == "dense/bias" ? new WeightTensor(w.Name, w.Shape, [0, 80, -30]) : w);
        using var e = Create(model, EngineState.Initial(model.With(weights)));

        double loss = e.Evaluate(EngineTestData.RandomImages(1, 1), [2]).LossSum;

        Assert.That(loss, Is.EqualTo(110).Within(10));
    }

    /// <summary>An engine of a small network in the middle of its training (step 2).</summary>
    private ITrainingEngine CreateTrained(int maxBatch, out EngineState state)
    {
        state = TrainedSmall.Value.State;
        return Create(TrainedSmall.Value.Model, state, maxBatch: maxBatch);
    }
}

using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Refusals: an ArgumentException, nothing changed, and the next good step gives what it would have given.</summary>
public sealed partial class EngineContract
{
    private const int Image = CnnArchitecture.ImageBytes;

    [TestCase("no image")]
    [TestCase("more than the largest batch")]
    [TestCase("one byte too few")]
    [TestCase("one label too many")]
    [TestCase("label below 0")]
    [TestCase("label of no class")]
    [TestCase("learning rate 0")]
    [TestCase("learning rate NaN")]
    [TestCase("learning rate infinite")]
    [TestCase("step 0")]
    public void TrainStep_BadInput_IsRefusedAndTheNextStepIsUnharmed(string what)
    {
        using var e = CreateTrained(maxBatch: 8, out var state);
        using var untouched = CreateTrained(maxBatch: 8, out _);
        byte[] images = EngineTestData.RandomImages(4, 1);
        int[] labels = [0, 1, 2, 0];

        Assert.That(Call, Throws.InstanceOf<ArgumentException>());

        EngineComparison.AssertSameBits(e.ExportState(), state, $"after a refused step ({what})");
        double expected = untouched.TrainStep(images, labels, LearningRate, 3).LossSum, loss = e.TrainStep(images, labels, LearningRate, 3).LossSum;
        Assert.That(loss, Is.EqualTo(expected).Within(e.IsDeterministic ? 0 : 1e-6 * expected));

        BatchResult Call() => what switch
        {
            "no image" => e.TrainStep([], [], LearningRate, 3),
            "more than the largest batch" => e.TrainStep(new byte[9 * Image], new int[9], LearningRate, 3),
            "one byte too few" => e.TrainStep(images.AsSpan(1), labels, LearningRate, 3),
            "one label too many" => e.TrainStep(images, [.. labels, 0], LearningRate, 3),
            "label below 0" => e.TrainStep(images, [0, 1, 2, -1], LearningRate, 3),
            "label of no class" => e.TrainStep(images, [0, 3, 2, 0], LearningRate, 3),
            "learning rate 0" => e.TrainStep(images, labels, 0, 3),
            "learning rate NaN" => e.TrainStep(images, labels, float.NaN, 3),
            "learning rate infinite" => e.TrainStep(images, labels, float.PositiveInfinity, 3),
            _ => e.TrainStep(images, labels, LearningRate, 0),
        };
    }

    [Test]
    public void EvaluateAndPredict_BadInput_IsRefused()
    {
        using var e = CreateTrained(maxBatch: 8, out _);
        byte[] images = EngineTestData.RandomImages(2, 1);

        Assert.Multiple(() =>
        {
            Assert.That(() => e.Evaluate(images, [0]), Throws.InstanceOf<ArgumentException>(), "a label too few");
            Assert.That(() => e.Evaluate(images.AsSpan(1), [0, 1]), Throws.InstanceOf<ArgumentException>(), "a byte too few");
            Assert.That(() => e.Evaluate(images, [0, 3]), Throws.InstanceOf<ArgumentException>(), "a label of no class");
            Assert.That(() => e.Evaluate(images, [-1, 0]), Throws.InstanceOf<ArgumentException>(), "a label below 0");
            Assert.That(() => e.Predict(images.AsSpan(1), new float[6]), Throws.InstanceOf<ArgumentException>(), "a byte too few");
            Assert.That(() => e.Predict(images, new float[5]), Throws.InstanceOf<ArgumentException>(), "too little room");
            Assert.That(() => e.Predict(images, new float[7]), Throws.InstanceOf<ArgumentException>(), "too much room");
        });
    }
}

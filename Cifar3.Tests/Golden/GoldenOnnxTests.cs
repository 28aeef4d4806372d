using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The exported model in ONNX Runtime against real Keras, within the ceilings that the golden files' README sets.</summary>
public sealed class GoldenOnnxTests
{
    private static readonly ClassifierOptions Cpu = new() { Backend = ScoringBackend.OnnxRuntime };

    [Test]
    public void Score_TrainedModel_IsKerasPrediction()
    {
        using var golden = GoldenFile.Open();
        var (images, _) = golden.TestImages();
        float[] expected = golden.Floats("trained/predictions_test"), actual = new float[expected.Length];
        using var classifier = Cifar3Classifier.FromModel(golden.ModelOf("trained/weights", dropout: .5), Cpu);

        classifier.Score(images, actual);

        AssertEqual(actual, expected);
    }

    [Test]
    public void Score_AllTestImages_IsTheEnginesPrediction()
    {
        using var golden = GoldenFile.Open();
        var images = Cifar3Data.Load(TestFiles.RealImages()).Test;
        var model = golden.ModelOf("trained/weights", dropout: .5);
        float[] expected = new float[3 * images.Count], actual = new float[3 * images.Count];
        using var engine = new ManagedEngine(model, new EngineOptions { Threads = 2 });
        using var classifier = Cifar3Classifier.FromModel(model, Cpu);
        engine.Predict(images.Pixels, expected);

        classifier.Score(images.Pixels, actual);

        Assert.That(images.Count, Is.EqualTo(3000));
        AssertEqual(actual, expected);
    }

    private static void AssertEqual(float[] actual, float[] expected)
    {
        double worst = EngineComparison.Farthest(actual, expected);
        TestContext.Out.WriteLine($"probabilities differ by up to {worst:e1}");
        Assert.That(worst, Is.LessThan(1e-5));
        Assert.That(Classes(actual), Is.EqualTo(Classes(expected)));

        static int[] Classes(float[] probabilities) => [.. probabilities.Chunk(3).Select(row => row.IndexOf(row.Max()))];
    }
}

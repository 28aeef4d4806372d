using System.Globalization;

namespace Cifar3.Tests;

/// <summary>The code and the bounds of docs/onnx.md.</summary>
public sealed class OnnxPageTests
{
    [Test]
    public void Page_ForeignModels_Load()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        File.WriteAllBytes(path, ForeignOnnxTests.Foreign(TestModels.Random(filters: [4, 4, 8]), _ => { }));

        Assert.That(Named(path), Is.EqualTo(new[] { "airplane", "automobile", "bird" }));
        Assert.That(Normalized(path), Is.EqualTo(3));
    }

    [Test]
    public void Page_Bounds_AreTheCodes()
    {
        string page = new DocPage("docs/onnx.md").Text;
        double million = NetworkCost.Default.Times(new ClassifierOptions().MaxModelCost).Operations / 1e6;

        Assert.That(page, Does.Contain($"{ProtobufLimits.MaxEntries.ToString("N0", CultureInfo.InvariantCulture)} |"));
        Assert.That(page, Does.Contain($"{GraphCheck.MaxNodes.ToString("N0", CultureInfo.InvariantCulture)}; "));
        Assert.That(page, Does.Contain($"{OnnxFile.MaxBytes >> 20} MiB each"));
        Assert.That(million, Is.EqualTo(393).Within(2));
        Assert.That(page, Does.Contain($"`{OnnxMetadata.ScoringFormat[..^2]}` 1").And.Contain("formats `cifar3-cnn` 1 and 2"));
    }

    private static IEnumerable<string> Named(string path)
    {
        // docs/onnx.md
        var options = new ClassifierOptions { ClassNames = ["airplane", "automobile", "bird"] };
        using var classifier = Cifar3Classifier.Load(path, options);
        // end
        return classifier.ClassNames;
    }

    private static int Normalized(string path)
    {
        // docs/onnx.md
        var torch = new ClassifierOptions
        {
            ClassNames = ["airplane", "automobile", "bird"],
            InputScaling = InputScaling.Normalize(mean: [0.4914f, 0.4822f, 0.4465f], std: [0.2470f, 0.2435f, 0.2616f]),
        };
        using var normalized = Cifar3Classifier.Load(path, torch);
        // end
        return normalized.PredictPixels(new byte[CnnArchitecture.ImageBytes]).Probabilities.Length;
    }
}

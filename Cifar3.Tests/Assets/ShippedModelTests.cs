using System.Runtime.CompilerServices;
using Cifar3.Training;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>The shipped model's card and picture tell what the file holds.</summary>
public sealed class ShippedModelTests
{
    private static readonly string Folder = Path.Combine(SourceFolder(), "..", "..", "assets");

    private static readonly CnnModel Model = CnnModel.LoadOnnx(Path.Combine(Folder, "cifar3.onnx"));

    [Test]
    public void ModelCard_WeightsAndParameters_AreTheFiles()
    {
        string card = File.ReadAllText(Path.Combine(Folder, "README.md"));

        Assert.That(card, Does.Contain(Model.WeightHash()));
        Assert.That(card, Does.Contain($"{Model.Weights.Sum(w => w.Values.Length):N0} parameters"));
        Assert.That(card, Does.Contain($"in the order {string.Join(", ", Model.ClassNames)}"));
        Assert.That(card, Does.Contain(Model.Metadata.Recipe).And.Contain($"seed {Model.Metadata.Seed}").And.Contain($"validation accuracy: {Model.Metadata.Epoch} of"));
        Assert.That(card, Does.Contain(FormattableString.Invariant($"temperature {Model.Metadata.Temperature:F3}")).And.Contain(FormattableString.Invariant($"of at least {Model.Metadata.FamiliarityThreshold:F2}")));
    }

    [Test]
    public void LoadDefault_Model_IsTheShippedFile()
    {
        using Cifar3Classifier byDefault = Cifar3Classifier.LoadDefault(), fromFile = Cifar3Classifier.Load(Path.Combine(Folder, "cifar3.onnx"));
        var images = Cifar3Data.Synthetic(trainCount: 30, testCount: 30, seed: 2).Test;

        Assert.That(byDefault.ClassNames, Is.EqualTo(new[] { "aeroplane", "car", "bird" }));
        Assert.That(byDefault.Metadata.Recipe, Does.StartWith("best: "));
        Assert.That(byDefault.PredictBatch(images).Select(p => p.Probabilities), Is.EqualTo(fromFile.PredictBatch(images).Select(p => p.Probabilities)));
    }

    [Test]
    public void LoadDefault_RealTestImages_HasTheCardsAccuracy()
    {
        using var classifier = Cifar3Classifier.LoadDefault();

        var report = classifier.Evaluate(Cifar3Data.Load(TestFiles.RealImages()).Test);

        string card = File.ReadAllText(Path.Combine(Folder, "README.md"));
        Assert.That(report.Accuracy, Is.EqualTo(Figure("Accuracy ")).Within(1.01 / 3000), "another instruction set may round one image across a border");
        Assert.That(report.Calibration.ExpectedCalibrationError, Is.EqualTo(Figure("expected calibration error (15 bins) ")).Within(5e-4));

        double Figure(string name) => double.Parse(card.AsSpan(card.IndexOf(name, StringComparison.Ordinal) + name.Length, 5), System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>CIFAR3_UPDATE=1 draws the picture anew.</summary>
    [Test]
    public void Curves_Picture_IsOfTheModelsHistory()
    {
        string picture = Path.Combine(Folder, "curves.png"), drawn = Path.Combine(TestFiles.NewFolder(), "curves.png");
        TrainingCurves.Save(drawn, new History(Model.Metadata.History));
        if (Environment.GetEnvironmentVariable("CIFAR3_UPDATE") == "1")
        {
            File.Copy(drawn, picture, overwrite: true);
        }

        using SKBitmap shown = SKBitmap.Decode(picture), expected = SKBitmap.Decode(drawn);
        Assert.That((shown.Width, shown.Height), Is.EqualTo((expected.Width, expected.Height)));
        double difference = shown.Pixels.Zip(expected.Pixels, (a, b) => Math.Abs(a.Red - b.Red) + Math.Abs(a.Green - b.Green) + Math.Abs(a.Blue - b.Blue)).Average();
        Assert.That(difference, Is.LessThan(2), "mean difference a pixel, three colours of 255; another system's text edges differ by less than 1");
    }

    private static string SourceFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}

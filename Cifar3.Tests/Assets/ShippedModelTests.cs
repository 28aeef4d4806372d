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

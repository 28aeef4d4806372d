using Microsoft.ML;
using Microsoft.ML.Data;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>Small data views with every kind of image column, and models that score them quickly.</summary>
internal static class MLNetData
{
    public static readonly string[] Columns = ["Image", "Known", "Path", "Encoded", "Pixels", "Singles", "Planes"];

    /// <summary>A network of few filters: scoring takes microseconds.</summary>
    public static CnnModel SmallModel(int seed = 1) => TestModels.Random(filters: [4, 4, 4], seed: seed);

    /// <summary>Drawn images.</summary>
    public static ImageSet Images(int count = 30) => Cifar3Data.Synthetic(count, 3).Train;

    /// <summary>Rows with the same images in every kind of column, and <c>Name</c>, <c>Label</c> and <c>Number</c>.</summary>
    public static IDataView View(MLContext context, ImageSet images)
    {
        string folder = TestFiles.NewFolder();
        var rows = Enumerable.Range(0, images.Count).Select(i =>
        {
            byte[] png = TestImages.Encode(images.Image(i), 32, 32, SKEncodedImageFormat.Png);
            string path = Path.Combine(folder, $"{i}.png");
            File.WriteAllBytes(path, png);
            return new Row { Path = path, Encoded = png, Pixels = images.Image(i).ToArray(), Name = images.ClassNames[images.Labels[i]], Number = i };
        }).ToList();
        var keys = context.Data.LoadFromEnumerable(images.ClassNames.Select(name => new Key { Name = name }));
        var view = context.Data.LoadFromEnumerable(rows);
        return context.Transforms.LoadImages("Image", null, "Path")
            .Append(context.Transforms.ResizeImages("Known", 32, 32, "Image"))
            .Append(context.Transforms.Conversion.ConvertType("Singles", "Pixels", DataKind.Single))
            .Append(context.Transforms.ExtractPixels("Planes", "Known"))
            .Append(context.Transforms.Conversion.MapValueToKey("Label", "Name", keyData: keys))
            .Fit(view).Transform(view);
    }

    /// <summary>All scores, read with one cursor.</summary>
    public static float[][] Scores(IDataView view, string column = "Score") => [.. view.GetColumn<float[]>(column)];

    /// <summary>What the classifier says of the same images.</summary>
    public static float[][] Expected(CnnModel model, ImageSet images)
    {
        using var classifier = Cifar3Classifier.FromModel(model);
        return [.. classifier.PredictPixelsBatch(images.Pixels).Select(p => p.Probabilities.ToArray())];
    }

    /// <summary>Two runtimes' float32 of one model: on 3,000 images of a trained one they are up to 4e-6 apart.</summary>
    public static void AssertEqual(float[][] actual, float[][] expected, double tolerance = 5e-6)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length));
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.That(actual[i], Is.EqualTo(expected[i]).Within(tolerance), $"row {i}");
        }
    }

    internal sealed class Row
    {
        public string Path { get; set; } = "";

        public byte[] Encoded { get; set; } = [];

        [VectorType(3072)]
        public byte[] Pixels { get; set; } = [];

        public string Name { get; set; } = "";

        public int Number { get; set; }
    }

    private sealed class Key
    {
        public string Name { get; set; } = "";
    }
}

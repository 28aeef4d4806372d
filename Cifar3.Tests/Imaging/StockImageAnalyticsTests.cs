using Cifar3.Training;
using Microsoft.ML;
using Microsoft.ML.Data;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>ML.NET's own image transforms work in a program that has Cifar3.Training: both stand on one SkiaSharp, 2.88.</summary>
public sealed class StockImageAnalyticsTests
{
    [Test]
    public void Pipeline_LoadResizeGrayExtract_BesideOurPictures_Works()
    {
        string folder = TestFiles.NewFolder(), file = Path.Combine(folder, "red.png");
        byte[] red = [.. Enumerable.Range(0, 64 * 48).SelectMany(_ => new byte[] { 200, 40, 10 })];
        File.WriteAllBytes(file, TestImages.Encode(red, 64, 48, SKEncodedImageFormat.Png));
        ExampleGrid.Save(Path.Combine(folder, "grid.png"), ColourImages.Create(3), "loads the drawing code first");
        var context = new MLContext(seed: 1);
        var pipeline = context.Transforms.LoadImages("Image", folder, nameof(Row.File))
            .Append(context.Transforms.ResizeImages("Small", 32, 32, "Image"))
            .Append(context.Transforms.ConvertToGrayscale("Gray", "Small"))
            .Append(context.Transforms.ExtractPixels("Pixels", "Small", interleavePixelColors: true))
            .Append(context.Transforms.ExtractPixels("GrayPixels", "Gray"));

        var data = context.Data.LoadFromEnumerable([new Row { File = "red.png" }]);
        var view = pipeline.Fit(data).Transform(data);

        float[] pixels = view.GetColumn<float[]>("Pixels").Single(), gray = view.GetColumn<float[]>("GrayPixels").Single();
        Assert.That(pixels, Has.Length.EqualTo(3 * 32 * 32));
        Assert.That(pixels.Chunk(3), Is.All.EqualTo(new[] { 200f, 40f, 10f }).Within(1));
        Assert.That(gray, Is.All.InRange(40f, 90f).And.All.EqualTo(gray[0]));
    }

    [Test]
    public void MLImage_Pixels_AreReadable()
    {
        using var image = MLImage.CreateFromPixels(1, 1, MLPixelFormat.Rgba32, [1, 2, 3, 255]);

        Assert.That(image.Pixels.ToArray(), Is.EqualTo(new byte[] { 1, 2, 3, 255 }));
    }

    private sealed class Row
    {
        public string File { get; set; } = "";
    }
}

using Microsoft.ML.Data;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>The same image as file, stream, bytes, MLImage and pixels; alone and in batches.</summary>
public sealed class ClassifierSourcesTests
{
    private readonly Cifar3Classifier classifier = Cifar3Classifier.FromModel(TestModels.Random(filters: [4, 8, 8]), new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime });

    [OneTimeTearDown]
    public void Dispose() => classifier.Dispose();

    [Test]
    public void Predict_AnySource_GivesTheSamePrediction()
    {
        byte[] pixels = EngineTestData.RandomImages(1, seed: 1), png = Png(pixels);
        string path = Path.Combine(TestFiles.NewFolder(), "image.png");
        File.WriteAllBytes(path, png);
        using var stream = new MemoryStream([1, 2, .. png]) { Position = 2 };
        using var image = MLImagePixels.Create(pixels);

        var expected = classifier.PredictPixels(pixels);

        Assert.Multiple(() =>
        {
            Assert.That(classifier.Predict(path), Is.EqualTo(expected));
            Assert.That(classifier.Predict(png), Is.EqualTo(expected));
            Assert.That(classifier.Predict(image), Is.EqualTo(expected));
            Assert.That(classifier.Predict(stream), Is.EqualTo(expected));
            Assert.That(stream.CanRead, "the stream stays open");
        });
    }

    [Test]
    public void Predict_RequestBodyThatNobodyMayWaitFor_SaysHow()
    {
        using var body = new AsynchronousStream();

        Assert.That(
            () => classifier.Predict(body),
            Throws.TypeOf<Cifar3ImageException>().With.Message.EqualTo("Cannot read image 'stream': Synchronous operations are disallowed. Copy the stream into memory first (await stream.CopyToAsync(memory)) and pass its bytes.").And.InnerException.Not.Null);
    }

    /// <summary>As Kestrel's request bodies are.</summary>
    private sealed class AsynchronousStream : MemoryStream
    {
        public override bool CanSeek => false;

        public override int Read(Span<byte> buffer) => throw new InvalidOperationException("Synchronous operations are disallowed.");
    }

    /// <summary>More images than are decoded ahead.</summary>
    [Test]
    public void PredictMany_AnySource_GivesWhatPixelsGive()
    {
        const int Count = 259;
        byte[] pixels = EngineTestData.RandomImages(Count, seed: 1);
        byte[][] pngs = [.. pixels.Chunk(CnnArchitecture.ImageBytes).Select(Png)];
        string folder = TestFiles.NewFolder();
        string[] paths = [.. pngs.Select((_, i) => Path.Combine(folder, $"{i}.png"))];
        for (int i = 0; i < Count; i++)
        {
            File.WriteAllBytes(paths[i], pngs[i]);
        }

        MLImage[] images = [.. pixels.Chunk(CnnArchitecture.ImageBytes).Select(image => MLImagePixels.Create(image))];
        var expected = classifier.PredictPixelsBatch(pixels);

        Assert.That(classifier.PredictMany(paths), Is.EqualTo(expected));
        Assert.That(classifier.PredictMany(pngs), Is.EqualTo(expected));
        Assert.That(classifier.PredictMany(images), Is.EqualTo(expected));
        Array.ForEach(images, image => image.Dispose());
    }

    [Test]
    public void PredictMany_BadImages_NamesTheFirst()
    {
        byte[] png = Png(EngineTestData.RandomImages(1, seed: 1));

        var error = Assert.Throws<Cifar3ImageException>(() => classifier.PredictMany([png, png[..40], [1, 2, 3]]).ToList());

        Assert.That(error!.Message, Does.Contain("image 1"));
        Assert.That(() => classifier.PredictMany([png, null!]).ToList(), Throws.ArgumentException.With.Message.Contains("Item 1 is null"));
    }

    [Test]
    public void Predict_NoPicture_NamesIt()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "notes.txt");
        File.WriteAllText(path, "no picture");

        Assert.Multiple(() =>
        {
            Assert.That(() => classifier.Predict(path), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains(path));
            Assert.That(() => classifier.Predict("/no/such.png"), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("/no/such.png"));
            Assert.That(() => classifier.Predict(EngineTestData.RandomImages(1, seed: 1)), Throws.TypeOf<Cifar3ImageException>());
            Assert.That(() => classifier.Predict(Stream.Null), Throws.TypeOf<Cifar3ImageException>());
        });
    }

    private static byte[] Png(byte[] pixels) => TestImages.Encode(pixels, CnnArchitecture.InputSize, CnnArchitecture.InputSize, SKEncodedImageFormat.Png);
}

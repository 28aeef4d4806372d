using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace Cifar3.Tests;

public sealed class ModelZipTests
{
    private static readonly CnnModel Model = MLNetData.SmallModel();

    [TestCaseSource(typeof(MLNetData), nameof(MLNetData.Columns))]
    public void SaveAndLoad_EveryKindOfColumn_GivesTheSameScores(string column)
    {
        var context = new MLContext();
        var images = MLNetData.Images();
        var view = MLNetData.View(context, images);
        using var transformer = context.Transforms.ApplyCifar3(Model, column, predictedLabelValueColumnName: "Class").Fit(view);
        string path = Path.Combine(TestFiles.NewFolder(), "model.zip");

        context.Model.Save(transformer, view.Schema, path);
        var loaded = new MLContext().Model.Load(path, out _);

        var expected = transformer.Transform(view);
        var actual = loaded.Transform(view);
        MLNetData.AssertEqual(MLNetData.Scores(expected), MLNetData.Expected(Model, images));
        MLNetData.AssertEqual(MLNetData.Scores(actual), MLNetData.Scores(expected));
        Assert.That(actual.GetColumn<uint>("PredictedLabel"), Is.EqualTo(expected.GetColumn<uint>("PredictedLabel")));
        Assert.That(actual.GetColumn<string>("Class"), Is.EqualTo(expected.GetColumn<string>("Class")));
        Assert.That(actual.Schema.Select(c => $"{c.Name}: {c.Type}"), Is.EqualTo(expected.Schema.Select(c => $"{c.Name}: {c.Type}")));
        Assert.That(Names(actual.Schema["Score"], "SlotNames"), Is.EqualTo(Model.ClassNames));
        Assert.That(Names(actual.Schema["PredictedLabel"], "KeyValues"), Is.EqualTo(Model.ClassNames));
        Assert.That(loaded, Is.InstanceOf<TransformerChain<ITransformer>>());
    }

    [TestCase(40, 24)]
    [TestCase(100, 75)]
    [TestCase(20, 31)]
    public void SaveAndLoad_PicturesOfAnotherKnownSize_ResizesToTheSameBits(int width, int height)
    {
        var context = new MLContext();
        var images = MLNetData.Images(6);
        var view = MLNetData.View(context, images);
        var pipeline = context.Transforms.ResizeImages("Large", width, height, "Image").Append(context.Transforms.ApplyCifar3(Model, "Large"));
        var transformer = pipeline.Fit(view);
        string path = Path.Combine(TestFiles.NewFolder(), "model.zip");

        context.Model.Save(transformer, view.Schema, path);
        var actual = new MLContext().Model.Load(path, out _).Transform(view);

        MLNetData.AssertEqual(MLNetData.Scores(actual), MLNetData.Scores(transformer.Transform(view)));
    }

    [Test]
    public void SaveAndLoad_TransparentPictures_BlendsThemAlike()
    {
        var context = new MLContext();
        var images = Enumerable.Range(0, 4).Select(i => new Picture { Image = Transparent(i) }).ToList();
        var view = context.Data.LoadFromEnumerable(images);
        using var transformer = context.Transforms.ApplyCifar3(Model, "Image").Fit(view);
        using var zip = new MemoryStream();

        context.Model.Save(transformer, view.Schema, zip);
        var expected = MLNetData.Scores(transformer.Transform(view)); // first: ML.NET's ExtractPixels disposes the last picture that it reads
        var actual = MLNetData.Scores(new MLContext().Model.Load(zip, out _).Transform(view));

        MLNetData.AssertEqual(actual, expected);
        images.ForEach(picture => picture.Image.Dispose());
    }

    /// <summary>Premultiplied colours under four kinds of alpha: opaque, in between, nothing anywhere, and colours brighter than their alpha allows.</summary>
    private static MLImage Transparent(int kind)
    {
        var random = new Random(kind);
        var pixels = new byte[32 * 32 * 4];
        for (int i = 0; i < pixels.Length; i += 4)
        {
            byte alpha = kind switch { 0 => 255, 2 => 0, _ => (byte)random.Next(256) };
            for (int c = 0; c < 3; c++)
            {
                pixels[i + c] = (byte)random.Next(kind == 1 ? alpha + 1 : 256);
            }

            pixels[i + 3] = alpha;
        }

        return MLImage.CreateFromPixels(32, 32, kind == 3 ? MLPixelFormat.Bgra32 : MLPixelFormat.Rgba32, pixels);
    }

    private static string[] Names(DataViewSchema.Column column, string kind)
    {
        VBuffer<ReadOnlyMemory<char>> names = default;
        column.Annotations.GetValue(kind, ref names);
        return [.. names.DenseValues().Select(name => name.ToString())];
    }

    private sealed class Picture
    {
        [ImageType(32, 32)]
        public required MLImage Image { get; set; }

        public int Number { get; set; } // ML.NET refuses to save a schema of nothing but images
    }
}

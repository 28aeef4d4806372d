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

    /// <summary>ML.NET left the graph in the folder for temporary files, one for each save.</summary>
    [Test]
    [Platform("Linux")]
    public void Save_LeavesNothingAmongTheTemporaryFiles()
    {
        string folder = TestFiles.NewFolder(), zip = Path.Combine(TestFiles.NewFolder(), "model.zip");

        ChildProgram.Run(["zip", zip], [("TMPDIR", folder), ("DOTNET_EnableDiagnostics", "0")]);

        Assert.That(zip, Does.Exist);
        Assert.That(Directory.EnumerateFileSystemEntries(folder), Is.Empty);
    }

    [Test]
    public void SaveAndLoad_ClassNamesOfTheOptions_AreTheNamesEverywhere()
    {
        var context = new MLContext();
        var view = MLNetData.Images(3).ToDataView();
        string[] names = ["plane", "auto", "gull"];
        using var transformer = context.Transforms.ApplyCifar3(Model, "Pixels", options: new ClassifierOptions { ClassNames = names }).Fit(view);
        using var zip = new MemoryStream();

        context.Model.Save(transformer, view.Schema, zip);
        var loaded = new MLContext().Model.Load(zip, out _).Transform(view);

        Assert.That(Names(loaded.Schema["Score"], "SlotNames"), Is.EqualTo(names));
        Assert.That(Names(loaded.Schema["PredictedLabel"], "KeyValues"), Is.EqualTo(names));
        Assert.That(transformer.Model.ClassNames, Is.EqualTo(names));
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

    /// <summary>docs/limits.md: the pipeline that scores turned pictures the same before and after it was saved; ML.NET's LoadImages, which drops the orientation, does not.</summary>
    [Test]
    public void SaveAndLoad_TurnedPicturesAsFiles_GiveTheSameScores([Values("jpeg", "png")] string kind)
    {
        var context = new MLContext();
        string folder = TestFiles.NewFolder();
        byte[] rgb = [.. Enumerable.Range(0, 96 * 64 * 3).Select(n => (byte)(n / 3 % 96 * 2 + n / 288))];
        byte[] picture = TestImages.Encode(rgb, 96, 64, kind == "png" ? SkiaSharp.SKEncodedImageFormat.Png : SkiaSharp.SKEncodedImageFormat.Jpeg);
        foreach (int orientation in Enumerable.Range(1, 8))
        {
            byte[] exif = [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)orientation, 0, 0, 0, 0, 0, 0];
            byte[] chunk = [.. "eXIf"u8, .. exif];
            byte[] turned = kind == "png"
                ? [.. picture[..33], 0, 0, 0, (byte)exif.Length, .. chunk, .. BitConverter.GetBytes(TestImages.Crc32(chunk)).Reverse(), .. picture[33..]]
                : TestImages.WithOrientation(picture, orientation);
            File.WriteAllBytes(Path.Combine(folder, $"{orientation}.{kind}"), turned);
        }

        var files = context.Data.LoadFromEnumerable(Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(path => new PictureFile { ImagePath = path }).ToList());
        var model = Model;
        // docs/limits.md
        var pipeline = context.Transforms.LoadRawImageBytes("File", imageFolder: null, inputColumnName: "ImagePath")
            .Append(context.Transforms.ApplyCifar3(model, featureColumnName: "File")); // decoded by Cifar3, upright, any size
        // end
        var transformer = pipeline.Fit(files);
        string zip = Path.Combine(folder, "model.zip");
        context.Model.Save(transformer, files.Schema, zip);

        var expected = MLNetData.Scores(transformer.Transform(files));
        var actual = MLNetData.Scores(new MLContext().Model.Load(zip, out _).Transform(files));

        MLNetData.AssertEqual(actual, expected);
        using var classifier = Cifar3Classifier.FromModel(Model);
        var direct = Directory.GetFiles(folder, $"*.{kind}").Order(StringComparer.Ordinal).Select(path => classifier.Predict(path).Probabilities.ToArray()).ToArray();
        for (int i = 0; i < direct.Length; i++)
        {
            Assert.That(expected[i], Is.EqualTo(direct[i]).Within(1e-4f), $"orientation {i + 1}");
        }
    }

    /// <summary>ML.NET's steps pass a row without a path or picture on and make zeros of it: a service whose request lacks the field would answer with a class.</summary>
    [Test]
    public void SaveAndLoad_RowWithoutAPicture_IsAnErrorAsBefore([Values("path", "picture", "picture of known size")] string kind)
    {
        var context = new MLContext();
        using var zip = new MemoryStream();
        IDataView rows = context.Data.LoadFromEnumerable([new PictureFile()]);
        if (kind != "path")
        {
            rows = context.Transforms.LoadImages("Picture", imageFolder: null, "ImagePath").Fit(rows).Transform(rows);
        }

        if (kind == "picture of known size")
        {
            rows = context.Transforms.ResizeImages("Picture", 32, 32).Fit(rows).Transform(rows);
        }

        var transformer = context.Transforms.ApplyCifar3(Model, kind == "path" ? "ImagePath" : "Picture").Fit(rows);
        context.Model.Save(transformer, rows.Schema, zip);
        var loaded = new MLContext().Model.Load(zip, out _);

        Assert.That(() => MLNetData.Scores(transformer.Transform(rows)), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("it is missing"));
        Assert.That(() => MLNetData.Scores(loaded.Transform(rows)), Throws.InvalidOperationException.With.InnerException.Message.Contains("Cifar3: the row has no picture"));
    }

    /// <summary>Pixels that a caller has scaled, as other networks want them, would be scored as nearly black.</summary>
    [TestCase(.5f)]
    [TestCase(-1f)]
    [TestCase(256f)]
    [TestCase(float.NaN)]
    public void SaveAndLoad_SingleThatIsNoByte_IsAnErrorAsBefore(float pixel)
    {
        var context = new MLContext();
        using var zip = new MemoryStream();
        var rows = context.Data.LoadFromEnumerable([new SinglePixels { Pixels = new float[3072] }, new SinglePixels { Pixels = [.. new float[3071], pixel] }]);
        var transformer = context.Transforms.ApplyCifar3(Model, "Pixels").Fit(rows);
        context.Model.Save(transformer, rows.Schema, zip);
        var loaded = new MLContext().Model.Load(zip, out _);

        MLNetData.AssertEqual(MLNetData.Scores(loaded.Transform(context.Data.TakeRows(rows, 1))), MLNetData.Scores(transformer.Transform(context.Data.TakeRows(rows, 1))));
        Assert.That(() => MLNetData.Scores(transformer.Transform(rows)), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("is no whole number from 0 to 255"));
        Assert.That(() => MLNetData.Scores(loaded.Transform(rows)), Throws.InvalidOperationException.With.InnerException.Message.Contains("Cifar3: a pixel is no whole number from 0 to 255"));
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

    private sealed class PictureFile
    {
        public string ImagePath { get; set; } = "";
    }

    private sealed class SinglePixels
    {
        [VectorType(3072)]
        public float[] Pixels { get; set; } = [];
    }

    private sealed class Picture
    {
        [ImageType(32, 32)]
        public required MLImage Image { get; set; }

        public int Number { get; set; } // ML.NET refuses to save a schema of nothing but images
    }
}

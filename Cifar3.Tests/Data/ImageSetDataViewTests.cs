using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;
using SkiaSharp;

namespace Cifar3.Tests;

public sealed class ImageSetDataViewTests
{
    private static readonly ImageSet Set = Cifar3Data.Synthetic(30, 9, seed: 1).Train;

    private readonly MLContext mlContext = new(seed: 1);

    [Test]
    public void ToDataView_Schema_HasImagePixelsAndKeyLabelWithClassNames()
    {
        var view = Set.ToDataView();

        Assert.That(view.Schema.Select(c => c.Name), Is.EqualTo(new[] { "Image", "Pixels", "Label" }));
        Assert.That(view.Schema["Image"].Type, Is.EqualTo(new ImageDataViewType(32, 32)));
        Assert.That(((VectorDataViewType)view.Schema["Pixels"].Type).Dimensions, Is.EqualTo(new[] { 32, 32, 3 }));
        Assert.That(view.Schema["Label"].Type, Is.EqualTo(new KeyDataViewType(typeof(uint), 3)));
        VBuffer<ReadOnlyMemory<char>> names = default;
        view.Schema["Label"].GetKeyValues(ref names);
        Assert.That(names.DenseValues().Select(n => n.ToString()), Is.EqualTo(Set.ClassNames));
        Assert.That(view.GetRowCount(), Is.EqualTo(30));
    }

    [Test]
    public void ToDataView_PixelsAndLabels_AreTheSets()
    {
        var view = Set.ToDataView();

        var pixels = view.GetColumn<byte[]>("Pixels").ToList();
        var labels = view.GetColumn<uint>("Label").ToList();

        Assert.That(pixels.SelectMany(p => p), Is.EqualTo(Set.Pixels.ToArray()));
        Assert.That(labels.Select(l => (int)l - 1), Is.EqualTo(Set.Labels.ToArray()));
    }

    [TestCase("Image")]
    [TestCase("Pixels")]
    public void FromDataView_OwnView_GivesTheSameSet(string column)
    {
        var read = ImageSet.FromDataView(Set.ToDataView(), column);

        AssertSame(read, Set);
    }

    private sealed class PathRow
    {
        public string Path { get; set; } = "";

        public string Label { get; set; } = "";
    }

    /// <summary>As class folders are, whose files go through the same names (<see cref="ImageFolderTests"/>): of a column of paths every name was another picture.</summary>
    [Test]
    public void TrainValidationSplit_PathsOfPicturesAndTheirChangedCopies_KeepsThemTogether()
    {
        string root = TestFiles.NewFolder();
        var rows = new List<PathRow>();
        foreach (var (k, pattern) in new[] { "{0}.png", "{0}_flip.png", "aug_{0}_0_1234.png" }.Index())
        {
            for (int i = 0; i < 40; i++)
            {
                rows.Add(new PathRow { Path = Path.Combine(root, string.Format(CultureInfo.InvariantCulture, pattern, i)), Label = i % 2 == 0 ? "a" : "b" });
                File.WriteAllBytes(rows[^1].Path, PictureFolders.Picture((byte)(3 * i + k)));
            }
        }

        var (train, validation) = ImageSet.FromDataView(mlContext.Data.LoadFromEnumerable(rows), "Path").TrainValidationSplit(0.2);

        Assert.That(validation.Count, Is.EqualTo(24));
        Assert.That(Pictures(validation).Intersect(Pictures(train)), Is.Empty);

        static HashSet<int> Pictures(ImageSet images) => [.. Enumerable.Range(0, images.Count).Select(i => images.Image(i)[0] / 3)];
    }

    private sealed class BlankRow
    {
        [VectorType(3072)]
        public byte[] Pixels { get; set; } = new byte[3072];

        public string Kind { get; set; } = "";
    }

    [Test]
    public void FromDataView_BlankLabel_NamesTheColumn()
    {
        var view = mlContext.Data.LoadFromEnumerable([new BlankRow { Kind = "nut" }, new BlankRow { Kind = " " }]);

        Assert.That(
            () => ImageSet.FromDataView(view, "Pixels", "Kind"),
            Throws.TypeOf<Cifar3DataException>().With.Message.Contains("A class' name must have 1 to 1,000 characters that are no blanks only (in label column 'Kind'). Received: ' ' of 1 characters. Give the class a name, or leave its images out."));
    }

    [Test]
    public void ToDataView_WithMLNetTransforms_TrainsItsOwnTrainer()
    {
        var pipeline = mlContext.Transforms.Conversion.ConvertType("Features", "Pixels", DataKind.Single)
            .Append(mlContext.Transforms.NormalizeMinMax("Features"))
            .Append(mlContext.MulticlassClassification.Trainers.LbfgsMaximumEntropy(new() { MaximumNumberOfIterations = 15 }));

        var model = pipeline.Fit(Set.ToDataView());

        var metrics = mlContext.MulticlassClassification.Evaluate(model.Transform(Set.ToDataView()));
        Assert.That(metrics.MicroAccuracy, Is.GreaterThan(0.9)); // 30 images in 3,072 dimensions: chance is 0.33
    }

    [Test]
    public void ToDataView_ShuffledByMLNet_GivesEveryRowOnce()
    {
        var shuffled = mlContext.Data.ShuffleRows(Set.ToDataView(), seed: 1); // drops the column Image: it shuffles values, not pictures

        var read = ImageSet.FromDataView(shuffled, "Pixels");

        Assert.That(read.Pixels.SequenceEqual(Set.Pixels), Is.False);
        Assert.That(Rows(read).Order(), Is.EqualTo(Rows(Set).Order()));
    }

    [Test]
    public void GetRowCursor_WithRandom_GivesEveryRowOnceInAnotherOrder()
    {
        var view = Set.ToDataView();
        var ids = new List<ulong>();
        using var cursor = view.GetRowCursor([], new Random(1));
        var getId = cursor.GetIdGetter();
        DataViewRowId id = default;
        while (cursor.MoveNext())
        {
            getId(ref id);
            ids.Add(id.Low);
        }

        Assert.That(cursor.MoveNext(), Is.False);
        Assert.That(ids, Is.Not.Ordered);
        Assert.That(ids.Order(), Is.EqualTo(Enumerable.Range(0, 30).Select(i => (ulong)i)));
    }

    [Test]
    public void ToDataView_ThroughSplitAndFilter_KeepsClassNames()
    {
        var parts = mlContext.Data.TrainTestSplit(Set.ToDataView(), testFraction: 0.3);

        ImageSet train = ImageSet.FromDataView(parts.TrainSet), test = ImageSet.FromDataView(parts.TestSet);

        Assert.That(train.Count + test.Count, Is.EqualTo(30));
        Assert.That(test.ClassNames, Is.EqualTo(Set.ClassNames));
    }

    [Test]
    public void Cursor_InactiveColumnOrWrongType_SaysSo()
    {
        var view = Set.ToDataView();
        using var cursor = view.GetRowCursor([view.Schema["Label"]]);

        Assert.That(() => cursor.GetGetter<MLImage>(view.Schema["Image"]), Throws.InvalidOperationException.With.Message.Contains("Image"));
        Assert.That(() => cursor.GetGetter<float>(view.Schema["Label"]), Throws.InvalidOperationException.With.Message.Contains("UInt32"));
        uint label = 0;
        Assert.That(() => cursor.GetGetter<uint>(view.Schema["Label"])(ref label), Throws.InvalidOperationException.With.Message.Contains("MoveNext"));
    }

    [Test]
    public void Cursor_NextImage_DisposesTheOneBefore()
    {
        var view = Set.ToDataView();
        using var cursor = view.GetRowCursor([view.Schema["Image"]]);
        var getter = cursor.GetGetter<MLImage>(view.Schema["Image"]);
        MLImage image = null!;
        cursor.MoveNext();
        getter(ref image);
        var first = image;
        cursor.MoveNext();

        getter(ref image);

        Assert.That(() => first.Width, Throws.InvalidOperationException);
        Assert.That(image.Width, Is.EqualTo(32));
        image.Dispose();
    }

    [Test]
    public void FromDataView_FilesOfAPipeline_AreLoaded()
    {
        string folder = TestFiles.NewFolder();
        var rows = Enumerable.Range(0, Set.Count).Select(i =>
        {
            string path = Path.Combine(folder, $"{i}.png");
            File.WriteAllBytes(path, Png(i));
            return new FileRow { ImagePath = path, Name = Set.ClassNames[Set.Labels[i]] };
        }).ToList();
        var files = mlContext.Data.LoadFromEnumerable(rows);
        var pipeline = mlContext.Transforms.LoadImages("Image", folder, "ImagePath").Append(mlContext.Transforms.LoadRawImageBytes("Encoded", folder, "ImagePath")).Append(mlContext.Transforms.Conversion.MapValueToKey("Label", "Name"));
        var view = pipeline.Fit(files).Transform(files);

        AssertSame(ImageSet.FromDataView(view), Set);
        AssertSame(ImageSet.FromDataView(view, "Encoded"), Set);
        AssertSame(ImageSet.FromDataView(view, "ImagePath"), Set);
        Assert.That(ImageSet.FromDataView(view, "Image", "Name").ClassNames, Is.EqualTo(new[] { "aeroplane", "bird", "car" })); // texts: ordinal order
        AssertSame(ImageSet.FromDataView(view, "Image", "Name", Set.ClassNames), Set);
    }

    [Test]
    public void FromDataView_SinglePixels_AreRead()
    {
        var view = mlContext.Transforms.Conversion.ConvertType("Pixels", "Pixels", DataKind.Single).Fit(Set.ToDataView()).Transform(Set.ToDataView());

        AssertSame(ImageSet.FromDataView(view, "Pixels"), Set);
    }

    [TestCase(0.5f)]
    [TestCase(-1f)]
    [TestCase(256f)]
    [TestCase(float.NaN)]
    public void FromDataView_SingleThatIsNoByte_IsRefused(float value)
    {
        var view = mlContext.Data.LoadFromEnumerable([new PixelRow { Pixels = [.. Enumerable.Repeat(value, 3072)], Label = "a" }]);

        AssertFails(() => ImageSet.FromDataView(view, "Pixels"), "row 0 of column Pixels", "whole number from 0 to 255");
    }

    [Test]
    public void FromDataView_MissingColumn_ListsThoseThereAre() =>
        AssertFails(() => ImageSet.FromDataView(Set.ToDataView(), "Picture"), "no image column 'Picture'", "Pixels (Vector<Byte, 32, 32, 3>)", "Label (Key<UInt32, 0-2>)");

    [Test]
    public void FromDataView_ColumnsOfOtherTypes_SaysExpectedAndFound()
    {
        AssertFails(() => ImageSet.FromDataView(Set.ToDataView(), "Label", "Label"), "image column 'Label'", "Expected an image (MLImage)", "Found Key<UInt32, 0-2>");
        AssertFails(() => ImageSet.FromDataView(Set.ToDataView(), "Pixels", "Pixels"), "label column 'Pixels'", "Expected a key", "MapValueToKey", "Found Vector<Byte, 32, 32, 3>");
    }

    [Test]
    public void FromDataView_UnknownLabel_NamesRowAndClasses() =>
        AssertFails(() => ImageSet.FromDataView(Set.ToDataView(), classNames: ["aeroplane", "car"]), "Label 'bird' in row 2", "'aeroplane', 'car'");

    [Test]
    public void FromDataView_RowWithoutLabel_NamesTheRow()
    {
        var rows = mlContext.Data.LoadFromEnumerable(new[] { "a", "b", "" }.Select(label => new PixelRow { Pixels = new float[3072], Label = label }));

        AssertFails(() => ImageSet.FromDataView(rows, "Pixels"), "Row 2 has no label");
    }

    [Test]
    public void FromDataView_NoRow_SaysSo() =>
        AssertFails(() => ImageSet.FromDataView(mlContext.Data.LoadFromEnumerable(Array.Empty<PixelRow>()), "Pixels"), "no row");

    [Test]
    public void FromDataView_DamagedFile_NamesTheRow()
    {
        var rows = mlContext.Data.LoadFromEnumerable(new[] { Png(0), Png(1)[..100], Png(2) }.Select((bytes, i) => new EncodedRow { Encoded = bytes, Label = $"{i}" }));

        Assert.That(() => ImageSet.FromDataView(rows, "Encoded"), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("row 1 of column Encoded").And.Property("Problem").EqualTo(ImageProblem.Damaged));
    }

    [Test]
    public void FromDataView_PipelineThatThrows_NamesTheRowAndTheCause()
    {
        var rows = mlContext.Data.LoadFromEnumerable([new FileRow { ImagePath = "/no/such/file.png", Name = "a" }]);
        var view = mlContext.Transforms.LoadImages("Image", "", "ImagePath").Fit(rows).Transform(rows);

        AssertFails(() => ImageSet.FromDataView(view, "Image", "Name"), "row 0", "pipeline");
    }

    /// <summary>ML.NET reads ahead and says of an error there that it was one; the source's own words are inside.</summary>
    [Test]
    public void FromDataView_SourceThatFailsAhead_GivesItsOwnWords()
    {
        var sound = mlContext.Data.LoadFromEnumerable([new PixelRow { Label = "a" }, new PixelRow { Label = "b" }]);
        var view = mlContext.Transforms.Conversion.MapValueToKey("Key", "Label").Fit(sound).Transform(mlContext.Data.LoadFromEnumerable(Failing()));

        AssertFails(() => ImageSet.FromDataView(view, "Pixels", "Key"), "failed: the database\\nwent away. Check the steps");

        static IEnumerable<PixelRow> Failing()
        {
            yield return new PixelRow { Pixels = new float[3072], Label = "a" };
            throw new InvalidOperationException("the database\nwent away.");
        }
    }

    /// <summary>LoadFromEnumerable takes arrays of any length for a vector of known size: without a check they were black, or kept the row's before.</summary>
    [TestCase(0, "Cannot read image 'row 1 of column Pixels': it is missing.")]
    [TestCase(10, "Cannot read image 'row 1 of column Pixels': it has 10 values. Expected 3,072 pixels")]
    [TestCase(3073, "it has 3,073 values. Expected 3,072 pixels")]
    public void FromDataView_RowOfAnotherLength_IsNoPicture(int length, string message)
    {
        var singles = mlContext.Data.LoadFromEnumerable([new PixelRow { Pixels = new float[3072], Label = "a" }, new PixelRow { Pixels = new float[length], Label = "b" }]);
        var bytes = mlContext.Data.LoadFromEnumerable([new ByteRow { Pixels = new byte[3072], Label = "a" }, new ByteRow { Pixels = length == 0 ? null! : new byte[length], Label = "b" }]);

        Assert.That(() => ImageSet.FromDataView(singles, "Pixels"), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains(message));
        Assert.That(() => ImageSet.FromDataView(bytes, "Pixels"), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains(message));
    }

    /// <summary>An array of a row class has no size unless its attribute says so, which whoever has pixels in one must be told.</summary>
    [Test]
    public void FromDataView_PixelsInAColumnOfUnknownSize_AreToldFromADamagedFile()
    {
        var rows = mlContext.Data.LoadFromEnumerable([new EncodedRow { Encoded = Png(0), Label = "a" }, new EncodedRow { Encoded = Set.Image(1).ToArray(), Label = "b" }]);

        var error = Assert.Throws<Cifar3ImageException>(() => ImageSet.FromDataView(rows, "Encoded"));

        Assert.That(error!.Message, Does.StartWith("Cannot read image 'row 1 of column Encoded': its 3,072 bytes look like pixels").And.Contain("[VectorType(3072)]").And.Not.Contain("PredictPixels"));
    }

    private static byte[] Png(int index) => TestImages.Encode(Set.Image(index), 32, 32, SKEncodedImageFormat.Png);

    private static List<string> Rows(ImageSet set) => [.. Enumerable.Range(0, set.Count).Select(i => $"{set.Labels[i]} {Convert.ToHexString(set.Image(i))}")];

    private static void AssertSame(ImageSet actual, ImageSet expected)
    {
        Assert.That(actual.ClassNames, Is.EqualTo(expected.ClassNames));
        Assert.That(actual.Labels.SequenceEqual(expected.Labels), Is.True, "labels");
        Assert.That(actual.Pixels.SequenceEqual(expected.Pixels), Is.True, "pixels");
    }

    /// <summary>As ExtractPixels makes them, and as ApplyOnnxModel gives them of a graph that prepares one picture.</summary>
    [TestCase(3, 32, 32)]
    [TestCase(1, 3, 32, 32)]
    public void FromDataView_ChannelsFirst_AreReadSo(params int[] dimensions)
    {
        var images = Cifar3Data.Synthetic(3, 3).Train;
        var schema = SchemaDefinition.Create(typeof(PixelRow));
        schema["Pixels"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, dimensions);
        var rows = Enumerable.Range(0, images.Count).Select(i => new PixelRow { Label = images.ClassNames[i], Pixels = [.. Enumerable.Range(0, 3072).Select(k => (float)images.Image(i)[k % 1024 * 3 + k / 1024])] });

        var read = ImageSet.FromDataView(new MLContext().Data.LoadFromEnumerable(rows, schema), "Pixels");

        Assert.That(read.Pixels.SequenceEqual(images.Pixels), Is.True);
    }

    private static void AssertFails(TestDelegate read, params string[] parts)
    {
        var error = Assert.Throws<Cifar3DataException>(read);
        foreach (string part in parts)
        {
            Assert.That(error!.Message, Does.Contain(part));
        }
    }

    private sealed class FileRow
    {
        public string ImagePath { get; set; } = "";

        public string Name { get; set; } = "";
    }

    private sealed class EncodedRow
    {
        public byte[] Encoded { get; set; } = [];

        public string Label { get; set; } = "";
    }

    private sealed class ByteRow
    {
        [VectorType(3072)]
        public byte[] Pixels { get; set; } = [];

        public string Label { get; set; } = "";
    }

    private sealed class PixelRow
    {
        [VectorType(3072)]
        public float[] Pixels { get; set; } = [];

        public string Label { get; set; } = "";
    }
}

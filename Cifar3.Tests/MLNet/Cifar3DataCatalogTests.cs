using Microsoft.ML;
using Microsoft.ML.Data;
using SkiaSharp;

namespace Cifar3.Tests;

public sealed class Cifar3DataCatalogTests
{
    private static readonly MLContext Context = new();

    [Test]
    public void LoadCifar3_ImageFolders_StreamsTheImagesThatLoadReads()
    {
        string folder = Folders();
        var expected = Cifar3Data.Load(folder);

        foreach (var data in new[] { Context.Data.LoadCifar3(folder), Context.Data.LoadCifar3FromFolder(folder) })
        {
            Assert.That((data.ClassNames.ToArray(), data.Source, data.IsSynthetic), Is.EqualTo((expected.ClassNames.ToArray(), expected.Source, false)));
            foreach (string column in new[] { "Image", "Pixels", "ImagePath" })
            {
                AssertSame(ImageSet.FromDataView(data.TrainSet, column), expected.Train);
                AssertSame(ImageSet.FromDataView(data.TestSet, column), expected.Test);
            }
        }
    }

    [Test]
    public void LoadCifar3_FolderThatCannotBeListed_NamesIt()
    {
        Assume.That(OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess, Is.False, "Windows has other permissions, and root reads all folders.");
        string folder = Folders();
        PictureFolders.SetMode(folder, UnixFileMode.None);
        try
        {
            Assert.That(() => Context.Data.LoadCifar3(folder), Throws.TypeOf<Cifar3DataException>().With.Message.Contains($"Cannot read '{folder}'"));
        }
        finally
        {
            PictureFolders.SetMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [Test]
    public void LoadCifar3FromFolder_DamagedFile_IsAnErrorOfItsRowOnly()
    {
        string folder = Folders();
        File.WriteAllBytes(Path.Combine(folder, "train", "nut", "2.png"), [1, 2, 3]);
        var view = Context.Data.LoadCifar3FromFolder(folder).TrainSet;

        Assert.That(view.GetColumn<uint>("Label").Count(), Is.EqualTo(8));
        Assert.That(Context.Data.TakeRows(view, 2).GetColumn<byte[]>("Pixels").Count(), Is.EqualTo(2));
        Assert.That(() => view.GetColumn<byte[]>("Pixels").ToList(), Throws.TypeOf<Cifar3ImageException>());
    }

    [Test]
    public void LoadCifar3FromFolder_ManyFiles_HoldsOnlyTheirNames()
    {
        var view = new ImageRowsDataView(new ImageFiles([.. Enumerable.Range(0, 2_000_000).Select(i => "no-such-file.png")], new int[2_000_000], ["a", "b"])); // 6 GB of pixels

        Assert.That(view.GetRowCount(), Is.EqualTo(2_000_000));
        Assert.That(view.GetColumn<string>("ImagePath").Count(), Is.EqualTo(2_000_000));
    }

    [Test]
    public void LoadCifar3FromArchive_Archive_IsRead()
    {
        string path = CifarFiles.Write(CifarFiles.Archive(binary: true));
        var expected = Cifar3Data.Load(path);

        foreach (var data in new[] { Context.Data.LoadCifar3(path), Context.Data.LoadCifar3FromArchive(path) })
        {
            AssertSame(ImageSet.FromDataView(data.TrainSet), expected.Train);
            AssertSame(ImageSet.FromDataView(data.TestSet, "Pixels"), expected.Test);
        }

        Assert.That(() => Context.Data.LoadCifar3FromArchive(Path.GetTempPath()), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("LoadCifar3FromFolder"));
    }

    [Test]
    public void LoadCifar3Synthetic_Counts_AreDrawnAndSaySo()
    {
        var data = Context.Data.LoadCifar3Synthetic(12, 6, seed: 2);

        Assert.That((data.TrainSet.GetRowCount(), data.TestSet.GetRowCount(), data.IsSynthetic), Is.EqualTo((12L, 6L, true)));
        AssertSame(ImageSet.FromDataView(data.TrainSet), Cifar3Data.Synthetic(12, 6, 2).Train);
    }

    [Test]
    public void LoadCifar3_NothingThere_SaysSo() =>
        Assert.That(() => Context.Data.LoadCifar3(Path.Combine(TestFiles.NewFolder(), "missing")), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("There is no file or folder"));

    /// <summary>Four images of each of two classes to train on, two to test on; larger than 32×32.</summary>
    private static string Folders()
    {
        string root = TestFiles.NewFolder();
        var random = new Random(1);
        foreach (var (part, count) in new[] { ("train", 4), ("test", 2) })
        {
            foreach (string name in new[] { "nut", "screw" })
            {
                string folder = Directory.CreateDirectory(Path.Combine(root, part, name)).FullName;
                for (int i = 0; i < count; i++)
                {
                    var pixels = new byte[40 * 36 * 3];
                    random.NextBytes(pixels);
                    File.WriteAllBytes(Path.Combine(folder, $"{i}.png"), TestImages.Encode(pixels, 40, 36, SKEncodedImageFormat.Png));
                }
            }
        }

        return root;
    }

    private static void AssertSame(ImageSet actual, ImageSet expected)
    {
        Assert.That(actual.ClassNames, Is.EqualTo(expected.ClassNames));
        Assert.That(actual.Labels.SequenceEqual(expected.Labels), Is.True, "labels");
        Assert.That(actual.Pixels.SequenceEqual(expected.Pixels), Is.True, "pixels");
    }
}

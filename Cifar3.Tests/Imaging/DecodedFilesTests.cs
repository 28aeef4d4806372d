using Cifar3.Training;
using Microsoft.ML;

namespace Cifar3.Tests;

public sealed class DecodedFilesTests
{
    /// <summary>Also behind a link, as where pictures are chosen by links: .NET tells a link's own length and time.</summary>
    [Test]
    public void Read_FileThatChanged_IsReadAgain([Values] bool linked)
    {
        using var store = new DecodedFiles(TimeSpan.FromMinutes(1));
        string folder = TestFiles.NewFolder(), file = Path.Combine(folder, "store.png"), path = linked ? Path.Combine(folder, "a.png") : file;
        File.WriteAllBytes(file, PictureFolders.Picture(10));
        if (linked)
        {
            TestFiles.Link(path, "store.png");
        }

        Assert.That((Read(), Read(), store.Decoded), Is.EqualTo((10, 10, 1L)));

        File.WriteAllBytes(file, PictureFolders.Picture(200));
        File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddSeconds(5));

        Assert.That((Read(), store.Decoded), Is.EqualTo((200, 2L)));

        File.Delete(file);

        Assert.That(() => Read(), Throws.TypeOf<Cifar3ImageException>());

        int Read()
        {
            var rgb = new byte[CnnArchitecture.ImageBytes];
            store.Read(path, rgb, keep: true);
            return rgb[0];
        }
    }

    /// <summary>Each alone tells: another length, with the time that a program which copies files gives it, and another time.</summary>
    [Test]
    public void Read_FileOfTheSameLengthOrTheSameTime_IsReadAgain([Values] bool sameLength)
    {
        using var store = new DecodedFiles(TimeSpan.FromMinutes(1));
        string path = Path.Combine(TestFiles.NewFolder(), "a.png");
        byte[] dark = PictureFolders.Picture(10), light = PictureFolders.Picture(200);
        int length = Math.Max(dark.Length, light.Length);
        Array.Resize(ref dark, length); // what stands behind a PNG's end is no part of it
        Array.Resize(ref light, sameLength ? length : length + 1);
        File.WriteAllBytes(path, dark);
        var time = File.GetLastWriteTimeUtc(path);
        var rgb = new byte[CnnArchitecture.ImageBytes];
        store.Read(path, rgb, keep: true);
        Assert.That(rgb[0], Is.EqualTo(10));

        File.WriteAllBytes(path, light);
        File.SetLastWriteTimeUtc(path, sameLength ? time.AddSeconds(5) : time);
        store.Read(path, rgb, keep: true);

        Assert.That(rgb[0], Is.EqualTo(200));
    }

    /// <summary>A disk in memory takes years that .NET's calendar has not.</summary>
    [Test]
    public void Read_FileOfAYearThatDotnetDoesNotKnow_IsReadEachTime()
    {
        Assume.That(Directory.Exists("/dev/shm"), "needs Linux' disk in memory");
        using var store = new DecodedFiles(TimeSpan.FromMinutes(1));
        string path = $"/dev/shm/c3-{Guid.NewGuid():N}.png";
        try
        {
            File.WriteAllBytes(path, PictureFolders.Picture(10));
            using var touch = System.Diagnostics.Process.Start("touch", ["-d", "@300000000000", path]);
            touch.WaitForExit();
            Assume.That(() => File.GetLastWriteTimeUtc(path), Throws.InstanceOf<ArgumentException>());
            var rgb = new byte[CnnArchitecture.ImageBytes];

            store.Read(path, rgb, keep: true);
            store.Read(path, rgb, keep: true);

            Assert.That((rgb[0], store.Decoded, store.Count), Is.EqualTo((10, 2L, 0)));
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Files out of one archive have one time, and BMP files of one size one length: in another current folder a relative path is another file.</summary>
    [Test]
    public void Read_RelativePathInAnotherCurrentFolder_IsAnotherFile()
    {
        using var store = new DecodedFiles(TimeSpan.FromMinutes(1));
        string before = Directory.GetCurrentDirectory();
        byte other = (byte)Enumerable.Range(11, 200).First(level => PictureFolders.Picture((byte)level).Length == PictureFolders.Picture(10).Length);
        var read = new List<int>();
        try
        {
            foreach (byte level in new byte[] { 10, other })
            {
                Directory.SetCurrentDirectory(TestFiles.NewFolder());
                File.WriteAllBytes("a.png", PictureFolders.Picture(level));
                File.SetLastWriteTimeUtc("a.png", new DateTime(2024, 1, 1, 0, 0, 0, DateTimeKind.Utc));
                var rgb = new byte[CnnArchitecture.ImageBytes];
                store.Read("a.png", rgb, keep: true);
                read.Add(rgb[0]);
            }
        }
        finally
        {
            Directory.SetCurrentDirectory(before);
        }

        Assert.That(read, Is.EqualTo(new[] { 10, other }));
    }

    [Test]
    public void Read_NobodyAskingAnyMore_LetsThePicturesGo()
    {
        using var store = new DecodedFiles(TimeSpan.FromMilliseconds(50));
        string path = Path.Combine(TestFiles.NewFolder(), "a.png");
        File.WriteAllBytes(path, PictureFolders.Picture(10));
        store.Read(path, new byte[CnnArchitecture.ImageBytes], keep: true);

        Assert.That(() => store.Count, Is.Zero.After(5000, 20));
    }

    [TestCase("Image")]
    [TestCase("ImagePath")]
    public void CrossValidate_ImageFolders_DecodesEachPictureOnceForTraining(string column)
    {
        string root = PictureFolders.Write(("train/a", 20), ("train/b", 20), ("test/a", 1), ("test/b", 1));
        var context = new MLContext(seed: 1);
        var data = context.Data.LoadCifar3FromFolder(root);
        var trainer = context.MulticlassClassification.Trainers.Cifar3Cnn(new Cifar3CnnTrainer.Options { FeatureColumnName = column, Epoch = 1, Filters = [2, 2, 2] });
        long before = DecodedFiles.Shared.Decoded;

        context.MulticlassClassification.CrossValidate(data.TrainSet, trainer, numberOfFolds: 4);

        Assert.That(DecodedFiles.Shared.Decoded - before, Is.InRange(40, 60), "4 folds of 40 pictures each time would be 160 and more; a fold's test pictures may be scored before they are trained on");
    }
}

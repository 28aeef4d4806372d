using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>A disk that is full or read-only, whatever is written and whoever writes, also out of Fit: one error with file and remedy, the old file whole, nothing left over.</summary>
public sealed class FullDiskTests
{
    private static readonly ImageSet Images = ColourImages.Create(40);
    private static readonly CnnModel Model = TestModels.Random(filters: [8, 16, 16]); // 30 KB

    private static readonly Dictionary<string, (string File, Action<string> Write)> Writers = new()
    {
        ["ONNX"] = ("m.onnx", path => Model.SaveOnnx(path)),
        ["HDF5"] = ("m.h5", path => KerasFile.Save(path, Model)),
        ["HDF5 of Keras 2"] = ("m.hdf5", path => KerasFile.Save(path, Model, format: KerasFormat.Keras2Hdf5)),
        ["HDF5 weights"] = ("m.weights.h5", path => KerasFile.Save(path, Model)),
        ["Keras archive"] = ("m.keras", path => KerasFile.Save(path, Model)),
        ["Fit: checkpoint"] = (TrainingCheckpoint.FileName, path => Fit(new TrainerOptions { WorkspacePath = Path.GetDirectoryName(path), Filters = [8, 16, 16] })),
        ["Fit: best model as HDF5"] = ("best.h5", path => Fit(new TrainerOptions { Filters = [8, 16, 16], Callbacks = [new ModelCheckpoint(path)] })),
        ["Fit: best model as ONNX"] = ("best.onnx", path => Fit(new TrainerOptions { Filters = [8, 16, 16], Callbacks = [new ModelCheckpoint(path)] })),
    };

    private static IEnumerable<string> Kinds => Writers.Keys;

    [TestCaseSource(nameof(Kinds))]
    public void Write_OnAFullDisk_SaysSoAndKeepsTheOldFile(string kind)
    {
        using var disk = SmallDisk.Mount(400);
        var (name, write) = Writers[kind];
        string path = Path.Combine(disk.Path, name);
        File.WriteAllText(path, "old");
        disk.Fill(leaving: 12);

        var error = Assert.Throws<Cifar3Exception>(() => write(path));

        Assert.That(error!.Message, Does.StartWith($"Cannot write '{path}': ").And.EndWith("The file is as it was before. Free disk space."));
        Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
        Assert.That(Directory.GetFiles(disk.Path).Select(Path.GetFileName), Is.EquivalentTo(new[] { name, "full" }));
    }

    [TestCaseSource(nameof(Kinds))]
    public void Write_OnAReadOnlyDisk_SaysSo(string kind)
    {
        using var disk = SmallDisk.Mount(400);
        disk.MakeReadOnly();
        var (name, write) = Writers[kind];

        Assert.That(
            () => write(Path.Combine(disk.Path, name)),
            Throws.TypeOf<Cifar3Exception>().With.Message.StartsWith($"Cannot write '{disk.Path}").And.Message.Contains("The disk is read-only: choose a folder on another one"));
    }

    [TestCaseSource(nameof(Kinds))]
    public void Write_ToAPathTooLong_SaysSo(string kind)
    {
        var (name, write) = Writers[kind];
        string folder = Path.Combine([TestFiles.NewFolder(), .. Enumerable.Repeat(new string('d', 200), 25)]);

        Assert.That(() => write(Path.Combine(folder, name)), Throws.TypeOf<Cifar3Exception>().With.Message.StartsWith("Cannot write '").And.Property("Message").Length.LessThan(1200));
    }

    /// <summary>What arrives in small pieces waited in a buffer, which failed once more when it was closed: that was taken for the network's failure, and tried five times.</summary>
    [Test]
    public void Fetch_OverASlowConnectionOntoAFullDisk_SaysSoAtOnce()
    {
        const int Piece = 1000, Length = 300 * Piece;
        using var disk = SmallDisk.Mount(100);
        using var server = new TestServer((context, _) =>
        {
            context.Response.ContentLength64 = Length;
            for (int sent = 0; sent < Length; sent += Piece, Thread.Sleep(1))
            {
                context.Response.OutputStream.Write(new byte[Piece]);
                context.Response.OutputStream.Flush();
            }
        });
        var download = new ArchiveDownload(server.Url, Length, new string('0', 64)) { RetryDelay = TimeSpan.FromMilliseconds(1) };

        Assert.That(
            async () => await download.FetchAsync(Path.Combine(disk.Path, "a.tar.gz"), null, CancellationToken.None),
            Throws.TypeOf<Cifar3DataException>().With.Message.StartsWith("Cannot write '").And.Message.Contains("Free disk space"));
        Assert.That(server.Ranges, Has.Count.EqualTo(1), "nothing is wrong with the network");
    }

    /// <summary>A disk with any amount of room: whatever is written is whole or not there.</summary>
    [Test]
    public void Write_WithAnyRoom_IsWholeOrAsItWas() => Fill(steps: 12);

    /// <summary>The same a thousand times.</summary>
    [Test, Category(TestCategories.Slow)]
    public void Write_WithAnyRoomAThousandTimes_IsWholeOrAsItWas() => Fill(steps: 1_000);

    private static void Fill(int steps)
    {
        using var disk = SmallDisk.Mount(400);
        string path = Path.Combine(disk.Path, "m.onnx");
        var other = TestModels.Random(filters: [8, 16, 16], seed: 2);
        Model.SaveOnnx(path);
        var now = Model;
        int written = 0, refused = 0;
        var random = new Random(1);
        for (int i = 0; i < steps; i++)
        {
            disk.Fill(random.Next(0, 120));
            var next = ReferenceEquals(now, Model) ? other : Model;
            try
            {
                next.SaveOnnx(path);
                now = next;
                written++;
            }
            catch (Cifar3Exception e)
            {
                Assert.That(e.Message, Does.EndWith("The file is as it was before. Free disk space."));
                refused++;
            }

            Assert.That(CnnModel.LoadOnnx(path).WeightHash(), Is.EqualTo(now.WeightHash()));
            Assert.That(Directory.GetFiles(disk.Path), Has.Length.EqualTo(2), "no temporary file");
        }

        TestContext.Out.WriteLine($"{steps:N0} disks: {written:N0} written, {refused:N0} refused, none damaged");
        Assert.That(new[] { written, refused }, Has.All.GreaterThan(0));
    }

    /// <summary>A callback's file ends no training: its result tells the error.</summary>
    private static void Fit(TrainerOptions options)
    {
        if (FakeTrainer.Create(options with { Epoch = 1 }).Fit(Images, Images).FilesNote is { } note)
        {
            throw new Cifar3Exception(note);
        }
    }
}

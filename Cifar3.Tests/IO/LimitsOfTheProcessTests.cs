using System.Globalization;
using Cifar3.Training;
using Microsoft.ML;

namespace Cifar3.Tests;

/// <summary>Readers and writers in a process without memory, or without file handles: one error that names the file, what is missing and what to do.</summary>
public sealed class LimitsOfTheProcessTests
{
    /// <summary>The heap's limit: room for the runtime and for a file of some megabytes once, not for what is made of it.</summary>
    private const long Heap = 24_000_000;

    private static readonly Dictionary<string, (string File, Action<string> Read)> Readers = new()
    {
        ["ONNX"] = ("wide.onnx", path => CnnModel.LoadOnnx(path)),
        ["ONNX to score"] = ("wide.onnx", path => Cifar3Classifier.Load(path).Dispose()),
        ["HDF5"] = ("wide.h5", path => KerasFile.Load(path)),
        ["Keras archive"] = ("wide.keras", path => KerasFile.Load(path)),
        ["checkpoint"] = (TrainingCheckpoint.FileName, path => CheckpointFile.Read(path, long.MaxValue)),
        ["picture"] = ("large.bmp", path => ImageDecoder.DecodeFile(path, new byte[CnnArchitecture.ImageBytes])),
        ["large PNG"] = ("large.png", path => ImageDecoder.DecodeFile(path, new byte[CnnArchitecture.ImageBytes])),
        ["progressive JPEG"] = ("progressive.jpg", path => ImageDecoder.DecodeFile(path, new byte[CnnArchitecture.ImageBytes])),
        ["stream"] = ("large.bmp", path => Streamed(path)),
    };

    private static readonly Lazy<string> Files = new(WriteFiles);

    private static IEnumerable<string> Kinds => Readers.Keys;

    [TestCaseSource(nameof(Kinds))]
    [CancelAfter(300_000)]
    public void Read_WithoutMemory_NamesTheFileAndWhatItWouldHaveNeeded(string kind)
    {
        string path = Path.Combine(Files.Value, Readers[kind].File);
        Assert.That(() => Readers[kind].Read(path), Throws.Nothing, "with memory it is read");

        string said = string.Join('\n', ChildProgram.Run(["read", kind, path], [("DOTNET_GCHeapHardLimit", Heap.ToString("X", CultureInfo.InvariantCulture))]));

        Assert.That(said, Does.StartWith($"{(Path.GetExtension(path) is ".bmp" or ".png" or ".jpg" ? nameof(Cifar3ImageException) : nameof(Cifar3ModelException))}: Cannot read ").And.Contain(kind == "stream" ? "stream" : path).And.EndWith($"{MemoryFault.Remedy}."));
        Assert.That(said, Does.Match(@"it needs about \d+ MB of memory, more than there is\.|there is no memory for its (content|[\d,x]+ pixels), [\d,]+ bytes or more\."));
    }

    [Test]
    [Platform("Linux")]
    [CancelAfter(300_000)]
    public void ReadAndWrite_WithoutFileHandles_SayWhichLimit()
    {
        string[] said = ChildProgram.Run(["starve", Files.Value], [], "ulimit -n 250");

        Assert.That(said, Has.Length.EqualTo(11), string.Join('\n', said));
        Assert.That(said, Has.All.Match("^Cifar3[A-Za-z]*Exception: .*Too many files are open: close some, or raise the limit \\(ulimit -n\\)"));
    }

    /// <summary>
    /// All threads of the pool are in calls of this library, which begin work on the pool and wait for it: a training that is cancelled, a stream that is left, ML.NET's rows. Where the
    /// pool may not grow, each waited for ever; elsewhere half a second for each new thread.
    /// </summary>
    [Test]
    [CancelAfter(300_000)]
    public void Calls_OnEveryThreadOfThePool_DoNotWaitForOneMore()
    {
        string[] done = ChildProgram.Run(["queue", Files.Value], [("DOTNET_ThreadPool_ForceMaxWorkerThreads", "1"), ("DOTNET_ThreadPool_ForceMinWorkerThreads", "1")]);

        Assert.That(done, Is.EqualTo(new[] { "OperationCanceledException: The operation was canceled.", "streamed: 1", "transformed: 8" }));
    }

    /// <summary>What a process with one thread in its pool does, on that thread; it gives up what hangs.</summary>
    public static int QueueInChild(string folder)
    {
        var work = Task.Run(() =>
        {
            using var stop = new CancellationTokenSource();
            var images = ColourImages.Create(96);
            Tell(() => FakeTrainer.Create(new TrainerOptions { Epoch = 1, Callbacks = [new Recorder { OnBatch = _ => stop.Cancel() }] }).Fit(images, null, stop.Token));

            var model = TestModels.Random(filters: [4, 4, 8]);
            using var classifier = Cifar3Classifier.FromModel(model, new ClassifierOptions { Threads = 4 });
            Console.WriteLine($"streamed: {classifier.PredictMany(Enumerable.Repeat(ImageCorpus.Files["png rgb"], 1000)).Take(1).Count()}");

            var context = new MLContext(seed: 1);
            var rows = context.Data.LoadCifar3FromFolder(Path.Combine(folder, "pictures")).TrainSet;
            using var transformer = context.Transforms.ApplyCifar3(model, "ImagePath").Fit(rows);
            Console.WriteLine($"transformed: {MLNetData.Scores(transformer.Transform(rows)).Length}");
        });
        if (!work.Wait(TimeSpan.FromSeconds(60)))
        {
            Console.WriteLine("hangs");
        }

        return 0;
    }

    /// <summary>What a process with a limited heap does: reads, and prints what it says.</summary>
    public static int ReadInChild(string kind, string path)
    {
        Tell(() => Readers[kind].Read(path));
        return 0;
    }

    /// <summary>What a process with few handles does: takes all of them, then reads and writes.</summary>
    public static int StarveInChild(string folder)
    {
        string path(string name) => Path.Combine(folder, name);
        var model = TestModels.Random(filters: [4, 4, 8]);
        var images = ColourImages.Create(20);
        string data = path("pictures");
        Action[] all =
        [
            () => CnnModel.LoadOnnx(path("small.onnx")),
            () => KerasFile.Load(path("small.h5")),
            () => ImageDecoder.DecodeFile(path("small.png"), new byte[CnnArchitecture.ImageBytes]),
            () => CheckpointFile.Read(path(TrainingCheckpoint.FileName), long.MaxValue),
            () => Cifar3Data.Load(data),
            () => Cifar3Data.Load(path("archive.tar.gz")),
            () => model.SaveOnnx(path("written.onnx")),
            () => KerasFile.Save(path("written.keras"), model),
            () => FakeTrainer.Create(new TrainerOptions { Epoch = 1, WorkspacePath = path("workspace") }).Fit(images, images),
            () => FakeTrainer.Create(new TrainerOptions { Epoch = 1, Callbacks = [new ModelCheckpoint(path("best.h5"))] }).Fit(images, images),
            () => FakeTrainer.Create(new TrainerOptions { Epoch = 1, Callbacks = [new CsvLogger(path("log.csv"))] }).Fit(images, images),
        ];
        foreach (var action in all)
        {
            action(); // all assemblies are loaded now
        }

        var handles = new List<FileStream>();
        var lines = new List<string>();
        try
        {
            while (true)
            {
                handles.Add(new FileStream("/dev/null", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 0));
            }
        }
        catch (IOException)
        {
            foreach (var action in all)
            {
                Tell(action, lines);
            }
        }

        handles.ForEach(handle => handle.Dispose());
        lines.ForEach(Console.WriteLine);
        return 0;
    }

    private static void Streamed(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read);
        ImageDecoder.DecodeStream(stream, new byte[CnnArchitecture.ImageBytes], "stream");
    }

    private static void Tell(Action action, List<string>? lines = null)
    {
        string line = "read";
        try
        {
            action();
        }
#pragma warning disable CA1031 // what it is, is the question
        catch (Exception e)
#pragma warning restore CA1031
        {
            line = $"{e.GetType().Name}: {e.Message}";
        }

        if (lines is null)
        {
            Console.WriteLine(line);
        }
        else
        {
            lines.Add(line);
        }
    }

    private static string WriteFiles()
    {
        string folder = TestFiles.NewFolder();
        string path(string name) => Path.Combine(folder, name);
        var wide = CnnModel.Create(["a", "b", "c"], seed: 1, filters: [128, 256, 512]); // 4.4 million weights, 17 MB
        wide.SaveOnnx(path("wide.onnx"));
        KerasFile.Save(path("wide.h5"), wide);
        KerasFile.Save(path("wide.keras"), wide);
        CheckpointFile.Write(path(TrainingCheckpoint.FileName), new CheckpointData { Best = CheckpointTensors.Write(wide) });
        byte[] bmp = ImageCorpus.Files["bmp"];
        File.WriteAllBytes(path("large.bmp"), [.. bmp, .. new byte[40_000_000]]); // bytes behind the pixels
        File.WriteAllBytes(path("large.png"), PngFile.Create(3000, 3000, 8, PngColour.Grey)); // 36 MB of memory
        File.WriteAllBytes(path("progressive.jpg"), JpegFile.Create(4000, 4000, 1, (_, _, _) => 60, progressive: true)); // 32 MB
        var small = TestModels.Random(filters: [4, 4, 8]);
        small.SaveOnnx(path("small.onnx"));
        KerasFile.Save(path("small.h5"), small);
        File.WriteAllBytes(path("small.png"), ImageCorpus.Files["png rgb"]);
        File.WriteAllBytes(path("archive.tar.gz"), CifarFiles.Archive(binary: true));
        foreach (string name in new[] { "a", "b" })
        {
            Directory.CreateDirectory(path($"pictures/{name}"));
            for (int i = 0; i < 5; i++)
            {
                File.WriteAllBytes(path($"pictures/{name}/{i}.png"), ImageCorpus.Files["png rgb"]);
            }
        }

        return folder;
    }
}

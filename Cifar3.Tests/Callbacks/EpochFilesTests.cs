using Cifar3.Training;
using Spectre.Console;

namespace Cifar3.Tests;

/// <summary>A callback's file that cannot be written costs no training: a folder in its place stands for a full disk and for a spreadsheet that holds it.</summary>
public sealed class EpochFilesTests
{
    private static readonly ImageSet Images = ColourImages.Create(64);

    [Test]
    public void Fit_CsvFileInUseForAnEpoch_TrainsOnAndWritesItLater()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "log.csv");
        var notes = new List<string?>();

        var result = Fit(epochs: 3, Blocking(file, from: 1, to: 2, notes), new CsvLogger(file));

        Assert.That(File.ReadAllLines(file), Has.Length.EqualTo(4));
        Assert.That(notes, Has.Count.EqualTo(3).And.ItemAt(0).Null.And.ItemAt(2).Null, "the third epoch's begins with what is tried again");
        Assert.That(notes[1], Does.StartWith($"Cannot write '{file}': "));
        Assert.That(result.FilesNote, Is.Null);
    }

    /// <summary>After the last epoch no other follows: the file is tried again before the training ends, however it does.</summary>
    [Test]
    public void Fit_CsvFileInUseInTheLastEpochAlone_IsWrittenAtTheEnd([Values] bool interrupted)
    {
        string file = Path.Combine(TestFiles.NewFolder(), "log.csv");
        var ends = new Recorder { OnEpoch = (_, log) => throw new InvalidOperationException($"{log.Epoch}") };
        Callback[] callbacks = [new CsvLogger(file), Blocking(file, from: 0, to: 1), .. interrupted ? [ends] : Array.Empty<Callback>()];
        Directory.CreateDirectory(file); // taken away behind the logger

        string? note = "";
        Assert.That(() => note = Fit(epochs: 1, callbacks).FilesNote, interrupted ? Throws.TypeOf<InvalidOperationException>() : Throws.Nothing);

        Assert.That(File.ReadAllLines(file), Has.Length.EqualTo(2));
        Assert.That(note, interrupted ? Is.Empty : Is.Null);
    }

    [Test]
    public void Fit_CsvFileInUseToTheEnd_GivesTheModelAndTellsResultAndBar()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "log.csv");
        var text = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(text), Ansi = AnsiSupport.No, Interactive = InteractionSupport.No });

        var result = Fit(epochs: 3, Blocking(file, from: 1, to: 9), new CsvLogger(file), new ProgressBar(console, TimeProvider.System));

        Assert.That(result.History.Epochs, Has.Length.EqualTo(3));
        Assert.That(result.FilesNote, Does.StartWith($"Cannot write '{file}': "));
        Assert.That(result.ToString(), Does.Contain($". Note: {result.FilesNote}"));
        string[] told = [.. text.ToString().Split(Environment.NewLine).Where(line => line.Contains("Cannot write", StringComparison.Ordinal))];
        Assert.That(told, Is.EqualTo(new[] { $"Warning: {result.FilesNote} It is tried again after each epoch.", $"Warning: {result.FilesNote}" }), "when it happens, once, and at the end");
    }

    [Test]
    public void Fit_BestModelsFileInUseWhenItIsFound_WritesThatModelAfterALaterEpoch([Values("best.onnx", "best.keras")] string name)
    {
        string file = Path.Combine(TestFiles.NewFolder(), name);
        var checkpoint = new ModelCheckpoint(file);
        var context = ScriptedTraining.Context();
        checkpoint.OnTrainBegin(context);
        Directory.CreateDirectory(file);
        context.Epoch(.9, checkpoint);
        Assert.That(checkpoint.LastFile, Is.Null);
        Assert.That(context.FilesNote, Does.StartWith($"Cannot write '{file}': "));
        Directory.Delete(file);

        context.Epoch(.5, checkpoint); // no better: the file is still the first epoch's
        context.Files.Retry();

        var model = name == "best.onnx" ? CnnModel.LoadOnnx(file) : CnnModel.LoadKeras(file, context.Model.ClassNames);
        Assert.That(model.Mark(), Is.EqualTo(1));
        Assert.That((checkpoint.LastFile, context.FilesNote), Is.EqualTo((file, (string?)null)));
    }

    /// <summary>The checkpoint knew how good the model was, and not that its file was missing: no later epoch is better here, and the file never came.</summary>
    [Test]
    public void Fit_BestModelsFileMissingWhenInterrupted_IsWrittenWhenResumed([Values("best.onnx", "best_{epoch}.onnx")] string name, [Values(1, 3)] int epochs)
    {
        string folder = TestFiles.NewFolder(), pattern = Path.Combine(folder, name), file = pattern.Replace("{epoch}", "1", StringComparison.Ordinal);
        using var source = new CancellationTokenSource();
        var blocking = Blocking(file, from: 1, to: 9);
        var checkpoint = new ModelCheckpoint(pattern, "loss", mode: MonitorMode.Max); // the first epoch's is the highest
        var options = new TrainerOptions { Epoch = epochs, WorkspacePath = folder, Resume = true, Callbacks = [blocking, checkpoint, new Recorder { OnEpoch = (_, _) => source.Cancel() }] };
        try
        {
            FakeTrainer.Create(options).Fit(Images, cancellationToken: source.Token);
        }
        catch (OperationCanceledException) when (epochs > 1)
        {
        }

        Directory.Delete(file);
        var result = FakeTrainer.Create(options with { Callbacks = [checkpoint] }).Fit(Images);

        var model = CnnModel.LoadOnnx(file);
        Assert.That(result.History.Epochs, Has.Length.EqualTo(epochs));
        Assert.That((model.Metadata.Epoch, checkpoint.LastFile, result.FilesNote), Is.EqualTo((1, file, (string?)null)));
    }

    /// <summary>A job that went on, and had nothing better to write, was told that it has no file.</summary>
    [TestCase("best.onnx", true, "best.onnx")]
    [TestCase("best_{epoch}.onnx", true, "best_1.onnx")]
    [TestCase("m_{epoch}.onnx", false, "m_3.onnx")]
    public void LastFile_TrainingThatWentOn_IsTheOneWrittenBefore(string name, bool saveBestOnly, string expected)
    {
        string folder = TestFiles.NewFolder();
        TrainerOptions Options(ModelCheckpoint checkpoint) => new() { Epoch = 3, WorkspacePath = folder, Resume = true, Callbacks = [checkpoint] };
        ModelCheckpoint Checkpoint(string name) => new(Path.Combine(folder, name), "loss", saveBestOnly, MonitorMode.Max); // the first epoch's loss is the highest
        ModelCheckpoint before = Checkpoint(name), after = Checkpoint(name), elsewhere = Checkpoint("other_" + name);
        FakeTrainer.Create(Options(before)).Fit(Images);

        FakeTrainer.Create(Options(after)).Fit(Images);
        FakeTrainer.Create(Options(elsewhere)).Fit(Images);

        Assert.That(before.LastFile, Is.EqualTo(Path.Combine(folder, expected)));
        Assert.That(after.LastFile, Is.EqualTo(before.LastFile));
        Assert.That(elsewhere.LastFile, Is.Null, "no such file was written");
    }

    /// <summary>The file comes with its own epoch's Adam and learning rate, as if it had been written then; the checkpoint kept neither, and it never came.</summary>
    [Test]
    public void Fit_BestKerasFileMissingWhenInterrupted_IsThatOfATrainingNeverInterrupted([Values("best.keras", "best.h5", "best.weights.h5")] string name)
    {
        string folder = TestFiles.NewFolder(), file = Path.Combine(folder, name), whole = Path.Combine(TestFiles.NewFolder(), name);
        using var source = new CancellationTokenSource();
        TrainerOptions Options(string path, params Callback[] others) => new()
        {
            Epoch = 4,
            WorkspacePath = Path.GetDirectoryName(path),
            Resume = true,
            Callbacks = [.. others, new ModelCheckpoint(path, "loss", mode: MonitorMode.Max), new Recorder { OnEpoch = (context, log) => context.LearningRate = 1e-3f / log.Epoch }], // the first epoch's loss is the highest
        };
        FakeTrainer.Create(Options(whole)).Fit(Images);
        Assert.That(
            () => FakeTrainer.Create(Options(file, Blocking(file, from: 1, to: 9), new Recorder { OnEpoch = (_, log) => Cancel(log) })).Fit(Images, cancellationToken: source.Token),
            Throws.InstanceOf<OperationCanceledException>());

        Directory.Delete(file);
        var result = FakeTrainer.Create(Options(file)).Fit(Images);

        Assert.That(result.FilesNote, Is.Null);
        Assert.That(File.ReadAllBytes(file), Is.EqualTo(File.ReadAllBytes(whole)));

        void Cancel(EpochLog log)
        {
            if (log.Epoch == 2)
            {
                source.Cancel();
            }
        }
    }

    /// <summary>Callbacks are known by their words, which do not tell the file: the first of two got what the second had to write, and that file never came, without a note.</summary>
    [Test]
    public void Fit_FileOfTheSecondOfTwoAlikeMissingWhenInterrupted_IsWrittenWhenResumed()
    {
        string folder = TestFiles.NewFolder(), first = Path.Combine(folder, "first_1.onnx"), second = Path.Combine(folder, "second_1.keras");
        TrainerOptions Options(params Callback[] others) => new()
        {
            Epoch = 1,
            WorkspacePath = folder,
            Resume = true,
            Callbacks = [.. others, .. new[] { "first_{epoch}.onnx", "second_{epoch}.keras" }.Select(name => new ModelCheckpoint(Path.Combine(folder, name), saveBestOnly: false))],
        };
        FakeTrainer.Create(Options(Blocking(second, from: 1, to: 9))).Fit(Images);
        Directory.Delete(second);
        File.Delete(first); // as a program does that has taken it elsewhere

        var result = FakeTrainer.Create(Options()).Fit(Images);

        Assert.That((File.Exists(first), File.Exists(second), result.FilesNote), Is.EqualTo((false, true, (string?)null)));
        Assert.That(KerasFile.Load(second, Images.ClassNames).State?.Step, Is.EqualTo(2));
    }

    /// <summary>Windows' dialogs that choose files change the current folder, also while another thread trains: the best model went elsewhere, beside no lock, and an old one stayed.</summary>
    [Test]
    public void Fit_CurrentFolderChangesMeanwhile_FilesLieWhereTheTrainingBegan()
    {
        string before = Directory.GetCurrentDirectory(), folder = TestFiles.NewFolder(), other = TestFiles.NewFolder();
        var checkpoint = new ModelCheckpoint("models/m{epoch}.onnx", saveBestOnly: false);
        var elsewhere = new Recorder { OnEpoch = (_, _) => Directory.SetCurrentDirectory(other) };
        try
        {
            Directory.SetCurrentDirectory(folder);
            FakeTrainer.Create(new TrainerOptions { Epoch = 2, WorkspacePath = "work", Callbacks = [elsewhere, checkpoint, new CsvLogger("log.csv")] }).Fit(Images);
        }
        finally
        {
            Directory.SetCurrentDirectory(before);
        }

        Assert.That(Directory.EnumerateFileSystemEntries(other), Is.Empty);
        Assert.That(
            Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file)),
            Is.EquivalentTo(new[] { "log.csv", Path.Combine("models", "m1.onnx"), Path.Combine("models", "m2.onnx"), Path.Combine("work", "training.checkpoint") }));
        Assert.That(checkpoint.LastFile, Does.EndWith("m2.onnx").And.Exist);
    }

    [Test]
    public void Fit_FilesOfSeveralEpochsMissing_SaysHowMany()
    {
        string folder = TestFiles.NewFolder();
        var checkpoint = new ModelCheckpoint(Path.Combine(folder, "m{epoch}.onnx"), saveBestOnly: false);
        var context = ScriptedTraining.Context();
        checkpoint.OnTrainBegin(context);
        foreach (int epoch in new[] { 1, 2 })
        {
            Directory.CreateDirectory(Path.Combine(folder, $"m{epoch}.onnx"));
        }

        context.Epoch(.1, checkpoint);
        context.Epoch(.2, checkpoint);
        context.Epoch(.3, checkpoint);

        Assert.That(context.FilesNote, Does.StartWith("Cannot write ").And.Contain("m1.onnx").And.EndsWith(" 2 files of epochs are missing in all."));
        Assert.That(File.Exists(Path.Combine(folder, "m3.onnx")), Is.True);
    }

    /// <summary>What a later epoch's file stands for is not missing: the best model's whichever its name, every epoch's under the same one.</summary>
    [TestCase("best_{epoch}.onnx", true)]
    [TestCase("last.onnx", false)]
    public void OnEpochEnd_FileInUseThatALaterEpochReplaces_IsMissingNoMore(string name, bool saveBestOnly)
    {
        string folder = TestFiles.NewFolder(), first = Path.Combine(folder, name.Replace("{epoch}", "1", StringComparison.Ordinal));
        var checkpoint = new ModelCheckpoint(Path.Combine(folder, name), saveBestOnly: saveBestOnly);
        var context = ScriptedTraining.Context();
        checkpoint.OnTrainBegin(context);
        Directory.CreateDirectory(first);
        context.Epoch(.1, checkpoint);
        Assert.That(context.FilesNote, Is.Not.Null);
        Directory.Delete(first);

        context.Epoch(.2, checkpoint);

        Assert.That(context.FilesNote, Is.Null);
        Assert.That(CnnModel.LoadOnnx(checkpoint.LastFile!).Mark(), Is.EqualTo(2));
    }

    [Test]
    public void OnTrainBegin_FileOfAFormerTrainingMissing_IsNotKeptForThisOne()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "best.onnx");
        var checkpoint = new ModelCheckpoint(file);
        var former = ScriptedTraining.Context();
        checkpoint.OnTrainBegin(former);
        Directory.CreateDirectory(file);
        former.Epoch(.9, checkpoint);
        Directory.Delete(file);

        checkpoint.OnTrainBegin(ScriptedTraining.Context());
        var state = new CallbackState();
        checkpoint.SaveState(state);

        Assert.That(state.IsEmpty, Is.True);
    }

    [Test]
    public void Fit_CallbackThatFailsForAnotherReason_EndsTheTraining() =>
        Assert.That(
            () => Fit(epochs: 2, new Recorder { OnEpoch = (_, _) => throw new Cifar3Exception("a fault of its own", new InvalidOperationException()) }),
            Throws.TypeOf<Cifar3Exception>().With.Message.EqualTo("a fault of its own"));

    private static TrainingResult Fit(int epochs, params Callback[] callbacks) =>
        FakeTrainer.Create(new TrainerOptions { Epoch = epochs, Callbacks = callbacks }).Fit(Images);

    /// <summary>Puts a folder in a file's place at the end of an epoch, and takes it away at the end of another; writes down what is told of each epoch at the next one's begin.</summary>
    private static Recorder Blocking(string file, int from, int to, List<string?>? notes = null) => new()
    {
        OnEpoch = (context, log) =>
        {
            notes?.Add(context.FilesNote);
            if (log.Epoch == from)
            {
                Directory.CreateDirectory(file);
            }
            else if (log.Epoch == to)
            {
                Directory.Delete(file);
            }
        },
    };
}

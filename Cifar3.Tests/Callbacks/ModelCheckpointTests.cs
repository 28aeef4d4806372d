using Cifar3.Training;

namespace Cifar3.Tests;

public sealed class ModelCheckpointTests
{
    [Test]
    public void OnEpochEnd_SaveBestOnly_SavesOnlyImprovements()
    {
        var saved = new List<(int Epoch, string File)>();
        var checkpoint = Create("model_{epoch:02d}_{val_accuracy:.2f}", saveBestOnly: true, saved);

        ScriptedTraining.Context().Run([.5, .4, .45, .6, .6, .7], checkpoint); // .45 is better than the epoch before, not than the best

        Assert.That(saved, Is.EqualTo(new[] { (1, "model_01_0.50"), (4, "model_04_0.60"), (6, "model_06_0.70") }));
        Assert.That(Path.GetFileName(checkpoint.LastFile), Is.EqualTo("model_06_0.70"));
    }

    [Test]
    public void OnEpochEnd_EveryEpoch_SavesEach()
    {
        var saved = new List<(int Epoch, string File)>();

        ScriptedTraining.Context().Run([.5, .4, .6], Create("m{epoch}", saveBestOnly: false, saved));

        Assert.That(saved.Select(s => s.File), Is.EqualTo(new[] { "m1", "m2", "m3" }));
    }

    [Test]
    public void OnTrainBegin_SecondTraining_ForgetsTheFirstsBest()
    {
        var saved = new List<(int Epoch, string File)>();
        var checkpoint = Create("m{epoch}", saveBestOnly: true, saved);
        ScriptedTraining.Context().Run([.9], checkpoint);

        ScriptedTraining.Context().Run([.5], checkpoint);

        Assert.That(saved, Has.Count.EqualTo(2));
        checkpoint.OnTrainBegin(ScriptedTraining.Context());
        Assert.That(checkpoint.LastFile, Is.Null, "this training has written none");
    }

    [Test]
    public void RestoreState_AfterInterruption_KnowsTheBest()
    {
        var saved = new List<(int Epoch, string File)>();
        var before = Create("m{epoch}", saveBestOnly: true, saved);
        ScriptedTraining.Context().Run([.9], before);
        var state = new CallbackState();
        before.SaveState(state);
        var after = Create("m{epoch}", saveBestOnly: true, saved);
        var context = ScriptedTraining.Context();
        after.OnTrainBegin(context);

        after.RestoreState(state);
        context.Epoch(.8, after);

        Assert.That(saved, Has.Count.EqualTo(1));
    }

    [Test]
    public void OnTrainBegin_FolderIsAFile_FailsBeforeTheFirstEpoch()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "file");
        File.WriteAllText(file, "");
        var checkpoint = new ModelCheckpoint(Path.Combine(file, "m.onnx"), "val_accuracy", true, MonitorMode.Auto, (_, _) => { });

        Assert.That(() => checkpoint.OnTrainBegin(ScriptedTraining.Context()), Throws.TypeOf<Cifar3Exception>().With.Message.StartsWith("Cannot write '").And.Message.EndsWith("is a file, not a folder. Name another one."));
    }

    /// <summary>A folder named <c>run_{epoch:02d}</c> was made beside them, which Windows refuses.</summary>
    [Test]
    public void OnEpochEnd_PlaceholdersInTheFolder_MakeItsFoldersAlone()
    {
        string folder = TestFiles.NewFolder();

        ScriptedTraining.Context().Run(
            [.5, .6],
            new ModelCheckpoint(Path.Combine(folder, "runs", "run_{epoch:02d}", "{val_accuracy:.2f}.onnx")),
            new ModelCheckpoint(Path.Combine(folder, "{{a}}", "best.onnx")));

        Assert.That(
            Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file).Replace('\\', '/')),
            Is.EquivalentTo(new[] { "runs/run_01/0.50.onnx", "runs/run_02/0.60.onnx", "{a}/best.onnx" }));
        Assert.That(Directory.GetDirectories(folder, "*", SearchOption.AllDirectories).Select(Path.GetFileName), Is.EquivalentTo(new[] { "runs", "run_01", "run_02", "{a}" }));
    }

    [Test]
    public void OnEpochEnd_PublishedPattern_WritesAnOnnxFileOfThatEpoch()
    {
        string folder = TestFiles.NewFolder();

        ScriptedTraining.Context().Run([.5, .88, .7], new ModelCheckpoint(Path.Combine(folder, "new", "model_{val_accuracy:.3f}.onnx")));

        var files = Directory.GetFiles(Path.Combine(folder, "new")).Select(Path.GetFileName);
        var best = CnnModel.LoadOnnx(Path.Combine(folder, "new", "model_0.880.onnx"));
        Assert.That(files, Is.EquivalentTo(new[] { "model_0.500.onnx", "model_0.880.onnx" }));
        Assert.That((best.Mark(), best.Metadata.Epoch, best.Metadata.ValAccuracy), Is.EqualTo((2, 2, .88)));
    }

    [Test]
    public void Constructor_ControlCharactersInTheName_AreEscaped()
    {
        Assert.That(() => new ModelCheckpoint("a\u001b[31m.pt"), Throws.ArgumentException.With.Message.Contains(@"'a\u001B[31m.pt'"));
        Assert.That(() => new ModelCheckpoint("a\u001b[31m{epohc\u001b[31m}.onnx"), Throws.ArgumentException.With.Message.Contains(@"'{epohc\u001B[31m}' in the file name 'a\u001B[31m{epohc\u001B[31m}.onnx'"));
        Assert.That(() => new ModelCheckpoint("a\u001b[31m{val_loss}.onnx", saveBestOnly: false).OnTrainBegin(ScriptedTraining.Context(validation: false)), Throws.TypeOf<Cifar3Exception>().With.Message.Contains(@"'a\u001B[31m{val_loss}.onnx'"));
    }

    [Test]
    public void Constructor_OtherFileType_SaysWhatItWrites() =>
        Assert.That(() => new ModelCheckpoint("model.pt"), Throws.ArgumentException.With.Message.Contains("'model.pt'").And.Message.Contains("'.onnx', '.keras', '.h5'"));

    [TestCase("model_{val_accuracy:.3f}.keras")]
    [TestCase("model_{val_accuracy:.3f}.h5")]
    [TestCase("model_{val_accuracy:.3f}.weights.h5")]
    public void OnEpochEnd_KerasName_WritesAKerasFileWithAdamsState(string pattern)
    {
        string folder = TestFiles.NewFolder();
        var context = ScriptedTraining.Context();
        context.LearningRate = 2e-4f;

        context.Run([.5, .88, .7], new ModelCheckpoint(Path.Combine(folder, pattern)));

        var best = KerasFile.Load(Path.Combine(folder, pattern.Replace("{val_accuracy:.3f}", "0.880", StringComparison.Ordinal)));
        Assert.That(Directory.GetFiles(folder), Has.Length.EqualTo(2));
        Assert.That((best.Model.Mark(), best.Model.Metadata.Epoch, best.Model.Metadata.ValAccuracy), Is.EqualTo((2, 2, .88)));
        Assert.That(best.State, Is.Not.Null);
        Assert.That(best.LearningRate, Is.EqualTo(2e-4).Within(1e-9));
    }

    private static ModelCheckpoint Create(string pattern, bool saveBestOnly, List<(int Epoch, string File)> saved) =>
        new(Path.Combine(TestFiles.NewFolder(), pattern), "val_accuracy", saveBestOnly, MonitorMode.Auto, (model, file) => saved.Add((model.Mark(), Path.GetFileName(file))));
}

using System.Numerics.Tensors;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>What <c>cifar3 train</c> does with options and pictures that cannot mean what was meant, and with folders that are in use.</summary>
public sealed class ToolTrainTests
{
    /// <summary>The folder's former model goes to previous.onnx: a model that is read from there would be lost.</summary>
    [TestCase("previous.onnx")]
    [TestCase("last.onnx")]
    public void Train_FromAModelThatTheFolderLoses_IsRefused(string file)
    {
        string run = TestFiles.NewFolder(), model = Path.Combine(run, file);
        CnnModel.Create(["nut", "screw"], seed: 1, filters: [2, 2, 2]).SaveOnnx(model);
        byte[] before = File.ReadAllBytes(model);

        var (exitCode, _, error) = ToolProcess.Run("train", PictureFolders.Write(("nut", 12), ("screw", 12)), "--out", run, "--epochs", "1", "--engine", "Managed", "--init-from", model);

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(error, Does.Contain("it would be lost"));
        Assert.That(File.ReadAllBytes(model), Is.EqualTo(before));
    }

    [Test]
    public void Train_ResumeWithNothingToResume_BeginsARun()
    {
        string run = NewRun();

        ToolProcess.Must("train", PictureFolders.Write(("nut", 12), ("screw", 12)), "--out", run, "--epochs", "1", "--engine", "Managed", "--resume");

        Assert.That(File.Exists(Path.Combine(run, "run.json")));
        Assert.That(RunFolder.Open(run).DataPath, Is.Not.Null);
    }

    /// <summary>They are placeholders in the file names of <c>ModelCheckpoint</c>, and a folder's name here.</summary>
    [Test]
    public void Train_BracesInTheFoldersName_AreTakenAsTheyAre()
    {
        string parent = TestFiles.NewFolder(), run = Path.Combine(parent, "run {1}");

        ToolProcess.Must("train", PictureFolders.Write(("nut", 12), ("screw", 12)), "--out", run, "--epochs", "1", "--engine", "Managed");

        Assert.That(Path.Combine(run, "model.onnx"), Does.Exist);
        Assert.That(Directory.GetDirectories(parent), Is.EqualTo([run]));
    }

    /// <summary>A disk full at the first checkpoint, or a kill before it, leaves the model alone; a kill before the first epoch the record alone.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void Train_ResumeWithoutACheckpoint_SaysThatItBeginsAnewAndNamesOnlyWhatIsKept(bool hasModel)
    {
        string run = NewRun();
        RunFolder.Begin(run);
        if (hasModel)
        {
            CnnModel.Create(["nut", "screw"], seed: 1, filters: [2, 2, 2]).SaveOnnx(Path.Combine(run, "model.onnx"));
        }

        string error = ToolProcess.Must("train", PictureFolders.Write(("nut", 12), ("screw", 12)), "--out", run, "--epochs", "1", "--engine", "Managed", "--resume").Error;

        Assert.That(error, hasModel
            ? Does.Contain($"Note: '{run}' holds no training.checkpoint to go on from: this training begins anew, and the model of the former one is kept as interrupted.onnx.")
            : Does.Not.Contain("former").And.Not.Contain("interrupted.onnx"));
        Assert.That(File.Exists(Path.Combine(run, "interrupted.onnx")), Is.EqualTo(hasModel));
    }

    /// <summary>The disk takes the first checkpoint, and no second beside it.</summary>
    [Test]
    public void Train_DiskFullAtASecondEpoch_SaysHowToGoOn()
    {
        using var disk = SmallDisk.Mount(9_000);
        string run = Path.Combine(disk.Path, "run");
        string[] command = ["train", PictureFolders.Write(("nut", 12), ("screw", 12)), "--out", run, "--epochs", "2", "--engine", "Managed"];

        string error = ToolProcess.MustFail(command).Split('\n')[^1];

        Assert.That(error, Does.StartWith($"Error: Cannot write '{Path.Combine(run, "training.checkpoint")}': ").And.EndsWith(" Free disk space. What was trained until the epoch before is kept. Add --resume to go on."));
        Assert.That(Directory.GetFiles(run, ".cifar3-*"), Is.Empty);
    }

    /// <summary>A former training's checkpoint, from before the clock was set back, was taken for one of this training.</summary>
    [Test]
    public void Train_DiskFullAtTheFirstEpoch_DoesNotSayThatAnEpochIsKept()
    {
        using var disk = SmallDisk.Mount(4_000);
        string run = Path.Combine(disk.Path, "run"), checkpoint = Path.Combine(run, "training.checkpoint");
        Directory.CreateDirectory(run);
        File.WriteAllText(checkpoint, "a former training's");
        File.SetLastWriteTimeUtc(checkpoint, DateTime.UtcNow.AddDays(1));

        string error = ToolProcess.MustFail("train", PictureFolders.Write(("nut", 12), ("screw", 12)), "--out", run, "--epochs", "2", "--engine", "Managed").Split('\n')[^1];

        Assert.That(error, Does.StartWith($"Error: Cannot write '{checkpoint}': ").And.EndsWith(" Free disk space."));
    }

    [TestCase("auto")]
    [TestCase("best")]
    public void Train_PatienceUnderAScheduleThatEndsLow_IsRefusedWithTheRemedy(string recipe) =>
        Assert.That(ToolProcess.MustFail("train", "nowhere", "--recipe", recipe, "--patience", "3"), Does.Contain($"--patience cannot end a training with the recipe '{recipe}'").And.Contain("--recipe keras"));

    [TestCase("run", "it is a file, not a folder. Name another one.")]
    [TestCase("run/first", "is a file, not a folder. Name another one.")]
    public void Train_IntoAFile_IsRefusedBeforeThePicturesAreRead(string name, string problem)
    {
        string folder = TestFiles.NewFolder(), file = Path.Combine(folder, "run"), run = Path.Combine(folder, name);
        File.WriteAllText(file, "kept");

        Assert.That(ToolProcess.MustFail("train", "nowhere", "--out", run), Does.StartWith($"Error: Cannot write '{run}': ").And.EndsWith(problem));
        Assert.That(File.ReadAllText(file), Is.EqualTo("kept"));
    }

    [Test]
    public void Train_PicturesThatAreNotThere_LeavesNoFolder()
    {
        string run = NewRun();

        Assert.That(ToolProcess.MustFail("train", "nowhere", "--out", run), Does.Contain("There is no file or folder").And.Contain("nowhere"));
        Assert.That(Directory.Exists(run), Is.False);
    }

    /// <summary>As where a program on Windows holds the file. A folder of that name comes while the training runs.</summary>
    [Test]
    public void Train_ReportThatCannotBeWritten_SaysThatTheModelIsKept()
    {
        string run = NewRun(), model = Path.Combine(run, "model.onnx"), report = Path.Combine(run, "report.html");
        using var stop = new CancellationTokenSource();
        var inTheWay = Task.Run(() =>
        {
            while (!File.Exists(model) && !stop.IsCancellationRequested)
            {
                Thread.Sleep(2);
            }

            Directory.CreateDirectory(report);
        });

        string error = ToolProcess.Run("train", PictureFolders.Write(("nut", 40), ("screw", 40)), "--out", run, "--epochs", "6", "--engine", "Managed").Error;

        stop.Cancel();
        inTheWay.Wait();
        Assert.That(error, Does.Contain($"Error: Cannot write '{report}': it is a folder, not a file.").And.Contain($"The training has ended and its best model is kept: {model}. 'cifar3 report {run}' writes the report."));
        Directory.Delete(report);
        Assert.That(ToolProcess.Must("report", run).Output, Does.Contain(report));
    }

    [Test]
    public void Train_FormerReportThatCannotBeRemoved_SaysSoAndKeepsTheFormerModel()
    {
        string run = NewRun(), model = Path.Combine(run, "model.onnx"), report = Path.Combine(run, "report.html");
        CnnModel.Create(["nut", "screw"], seed: 1, filters: [2, 2, 2]).SaveOnnx(model);
        Directory.CreateDirectory(report);

        string error = ToolProcess.MustFail("train", PictureFolders.Write(("nut", 12), ("screw", 12)), "--out", run, "--epochs", "1", "--engine", "Managed");

        Assert.That(error, Does.StartWith($"Error: Cannot remove the former training's report '{report}': ").And.EndWith("or name another folder by --out."));
        Assert.That(File.Exists(model));
    }

    [Test]
    public void Train_OnOnePicture_AsksForTheFolder()
    {
        string picture = Path.Combine(PictureFolders.Write(("nut", 1)), "nut", "0000.png");

        Assert.That(ToolProcess.MustFail("train", picture), Does.Contain($"'{picture}' is one picture. Expected a folder of pictures").And.EndWith("Name the folder."));
    }

    [TestCase("balanced", true)]
    [TestCase("none", false)]
    public void Train_ClassWeights_AreTheTrainings(string weights, bool balanced)
    {
        string run = NewRun();

        ToolProcess.Must("train", PictureFolders.Write(("nut", 20), ("screw", 8)), "--out", run, "--epochs", "1", "--engine", "Managed", "--class-weights", weights);

        var result = RunFolder.Open(run).Result;
        Assert.That((result.Recipe.Contains("class weights balanced", StringComparison.Ordinal), result.History.Metrics.Contains("val_weighted_accuracy")), Is.EqualTo((balanced, balanced)));
        Assert.That(File.ReadLines(Path.Combine(run, "training.csv")).First().Contains("val_weighted_accuracy", StringComparison.Ordinal), Is.EqualTo(balanced));
    }

    [Test]
    public void Train_NegativePatience_IsRefused() =>
        Assert.That(ToolProcess.MustFail("train", "nowhere", "--recipe", "keras", "--patience", "-1"), Does.Contain("--patience is a number of epochs, 0 or more. Received: -1."));

    [TestCase("0,3")]
    [TestCase("3")]
    [TestCase("1")]
    [TestCase("0")]
    [TestCase("-0.2")]
    [TestCase("1e-1")]
    public void Train_TestFractionThatIsNoShare_IsRefused(string fraction)
    {
        var (exitCode, _, error) = ToolProcess.Run("train", PictureFolders.Write(("nut", 12), ("screw", 12)), "--epochs", "1", "--test-fraction", fraction);

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(error, Does.Contain($"--test-fraction is a share above 0 and below 1, written with a point, such as 0.2. Received: '{fraction}'."));
    }

    [Test]
    public void Train_TestFraction_IsTaken() =>
        Assert.That(ToolProcess.Must("train", PictureFolders.Write(("nut", 12), ("screw", 12)), "--out", NewRun(), "--epochs", "1", "--engine", "Managed", "--test-fraction", "0.5").Output, Does.Contain("10 training, 2 validation and 12 test pictures").And.Contain("Classes: 'nut', 'screw'"));

    [Test]
    public void Train_TwoPicturesAClass_SaysHowManyAreNeeded() =>
        Assert.That(
            ToolProcess.MustFail("train", PictureFolders.Write(("nut", 2), ("screw", 2)), "--out", NewRun(), "--engine", "Managed"),
            Does.Contain("too few pictures to choose the best epoch by, once some are set aside for testing: no class has more than one left. Give a class at least 3 pictures"));

    [Test]
    public void Train_RunFolderAmongTheClasses_IsNoClassOfTheNextTraining()
    {
        string data = PictureFolders.Write(("nut", 12), ("screw", 12)), run = Path.Combine(data, "cifar3-run");

        ToolProcess.Must("train", data, "--out", run, "--epochs", "1", "--engine", "Managed");
        var (output, error) = ToolProcess.Must("train", data, "--out", run, "--epochs", "1", "--engine", "Managed");

        Assert.That(output, Does.Contain("pictures of 2 classes").And.Contain("left out: 1 folder that a training left"));
        Assert.That(error, Does.Contain($"Note: '{run}' holds a former training, which this one replaces;"));
    }

    /// <summary>One epoch leaves a kernel as it began, nearly: whose it is tells where the training began.</summary>
    [TestCase("nut", true, null, "Goes on from the model inside, with a last layer of its own: fewer than 200 training pictures a class (--init-from default; --init-from new begins with new weights)")]
    [TestCase("nut", false, null, null, "--init-from", "new")]
    [TestCase("nut", false, "Note: With fewer than 200 training pictures a class, a start from a trained model is mostly better: --init-from default.", null, "--recipe", "fast")]
    [TestCase("Airplane", false, "--init-from default. It has learnt CIFAR-10's aeroplanes, cars and birds: measured on those, it is right by heart.", null)]
    public void Train_FewPictures_GoesOnFromTheModelInsideUnlessItMayKnowThem(string first, bool goesOn, string? hint, string? line, params string[] options)
    {
        string run = NewRun();

        var (output, error) = ToolProcess.Must(["train", PictureFolders.Write((first, 12), ("screw", 12)), "--out", run, "--epochs", "1", "--engine", "Managed", .. options]);

        var model = CnnModel.LoadOnnx(Path.Combine(run, "model.onnx"));
        float alike = TensorPrimitives.CosineSimilarity(model["conv2d_5/kernel"].Values, CnnModel.LoadDefault()["conv2d_5/kernel"].Values);
        Assert.That(alike, goesOn ? Is.GreaterThan(.9) : Is.LessThan(.2));
        Assert.That(model.Metadata.TrainedOn, goesOn ? Does.EndWith(", going on from the model inside the library") : Does.Not.Contain("going on"));
        Assert.That(error, hint is null ? Does.Not.Contain("is mostly better") : Does.Contain(hint));
        Assert.That(output, line is null ? Does.Not.Contain("Goes on from") : Does.Contain(line));
    }

    [Test]
    public void Train_NewFolder_SaysNothingOfAFormerTraining() =>
        Assert.That(ToolProcess.Must("train", PictureFolders.Write(("nut", 12), ("screw", 12)), "--out", NewRun(), "--epochs", "1", "--engine", "Managed").Error, Does.Not.Contain("former training"));

    [Test]
    public void Train_PictureThatCannotBeRead_EndsItOrIsNamedAndLeftOut()
    {
        string data = PictureFolders.Write(("nut", 12), ("screw", 12)), bad = Path.Combine(data, "nut", "bad.png"), run = NewRun();
        File.WriteAllText(bad, "no picture");

        string refusal = ToolProcess.MustFail("train", data, "--out", run, "--epochs", "1", "--engine", "Managed");
        var (output, error) = ToolProcess.Must("train", data, "--out", run, "--epochs", "1", "--engine", "Managed", "--skip-bad");
        string report = ToolProcess.Must("report", run).Error;

        Assert.That(refusal, Does.Contain($"Cannot read image '{bad}'").And.EndWith("--skip-bad leaves out what cannot be read."));
        Assert.That(error, Does.Contain($"Cannot read image '{bad}'"));
        Assert.That(output, Does.Contain("1 picture that cannot be decoded"));
        Assert.That(report, Does.Contain($"Cannot read image '{bad}'"), "its pictures are those of the training");
    }

    [Test]
    public void Train_StoppedAgainAfterResume_SaysWhatIsKept()
    {
        string data = PictureFolders.Write(("nut", 150), ("screw", 150)), run = NewRun(); // an epoch takes longer than a signal
        string[] command = ["train", data, "--out", run, "--epochs", "2000", "--recipe", "keras", "--engine", "Managed"];
        var first = ToolProcess.Interrupt(() => File.Exists(Path.Combine(run, "training.checkpoint")), command);

        var second = ToolProcess.Interrupt(() => File.Exists(Path.Combine(run, "training.lock")), [.. command, "--resume"]);

        Assert.That(first.ExitCode, Is.EqualTo(130), first.Error);
        Assert.That(first.Error, Does.Contain($"Stopped. The best model so far is kept: {Path.Combine(run, "model.onnx")}. Add --resume to go on."));
        Assert.That(second.ExitCode, Is.EqualTo(130), second.Error);
        Assert.That(second.Error, Does.Contain($"Stopped. The best model so far is kept: {Path.Combine(run, "model.onnx")}. Give the same command to go on."));
        Assert.That(ToolProcess.Run([.. command, "--resume", "--init-from", "default"]).Error, Does.Contain("initial weights (--init-from): expected "));
    }

    /// <summary>Nothing is wrong with it: training again, as was advised, would throw a training away.</summary>
    [Test]
    public void Open_RecordOfAnotherVersion_SaysSo()
    {
        string run = NewRun();
        CnnModel.Create(["nut", "screw"], seed: 1, filters: [2, 2, 2]).SaveOnnx(Path.Combine(run, "model.onnx"));
        File.WriteAllText(Path.Combine(run, "run.json"), """{ "format": "cifar3-run 2", "engine": "Managed" }""");

        Assert.That(() => RunFolder.Open(run), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("another version of Cifar3 wrote it, which can read it. Expected the format 'cifar3-run 1', found 'cifar3-run 2'."));
    }

    /// <summary>The former model was renamed, protected or not, and the training after that replaced it.</summary>
    [TestCase("model.onnx")]
    [TestCase("previous.onnx")]
    public void Begin_FormerModelThatNobodyMayWrite_IsRefusedAndLeavesEverything(string name)
    {
        string run = NewRun(), path = Path.Combine(run, name), record = Path.Combine(run, "run.json");
        foreach (string model in new[] { "model.onnx", "previous.onnx" })
        {
            CnnModel.Create(["nut", "screw"], seed: model.Length, filters: [2, 2, 2]).SaveOnnx(Path.Combine(run, model));
        }

        byte[] before = File.ReadAllBytes(path);
        File.WriteAllText(record, "a finished training's");
        File.WriteAllText(Path.Combine(run, "last.onnx"), "a finished training's");
        File.SetAttributes(path, FileAttributes.ReadOnly);

        string refused = Assert.Throws<Cifar3Exception>(() => RunFolder.Begin(run))!.Message;

        Assert.That(refused, Is.EqualTo($"Cannot move the former training's models out of the way in '{run}': '{name}' is protected against writing. Remove them, or choose another folder."));
        Assert.That(File.ReadAllBytes(path), Is.EqualTo(before));
        Assert.That(File.ReadAllText(record), Is.EqualTo("a finished training's"), "it is still the folder's training");
        File.SetAttributes(path, FileAttributes.Normal);
    }

    /// <summary>Which pictures are set aside for testing depends on all that there are: with new ones among them, others are, that the model was trained on.</summary>
    [Test]
    public void Report_OfOtherPicturesThanTheTrainings_SaysThatTheyMayBeKnown()
    {
        const string Warning = "The training images are not those that the model was trained on";
        string data = PictureFolders.Write(("nut", 12), ("screw", 12)), run = NewRun(), report = Path.Combine(run, "report.html");
        ToolProcess.Must("train", data, "--out", run, "--epochs", "1", "--engine", "Managed");

        string same = ToolProcess.Must("report", run).Error, sameHtml = File.ReadAllText(report);
        PictureFolders.Add(Path.Combine(data, "nut"), 8, from: 12);
        string other = ToolProcess.Must("report", run).Error;

        Assert.That((same + sameHtml), Does.Not.Contain(Warning));
        Assert.That(other, Does.Contain($"Note: {Warning}"));
        Assert.That(File.ReadAllText(report), Does.Contain(Warning));
    }

    /// <summary>A training with other pictures that ended before its first epoch left its record, and the report told of those.</summary>
    [Test]
    public void Train_ResumedAfterAnotherTrainingFailedInTheFolder_HasItsRecordAgain()
    {
        string data = PictureFolders.Write(("nut", 150), ("screw", 150)), run = NewRun();
        string[] command = ["train", data, "--out", run, "--epochs", "2000", "--recipe", "keras", "--engine", "Managed"];
        ToolProcess.Interrupt(() => File.Exists(Path.Combine(run, "training.checkpoint")), command);
        RunFolder.Begin(run, "other pictures", .5);
        var written = File.GetLastWriteTimeUtc(Path.Combine(run, "training.checkpoint"));

        ToolProcess.Interrupt(() => File.GetLastWriteTimeUtc(Path.Combine(run, "training.checkpoint")) != written, [.. command, "--resume"]);

        Assert.That(File.ReadAllText(Path.Combine(run, "run.json")), Does.Contain(Path.GetFileName(data)).And.Not.Contain("other pictures").And.Not.Contain("0.5"));
    }

    /// <summary>The model that it goes on from lies elsewhere then, and another one in its place.</summary>
    [Test]
    public void Train_FromTheFoldersOwnModel_StoppedSaysHowToGoOn()
    {
        string data = PictureFolders.Write(("nut", 150), ("screw", 150)), run = NewRun(), model = Path.Combine(run, "model.onnx"), checkpoint = Path.Combine(run, "training.checkpoint");
        CnnModel.Create(["nut", "screw"], seed: 1, filters: [2, 2, 2]).SaveOnnx(model);
        string[] command = ["train", data, "--out", run, "--epochs", "2000", "--recipe", "keras", "--engine", "Managed"];

        var stopped = ToolProcess.Interrupt(() => File.Exists(checkpoint), [.. command, "--init-from", model]);
        var written = File.GetLastWriteTimeUtc(checkpoint);
        var again = ToolProcess.Interrupt(() => File.GetLastWriteTimeUtc(checkpoint) != written, [.. command, "--init-from", Path.Combine(run, "previous.onnx"), "--resume"]);

        Assert.That(stopped.Error, Does.Contain($"Add --resume to go on, with --init-from {Path.Combine(run, "previous.onnx")}, where the model that it began with is now."));
        Assert.That(again.Error, Does.Contain("Give the same command to go on."));
    }

    /// <summary>The path is none that was typed: the error said to check it.</summary>
    [Test]
    public void Report_PicturesThatHaveMoved_NamesTheOption()
    {
        string run = NewRun(), data = Path.Combine(TestFiles.NewFolder(), "moved");
        RunFolder.Begin(run, data);
        CnnModel.Create(["nut", "screw"], seed: 1, filters: [2, 2, 2]).SaveOnnx(Path.Combine(run, "model.onnx"));

        Assert.That(ToolProcess.MustFail("report", run), Is.EqualTo($"Error: The training's pictures are no longer at '{data}'. Give --data FOLDER, where they are now."));
    }

    private static string NewRun() => Path.Combine(TestFiles.NewFolder(), "run");
}

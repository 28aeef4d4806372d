using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Cifar3.Training;
using static Cifar3.Tests.TrainedTool;

namespace Cifar3.Tests;

/// <summary>The command <c>cifar3</c> from the outside, in the order in which a user comes to its subcommands.</summary>
public sealed class ToolTests
{
    [Test]
    public void Train_Pictures_LeavesModelReportAndRecord()
    {
        var (data, run, output) = Trained.Value;

        Assert.That(output, Does.Contain("36 training, 4 validation and 20 test pictures of 2 classes").And.Match(@"Best: epoch \d+, validation accuracy \d+\.\d %, test accuracy \d+\.\d %").And.Contain(Path.Combine(run, "report.html")));
        Assert.That(CnnModel.LoadOnnx(Path.Combine(run, "model.onnx")).ClassNames, Is.EqualTo(new[] { "nut", "screw" }));
        var found = RunFolder.Open(run);
        Assert.That(found.Result.History.Epochs, Has.Length.EqualTo(2));
        Assert.That(found.DataPath, Is.EqualTo(data));
        Assert.That(File.ReadAllText(Path.Combine(run, "report.html")), Does.Contain("Worst mistakes").And.Contain("screw"));
    }

    [Test]
    public void Report_OfARun_IsWrittenAnew()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "again.html");

        string output = Must("report", Trained.Value.Run, "--out", file);

        Assert.That(output.Trim(), Is.EqualTo(file));
        Assert.That(File.ReadAllText(file), Does.StartWith("<!DOCTYPE html>").And.Contain("chosen epoch"));
    }

    /// <summary>Below some width System.CommandLine breaks its lines for ever, or fails.</summary>
    [TestCase(1)]
    [TestCase(2)]
    public void Help_InANarrowTerminal_Ends(int columns)
    {
        const string terminals = "/usr/bin/script";
        Assume.That(!OperatingSystem.IsWindows() && File.Exists(terminals), "needs util-linux's script");
        string tool = Path.Combine(AppContext.BaseDirectory, "cifar3-tool.dll");
        using var process = Process.Start(new ProcessStartInfo("timeout", ["--kill-after=1", "60", terminals, "-qec", $"stty cols {columns}; '{DotnetCommand.Host}' '{tool}' train --help", "/dev/null"]) { RedirectStandardOutput = true, RedirectStandardInput = true })!;

        string output = process.StandardOutput.ReadToEnd();

        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("--epochs").And.Not.Contain("Exception"));
    }

    [Test]
    public void Evaluate_Folder_GivesTheFiguresOfTheLibrary()
    {
        var (data, run, _) = Trained.Value;

        using var json = JsonDocument.Parse(Must("evaluate", Path.Combine(run, "model.onnx"), data, "--json"));

        using var classifier = Cifar3Classifier.Load(Path.Combine(run, "model.onnx"));
        var expected = classifier.Evaluate(Cifar3Data.Load(data, new DataOptions { Classes = classifier.ClassNames }).Test);
        Assert.That(json.RootElement.GetProperty("accuracy").GetDouble(), Is.EqualTo(expected.Accuracy).Within(1e-9));
        Assert.That(json.RootElement.GetProperty("images").GetInt32(), Is.EqualTo(20));
    }

    [TestCase("Train", "Test")]
    [TestCase("training", "testing")]
    public void Evaluate_OtherNamesOfTheParts_ScoresTheTestPicturesAlone(string train, string test)
    {
        var (data, run, _) = Trained.Value;
        string folder = TestFiles.NewFolder();
        TestFiles.Link(Path.Combine(folder, train), Path.Combine(data, "train"));
        TestFiles.Link(Path.Combine(folder, test), Path.Combine(data, "test"));

        using var json = JsonDocument.Parse(Must("evaluate", Path.Combine(run, "model.onnx"), folder, "--json"));

        Assert.That(json.RootElement.GetProperty("images").GetInt32(), Is.EqualTo(20));
    }

    [Test]
    public void Evaluate_FoldersOfClassesAlone_ScoresAllPictures()
    {
        using var json = JsonDocument.Parse(Must("evaluate", Path.Combine(Trained.Value.Run, "model.onnx"), Path.Combine(Trained.Value.Data, "train"), "--json"));

        Assert.That(json.RootElement.GetProperty("images").GetInt32(), Is.EqualTo(40));
    }

    /// <summary>What README and report advise for the folder that the training had, of which train set a fifth aside and evaluate sets nothing.</summary>
    [Test]
    public void Evaluate_FolderThatTheTrainingHad_SaysThatTheModelHasLearntItsPictures()
    {
        string root = TestFiles.NewFolder(), data = PictureFolders.Write(("nut", 8), ("screw", 8)), run = Path.Combine(root, "run"), copy = Path.Combine(root, "copy");
        Must("train", data + Path.DirectorySeparatorChar, "--out", run, "--epochs", "1", "--engine", "Managed");
        TestFiles.Link(copy, data);

        var (_, same) = ToolProcess.Must("evaluate", Path.Combine(run, "model.onnx"), data, "--json");
        var (_, other) = ToolProcess.Must("evaluate", Path.Combine(run, "model.onnx"), copy, "--json");

        Assert.That(same, Does.Contain($"Note: The model was trained on pictures of '{data}', where nothing is set apart for testing: it has learnt most of these").And.Contain("report"));
        Assert.That(other, Does.Not.Contain("trained on"), "a path that the model does not name may hold other pictures");
        Assert.That(ToolProcess.Must("evaluate", Path.Combine(Trained.Value.Run, "model.onnx"), Trained.Value.Data, "--json").Error, Does.Not.Contain("trained on"), "it has a folder of test pictures");
    }

    [Test]
    public void Evaluate_OnePictureOfAClassAndNoneOfAnother_ScoresWhatIsThere()
    {
        string folder = PictureFolders.Write(("aeroplane", 1), ("bird", 3), ("zebra", 2));

        var (output, error) = ToolProcess.Must("evaluate", "default", folder, "--json");

        using var json = JsonDocument.Parse(output);
        Assert.That(json.RootElement.GetProperty("classes").EnumerateArray().Select(c => $"{c.GetProperty("name")} {c.GetProperty("support")}"), Is.EqualTo(new[] { "aeroplane 1", "car 0", "bird 3" }));
        Assert.That(json.RootElement.GetProperty("images").GetInt32(), Is.EqualTo(4));
        Assert.That(error, Does.Contain("Note: There are no pictures of 'car'").And.Contain("the model knows no such classes: 'zebra'"));
    }

    [Test]
    public void Evaluate_TestFolderWithFewerClassesThanTrain_ScoresItAlone()
    {
        string folder = PictureFolders.Write(("train/aeroplane", 3), ("train/bird", 3), ("train/car", 3), ("test/plane", 2));

        var (output, error) = ToolProcess.Must("evaluate", "default", folder, "--json");

        using var json = JsonDocument.Parse(output);
        Assert.That(json.RootElement.GetProperty("images").GetInt32(), Is.EqualTo(2));
        Assert.That(error, Does.Contain("no pictures of 'car', 'bird'"));
    }

    [Test]
    public void Evaluate_NoClassOfTheModel_SaysWhatWasFound()
    {
        string folder = PictureFolders.Write(("nut", 1), ("screw", 1));

        Assert.That(ToolProcess.MustFail("evaluate", "default", folder), Does.Contain("no image of the model's classes, 'aeroplane', 'car', 'bird'").And.Contain("nut/").And.Contain("Name a folder"));
    }

    [Test]
    public void Evaluate_PictureThatCannotBeRead_IsNamedAndLeftOutWhereAsked()
    {
        string folder = PictureFolders.Write(("aeroplane", 2), ("bird", 2)), bad = Path.Combine(folder, "bird", "bad.png");
        File.WriteAllText(bad, "no picture");

        string refusal = ToolProcess.MustFail("evaluate", "default", folder);
        var (output, error) = ToolProcess.Must("evaluate", "default", folder, "--skip-bad");

        Assert.That(refusal, Does.Contain(bad).And.EndWith("--skip-bad leaves out what cannot be read."));
        Assert.That(output, Does.StartWith("4 pictures"));
        Assert.That(error, Does.Contain($"Cannot read image '{bad}'"));
    }

    [Test]
    public void EvaluateAndInspect_ClassNameOfTwoLines_KeepTheirLines()
    {
        string folder = TestFiles.NewFolder(), model = Path.Combine(folder, "model.onnx"), data = Path.Combine(folder, "data");
        Assume.That(OperatingSystem.IsWindows(), Is.False, "Windows allows no such names.");
        CnnModel.Create(["nut\nbolt", "screw"], seed: 1, filters: [2, 2, 2]).SaveOnnx(model);
        foreach (string name in new[] { "nut\nbolt", "screw" })
        {
            Directory.CreateDirectory(Path.Combine(data, name));
            File.WriteAllBytes(Path.Combine(data, name, "1.png"), PictureFolders.Picture(1));
        }

        string evaluated = ToolProcess.Must("evaluate", model, data).Output, inspected = ToolProcess.Must("inspect", model).Output;

        Assert.That(evaluated, Does.Contain(@"nut\nbolt").And.Not.Contain("nut\n"));
        Assert.That(inspected, Does.Contain(@"classes: nut\nbolt, screw"));
    }

    /// <summary>A shell often stands in a folder that another program has made anew.</summary>
    [TestCase("export", "default", "--out", "x.onnx")]
    [TestCase("train", "pictures")]
    public void Run_CurrentFolderRemoved_SaysSo(params string[] arguments)
    {
        var (exitCode, error) = RunInARemovedFolder(arguments);

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(error, Does.StartWith("Error: ").And.Contain("The current folder was removed, or made anew: change to one that is there").And.Not.Contain('\n'));
    }

    /// <summary>What names no relative path needs no current folder.</summary>
    [Test]
    public void Doctor_CurrentFolderRemoved_GoesOn() => Assert.That(RunInARemovedFolder("doctor"), Is.EqualTo((0, "")));

    [TestCase("--help")]
    [TestCase("train", "--help")]
    [TestCase("--version")]
    public void Help_IntoAFullDisk_IsOneLine(params string[] arguments)
    {
        Assume.That(File.Exists("/dev/full"), "needs Linux' /dev/full");
        using var process = ToolProcess.Start(">/dev/full", TestFiles.NewFolder(), arguments);

        string error = process.StandardError.ReadToEnd();

        process.WaitForExit();
        Assert.That(process.ExitCode, Is.EqualTo(1));
        Assert.That(error.Trim(), Does.StartWith("Error: The program's output could not be written").And.Not.Contain('\n'));
    }

    [Test]
    public void Train_ValFolder_ChoosesTheModel()
    {
        string data = Trained.Value.Data, folder = TestFiles.NewFolder();
        TestFiles.Link(Path.Combine(folder, "train"), Path.Combine(data, "train"));
        TestFiles.Link(Path.Combine(folder, "val"), Path.Combine(data, "test"));
        TestFiles.Link(Path.Combine(folder, "test"), Path.Combine(data, "test"));

        Assert.That(Must("train", folder, "--out", Path.Combine(TestFiles.NewFolder(), "run"), "--epochs", "1"), Does.Contain("40 training, 20 validation and 20 test pictures"));
    }

    [Test]
    public void Train_FolderInUse_LeavesItsRecord()
    {
        string folder = TestFiles.NewFolder(), record = Path.Combine(folder, "run.json");
        File.WriteAllText(record, "another training's");
        using var taken = FileLock.TryTake(Path.Combine(folder, "training.lock"), "a test");

        var (exitCode, output) = Run("train", Trained.Value.Data, "--out", folder, "--epochs", "1");

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain("another training uses it"));
        Assert.That(File.ReadAllText(record), Is.EqualTo("another training's"));
    }

    [Test]
    public void Report_OfAnInterruptedRun_TakesItsPicturesOrNone()
    {
        var (data, run, _) = Trained.Value;
        string begun = TestFiles.NewFolder(), unknown = TestFiles.NewFolder();
        foreach (string folder in new[] { begun, unknown })
        {
            File.Copy(Path.Combine(run, "model.onnx"), Path.Combine(folder, "model.onnx"));
        }

        RunFolder.Save(begun, RunFolder.Open(run).Result, "a former training's");
        RunFolder.Begin(begun, data);
        string without = Run("report", begun).Output;
        File.Copy(Path.Combine(run, "model.onnx"), Path.Combine(begun, "model.onnx")); // the new training's first best model
        string again = Must("report", begun);
        var (exitCode, output) = Run("report", unknown);

        Assert.That(without, Does.Contain("model.onnx"), "the former model is not the new training's");
        Assert.That(File.ReadAllBytes(Path.Combine(begun, "previous.onnx")), Is.EqualTo(File.ReadAllBytes(Path.Combine(run, "model.onnx"))));
        Assert.That(File.ReadAllText(Path.Combine(begun, "report.html")), Does.Contain(data).And.Contain("the training was interrupted"));
        Assert.That(again, Does.Contain("Note: ").And.Contain("also holds previous.onnx, the model of a training that had the folder before"));
        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain("Give --data FOLDER"));
    }

    /// <summary>What the record says of the images, and nothing of how a training ended that did not end.</summary>
    [Test]
    public void Open_RunThatWasInterrupted_TellsItsPicturesAndItsShare()
    {
        string folder = TestFiles.NewFolder(), data = TestFiles.NewFolder();
        RunFolder.Begin(folder, data, .25);
        File.Copy(Path.Combine(Trained.Value.Run, "model.onnx"), Path.Combine(folder, "model.onnx"));

        var run = RunFolder.Open(folder);

        Assert.That((run.DataPath, run.TestFraction, run.HasRecord), Is.EqualTo((data, .25, true)));
        Assert.That((run.Result.StopReason, run.Result.Engine), Is.EqualTo(("the training was interrupted", "not known")));
        Assert.That(run.Result.BestModel.WeightHash(), Is.EqualTo(RunFolder.Open(Trained.Value.Run).Result.BestModel.WeightHash()));
    }

    [Test]
    public void ShippedModel_ByItsName_IsInspectedAndExported()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "optimized.onnx");

        Must("export", "default", "--flavor", "optimized", "--out", file);

        Assert.That(File.Exists(file));
        Assert.That(Must("inspect", "default"), Does.Contain("Total params: 289,443"));
    }

    [Test]
    public void ExportAndConvert_ThereAndBack_KeepTheWeights()
    {
        var (data, run, _) = Trained.Value;
        string folder = TestFiles.NewFolder(), model = Path.Combine(run, "model.onnx"), keras = Path.Combine(folder, "m.keras"), back = Path.Combine(folder, "back.onnx"), int8 = Path.Combine(folder, "m.int8.onnx");

        Must("convert", model, keras);
        Must("convert", keras, back);
        Must("export", model, "--flavor", "int8", "--data", data, "--out", int8);

        Assert.That(CnnModel.LoadOnnx(back).WeightHash(), Is.EqualTo(CnnModel.LoadOnnx(model).WeightHash()));
        using var quantized = Cifar3Classifier.Load(int8);
        Assert.That(quantized.ClassNames, Is.EqualTo(new[] { "nut", "screw" }));
        Assert.That(Must("inspect", int8), Does.Contain("classes: nut, screw"));
        Assert.That(Must("inspect", model), Does.Contain("Total params: 288,930").And.Contain("epoch: ").And.Contain("val_accuracy"));
    }

    /// <summary>They were left aside without a word: neither file was there, or one of another flavour.</summary>
    [TestCase("--out names a file, --triton a folder", "--triton", "repository", "--out", "x.onnx")]
    [TestCase("--name is for --triton", "--name", "birds", "--out", "x.onnx")]
    [TestCase("--data is for --flavor int8", "--data", "pictures", "--out", "x.onnx")]
    [TestCase("--skip-bad is for --flavor int8", "--skip-bad", "--flavor", "optimized", "--out", "x.onnx")]
    public void Export_OptionThatWouldDoNothing_IsRefused(string problem, params string[] options) =>
        Assert.That(ToolProcess.MustFail(["export", "default", .. options]), Does.StartWith($"Error: {problem}"));

    /// <summary>ONNX was written under that name, which Keras and this library's own commands then took for a damaged file.</summary>
    [TestCase("x.keras")]
    [TestCase("x.weights.h5")]
    public void Export_NameOfKerasFile_IsRefusedWithTheCommandThatWritesOne(string name)
    {
        string file = Path.Combine(TestFiles.NewFolder(), name);

        string error = ToolProcess.MustFail("export", "default", "--out", file);

        Assert.That(error, Does.StartWith($"Error: '{file}' is named as a Keras file").And.Contain("cifar3 convert"));
        Assert.That(file, Does.Not.Exist);
    }

    [Test]
    public void Export_Int8WithoutPictures_SaysWhatIsMissing()
    {
        var (exitCode, output) = Run("export", Path.Combine(Trained.Value.Run, "model.onnx"), "--flavor", "int8");

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output.Trim(), Is.EqualTo("Error: int8 needs pictures to calibrate on: give --data FOLDER, such as the one that the model was trained on."));
    }

    [Test]
    public void Doctor_ThisMachine_NamesEnginesAndRuntime() =>
        Assert.That(Must("doctor"), Does.Contain("Managed").And.Match("built with .*CPUExecutionProvider").And.Contain("TensorFlow").And.Contain("GPU for training"));

    /// <summary>Scoring and training need no ONNX Runtime, and nothing is done without what reads pictures: of that it said nothing.</summary>
    [TestCase("onnxruntime", 0, @"ONNX Runtime +1\.\d+\.\d+ +Cannot score: ONNX Runtime's native library is missing(.|\n)*scores by default with +Managed")]
    [TestCase("SkiaSharp", 1, @"reads pictures with +not here\. Cannot read pictures: SkiaSharp's native library 'libSkiaSharp' is missing")]
    public void Doctor_WithoutANativeLibrary_SaysSoAndWhetherItWorks(string native, int expected, string said)
    {
        var (exitCode, output, error) = ToolProcess.RunWithout(native, "doctor");

        Assert.That(error, Is.Empty);
        Assert.That(output, Does.Match(said));
        Assert.That(exitCode, Is.EqualTo(expected));
    }

    [TestCase("train")]
    [TestCase("evaluate")]
    [TestCase("predict")]
    [TestCase("export")]
    [TestCase("convert")]
    [TestCase("inspect")]
    [TestCase("report")]
    [TestCase("serve")]
    [TestCase("doctor")]
    public void Help_OfEachCommand_ShowsAnExample(string command) =>
        Assert.That(Must(command, "--help"), Does.Contain("Example:").And.Contain($"cifar3 {command}"));

    [Test]
    public void Inspect_NoSuchFile_IsOneLineAndExitCode1()
    {
        var (exitCode, output) = Run("inspect", "nowhere.onnx");

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output.Trim().Split('\n'), Has.Length.EqualTo(1));
        Assert.That(output, Does.StartWith("Error: ").And.Contain("nowhere.onnx"));
    }

    private static (int ExitCode, string Error) RunInARemovedFolder(params string[] arguments)
    {
        Assume.That(OperatingSystem.IsLinux(), "needs bash");
        using var process = Process.Start(new ProcessStartInfo("bash", ["-c", "rmdir \"$PWD\" && exec \"$@\"", "bash", DotnetCommand.Host, Path.Combine(AppContext.BaseDirectory, "cifar3-tool.dll"), .. arguments])
        {
            WorkingDirectory = TestFiles.NewFolder(),
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;

        string error = process.StandardError.ReadToEnd().Trim();
        process.WaitForExit();
        return (process.ExitCode, error);
    }
}

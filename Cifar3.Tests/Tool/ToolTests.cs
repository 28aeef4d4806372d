using System.Diagnostics;
using System.Globalization;
using System.IO.Pipes;
using System.Text.Json;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The command <c>cifar3</c> from the outside, in the order in which a user comes to its subcommands.</summary>
public sealed class ToolTests
{
    private static readonly Lazy<(string Data, string Run, string Output)> Trained = new(Train);

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

    [Test]
    public void Predict_JsonCsvAndTable_TellTheSame()
    {
        var (data, run, _) = Trained.Value;
        string model = Path.Combine(run, "model.onnx"), picture = Path.Combine(data, "test", "nut", "0000.png");
        using var classifier = Cifar3Classifier.Load(model);
        var expected = classifier.Predict(picture);

        using var json = JsonDocument.Parse(Must("predict", model, picture, "--json"));
        string[] csv = Must("predict", model, picture, "--csv").ReplaceLineEndings("\n").Split('\n');
        string table = Must("predict", model, Path.Combine(data, "test"));

        Assert.That(json.RootElement.GetProperty("label").GetString(), Is.EqualTo(expected.Label));
        Assert.That(json.RootElement.GetProperty("probabilities").GetProperty("nut").GetSingle(), Is.EqualTo(expected["nut"]).Within(1e-6));
        Assert.That(csv[0], Is.EqualTo("file,label,confidence,nut,screw"));
        Assert.That(csv[1], Does.StartWith($"{picture},{expected.Label},"));
        Assert.That(float.Parse(csv[1].Split(',')[3], CultureInfo.InvariantCulture), Is.EqualTo(expected["nut"]).Within(1e-6));
        Assert.That(table.Split(".png"), Has.Length.EqualTo(21), "twenty pictures, none of their names cut");
    }

    /// <summary>Pictures are scored several at once: each keeps its own line, in the order of the arguments, whatever lies between them.</summary>
    [Test]
    public void Predict_DamagedPicturesAmongOthers_AreNamedAndExitCodeIs1()
    {
        var (data, run, _) = Trained.Value;
        string model = Path.Combine(run, "model.onnx"), damaged = Path.Combine(TestFiles.NewFolder(), "damaged.png");
        File.WriteAllText(damaged, "no picture");
        string[] pictures = [.. Directory.GetFiles(Path.Combine(data, "test"), "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
        using var classifier = Cifar3Classifier.Load(model);

        var (exitCode, output) = Run(["predict", model, damaged, .. pictures[..7], damaged, damaged, .. pictures[7..], damaged, "--csv"]);

        Assert.That(exitCode, Is.EqualTo(1));
        string[] lines = output.ReplaceLineEndings("\n").Split('\n');
        Assert.That(lines.Count(line => line.Contains($"Cannot read image '{damaged}'", StringComparison.Ordinal)), Is.EqualTo(4));
        Assert.That(
            lines.Where(line => line.Contains(".png,", StringComparison.Ordinal)).Select(line => string.Join(',', line.Split(',')[..3])),
            Is.EqualTo(pictures.Select(picture => classifier.Predict(picture)).Zip(pictures, (p, picture) => string.Create(CultureInfo.InvariantCulture, $"{picture},{p.Label},{p.Confidence:R}"))));
    }

    /// <summary>Below some width System.CommandLine breaks its lines for ever, or fails.</summary>
    [TestCase(1)]
    [TestCase(2)]
    public void Help_InANarrowTerminal_Ends(int columns)
    {
        const string terminals = "/usr/bin/script";
        Assume.That(File.Exists(terminals), "needs util-linux's script");
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host ? host : "dotnet", tool = Path.Combine(AppContext.BaseDirectory, "cifar3-tool.dll");
        using var process = Process.Start(new ProcessStartInfo("timeout", ["--kill-after=1", "60", terminals, "-qec", $"stty cols {columns}; '{dotnet}' '{tool}' train --help", "/dev/null"]) { RedirectStandardOutput = true, RedirectStandardInput = true })!;

        string output = process.StandardOutput.ReadToEnd();

        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("--epochs").And.Not.Contain("Exception"));
    }

    [Test]
    public void Predict_FolderWithoutPictures_IsNamedAndExitCodeIs1()
    {
        string empty = TestFiles.NewFolder();

        var (exitCode, output, error) = ToolProcess.Run("predict", "default", empty, Path.Combine(Trained.Value.Data, "test", "nut"), "--csv");

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(error.Trim(), Is.EqualTo($"Folder '{empty}' has no picture. Name another folder, or the pictures themselves."));
        Assert.That(output.Split(".png,"), Has.Length.EqualTo(11), "those of the other folder are scored");
    }

    [Test]
    public void Predict_PictureOfAFormatThatIsNotRead_IsSaidBesideTheOthers()
    {
        string folder = PictureFolders.Write(("a", 1));
        File.WriteAllText(Path.Combine(folder, "a", "IMG_1.heic"), "a phone's picture");

        var (exitCode, _, error) = ToolProcess.Run("predict", "default", folder);

        Assert.That(exitCode, Is.Zero);
        Assert.That(error, Does.Contain($"Note: '{folder}': left out 1 picture of a format that is not read (.heic; save them as JPEG or PNG)."));
    }

    [Test]
    public void Predict_HiddenFilesAndLoopsOfLinks_ScoresEachPictureOnce()
    {
        string folder = PictureFolders.Write(("a", 2), (".hidden", 1));
        File.WriteAllBytes(Path.Combine(folder, "b.jfif"), PictureFolders.Picture(1));
        Directory.CreateSymbolicLink(Path.Combine(folder, "a", "loop"), folder);

        string[] lines = ToolProcess.Must("predict", "default", folder, "--csv").Output.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.That(lines.Skip(1).Select(line => Path.GetRelativePath(folder, line.Split(',')[0])), Is.EqualTo(new[] { Path.Combine("a", "0000.png"), Path.Combine("a", "0001.png"), "b.jfif" }));
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
        Directory.CreateSymbolicLink(Path.Combine(folder, train), Path.Combine(data, "train"));
        Directory.CreateSymbolicLink(Path.Combine(folder, test), Path.Combine(data, "test"));

        using var json = JsonDocument.Parse(Must("evaluate", Path.Combine(run, "model.onnx"), folder, "--json"));

        Assert.That(json.RootElement.GetProperty("images").GetInt32(), Is.EqualTo(20));
    }

    [Test]
    public void Evaluate_FoldersOfClassesAlone_ScoresAllPictures()
    {
        using var json = JsonDocument.Parse(Must("evaluate", Path.Combine(Trained.Value.Run, "model.onnx"), Path.Combine(Trained.Value.Data, "train"), "--json"));

        Assert.That(json.RootElement.GetProperty("images").GetInt32(), Is.EqualTo(40));
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

        Assert.That(refusal, Does.Contain(bad).And.EndWith("--skip-bad leaves such pictures out."));
        Assert.That(output, Does.StartWith("4 pictures"));
        Assert.That(error, Does.Contain($"Cannot read image '{bad}'"));
    }

    [Test]
    public void Predict_NamesThatWouldCommandATerminal_AreEscaped()
    {
        string folder = TestFiles.NewFolder(), picture = Path.Combine(folder, "a\e[2Jb.png"), model = Path.Combine(folder, "model.onnx");
        Assume.That(OperatingSystem.IsWindows(), Is.False, "Windows allows no such names.");
        File.WriteAllBytes(picture, PictureFolders.Picture(1));
        CnnModel.Create(["nu\et", "screw"], seed: 1, filters: [2, 2, 2]).SaveOnnx(model);
        File.WriteAllText(Path.Combine(folder, "bad\e[2J.png"), "no picture");

        var (_, table, error) = ToolProcess.Run("predict", model, folder);
        string inspected = ToolProcess.Must("inspect", model).Output;

        Assert.That(table, Does.Contain(@"a\u001B[2Jb.png").And.Contain(@"nu\u001Bt").And.Not.Contain("\e"));
        Assert.That(error, Does.Contain(@"bad\u001B[2J.png").And.Not.Contain("\e"));
        Assert.That(inspected, Does.Contain(@"nu\u001Bt").And.Not.Contain("\e"));
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

    [Test]
    public void Predict_FileWhoseNameBeginsWithAt_IsItself()
    {
        string folder = TestFiles.NewFolder();
        File.WriteAllBytes(Path.Combine(folder, "@x.png"), PictureFolders.Picture(1));

        var (exitCode, output, error) = ToolProcess.RunIn(folder, "predict", "default", "@x.png", "--csv");

        Assert.That(exitCode, Is.Zero, error);
        Assert.That(output, Does.Contain("@x.png,"));
    }

    /// <summary>A shell often stands in a folder that another program has made anew.</summary>
    [TestCase("export", "default", "--out", "x.onnx")]
    [TestCase("train", "pictures")]
    [TestCase("doctor")]
    public void Run_CurrentFolderRemoved_SaysSo(params string[] arguments)
    {
        Assume.That(OperatingSystem.IsLinux(), "needs bash");
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host ? host : "dotnet";
        using var process = Process.Start(new ProcessStartInfo("bash", ["-c", "rmdir \"$PWD\" && exec \"$@\"", "bash", dotnet, Path.Combine(AppContext.BaseDirectory, "cifar3-tool.dll"), .. arguments])
        {
            WorkingDirectory = TestFiles.NewFolder(),
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;

        string error = process.StandardError.ReadToEnd().Trim();

        process.WaitForExit();
        Assert.That(process.ExitCode, Is.EqualTo(1));
        Assert.That(error, Does.StartWith("Error: ").And.Contain("The current folder was removed, or made anew: change to one that is there").And.Not.Contain('\n'));
    }

    /// <summary>A terminal that nobody types into, or a pipe whose other end gives nothing.</summary>
    [Test]
    public void Predict_StandardInputThatGivesNothing_EndsAtControlC()
    {
        Assume.That(OperatingSystem.IsLinux(), "needs /proc and signals");
        using var silent = new AnonymousPipeServerStream(PipeDirection.Out);
        using var process = ToolProcess.Start($"</proc/{Environment.ProcessId}/fd/{silent.GetClientHandleAsString()}", TestFiles.NewFolder(), "predict", "default", "-", "--csv");
        Assert.That(process.StandardOutput.ReadLine(), Does.StartWith("file,")); // the heading, before it waits

        Thread.Sleep(300);
        process.Signal("INT");

        Assert.That(process.WaitForExit(TimeSpan.FromMinutes(1)), "does not end");
        Assert.That((process.ExitCode, process.StandardError.ReadToEnd().Trim()), Is.EqualTo((130, "Stopped.")));
    }

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
        Directory.CreateSymbolicLink(Path.Combine(folder, "train"), Path.Combine(data, "train"));
        Directory.CreateSymbolicLink(Path.Combine(folder, "val"), Path.Combine(data, "test"));
        Directory.CreateSymbolicLink(Path.Combine(folder, "test"), Path.Combine(data, "test"));

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
        Assert.That(again, Does.Contain("Note: ").And.Contain("also holds previous.onnx, the model of the training that this one replaced"));
        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain("Give --data FOLDER"));
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

    [Test]
    public void Export_Int8WithoutPictures_SaysWhatIsMissing()
    {
        var (exitCode, output) = Run("export", Path.Combine(Trained.Value.Run, "model.onnx"), "--flavor", "int8");

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output.Trim(), Is.EqualTo("Error: int8 needs pictures to calibrate on: give --data FOLDER, such as the one that the model was trained on."));
    }

    [Test]
    public void Doctor_ThisMachine_NamesEnginesAndRuntime() =>
        Assert.That(Must("doctor"), Does.Contain("Managed").And.Contain("built with CPUExecutionProvider").And.Contain("TensorFlow").And.Contain("GPU for training"));

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

    private static (string Data, string Run, string Output) Train()
    {
        string data = QuickstartProcess.CreateImageFolders(trainImages: 40), run = Path.Combine(TestFiles.NewFolder(), "run");
        return (data, run, Must("train", data, "--out", run, "--epochs", "2", "--seed", "1", "--engine", "Managed"));
    }

    private static string Must(params string[] arguments)
    {
        var (exitCode, output) = Run(arguments);
        Assert.That(exitCode, Is.Zero, output);
        return output;
    }

    private static (int ExitCode, string Output) Run(params string[] arguments) =>
        DotnetCommand.Run(TestFiles.NewFolder(), [Path.Combine(AppContext.BaseDirectory, "cifar3-tool.dll"), .. arguments]);
}

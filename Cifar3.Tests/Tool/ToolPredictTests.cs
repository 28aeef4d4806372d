using System.Diagnostics;
using System.Globalization;
using System.IO.Pipes;
using System.Text.Json;
using Cifar3.Training;
using static Cifar3.Tests.TrainedTool;

namespace Cifar3.Tests;

/// <summary><c>cifar3 predict</c> from the outside: what it writes, in which order, and what it says of pictures that it cannot read.</summary>
public sealed class ToolPredictTests
{
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

    /// <summary>Of NaN the first class was the label, and --json ended at the first such picture.</summary>
    [TestCase("--json")]
    [TestCase("--csv")]
    [TestCase(null)]
    public void Predict_PictureThatTheModelComputesNoNumbersFor_IsNamedAndTheOthersAreScored(string? format)
    {
        string folder = TestFiles.NewFolder(), model = Path.Combine(folder, "model.onnx");
        TestModels.WithoutNumbersForRed().SaveOnnx(model);
        File.WriteAllBytes(Path.Combine(folder, "grey.png"), TestModels.Picture(128, 128, 128));
        File.WriteAllBytes(Path.Combine(folder, "red.png"), TestModels.Picture(255, 0, 0));
        File.WriteAllBytes(Path.Combine(folder, "white.png"), TestModels.Picture(255, 255, 255));

        var (exitCode, output, error) = ToolProcess.Run(["predict", model, folder, .. format is null ? Array.Empty<string>() : [format]]);

        Assert.That(exitCode, Is.EqualTo(1), output + error);
        Assert.That(output, Does.Contain("grey.png").And.Contain("white.png").And.Not.Contain("red.png").And.Not.Contain("NaN"));
        Assert.That(error.Trim(), Does.StartWith($"Cannot score '{Path.Combine(folder, "red.png")}': the model computes no finite numbers for it. ").And.Not.Contain("\n"));
    }

    /// <summary>Files' names are bytes, whatever the locale says of terminals: <c>鳥.png</c> was written as <c>?.png</c>, which is no file.</summary>
    [TestCase("de_DE.ISO-8859-1")]
    [TestCase("C.ASCII")]
    public void Predict_LocaleOfAnOldCharacterSet_NamesFilesAsTheyAre(string locale)
    {
        Assume.That(OperatingSystem.IsWindows(), Is.False, "needs locales");
        string folder = TestFiles.NewFolder();
        File.WriteAllBytes(Path.Combine(folder, "鳥.png"), TestModels.Picture(128, 128, 128));
        using var process = Process.Start(new ProcessStartInfo(DotnetCommand.Host, [Path.Combine(AppContext.BaseDirectory, "cifar3-tool.dll"), "predict", "default", "鳥.png", "gone é.png", "--csv"])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = System.Text.Encoding.UTF8,
            StandardErrorEncoding = System.Text.Encoding.UTF8,
            Environment = { ["LC_ALL"] = locale },
        })!;

        string output = process.StandardOutput.ReadToEnd(), error = process.StandardError.ReadToEnd();

        process.WaitForExit();
        Assert.That(output, Does.Contain("\n鳥.png,"), error);
        Assert.That(error, Does.Contain("'gone é.png'"));
    }

    /// <summary>Spectre.Console breaks no character of two columns where a column of the table has room for one, and did not end.</summary>
    [Test]
    public void Predict_TerminalTooNarrowForTheTable_Ends()
    {
        Assume.That(File.Exists("/usr/bin/script"), "needs a terminal");
        string folder = TestFiles.NewFolder();
        File.WriteAllBytes(Path.Combine(folder, "鳥鳥鳥鳥.png"), TestModels.Picture(128, 128, 128));

        using var process = Process.Start(new ProcessStartInfo("/usr/bin/script", ["-qec", $"stty cols 17; exec timeout --foreground -s KILL 60 '{DotnetCommand.Host}' '{Path.Combine(AppContext.BaseDirectory, "cifar3-tool.dll")}' predict default 鳥鳥鳥鳥.png", "/dev/null"])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();

        Assert.That(process.ExitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("confid"));
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
        TestFiles.Link(Path.Combine(folder, "a", "loop"), folder);

        string[] lines = ToolProcess.Must("predict", "default", folder, "--csv").Output.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.That(lines.Skip(1).Select(line => Path.GetRelativePath(folder, line.Split(',')[0])), Is.EqualTo(new[] { Path.Combine("a", "0000.png"), Path.Combine("a", "0001.png"), "b.jfif" }));
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
    public void Predict_FileWhoseNameBeginsWithAt_IsItself()
    {
        string folder = TestFiles.NewFolder();
        File.WriteAllBytes(Path.Combine(folder, "@x.png"), PictureFolders.Picture(1));

        var (exitCode, output, error) = ToolProcess.RunIn(folder, "predict", "default", "@x.png", "--csv");

        Assert.That(exitCode, Is.Zero, error);
        Assert.That(output, Does.Contain("@x.png,"));
    }

    /// <summary>.NET drops what is written to a pipe that nobody reads any more; the last picture's error would tell that all were scored.</summary>
    [TestCase("--csv")]
    [TestCase("--json")]
    public void Predict_IntoAPipeThatIsClosed_EndsEarlyAndSaysSo(string format)
    {
        string folder = PictureFolders.Write(("a", 60), ("b", 1));
        File.WriteAllText(Path.Combine(folder, "b", "z.png"), "no picture");
        string[] pictures = [.. Enumerable.Repeat("a", 50), "b"]; // more lines than fit into a pipe, so that they wait for its reader
        using var process = ToolProcess.Start("| head -1; exit ${PIPESTATUS[0]}", folder, ["predict", "default", .. pictures, format]);

        string output = process.StandardOutput.ReadToEnd(), error = process.StandardError.ReadToEnd();

        process.WaitForExit();
        Assert.That(output.Trim().Split('\n'), Has.Length.EqualTo(1), output);
        Assert.That((process.ExitCode, error.Trim()), Is.EqualTo((1, "Error: The program's output could not be written: nobody reads it any more. What it wrote to files is there.")));
    }

    /// <summary>Spreadsheets compute such cells, also those in quotes; the path is the same file's.</summary>
    [Test]
    public void Predict_CsvOfFilesThatSpreadsheetsTakeForFormulas_NamesThemOtherwise()
    {
        string folder = TestFiles.NewFolder();
        Assume.That(OperatingSystem.IsWindows(), Is.False, "Windows allows no such names.");
        string[] names = ["=1+1.png", "=\"a\",2.png", "+1.png", "@x.png", "a=1.png"];
        foreach (string name in names)
        {
            File.WriteAllBytes(Path.Combine(folder, name), PictureFolders.Picture(1));
        }

        using var process = ToolProcess.Start("<@x.png", folder, ["predict", "default", "-", .. names, "--csv"]);
        string[] lines = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);

        process.WaitForExit();
        string[] expected = ["-,", "./=1+1.png,", "\"./=\"\"a\"\",2.png\",", "./+1.png,", "./@x.png,", "a=1.png,"];
        Assert.That(lines, Has.Length.EqualTo(1 + expected.Length), process.StandardError.ReadToEnd());
        Assert.That(lines.Skip(1).Zip(expected, (line, beginning) => line[..Math.Min(line.Length, beginning.Length)]), Is.EqualTo(expected));
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

    /// <summary>As after minutes with a large folder: what was scored until then is told, as --json and --csv do.</summary>
    [Test]
    public void Predict_TableThatControlCEnds_HasWhatWasScored()
    {
        Assume.That(OperatingSystem.IsLinux(), "needs /proc and signals");
        string folder = TestFiles.NewFolder();
        File.WriteAllBytes(Path.Combine(folder, "grey.png"), TestModels.Picture(128, 128, 128));
        File.WriteAllText(Path.Combine(folder, "none.png"), "no picture");
        using var silent = new AnonymousPipeServerStream(PipeDirection.Out);
        using var process = ToolProcess.Start($"</proc/{Environment.ProcessId}/fd/{silent.GetClientHandleAsString()}", folder, "predict", "default", "grey.png", "none.png", "-");
        Assert.That(process.StandardError.ReadLine(), Does.StartWith("Cannot read image 'none.png'")); // after the picture before it was scored

        process.Signal("INT");

        Assert.That(process.WaitForExit(TimeSpan.FromMinutes(1)), "does not end");
        Assert.That((process.ExitCode, process.StandardError.ReadToEnd().Trim()), Is.EqualTo((130, "Stopped.")));
        Assert.That(process.StandardOutput.ReadToEnd(), Does.Contain("grey.png"));
    }

    /// <summary>A signal that comes when the program has just begun to watch for it, while the command line is read, is not lost.</summary>
    [Test]
    public void Predict_SignalAsSoonAsItIsWatchedFor_EndsIt()
    {
        Assume.That(OperatingSystem.IsLinux(), "needs /proc and signals");
        using var silent = new AnonymousPipeServerStream(PipeDirection.Out);
        using var process = ToolProcess.Start($"</proc/{Environment.ProcessId}/fd/{silent.GetClientHandleAsString()}", TestFiles.NewFolder(), "predict", "default", "-", "--csv");
        string status = $"/proc/{process.Id}/status";
        const ulong HangUp = 1 << 0; // SIGHUP is 1, and nobody but the program itself watches for it
        var clock = Stopwatch.StartNew();
        while ((Caught() & HangUp) == 0 && clock.Elapsed < TimeSpan.FromMinutes(1))
        {
        }

        process.Signal("HUP");

        Assert.That(process.WaitForExit(TimeSpan.FromMinutes(1)), "does not end");
        Assert.That((process.ExitCode, process.StandardError.ReadToEnd().Trim()), Is.EqualTo((ConsoleProgram.HungUp, "Stopped.")));

        ulong Caught() => File.ReadAllText($"/proc/{process.Id}/comm").StartsWith("dotnet", StringComparison.Ordinal) && File.ReadLines(status).FirstOrDefault(line => line.StartsWith("SigCgt:", StringComparison.Ordinal)) is { } line
            ? ulong.Parse(line["SigCgt:".Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) : 0;
    }
}

using System.Text.RegularExpressions;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>What the command <c>cifar3</c> says in place of settings of the libraries' API.</summary>
public sealed partial class OptionWordsTests
{
    [Test]
    public void Phrases_OfTheTable_AreThoseOfTheLibraries()
    {
        string libraries = string.Concat(new[] { "Cifar3.Core", "Cifar3.Training" }.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(DocPage.Root, folder), "*.cs", SearchOption.AllDirectories)).Select(File.ReadAllText));
        string[] phrases = [.. Row().Matches(File.ReadAllText(Path.Combine(DocPage.Root, "Cifar3.Tool", "OptionWords.cs"))).Select(match => match.Groups[1].Value)];

        Assert.That(phrases, Has.Length.GreaterThan(15));
        Assert.That(phrases.Where(phrase => !libraries.Contains(phrase, StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public void Train_ResumeWithOtherSettings_IsToldInOptions()
    {
        string data = PictureFolders.Write(("nut", 12), ("screw", 12)), run = Path.Combine(TestFiles.NewFolder(), "run");
        ToolProcess.Must("train", data, "--out", run, "--epochs", "1", "--engine", "Managed");

        string error = ToolProcess.MustFail("train", data, "--out", run, "--epochs", "2", "--engine", "Managed", "--seed", "7", "--recipe", "keras", "--resume");

        Assert.That(error, Does.Contain("--recipe: expected auto, found keras").And.Contain("--seed: expected 0, found 7").And.Contain("name another folder by --out, or leave --resume out"));
        Assert.That(error, Does.Not.Contain("WorkspacePath").And.Not.Contain("Resume to false"));
    }

    /// <summary>The console and the report say it, the report also where it is written anew.</summary>
    [Test]
    public void Train_AtChance_AdvisesOptions()
    {
        string data = TestFiles.NewFolder(), run = Path.Combine(TestFiles.NewFolder(), "run"), report = Path.Combine(run, "report.html");
        PictureFolders.AddNoise(Path.Combine(data, "nut"), 88);
        PictureFolders.AddNoise(Path.Combine(data, "screw"), 12);

        var (output, error) = ToolProcess.Must("train", data, "--out", run, "--epochs", "1", "--engine", "Managed", "--recipe", "fast");
        string page = File.ReadAllText(report);
        ToolProcess.Must("report", run, "--out", report);

        foreach (string text in new[] { output, page, File.ReadAllText(report) })
        {
            Assert.That(text, Does.Contain("--class-weights balanced").And.Contain("--init-from default"));
            Assert.That(text, Does.Not.Contain("ClassWeights.Balanced").And.Not.Contain("InitialModel"));
        }

        Assert.That(error, Does.Not.Contain("--init-from"), "the warning has named it");
        Assert.That(ToolProcess.Must("inspect", Path.Combine(run, "model.onnx")).Output, Does.Contain("warning: The model is no better than always naming the most frequent class").And.Contain("--class-weights balanced"));
    }

    [Test]
    public void Train_MoreClassesThanThereMayBe_SaysHowToLeaveSomeOut()
    {
        string data = PictureFolders.Write([.. Enumerable.Range(0, CnnArchitecture.MaxClasses + 1).Select(i => ($"c{i}", 1))]);

        Assert.That(ToolProcess.MustFail("train", data, "--engine", "Managed"), Does.EndWith("Join classes, or leave some out: move their folders elsewhere; ML.NET's ImageClassification takes more."));
    }

    [Test]
    public void Train_FolderInUse_NamesTheOption()
    {
        string run = TestFiles.NewFolder();
        using var taken = FileLock.TryTake(Path.Combine(run, TrainingWorkspace.LockName), "a test");

        Assert.That(ToolProcess.MustFail("train", PictureFolders.Write(("nut", 12), ("screw", 12)), "--out", run, "--engine", "Managed"), Does.EndWith("Wait for its end, stop it, or name another folder by --out."));
    }

    /// <summary>As in a container: the command has no option for filters, batches or threads.</summary>
    [Test]
    public void Train_WithoutMemory_NamesWhatAUserOfTheCommandCanDo()
    {
        string? before = Environment.GetEnvironmentVariable("DOTNET_GCHeapHardLimit");
        Environment.SetEnvironmentVariable("DOTNET_GCHeapHardLimit", "2800000"); // 42 MB
        try
        {
            string error = ToolProcess.MustFail("train", PictureFolders.Write(("nut", 12), ("screw", 12)), "--out", Path.Combine(TestFiles.NewFolder(), "run"), "--engine", "Managed");

            Assert.That(error, Does.StartWith("Error: The network does not fit into memory").And.EndWith($"{MemoryFault.Remedy}."));
        }
        finally
        {
            Environment.SetEnvironmentVariable("DOTNET_GCHeapHardLimit", before);
        }
    }

    [Test]
    public void Export_NameThatIsNone_NamesNoParameter() =>
        Assert.That(ToolProcess.MustFail("export", "default", "--triton", TestFiles.NewFolder(), "--name", "a/b"), Does.EndWith("Received: 'a/b'."));

    /// <summary>Keras files are known by their names' endings, and <c>serve</c> takes none.</summary>
    [TestCase("serve", "model.keras")]
    [TestCase("serve", "model.h5")]
    [TestCase("inspect", "model")]
    public void Command_KerasFileWhereItTakesNone_NamesTheCommandThatConvertsIt(string command, string name)
    {
        string file = Path.Combine(TestFiles.NewFolder(), name), keras = Path.ChangeExtension(file, name.EndsWith("h5", StringComparison.Ordinal) ? ".h5" : ".keras");
        KerasFile.Save(keras, TestModels.Random(filters: [4, 4, 8]));
        File.Move(keras, file);

        Assert.That(ToolProcess.MustFail(command, file), Does.Contain("'cifar3 convert FILE.keras model.onnx' makes one").And.Not.Contain("KerasFile").And.Not.Contain("SaveOnnx"));
    }

    [Test]
    public void Evaluate_OnnxFileByAKerasName_NamesNoMethod()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "model.keras");
        File.WriteAllBytes(file, TestModels.Random(filters: [4, 4, 8]).ToOnnxBytes());

        Assert.That(ToolProcess.MustFail("evaluate", file, "pictures"), Does.EndWith("Give it a name that ends in .onnx."));
    }

    /// <summary>The command has no option for the rate.</summary>
    [Test]
    public void Train_LossStaysHigh_NamesTheOptionThatChangesTheRate()
    {
        string data = TestFiles.NewFolder();
        PictureFolders.AddNoise(Path.Combine(data, "nut"), 50);
        PictureFolders.AddNoise(Path.Combine(data, "screw"), 50);

        Assert.That(ToolProcess.Must("train", data, "--epochs", "1", "--engine", "Managed", "--init-from", "new").Output, Does.Contain("or take another --recipe, and with it another learning rate (now 0.003)."));
    }

    [Test]
    public void Train_NoEpochs_NamesTheOption() =>
        Assert.That(ToolProcess.MustFail("train", PictureFolders.Write(("nut", 12), ("screw", 12)), "--epochs", "0"), Does.EndWith("Received: --epochs=0."));

    [Test]
    public void Train_PartAmongTheClasses_NamesNoSettingOfTheApi() =>
        Assert.That(ToolProcess.MustFail("train", PictureFolders.Write(("nut", 2), ("screw", 2), ("test/nut", 1)), "--engine", "Managed"), Does.Not.Contain("DataOptions"));

    [GeneratedRegex(@"^        \(""(.*?)"", """, RegexOptions.Multiline)]
    private static partial Regex Row();
}

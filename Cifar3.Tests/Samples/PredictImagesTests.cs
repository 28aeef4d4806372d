using System.Globalization;

namespace Cifar3.Tests;

/// <summary>The sample PredictImages, from the outside.</summary>
public sealed class PredictImagesTests
{
    [Test]
    public void Run_FilesAndFolder_OneLineAPicture()
    {
        string folder = TestFiles.NewFolder();
        UserFolder.WriteImages(folder, "aeroplane");
        File.WriteAllText(Path.Combine(folder, "train", "notes.txt"), "no picture");
        string first = Path.Combine(folder, "test", "aeroplane", "0.png");

        var (exitCode, output) = Run(first, Path.Combine(folder, "train"));

        Assert.That(exitCode, Is.Zero, output);
        string[] lines = output.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Has.Length.EqualTo(13), "one file, and the twelve of the folder");
        using var classifier = Cifar3Classifier.LoadDefault();
        var expected = classifier.Predict(first);
        Assert.That(lines[0], Does.StartWith(expected.Label).And.EndsWith(first).And.Contain(string.Create(CultureInfo.InvariantCulture, $"{100 * expected.Confidence:F1} %")));
    }

    [Test]
    public void Run_ModelOfTheUsers_HasItsClasses()
    {
        string folder = TestFiles.NewFolder(), model = Path.Combine(folder, "mine.onnx");
        CnnModel.Create(["screw", "nut"], seed: 1).SaveOnnx(model);
        UserFolder.WriteImages(folder, "any");

        var (exitCode, output) = Run("--model", model, Path.Combine(folder, "test"));

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.All.Matches("^(screw|nut  )  +[0-9.]+ %  "));
    }

    [Test]
    public void Run_DamagedPicture_IsNamedAndTheOthersAreScored()
    {
        string folder = TestFiles.NewFolder(), damaged = Path.Combine(folder, "test", "any", "00.png");
        UserFolder.WriteImages(folder, "any");
        File.WriteAllText(damaged, "no picture");

        var (exitCode, output) = Run(Path.Combine(folder, "test"));

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain($"Cannot read image '{damaged}'"));
        Assert.That(output.Split(" %  "), Has.Length.EqualTo(5), "four pictures are scored");
    }

    [Test]
    public void Run_EmptyFolderAndLoopOfLinks_SaysSoAndScoresEachPictureOnce()
    {
        string folder = TestFiles.NewFolder(), empty = TestFiles.NewFolder();
        UserFolder.WriteImages(folder, "any");
        TestFiles.Link(Path.Combine(folder, "test", "any", "loop"), folder);

        var (exitCode, output) = Run(empty, Path.Combine(folder, "test", "any"));

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain($"Folder '{empty}' has no picture"));
        Assert.That(output.Split(" %  "), Has.Length.EqualTo(17), "four pictures and, through the link, the twelve beside them");
    }

    [Test]
    public void Run_NoSuchModel_SaysSo()
    {
        var (exitCode, output) = Run("--model", "nowhere.onnx", "any.png");

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.StartWith("Error: ").And.Contain("nowhere.onnx"));
    }

    private static (int ExitCode, string Output) Run(params string[] arguments) =>
        DotnetCommand.Run(TestFiles.NewFolder(), [Path.Combine(AppContext.BaseDirectory, "PredictImages.dll"), .. arguments]);
}

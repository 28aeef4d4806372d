using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.ML;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>The samples TrainAndExport and MlNetPipeline, one after the other as the README tells, from the outside.</summary>
public sealed partial class TrainAndExportTests
{
    [Test]
    public void Run_OwnFolders_SavesOnnxAndAZipThatMlNetAloneScores()
    {
        string folder = TestFiles.NewFolder(), images = Path.Combine(folder, "images");
        UserFolder.WriteImages(images, "screw", "nut");

        var (exitCode, output) = DotnetCommand.Run(folder, Path.Combine(AppContext.BaseDirectory, "TrainAndExport.dll"), "--data", images, "--epochs", "30", "--out", "trained");

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("24 training and 8 test images").And.Contain("Accuracy on the test images: ").And.Contain("Confusion table"));
        Assert.That(output, Does.Contain("Epoch: 30,").And.Contain("Dataset used: Validation"));
        using var classifier = Cifar3Classifier.Load(Path.Combine(folder, "trained", "model.onnx"));
        Assert.That(classifier.ClassNames, Is.EqualTo(new[] { "nut", "screw" }));
        Assert.That(classifier.Evaluate(Cifar3Data.Load(images).Test).Accuracy, Is.GreaterThan(.8), output);

        string picture = Path.Combine(folder, "small.png"); // 32×32: of other sizes ML.NET's resizing makes other pixels
        File.WriteAllBytes(picture, TestImages.Encode(Cifar3Data.Synthetic(trainCount: 3, testCount: 3, seed: 1).Test.Image(0), 32, 32, SKEncodedImageFormat.Png));
        var expected = classifier.Predict(picture);

        var (plainExitCode, plainOutput) = DotnetCommand.Run(folder, MlNetPipeline(), Path.Combine("trained", "model.zip"), picture, Path.Combine(images, "test", "nut", "0.png"));

        Assert.That(plainExitCode, Is.Zero, plainOutput);
        var lines = ScoredLine().Matches(plainOutput.ReplaceLineEndings("\n"));
        Assert.That(lines, Has.Count.EqualTo(2), plainOutput);
        Assert.That(lines[0].Groups["label"].Value, Is.EqualTo(expected.Label));
        Assert.That(double.Parse(lines[0].Groups["percent"].Value, System.Globalization.CultureInfo.InvariantCulture), Is.EqualTo(100 * expected.Confidence).Within(0.051));
        Assert.That(lines[0].Groups["file"].Value, Is.EqualTo(picture));

        string text = Path.Combine(folder, "text.png");
        File.WriteAllText(text, "no picture");
        var (badExitCode, badOutput) = DotnetCommand.Run(folder, MlNetPipeline(), Path.Combine("trained", "model.zip"), text, picture);

        Assert.That(badExitCode, Is.EqualTo(1));
        Assert.That(badOutput, Does.Contain($"Cannot score '{text}': ").And.Not.Contain("   at "));
        Assert.That(ScoredLine().Matches(badOutput.ReplaceLineEndings("\n")).Single().Groups["file"].Value, Is.EqualTo(picture), "the others are scored");
    }

    [Test]
    public void Run_PicturesThatTeachNothing_SaysSo()
    {
        string folder = TestFiles.NewFolder();
        foreach (string part in new[] { "train/nut", "train/screw", "test/nut", "test/screw" })
        {
            PictureFolders.AddNoise(Path.Combine(folder, "images", part), part.Length + 40);
        }

        var (exitCode, output) = DotnetCommand.Run(folder, Path.Combine(AppContext.BaseDirectory, "TrainAndExport.dll"), "--data", "images", "--epochs", "2", "--out", "trained");

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("Warning: The model ").And.Contain("always naming the most frequent class"));
    }

    [Test]
    public void Run_NoSuchData_SaysSo()
    {
        var (exitCode, output) = DotnetCommand.Run(TestFiles.NewFolder(), Path.Combine(AppContext.BaseDirectory, "TrainAndExport.dll"), "--data", "nowhere");

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.StartWith("Error: ").And.Contain("nowhere"));
    }

    [Test]
    public void Run_SettingOutOfRange_SaysSoWithoutAParametersName()
    {
        string folder = TestFiles.NewFolder();
        UserFolder.WriteImages(Path.Combine(folder, "images"), "screw", "nut");

        var (exitCode, output) = DotnetCommand.Run(folder, Path.Combine(AppContext.BaseDirectory, "TrainAndExport.dll"), "--data", "images", "--epochs", "0");

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output.Trim(), Does.EndWith("Error: The number of epochs must be 1 to 100,000. Received: Epoch=0."));
    }

    [TestCase("file", "file' already exists.")]
    [TestCase("", "--out is empty. Name a folder.")]
    public void Run_FolderThatCannotBe_SaysSoBeforeTheTraining(string folder, string message)
    {
        string here = TestFiles.NewFolder();
        UserFolder.WriteImages(Path.Combine(here, "images"), "screw", "nut");
        File.WriteAllText(Path.Combine(here, "file"), "");

        var (exitCode, output) = DotnetCommand.Run(here, Path.Combine(AppContext.BaseDirectory, "TrainAndExport.dll"), "--data", "images", "--epochs", "1", "--out", folder);

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain(message).And.Not.Contain("Epoch: 1").And.Not.Contain("   at "));
    }

    [Test]
    public void MlNetPipeline_HasNothingOfCifar3()
    {
        string folder = Path.GetDirectoryName(MlNetPipeline())!;

        Assert.That(Directory.GetFiles(folder, "Microsoft.ML.OnnxTransformer.dll"), Is.Not.Empty);
        Assert.That(Directory.GetFiles(folder, "Cifar3*", SearchOption.AllDirectories), Is.Empty);
    }

    [Test]
    public void MlNetPipeline_NoPicture_TellsItsUsage()
    {
        var (exitCode, output) = DotnetCommand.Run(TestFiles.NewFolder(), MlNetPipeline());

        Assert.That((exitCode, output.Trim()), Is.EqualTo((1, "Usage: MlNetPipeline model.zip PICTURE...")));
    }

    [Test]
    public void MlNetPipeline_FileThatIsNoModel_SaysSo()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "photo.zip");
        File.WriteAllText(file, "no model");

        var (exitCode, output) = DotnetCommand.Run(TestFiles.NewFolder(), MlNetPipeline(), file, file);

        Assert.That((exitCode, output.Trim()), Is.EqualTo((1, $"Cannot load '{file}': Failed to open a zip archive. Expected a model.zip as TrainAndExport saves it.")));
    }

    [Test]
    public void MlNetPipeline_ModelOfAnotherColumn_SaysSo()
    {
        string folder = TestFiles.NewFolder(), file = Path.Combine(folder, "paths.zip");
        var context = new MLContext();
        var view = MLNetData.View(context, MLNetData.Images(3));
        context.Model.Save(context.Transforms.ApplyCifar3(MLNetData.SmallModel(), "Path").Fit(view), view.Schema, file);

        var (exitCode, output) = DotnetCommand.Run(folder, MlNetPipeline(), file, file);

        Assert.That(exitCode, Is.EqualTo(1), output);
        Assert.That(output, Does.StartWith($"Cannot score with '{file}': ").And.Contain("'Path'").And.Contain("Expected a model.zip as TrainAndExport saves it.").And.Not.Contain("   at "));
    }

    /// <summary>What README's ML.NET program saves.</summary>
    [Test]
    public void MlNetPipeline_ModelWithoutAColumnOfNames_SaysTheClass()
    {
        string folder = TestFiles.NewFolder(), file = Path.Combine(folder, "model.zip"), picture = Path.Combine(folder, "small.png");
        var context = new MLContext();
        var images = MLNetData.Images(3);
        File.WriteAllBytes(picture, TestImages.Encode(images.Image(0), 32, 32, SKEncodedImageFormat.Png));
        context.Model.Save(context.Transforms.ApplyCifar3(MLNetData.SmallModel(), "Image").Fit(images.ToDataView()), images.ToDataView().Schema, file);

        var (exitCode, output) = DotnetCommand.Run(folder, MlNetPipeline(), file, picture);

        Assert.That(exitCode, Is.Zero, output);
        using var classifier = Cifar3Classifier.FromModel(MLNetData.SmallModel());
        Assert.That(output, Does.StartWith($"{classifier.Predict(picture).Label}  "));
    }

    private static string MlNetPipeline()
    {
        string configuration = typeof(TrainAndExportTests).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
        return Path.Combine(DocPage.Root, "samples", "MlNetPipeline", "bin", configuration, "net10.0", "MlNetPipeline.dll");
    }

    [GeneratedRegex(@"^(?<label>\w+)  (?<percent>[0-9.]+) %  (?<file>.*)$", RegexOptions.Multiline)]
    private static partial Regex ScoredLine();
}

namespace Cifar3.Tests;

/// <summary>What a user does first, in an empty folder: <c>dotnet new console</c>, <c>dotnet add package Cifar3</c>, train, save, score.</summary>
[Category(TestCategories.Packages)]
public sealed class UserAppTests
{
    private const int PictureCount = 12;

    [Test]
    public void NewConsole_AddPackageCifar3_TrainsSavesAndScores()
    {
        string pictures = WritePictures();
        using var app = UserApp.Create("NewUser");
        app.AddPackage("Cifar3", PackageFeed.Version);
        app.UseProgram("TrainAndSave.cs");

        string output = app.Run(pictures);

        float[][] told = UserApp.Scores(output);
        using var classifier = Cifar3Classifier.Load(Path.Combine(app.Folder, "model.onnx"), new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime });
        var here = classifier.PredictMany(Directory.GetFiles(pictures).Order(StringComparer.Ordinal)).ToList();
        Assert.That(told, Has.Length.EqualTo(PictureCount));
        AssertEqual(told, [.. here.Select(prediction => prediction.Probabilities.ToArray())], "the same model, the same scores as here");
        Assert.That(output, Does.Match("(?m)^shipped (aeroplane|car|bird)\r?$"));

        // A second program, on ML.NET alone.
        using var plain = UserApp.Create("PlainMlNet");
        plain.AddReferences("Microsoft.ML.ImageAnalytics", "Microsoft.ML.OnnxTransformer", "Microsoft.ML.OnnxRuntime");
        plain.UseProgram("LoadModelZip.cs");

        string plainOutput = plain.Run(Path.Combine(app.Folder, "model.zip"), pictures);

        Assert.That(plainOutput, Does.Contain("Cifar3 loaded: False"));
        AssertEqual(UserApp.Scores(plainOutput), told, "model.zip without Cifar3");
    }

    /// <summary>An app that draws with a library on SkiaSharp 3 keeps all of Cifar3, though not ML.NET's own <c>ExtractPixels</c>.</summary>
    [Test]
    public void NewConsole_SkiaSharp3BesideCifar3_ReadsImagesAndDraws()
    {
        using var app = UserApp.Create("Drawing");
        app.AddPackage("SkiaSharp.NativeAssets.Linux.NoDependencies", "3.119.4");
        app.AddPackage("SkiaSharp", "3.119.4");
        app.AddPackage("Cifar3", PackageFeed.Version);
        app.UseProgram("SkiaSharp3.cs");

        string output = app.Run();

        Assert.That(output.ReplaceLineEndings("\n"), Does.Contain("SkiaSharp 3\n").And.Contain("same True\n").And.Contain("decoded True\n"));
        string theirs = output.ReplaceLineEndings("\n").Split('\n').Single(line => line.StartsWith("ML.NET: ", StringComparison.Ordinal))["ML.NET: ".Length..];
        Assert.That(new DocPage("README.md").Text, Does.Contain($"``{theirs.TrimEnd('.')}``"), "the README names ML.NET's own failure");
        Assert.That(new[] { "grid.png", "matrix.png", "curves.png" }.Select(file => new FileInfo(Path.Combine(app.Folder, file)).Length), Is.All.GreaterThan(5_000));
    }

    [TestCase("Microsoft.ML.OnnxRuntime", true)]
    [TestCase("Microsoft.ML.OnnxRuntime.Managed", false)]
    public void Cifar3Gpu_BesideTheCpuRuntime_IsRefusedByTheBuild(string beside, bool refused)
    {
        string folder = TestFiles.NewFolder(), targets = Path.Combine(DocPage.Root, "packages", "Cifar3.Gpu", "buildTransitive", "Cifar3.Gpu.targets");
        string version = typeof(Microsoft.ML.OnnxRuntime.InferenceSession).Assembly.GetName().Version!.ToString(3);
        File.WriteAllText(Path.Combine(folder, "App.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
              <ItemGroup><PackageReference Include="{beside}" Version="{version}" /></ItemGroup>
              <Import Project="{targets}" />
            </Project>
            """);

        var (exitCode, output) = DotnetCommand.Run(folder, "build");

        Assert.That(exitCode, refused ? Is.Not.Zero : Is.Zero, output);
        Assert.That(output.Contains("error CIFAR3001: Cifar3.Gpu brings ONNX Runtime for CUDA", StringComparison.Ordinal), Is.EqualTo(refused), output);
    }

    private static void AssertEqual(float[][] actual, float[][] expected, string what)
    {
        Assert.That(actual.Select(row => row.Length), Is.EqualTo(expected.Select(row => row.Length)), what);
        Assert.That(actual.SelectMany(row => row), Is.EqualTo(expected.SelectMany(row => row)).Within(1e-6), what);
    }

    /// <summary>Pictures of 32×32 pixels: of other sizes ML.NET's own resizing makes other pixels.</summary>
    private static string WritePictures()
    {
        string folder = TestFiles.NewFolder();
        var images = Cifar3Data.Synthetic(trainCount: 3, testCount: PictureCount, seed: 4).Test;
        for (int i = 0; i < images.Count; i++)
        {
            File.WriteAllBytes(Path.Combine(folder, $"{i:D2}.png"), TestImages.Encode(images.Image(i), 32, 32, SkiaSharp.SKEncodedImageFormat.Png));
        }

        return folder;
    }
}

namespace Cifar3.Tests;

/// <summary>What a user does first, in an empty folder: <c>dotnet new console</c>, <c>dotnet add package Cifar3</c>, train, save, score.</summary>
public sealed class UserAppTests
{
    [Test]
    public void NewConsole_AddPackageCifar3_TrainsSavesAndScores()
    {
        var app = UserApp.Create("NewUser");
        app.AddPackage("Cifar3", PackageFeed.Version);
        app.UseProgram("TrainAndSave.cs");

        string output = app.Run();

        float[][] told = UserApp.Scores(output);
        using var classifier = Cifar3Classifier.Load(Path.Combine(app.Folder, "model.onnx"));
        var here = classifier.PredictBatch(Cifar3Data.Synthetic(trainCount: 96, testCount: 12, seed: 1).Test);
        Assert.That(told, Has.Length.EqualTo(12));
        Assert.That(told.SelectMany(row => row), Is.EqualTo(here.SelectMany(prediction => prediction.Probabilities)).Within(1e-6), "the same model, the same scores as here");
        Assert.That(output, Does.Match("(?m)^shipped (aeroplane|car|bird)\r?$"));
        Assert.That(File.Exists(Path.Combine(app.Folder, "curves.png")));
    }

    /// <summary>An app that draws with a library on SkiaSharp 3 keeps all of Cifar3, though not ML.NET's own <c>ExtractPixels</c>.</summary>
    [Test]
    public void NewConsole_SkiaSharp3BesideCifar3_ReadsImagesAndDraws()
    {
        var app = UserApp.Create("Drawing");
        app.AddPackage("SkiaSharp.NativeAssets.Linux.NoDependencies", "3.119.4");
        app.AddPackage("SkiaSharp", "3.119.4");
        app.AddPackage("Cifar3", PackageFeed.Version);
        app.UseProgram("SkiaSharp3.cs");

        string output = app.Run();

        Assert.That(output.ReplaceLineEndings("\n"), Does.Contain("SkiaSharp 3\n").And.Contain("same True\n").And.Contain("decoded True\n"));
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
}

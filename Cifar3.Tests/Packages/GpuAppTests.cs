namespace Cifar3.Tests;

/// <summary>An app with the packed <c>Cifar3.Gpu</c>, restored, built and run. In a category of its own: the packages have 600 MB.</summary>
[Category(TestCategories.Gpu)]
public sealed class GpuAppTests
{
    [Test]
    public void NewConsole_AddPackageCifar3Gpu_ScoresOnTheGpuOrSaysWhyNot()
    {
        using var app = UserApp.Create("Gpu");
        app.AddPackage("Cifar3.Gpu", PackageFeed.Version);
        app.UseProgram("GpuScoring.cs");

        string output = app.Run().ReplaceLineEndings("\n");

        TestContext.Out.WriteLine(output);
        Assert.That(output, Does.Contain(CudaLibrary.FileName), "the program brings ONNX Runtime for CUDA");
        Assert.That(output, Does.Match("(?m)^label (aeroplane|car|bird)$"));
        Assert.That(output, Does.Match("(?m)^optimized (OnnxRuntime|Cuda) 1.000$"));
        if (output.Contains("backend Cuda", StringComparison.Ordinal))
        {
            Assert.That(output, Does.Match("(?m)^cuda (aeroplane|car|bird) ONNX Runtime 1.*CUDA device 0$"));
            return;
        }

        Assert.That(output, Does.Contain("backend Managed\n"));
        string reason = Line(output, "reason "), refused = Line(output, "cuda refused ");
        Assert.That(reason, Is.EqualTo(refused), "the same line, whether it is a reason or an error");
        Assert.That(reason, Does.StartWith("Cannot use CUDA device 0: ").And.EndsWith("ScoringBackend.Auto scores on the CPU."));
        Assert.That(reason, Does.Not.Contain(".cc:").And.Not.Contain("ErrorCode"), "no place in ONNX Runtime's source");
        Assert.That(reason, Has.Length.LessThan(600));
    }

    private static string Line(string output, string start) => output.Split('\n').Single(line => line.StartsWith(start, StringComparison.Ordinal))[start.Length..];
}

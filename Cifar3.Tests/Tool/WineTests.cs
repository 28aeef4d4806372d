using System.Diagnostics;
using System.Text;

namespace Cifar3.Tests;

/// <summary>
/// The command's Windows build, on Wine: kernels, SkiaSharp's and ONNX Runtime's libraries, paths, files and text as they are there.
/// </summary>
/// <remarks>Wine 8 has two gaps that .NET needs switches for: code must be written where it lies (no W^X), and no exception may pass native code. It has AVX2, not AVX-512.</remarks>
[Category(TestCategories.Packages)] // builds the tool anew, for another system
public sealed class WineTests
{
    private const string Wine = "/usr/lib/wine/wine64";

    /// <summary>Under ten seconds each on two cores; Wine can wait for itself forever.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private string folder = "", tool = "", windows = "";

    [OneTimeSetUp]
    public void Publish()
    {
        Assume.That(File.Exists(Wine), "needs Wine (apt-get install wine64)");
        folder = TestFiles.NewFolder();
        DotnetCommand.Must(
            DocPage.Root, "publish", "Cifar3.Tool", "-c", "Release", "-r", "win-x64", "--self-contained", "true", "--artifacts-path", Path.Combine(folder, "build"), "-o", Path.Combine(folder, "tool"));
        tool = Path.Combine(folder, "tool", "cifar3-tool.exe");

        // Wine makes its Windows at a prefix' first program, and now and then does not ("could not load kernel32.dll"): not what is tested here.
        string said = "";
        for (int attempt = 1; windows.Length == 0 && attempt <= 3; attempt++)
        {
            string fresh = Path.Combine(folder, $"windows{attempt}");
            var (exitCode, output, error) = Run(folder, fresh, Wine, ["cmd", "/c", "echo ready"]);
            windows = exitCode == 0 && output.Contains("ready", StringComparison.Ordinal) ? fresh : "";
            said = output + error;
        }

        Assume.That(windows, Is.Not.Empty, "Wine made no Windows: " + said);
    }

    [OneTimeTearDown]
    public void Delete()
    {
        if (folder.Length > 0)
        {
            if (windows.Length > 0)
            {
                Run(folder, windows, "/usr/lib/wine/wineserver64", ["-k"]); // it writes its registry when it ends, seconds after the last program
            }

            Directory.Delete(folder, recursive: true); // a runtime and a Windows
        }
    }

    [Test]
    public void Train_OnWindows_HasLinuxNumbersBitForBit()
    {
        string work = TestFiles.NewFolder(), pictures = QuickstartProcess.CreateImageFolders(trainImages: 40);
        string[] arguments = ["train", pictures, "--epochs", "2", "--engine", "Managed", "--out"];

        var (output, error) = Windows(work, [.. arguments, "windows"]);
        Must(work, DotnetCommand.Host, [Path.Combine(AppContext.BaseDirectory, "cifar3-tool.dll"), .. arguments, "linux"]);

        Assert.That(output, Does.Contain(@"Model:  windows\model.onnx"), error);
        Assert.That(output, Does.Contain("(CPU, AVX2, "));
        Assert.That(File.ReadAllBytes(Path.Combine(work, "windows", "training.csv")), Is.EqualTo(File.ReadAllBytes(Path.Combine(work, "linux", "training.csv"))));
        Assert.That(CnnModel.LoadOnnx(Path.Combine(work, "windows", "model.onnx")).WeightHash(), Is.EqualTo(CnnModel.LoadOnnx(Path.Combine(work, "linux", "model.onnx")).WeightHash()));
    }

    /// <summary>Windows' older code pages have no such letters: names were question marks.</summary>
    [Test]
    public void Predict_PictureWhoseNameNoCodePageHas_IsNamedAsItIs()
    {
        string work = TestFiles.NewFolder();
        File.WriteAllBytes(Path.Combine(work, "鳥 Vögel ž.png"), PictureFolders.Picture(90));

        var (output, _) = Windows(work, "predict", "default", "鳥 Vögel ž.png", "--csv");

        Assert.That(output.ReplaceLineEndings("\n"), Does.Contain("\n鳥 Vögel ž.png,"));
    }

    /// <summary>ONNX Runtime's library and this library's kernels, and int8 files through the former.</summary>
    [Test]
    public void Doctor_OnWindows_FindsBothThatScore()
    {
        var (output, error) = Windows(TestFiles.NewFolder(), "doctor");

        Assert.That(output, Does.Contain("Microsoft Windows").And.Contain("built with AzureExecutionProvider, CPUExecutionProvider").And.Contain("Managed").And.Contain("nvcuda.dll"), error);
    }

    private (string Output, string Error) Windows(string work, params string[] arguments)
    {
        var (exitCode, output, error) = Run(work, windows, Wine, [tool, .. arguments]);
        Assume.That(exitCode, Is.Not.Null, "Wine's program did not end, as now and then where it finds no display: " + error);
        Assert.That(exitCode, Is.Zero, output + error);
        return (output, error);
    }

    private (string Output, string Error) Must(string work, string program, string[] arguments)
    {
        var (exitCode, output, error) = Run(work, windows, program, arguments);
        Assert.That(exitCode, Is.Zero, output + error);
        return (output, error);
    }

    /// <returns>The exit code, null of a program that was ended because it did not end; what it wrote.</returns>
    private static (int? ExitCode, string Output, string Error) Run(string work, string prefix, string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = work, RedirectStandardOutput = true, RedirectStandardError = true, StandardOutputEncoding = Encoding.UTF8 };
        // No OpenCL: Wine hands on Linux' own, and ends a program by SIGQUIT to its threads, of which PoCL's know nothing: one program in ten ended with 131.
        foreach (var (name, value) in new[] { ("WINEPREFIX", prefix), ("WINEARCH", "win64"), ("WINEDEBUG", "fixme-all"), ("DOTNET_EnableWriteXorExecute", "0"), ("DOTNET_EnableAVX512", "0"), ("OCL_ICD_VENDORS", "/nowhere") })
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        bool ended = process.WaitForExit(Patience);
        if (!ended)
        {
            process.Kill(entireProcessTree: true);
        }

        // Wine's services outlive a program that failed, and may hold its streams open.
        Task.WaitAll([output, error], TimeSpan.FromSeconds(30));
        return (ended ? process.ExitCode : null, Written(output), Written(error));

        static string Written(Task<string> stream) => stream.IsCompleted ? stream.Result : "";
    }
}

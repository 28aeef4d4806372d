using System.Diagnostics;

namespace Cifar3.Tests;

/// <summary>
/// The kernels' text under oclgrind, an interpreter that looks at every access to memory: out of bounds, races between work-items, wrong use of OpenCL. It takes
/// minutes: in a process of its own, the whole engine once over a tiny network, held to the bits of the PTX.
/// </summary>
[Category(TestCategories.Slow)]
public sealed class GpuMemoryTests
{
    private const string Driver = "/usr/lib/oclgrind/liboclgrind-rt-icd.so";

    [Test]
    public void Engine_UnderOclgrind_TouchesNoForeignMemoryAndRacesNowhere()
    {
        if (!File.Exists(Driver))
        {
            Assert.Ignore("oclgrind is not here: apt-get install oclgrind ocl-icd-libopencl1.");
        }

        string folder = TestFiles.NewFolder(), log = Path.Combine(folder, "oclgrind.log");
        File.WriteAllText(Path.Combine(folder, "oclgrind.icd"), Driver);
        var start = new ProcessStartInfo("dotnet", ["test", typeof(GpuMemoryTests).Assembly.Location, "--filter", $"FullyQualifiedName~{nameof(GpuCudaEngineTests)}", "--results-directory", folder])
        {
            RedirectStandardOutput = true,
            Environment =
            {
                ["OCL_ICD_VENDORS"] = folder,
                ["CIFAR3_GPU"] = "Oclgrind",
                ["OCLGRIND_LOG"] = log,
                ["OCLGRIND_DATA_RACES"] = "1",
                ["OCLGRIND_CHECK_API"] = "1",
            },
        };
        using var process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();

        Assert.That(process.ExitCode, Is.Zero, output);
        Assert.That(output, Does.Match(@"Passed:\s+1\b"), "it ran, and was not skipped");
        Assert.That(File.ReadAllText(log), Is.Empty, "oclgrind's findings");
    }
}

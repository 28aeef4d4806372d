using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// The kernels' text compiled for NVIDIA's cards by clang, which needs no card and no toolkit: it is the one embedded, and what it says about speed. Local
/// memory (registers that did not suffice) or a call in a convolution's loop would cost most of it.
/// </summary>
public sealed partial class GpuPtxTests
{
    private const int FusedMultiplyAddsOfATile = 8 * 4 * 16;

    /// <summary>The embedded PTX is what the script makes of the embedded text.</summary>
    [Test]
    public void Ptx_MadeAgain_IsTheSame() => Assert.That(Make(), Is.EqualTo(GpuKernels.Ptx), "kernels.ptx is not that of the .cl files: bash make-ptx.sh > kernels.ptx, with clang 15.0.6");

    [Test]
    public void Ptx_EveryKernel_HasNoLocalMemoryAndNoCall()
    {
        string ptx = GpuKernels.Ptx;

        string[] expected = [.. KernelName().Matches(GpuKernels.Source).Select(m => m.Groups["name"].Value)];
        Assert.That(EntryName().Matches(ptx).Select(m => m.Groups["name"].Value), Is.EquivalentTo(expected));
        Assert.That(expected, Has.Length.GreaterThan(20));
        Assert.That(ptx, Does.Not.Contain(".local").And.Not.Contain("call"));
        Assert.That(Regex.Count(ptx, @"(?m)^\.reqntid 64, 1, 1$"), Is.EqualTo(expected.Length), "else the driver allows for groups of 1,024: 64 registers a work-item");
        foreach (string body in ptx.Split(".visible .entry ").Where(part => ConvolutionName().IsMatch(part)))
        {
            Assert.That(Regex.Count(body, @"fma\.rn\.f32"), Is.EqualTo(FusedMultiplyAddsOfATile), body[..body.IndexOf('(', StringComparison.Ordinal)]);
            Assert.That(Regex.Count(body, @"ld\.shared\.v4\.f32"), Is.EqualTo(3 * 16), "four numbers a load: 8 and 4 for each of 16");
        }
    }

    /// <summary>Nothing but what IEEE 754 rounds: no approximation, and no subnormal number flushed to 0.</summary>
    [Test]
    public void Ptx_EveryInstruction_RoundsAsIeee() => Assert.That(GpuKernels.Ptx, Does.Not.Contain(".approx").And.Not.Contain(".ftz").And.Not.Contain(".full").And.Not.Contain(".f64"));

    private static string Make([CallerFilePath] string file = "")
    {
        Assume.That(OperatingSystem.IsLinux(), "The script is one for bash and Debian's clang.");
        string script = Path.Combine(Path.GetDirectoryName(file)!, "..", "..", "..", "Cifar3.Training", "Engines", "Gpu", "Kernels", "make-ptx.sh");
        using var bash = Process.Start(new ProcessStartInfo("bash", [script]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = bash.StandardError.ReadToEndAsync();
        string ptx = bash.StandardOutput.ReadToEnd();
        bash.WaitForExit();
        if (bash.ExitCode == 127)
        {
            Assert.Ignore("clang-15 is not here: apt-get install clang-15.");
        }

        Assert.That(bash.ExitCode, Is.Zero, errors.Result);
        return ptx;
    }

    [GeneratedRegex(@"^KERNEL (?<name>\w+)\(", RegexOptions.Multiline)]
    private static partial Regex KernelName();

    [GeneratedRegex(@"\.visible \.entry (?<name>\w+)\(")]
    private static partial Regex EntryName();

    [GeneratedRegex(@"^conv_(forward|backward)")]
    private static partial Regex ConvolutionName();
}

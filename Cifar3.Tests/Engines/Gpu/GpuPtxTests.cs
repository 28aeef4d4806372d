using System.ComponentModel;
using System.Diagnostics;
using System.Text.RegularExpressions;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// The kernels' text compiled for NVIDIA's cards by clang, which needs no card and no toolkit: what the code says about speed. Local memory (registers that
/// did not suffice) or a call in a convolution's loop would cost most of it.
/// </summary>
public sealed partial class GpuPtxTests
{
    private const int FusedMultiplyAddsOfATile = 8 * 8 * 16;

    [Test]
    public void Ptx_EveryKernel_HasNoLocalMemoryAndNoCall()
    {
        string ptx = Compile();

        string[] expected = [.. KernelName().Matches(GpuKernels.Source).Select(m => m.Groups["name"].Value)];
        Assert.That(EntryName().Matches(ptx).Select(m => m.Groups["name"].Value), Is.EquivalentTo(expected));
        Assert.That(expected, Has.Length.GreaterThan(20));
        Assert.That(ptx, Does.Not.Contain(".local").And.Not.Contain("call"));
        foreach (string body in ptx.Split(".visible .entry ").Where(part => part.StartsWith("conv_", StringComparison.Ordinal)))
        {
            Assert.That(Regex.Count(body, @"fma\.rn\.f32"), Is.EqualTo(FusedMultiplyAddsOfATile), body[..body.IndexOf('(', StringComparison.Ordinal)]);
            Assert.That(Regex.Count(body, @"ld\.shared\.v4\.f32"), Is.EqualTo(FusedMultiplyAddsOfATile / 16), "four numbers a load");
        }
    }

    /// <summary>The text as sm_60 code: cards since 2016, and through their driver's compiler all later ones.</summary>
    private static string Compile()
    {
        const string options = "-x cl -cl-std=CL1.2 -cl-no-stdinc -cl-fp32-correctly-rounded-divide-sqrt -ffp-contract=off -target nvptx64-nvidia-cuda " +
            "-Xclang -target-cpu -Xclang sm_60 -Xclang -target-feature -Xclang +ptx70 -O3 -S - -o -";
        var start = new ProcessStartInfo("clang-15", options) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using var clang = Process.Start(start)!;
            var errors = clang.StandardError.ReadToEndAsync();
            var ptx = clang.StandardOutput.ReadToEndAsync();
            clang.StandardInput.Write(GpuKernels.Source);
            clang.StandardInput.Close();
            clang.WaitForExit();
            Assert.That(clang.ExitCode, Is.Zero, errors.Result);
            return ptx.Result;
        }
        catch (Win32Exception)
        {
            Assert.Ignore("clang-15 is not here: apt-get install clang-15.");
            return "";
        }
    }

    [GeneratedRegex(@"^KERNEL (?<name>\w+)\(", RegexOptions.Multiline)]
    private static partial Regex KernelName();

    [GeneratedRegex(@"\.visible \.entry (?<name>\w+)\(")]
    private static partial Regex EntryName();
}

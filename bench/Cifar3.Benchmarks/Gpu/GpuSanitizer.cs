using System.ComponentModel;
using System.Diagnostics;

namespace Cifar3.Benchmarks;

/// <summary>NVIDIA's compute-sanitizer, where it is installed: this program's checks on tiny shapes under memcheck and racecheck.</summary>
internal static class GpuSanitizer
{
    private const string Program = "compute-sanitizer";

    public static void Run(GpuFindings findings)
    {
        foreach (string tool in new[] { "memcheck", "racecheck" })
        {
            findings.Part($"{Program} {tool}", () =>
            {
                if (Errors(tool) is { } summary)
                {
                    findings.Check($"{Program} {tool}", summary.Contains(" 0 errors", StringComparison.Ordinal) || summary.Contains(" 0 hazards", StringComparison.Ordinal), summary, "0");
                }
                else
                {
                    findings.Add($"{Program} {tool}", "is not on this machine");
                }
            });
        }
    }

    /// <summary>The summary's line; null where there is no such program.</summary>
    private static string? Errors(string tool)
    {
        string[] self = PeerProcess.Self();
        try
        {
            using var process = Process.Start(new ProcessStartInfo(Program, ["--tool", tool, .. self, GpuSubject.Name, "--small", "--checks"]) { RedirectStandardOutput = true })!;
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return output.Split('\n').LastOrDefault(line => line.Contains("SUMMARY", StringComparison.Ordinal))?.Trim('=', ' ', '\r') ?? $"ended with {process.ExitCode} and no summary";
        }
        catch (Win32Exception)
        {
            return null;
        }
    }
}

using System.Globalization;
using System.Runtime.InteropServices;

namespace Cifar3.Benchmarks;

/// <summary>On what the figures were measured.</summary>
internal static class MachineDescription
{
    public static void Print() => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{DateTime.UtcNow:yyyy-MM-dd}, {Processor()}, {Environment.ProcessorCount} processors, {ProcessorKind.Current}, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}"));

    private static string Processor()
    {
        const string CpuInfo = "/proc/cpuinfo";
        string? line = File.Exists(CpuInfo) ? File.ReadLines(CpuInfo).FirstOrDefault(text => text.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?.Split(':', 2)[1].Trim() ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? RuntimeInformation.ProcessArchitecture.ToString();
    }
}

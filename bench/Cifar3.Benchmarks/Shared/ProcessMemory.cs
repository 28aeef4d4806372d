using System.Diagnostics;
using System.Globalization;

namespace Cifar3.Benchmarks;

/// <summary>The memory that this process holds in RAM, native memory and mapped libraries included.</summary>
internal static class ProcessMemory
{
    /// <summary>The most so far, in bytes.</summary>
    public static long PeakWorkingSet => FromStatus("VmHWM:") ?? Read(process => process.PeakWorkingSet64);

    /// <summary>Now, in bytes.</summary>
    public static long WorkingSet => FromStatus("VmRSS:") ?? Read(process => process.WorkingSet64);

    /// <summary>Linux tells it in kB, in a line such as <c>VmHWM:   123456 kB</c>.</summary>
    private static long? FromStatus(string field)
    {
        const string Status = "/proc/self/status";
        string? line = File.Exists(Status) ? File.ReadLines(Status).FirstOrDefault(text => text.StartsWith(field, StringComparison.Ordinal)) : null;
        return line is null ? null : long.Parse(line[field.Length..].Replace("kB", "", StringComparison.Ordinal), NumberStyles.Integer, CultureInfo.InvariantCulture) * 1024;
    }

    private static long Read(Func<Process, long> value)
    {
        using var process = Process.GetCurrentProcess();
        return value(process);
    }
}

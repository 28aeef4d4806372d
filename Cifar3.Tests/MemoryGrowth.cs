using System.Diagnostics;

namespace Cifar3.Tests;

/// <summary>Watches by how much the process' resident memory, managed and native, grows while a test runs.</summary>
internal sealed class MemoryGrowth : IDisposable
{
    private readonly long before;
    private readonly Timer timer;
    private long peak;

    public MemoryGrowth()
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        before = Resident();
        timer = new Timer(_ => Look(), null, 0, 20);
    }

    /// <summary>The largest growth seen, in bytes.</summary>
    public long Peak
    {
        get
        {
            Look();
            return Interlocked.Read(ref peak);
        }
    }

    public void Dispose() => timer.Dispose();

    private static long Resident()
    {
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    private void Look()
    {
        long growth = Resident() - before;
        for (long seen = Interlocked.Read(ref peak); growth > seen; seen = Interlocked.Read(ref peak))
        {
            Interlocked.CompareExchange(ref peak, growth, seen);
        }
    }
}

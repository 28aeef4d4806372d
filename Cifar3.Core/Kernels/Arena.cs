using System.Runtime.InteropServices;

namespace Cifar3;

/// <summary>All native memory of one engine: a table of named, zeroed, 64-byte aligned buffers, each between two guards, that are freed together.</summary>
/// <remarks>Pages that are never touched (training buffers of an engine that only predicts) cost no physical memory.</remarks>
internal sealed unsafe class Arena : IDisposable
{
    private const int Alignment = 64;
    private const byte Guard = 0xFF; // floats of these bytes are not numbers: what is read beyond a buffer spoils every result

    private readonly List<Buffer> buffers = [];

    private readonly record struct Buffer(string Name, nint Memory, nint Start, long Bytes);

    ~Arena() => Free();

    /// <summary>Bytes reserved, all buffers together.</summary>
    public long Bytes => buffers.Sum(buffer => buffer.Bytes);

    public float* Floats(string name, long count) => (float*)Allocate(name, checked(count * sizeof(float)));

    public double* Doubles(string name, long count) => (double*)Allocate(name, checked(count * sizeof(double)));

    public byte* Allocate(string name, long bytes)
    {
        nint memory = (nint)NativeMemory.AllocZeroed(checked((nuint)(bytes + 3 * Alignment)));
        nint start = ((memory + Alignment - 1) & ~(nint)(Alignment - 1)) + Alignment;
        buffers.Add(new Buffer(name, memory, start, bytes));
        Before(start).Fill(Guard);
        After(start, bytes).Fill(Guard);
        return (byte*)start;
    }

    /// <summary>Names of the buffers beyond whose ends something was written.</summary>
    public IReadOnlyList<string> FindOverruns() =>
        [.. buffers.Where(b => Before(b.Start).ContainsAnyExcept(Guard) || After(b.Start, b.Bytes).ContainsAnyExcept(Guard)).Select(b => b.Name)];

    private static Span<byte> Before(nint start) => new((void*)(start - Alignment), Alignment);

    private static Span<byte> After(nint start, long bytes) => new((void*)(start + (nint)bytes), Alignment);

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        foreach (var buffer in buffers)
        {
            NativeMemory.Free((void*)buffer.Memory);
        }

        buffers.Clear();
    }
}

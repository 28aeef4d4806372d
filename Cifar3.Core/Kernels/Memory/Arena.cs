namespace Cifar3;

/// <summary>All native memory of one engine: a table of named, zeroed, 64-byte aligned buffers, each between two guards, that are freed together.</summary>
/// <remarks>Pages that are never touched (training buffers of an engine that only predicts) cost no physical memory.</remarks>
internal sealed unsafe class Arena : IDisposable
{
    private const int Alignment = 64;
    private const byte Guard = 0xFF; // floats of these bytes are not numbers: what is read beyond a buffer spoils every result

    private readonly List<Buffer> buffers = [];
    private readonly long limit;

    private readonly record struct Buffer(string Name, nint Memory, nint Start, long Bytes);

    /// <summary>Creates an empty table.</summary>
    /// <param name="limit">Most bytes of all buffers. Default: the memory of the machine or container, or what .NET is limited to, beyond which the system would end the process later.</param>
    public Arena(long? limit = null) => this.limit = limit ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    ~Arena() => Free();

    /// <summary>Bytes reserved, all buffers together.</summary>
    public long Bytes { get; private set; }

    public float* Floats(string name, long count) => (float*)Allocate(name, checked(count * sizeof(float)));

    public double* Doubles(string name, long count) => (double*)Allocate(name, checked(count * sizeof(double)));

    /// <summary>A buffer of zeros.</summary>
    /// <param name="name">What it holds.</param>
    /// <param name="bytes">Its size.</param>
    /// <exception cref="Cifar3Exception">All buffers together would need more than there is: very wide filters with large batches.</exception>
    public byte* Allocate(string name, long bytes)
    {
        if (bytes > limit - Bytes)
        {
            throw TooLarge(name, bytes, FormattableString.Invariant($"Expected at most {limit:N0}, the memory of this machine or container (or DOTNET_GCHeapHardLimit)"));
        }

        nint memory = (nint)ZeroedMemory.TryAllocate(Reserved(bytes));
        if (memory == 0)
        {
            throw TooLarge(name, bytes, "The system gives this process no more (ulimit -v, or other programs)");
        }

        Bytes += bytes;
        nint start = ((memory + Alignment - 1) & ~(nint)(Alignment - 1)) + Alignment;
        buffers.Add(new Buffer(name, memory, start, bytes));
        Before(start).Fill(Guard);
        After(start, bytes).Fill(Guard);
        return (byte*)start;
    }

    /// <summary>Names of the buffers beyond whose ends something was written.</summary>
    public IReadOnlyList<string> FindOverruns() =>
        [.. buffers.Where(b => Before(b.Start).ContainsAnyExcept(Guard) || After(b.Start, b.Bytes).ContainsAnyExcept(Guard)).Select(b => b.Name)];

    /// <summary>Bytes of a buffer with its guards and what aligning it may take.</summary>
    private static long Reserved(long bytes) => checked(bytes + 3 * Alignment);

    private static Span<byte> Before(nint start) => new((void*)(start - Alignment), Alignment);

    private static Span<byte> After(nint start, long bytes) => new((void*)(start + (nint)bytes), Alignment);

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private Cifar3Exception TooLarge(string name, long bytes, string bound) =>
        new(FormattableString.Invariant($"The network does not fit into memory: with '{name}' its buffers need {(double)Bytes + bytes:N0} bytes or more. {bound}. Use fewer filters, smaller batches or fewer threads."));

    private void Free()
    {
        foreach (var buffer in buffers)
        {
            ZeroedMemory.Free((void*)buffer.Memory, Reserved(buffer.Bytes));
        }

        buffers.Clear();
    }
}

using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>All native memory of one engine: a table of named, zeroed, 64-byte aligned buffers that are freed together.</summary>
/// <remarks>Pages that are never touched (training buffers of an engine that only predicts) cost no physical memory.</remarks>
internal sealed unsafe class Arena : IDisposable
{
    private const int Alignment = 64;

    private readonly List<Buffer> buffers = [];

    private readonly record struct Buffer(string Name, nint Memory, long Bytes);

    ~Arena() => Free();

    /// <summary>Bytes reserved, all buffers together.</summary>
    public long Bytes => buffers.Sum(buffer => buffer.Bytes);

    public float* Floats(string name, long count) => (float*)Allocate(name, checked(count * sizeof(float)));

    public double* Doubles(string name, long count) => (double*)Allocate(name, checked(count * sizeof(double)));

    public byte* Allocate(string name, long bytes)
    {
        nint memory = (nint)NativeMemory.AllocZeroed(checked((nuint)(bytes + Alignment)));
        buffers.Add(new Buffer(name, memory, bytes));
        return (byte*)((memory + Alignment - 1) & ~(nint)(Alignment - 1));
    }

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

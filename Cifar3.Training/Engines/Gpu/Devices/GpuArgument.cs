using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>Memory of a device, by the driver's handle.</summary>
internal readonly record struct GpuBuffer(nint Handle);

/// <summary>A compiled kernel, by the driver's handle.</summary>
internal readonly record struct GpuKernel(nint Handle);

/// <summary>One argument of a kernel: its bits, and how many bytes of them count.</summary>
/// <param name="Bits">The value; the lower <paramref name="Bytes"/> of it. It comes first in memory: little-endian on every system that has these drivers.</param>
/// <param name="Bytes">4 for numbers, 8 for memory.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct GpuArgument(long Bits, int Bytes)
{
    public static implicit operator GpuArgument(GpuBuffer buffer) => new(buffer.Handle, 8);

    public static implicit operator GpuArgument(int value) => new(value, 4);

    public static implicit operator GpuArgument(float value) => new(BitConverter.SingleToInt32Bits(value), 4);
}

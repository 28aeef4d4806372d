using System.Runtime.Intrinsics.X86;

namespace Cifar3;

/// <summary>Whether this x86 CPU multiplies 8-bit numbers with sums of 32 bits (VNNI): AVX512_VNNI (leaf 7.0, ECX bit 11) or AVX-VNNI (leaf 7.1, EAX bit 4).</summary>
internal static class Vnni
{
    public static bool IsSupported { get; } = X86Base.IsSupported && Detect();

    private static bool Detect()
    {
        if (X86Base.CpuId(0, 0).Eax < 7)
        {
            return false;
        }

        var (highestSubleaf, _, ecx, _) = X86Base.CpuId(7, 0);
        return (ecx & (1 << 11)) != 0 || (highestSubleaf >= 1 && (X86Base.CpuId(7, 1).Eax & (1 << 4)) != 0);
    }
}

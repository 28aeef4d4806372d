using System.Runtime.Intrinsics.X86;

namespace Cifar3.Benchmarks;

/// <summary>What a processor has that figures depend on: targets are of a kind, and peers that it cannot run in reasonable time take no part.</summary>
/// <param name="Vectors">The widest vectors: <see cref="Avx512"/>, <see cref="AvxTwo"/> or others.</param>
/// <param name="HasBfloat16">Instructions for products of bfloat16. Without them PyTorch's bfloat16 takes minutes where float32 takes seconds.</param>
/// <param name="HasVnni">Instructions for products of 8 bits. Without them int8 gains little.</param>
internal sealed record ProcessorKind(string Vectors, bool HasBfloat16, bool HasVnni)
{
    public const string Avx512 = "AVX-512", AvxTwo = "AVX2", Narrow = "128-bit vectors";

    /// <summary>This machine's.</summary>
    public static ProcessorKind Current { get; } = Find();

    /// <summary>In words.</summary>
    public override string ToString() => $"{Vectors}, {(HasBfloat16 ? "" : "no ")}bfloat16, {(HasVnni ? "" : "no ")}8-bit products";

    private static ProcessorKind Find()
    {
        string vectors = Avx512F.IsSupported ? Avx512 : Avx2.IsSupported ? AvxTwo : Narrow;
        if (!X86Base.IsSupported)
        {
            string features = File.Exists("/proc/cpuinfo") ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("Features", StringComparison.Ordinal)) ?? "" : "";
            return new ProcessorKind(vectors, features.Contains(" bf16", StringComparison.Ordinal), features.Contains(" i8mm", StringComparison.Ordinal) || features.Contains(" asimddp", StringComparison.Ordinal));
        }

        // Leaf 7 of CPUID, as the system or hypervisor shows it. DOTNET_EnableAVX512=0 hides nothing from the peers, so it counts for the vectors alone.
        var (_, _, ecx, edx) = X86Base.CpuId(7, 0);
        int eax = X86Base.CpuId(7, 1).Eax;
        return new ProcessorKind(vectors, HasBit(eax, 5) || HasBit(edx, 22), HasBit(ecx, 11) || HasBit(eax, 4));

        static bool HasBit(int register, int bit) => (register >> bit & 1) != 0;
    }
}

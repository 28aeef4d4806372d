namespace Cifar3;

/// <summary>
/// A register of <see cref="Width"/> floats. Every kernel is written once, generic over it; the JIT compiles one copy for each of
/// <see cref="V512"/>, <see cref="V256"/> and <see cref="V128"/>, and the engine chooses among them once, at start.
/// </summary>
internal unsafe interface ISimd<V>
    where V : struct, ISimd<V>
{
    /// <summary>What the processor calls it.</summary>
    static abstract string Name { get; }

    /// <summary>Whether this processor computes it in hardware.</summary>
    static abstract bool IsSupported { get; }

    /// <summary>Floats in a register: 16, 8 or 4. Always divides <see cref="Padding.Channels"/>.</summary>
    static abstract int Width { get; }

    /// <summary>Most rows of a GEMM block, so that 2·rows accumulators, 2 weights and 1 broadcast fit the registers.</summary>
    static abstract int MaxRows { get; }

    static abstract V Load(float* source);

    /// <summary>Width bytes as floats 0 to 255.</summary>
    static abstract V LoadBytes(byte* source);

    static abstract V Broadcast(float value);

    static abstract void Store(float* target, V value);

    /// <summary>Floats that hold whole numbers 0 to 255 as bytes.</summary>
    static abstract void StoreBytes(byte* target, V value);

    static abstract V operator +(V a, V b);

    static abstract V operator -(V a, V b);

    static abstract V operator *(V a, V b);

    static abstract V operator /(V a, V b);

    /// <summary>Whether <see cref="Fma"/> rounds once. x86 processors without AVX2 round the product as well.</summary>
    static abstract bool IsFused { get; }

    /// <summary>a·b + c, with one rounding where the processor can.</summary>
    static abstract V Fma(V a, V b, V c);

    /// <summary>
    /// sum = a·b + sum, the same bits as <see cref="Fma"/>. In the inner loops: what is stored where it was loaded from needs no copy, while the JIT
    /// makes <see cref="Fma"/> overwrite whichever operand is used last and then moves it, a third of a GEMM's instructions.
    /// </summary>
    static abstract void Accumulate(ref V sum, V a, V b);

    static abstract V Sqrt(V a);

    /// <summary>The larger; b where b is not a number, so that a diverged training shows.</summary>
    static abstract V Max(V a, V b);

    /// <summary>a &gt; b ? then : otherwise, element by element.</summary>
    static abstract V IfGreater(V a, V b, V then, V otherwise);

    /// <summary>a = b ? then : otherwise, element by element.</summary>
    static abstract V IfEqual(V a, V b, V then, V otherwise);

    /// <summary>sum[i] += (double)a[i].</summary>
    static abstract void AddTo(double* sum, V a);

    /// <summary>sum[i] += (double)a[i]·(double)b[i].</summary>
    static abstract void AddProductTo(double* sum, V a, V b);
}

/// <summary>Channels are padded with zeros to a multiple of 16 in every buffer, whatever the vector width.</summary>
internal static class Padding
{
    public const int Channels = 16;

    public static int Up(int channels) => (channels + Channels - 1) / Channels * Channels;
}

using System.Runtime.CompilerServices;

namespace Cifar3;

// A tile's six methods as six types (C# has no type members in interfaces).

/// <summary>Bᵀ: input to V.</summary>
internal readonly unsafe struct InputMap<TTile> : IWinogradMap
    where TTile : struct, IWinogradTile
{
    public static int From => TTile.Input;

    public static int To => TTile.Input;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V> => TTile.TransformInput<V>(x, xStride, y, yStride);
}

/// <summary>B: dV to the input's gradient.</summary>
internal readonly unsafe struct InputAdjointMap<TTile> : IWinogradMap
    where TTile : struct, IWinogradTile
{
    public static int From => TTile.Input;

    public static int To => TTile.Input;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V> => TTile.TransformInputAdjoint<V>(x, xStride, y, yStride);
}

/// <summary>Aᵀ: M to output.</summary>
internal readonly unsafe struct OutputMap<TTile> : IWinogradMap
    where TTile : struct, IWinogradTile
{
    public static int From => TTile.Input;

    public static int To => TTile.Output;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V> => TTile.TransformOutput<V>(x, xStride, y, yStride);
}

/// <summary>A: the output's gradient to dM.</summary>
internal readonly unsafe struct OutputAdjointMap<TTile> : IWinogradMap
    where TTile : struct, IWinogradTile
{
    public static int From => TTile.Output;

    public static int To => TTile.Input;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V> => TTile.TransformOutputAdjoint<V>(x, xStride, y, yStride);
}

/// <summary>G: kernel to U.</summary>
internal readonly unsafe struct WeightsMap<TTile> : IWinogradMap
    where TTile : struct, IWinogradTile
{
    public static int From => 3;

    public static int To => TTile.Input;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V> => TTile.TransformWeights<V>(x, xStride, y, yStride);
}

/// <summary>Gᵀ: dU to the kernel's gradient.</summary>
internal readonly unsafe struct WeightsAdjointMap<TTile> : IWinogradMap
    where TTile : struct, IWinogradTile
{
    public static int From => TTile.Input;

    public static int To => 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V> => TTile.TransformWeightsAdjoint<V>(x, xStride, y, yStride);
}

using System.Runtime.CompilerServices;

namespace Cifar3;

// F(m×m, 3×3), Winograd's minimal algorithm for m×m outputs of a 3×3 convolution from an n×n input tile, n = m + 2:
//
//   Y = Aᵀ · [ (G g Gᵀ) ∘ (Bᵀ d B) ] · A        d [n,n] input, g [3,3] kernel, Y [m,m] output, ∘ point by point, n² points
//
// With channels, ∘ becomes one matrix product a point. Backward is the adjoint of every map, in the opposite order:
//
//   dM = A dY Aᵀ        dU[p] = V[p]ᵀ · dM[p]        dg = Gᵀ dU G        dV[p] = dM[p] · U[p]ᵀ        dd = B dV Bᵀ (overlapping tiles add up)
//
// All six maps are separable: one linear map along the columns, then the same along the rows. A tile is those six, on vectors of
// channels, with strides. Lavin and Gray: "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.
internal unsafe interface IWinogradTile
{
    /// <summary>n, rows of an input tile: 6 or 8. There are n² points.</summary>
    static abstract int Input { get; }

    /// <summary>m, rows of an output tile: 4 or 6.</summary>
    static abstract int Output { get; }

    /// <summary>y[0..n) = Bᵀ x[0..n).</summary>
    static abstract void TransformInput<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>;

    /// <summary>y[0..n) = B x[0..n), or += where it overlaps another tile's: THead 1 for y[0] and y[1], TBody 1 for the others.</summary>
    static abstract void TransformInputAdjoint<V, THead, TBody>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>
        where THead : struct, INumber
        where TBody : struct, INumber;

    /// <summary>y[0..m) = Aᵀ x[0..n).</summary>
    static abstract void TransformOutput<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>;

    /// <summary>y[0..n) = A x[0..m).</summary>
    static abstract void TransformOutputAdjoint<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>;

    /// <summary>y[0..n) = G x[0..3).</summary>
    static abstract void TransformWeights<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>;

    /// <summary>y[0..3) = Gᵀ x[0..n).</summary>
    static abstract void TransformWeightsAdjoint<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>;
}

/// <summary>One of a tile's six maps, as a type, so that <see cref="WinogradMap"/> is written once.</summary>
internal unsafe interface IWinogradMap
{
    static abstract int From { get; }

    static abstract int To { get; }

    static abstract void Apply<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>;
}

/// <summary>Applies a map to both dimensions of a tile of vectors.</summary>
internal static unsafe class WinogradMap
{
    /// <summary>Floats of scratch that <see cref="Apply"/> and one staged tile need together: 2·8·8 vectors.</summary>
    public const int ScratchFloats = 2 * 64 * 16;

    /// <summary>y [To,To] = T · x [From,From] · Tᵀ for one vector of channels; strides in floats. <paramref name="scratch"/> holds From·To vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply<V, TMap>(float* x, nint xRow, nint xColumn, float* y, nint yRow, nint yColumn, float* scratch)
        where V : struct, ISimd<V>
        where TMap : struct, IWinogradMap
    {
        ApplyToRows<V, TMap>(x, xRow, xColumn, scratch);
        for (int j = TMap.To; j > 0; j--, scratch += V.Width, y += yColumn)
        {
            TMap.Apply<V>(scratch, TMap.To * V.Width, y, yRow);
        }
    }

    /// <summary>The first half of it: scratch [From,To] = x · Tᵀ.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ApplyToRows<V, TMap>(float* x, nint xRow, nint xColumn, float* scratch)
        where V : struct, ISimd<V>
        where TMap : struct, IWinogradMap
    {
        for (int i = TMap.From; i > 0; i--, x += xRow, scratch += TMap.To * V.Width)
        {
            TMap.Apply<V>(x, xColumn, scratch, V.Width);
        }
    }

    /// <summary>y = or += value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put<V, TAdd>(float* y, V value)
        where V : struct, ISimd<V>
        where TAdd : struct, INumber => V.Store(y, TAdd.Value > 0 ? V.Load(y) + value : value);
}

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
        where V : struct, ISimd<V> => TTile.TransformInputAdjoint<V, N0, N0>(x, xStride, y, yStride);
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

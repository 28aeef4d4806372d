using System.Runtime.CompilerServices;

namespace Cifar3;

// Forward           Y = Aᵀ M A of every tile, handed to a sink that adds the bias and finishes the layer (WinogradHooks.cs)
// Backward          dM[p, t, co] = (A dY Aᵀ)[p], dY loaded by a source that begins the layer's backward pass (WinogradHooks.cs)
// AddBiasGradient   db[co] += Σ over t of dM[(1,1), t, co]
// M, dM  [points, tiles, Cout] of one block, M read, dM written (=), at strides OutputStride, Cout, 1
// A tile that hangs over the edge is computed whole: the sink drops what lies outside Height × Width, there dY is zero.
// Between hook and map a tile of one vector of channels stays in L1 (scratch: WinogradMap.ScratchFloats).
// Reference: WinogradConvolutionTests.
internal static unsafe class WinogradOutput
{
    [MethodImpl(Jit.Kernel)]
    public static void Forward<V, TTile, TSink>(in WinogradShape shape, float* m, int first, int count, int firstChannel, int endChannel, in TSink sink, float* scratch)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
        where TSink : struct, IWinogradSink
    {
        nint point = shape.OutputStride;
        float* staged = scratch + WinogradMap.ScratchFloats / 2;
        for (int t = 0; t < count; t++, m += shape.Outputs)
        {
            var tile = Place(in shape, first + t);
            for (int c = firstChannel; c < endChannel; c += V.Width)
            {
                WinogradMap.Apply<V, OutputMap<TTile>>(m + c, TTile.Input * point, point, staged, TTile.Output * V.Width, V.Width, scratch);
                sink.Write<V, TTile>(staged, in tile, c);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WinogradPlace Place(in WinogradShape shape, int tile)
    {
        var (image, row, column) = shape.Locate(tile);
        return new WinogradPlace(image, row, column, Math.Min(shape.OutputTile, shape.Height - row), Math.Min(shape.OutputTile, shape.Width - column));
    }

    [MethodImpl(Jit.Kernel)]
    public static void Backward<V, TTile, TSource>(in WinogradShape shape, in TSource source, int first, int count, float* dm, float* scratch)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
        where TSource : struct, IWinogradSource
    {
        nint point = shape.OutputStride;
        float* staged = scratch + WinogradMap.ScratchFloats / 2;
        for (int t = 0; t < count; t++, dm += shape.Outputs)
        {
            var tile = Place(in shape, first + t);
            for (int c = 0; c < shape.Outputs; c += V.Width)
            {
                source.Read<V, TTile>(staged, in tile, c);
                if (tile.Rows < TTile.Output || tile.Columns < TTile.Output)
                {
                    ClearOutside<V, TTile>(staged, in tile);
                }

                WinogradMap.Apply<V, OutputAdjointMap<TTile>>(staged, TTile.Output * V.Width, V.Width, dm + c, TTile.Input * point, point, scratch);
            }
        }
    }

    // The bias gradient needs no pass of its own: at point (1, 1) A dY Aᵀ is the plain sum of the tile, so db[co] = Σ over t of dM[(1,1), t, co].
    // Runs of 8 tiles are summed in float, those sums in double (+=).
    [MethodImpl(Jit.Kernel)]
    public static void AddBiasGradient<V, TTile>(in WinogradShape shape, float* dm, int count, double* bias)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        dm += (TTile.Input + 1) * shape.OutputStride;
        for (int t = 0; t < count; t += 8)
        {
            int end = Math.Min(8, count - t);
            for (int c = 0; c < shape.Outputs; c += V.Width)
            {
                V sum = V.Broadcast(0);
                for (int i = 0; i < end; i++)
                {
                    sum += V.Load(dm + (t + i) * shape.Outputs + c);
                }

                V.AddTo(bias + c, sum);
            }
        }
    }

    // Zeros where a tile hangs over the edge. A kernel of its own: inlined into another, each store of a vector was a call (Jit.Kernel).
    [MethodImpl(Jit.Kernel)]
    private static void ClearOutside<V, TTile>(float* staged, in WinogradPlace place)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        for (int i = 0; i < TTile.Output; i++)
        {
            for (int j = i < place.Rows ? place.Columns : 0; j < TTile.Output; j++)
            {
                V.Store(staged + (i * TTile.Output + j) * V.Width, V.Broadcast(0));
            }
        }
    }
}

/// <summary>Where an output tile lies: its first pixel, and how many of its rows and columns are inside the output.</summary>
internal readonly record struct WinogradPlace(int Image, int Row, int Column, int Rows, int Columns);

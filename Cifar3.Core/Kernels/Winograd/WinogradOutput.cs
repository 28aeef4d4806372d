using System.Runtime.CompilerServices;

namespace Cifar3;

// Y = Aᵀ M A of every tile, handed to a sink that adds the bias and finishes the layer (WinogradSinks.cs)
// M  [points, tiles, Cout] of one block, read, at strides OutputStride, Cout, 1
// A tile that hangs over the edge is computed whole; the sink drops what lies outside Height × Width.
// Between map and sink a tile of one vector of channels stays in L1 (scratch: WinogradMap.ScratchFloats).
// Reference: WinogradConvolutionTests.
internal static unsafe class WinogradOutput
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward<V, TTile, TSink>(in WinogradShape shape, float* m, int first, int count, in TSink sink, float* scratch)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
        where TSink : struct, IWinogradSink
    {
        nint point = shape.OutputStride;
        float* staged = scratch + WinogradMap.ScratchFloats / 2;
        for (int t = 0; t < count; t++, m += shape.Outputs)
        {
            var tile = Place(in shape, first + t);
            for (int c = 0; c < shape.Outputs; c += V.Width)
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
}

/// <summary>Where an output tile lies: its first pixel, and how many of its rows and columns are inside the output.</summary>
internal readonly record struct WinogradPlace(int Image, int Row, int Column, int Rows, int Columns);

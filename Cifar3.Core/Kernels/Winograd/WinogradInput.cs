using System.Runtime.CompilerServices;

namespace Cifar3;

// Forward    V[p, t, ci] = (Bᵀ d B)[p]              d = the n×n input pixels of tile t, from (row − Border, column − Border) of its output tile
// Backward   dx[pixels of t, ci] = or += B dV Bᵀ    the adjoint: tiles overlap by two rows and two columns, which add up
// x      Plane [images, H, W, Cin] NHWC, read with its border of zeros; must hold shape.InputExtent
// V, dV  [points, tiles, Cin] of one block, V written (=), dV read, at strides InputStride, Cin, 1
// dx     Plane like x. Every pixel that a tile covers is written (=), border included (what lands there belongs to no pixel), and no
//        other: no clearing beforehand. Order of the overlapping sums: tiles of an image in their numbers' order, so a block must not be
//        computed before the one before it unless it begins an image.
// Scratch: WinogradMap.ScratchFloats. Reference: WinogradConvolutionTests.
internal static unsafe class WinogradInput
{
    [MethodImpl(Jit.Kernel)]
    public static void Forward<V, TTile>(in WinogradShape shape, in Plane x, int first, int count, float* v, float* scratch)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        nint point = shape.InputStride;
        float* next = At(in shape, in x, first);
        for (int t = 0; t < count; t++, v += shape.Inputs)
        {
            float* pixel = next;
            if (t + 1 < count)
            {
                next = At(in shape, in x, first + t + 1);
                x.Prefetch(next, TTile.Input, TTile.Input);
            }

            for (int c = 0; c < shape.Inputs; c += V.Width)
            {
                WinogradMap.Apply<V, InputMap<TTile>>(pixel + c, x.RowStride, x.Channels, v + c, TTile.Input * point, point, scratch);
            }
        }
    }

    [MethodImpl(Jit.Kernel)]
    public static void Backward<V, TTile>(in WinogradShape shape, float* dv, int first, int count, in Plane dx, float* scratch)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        nint point = shape.InputStride;
        float* staged = scratch + WinogradMap.ScratchFloats / 2;
        for (int t = 0; t < count; t++, dv += shape.Inputs)
        {
            var (image, row, column) = shape.Locate(first + t);
            float* pixel = dx.At(image, row - shape.Border, column - shape.Border);
            int shared = row > 0 ? 2 : 0, sharedColumns = column > 0 ? 2 : 0;
            for (int c = 0; c < shape.Inputs; c += V.Width)
            {
                WinogradMap.Apply<V, InputAdjointMap<TTile>>(dv + c, TTile.Input * point, point, staged, TTile.Input * V.Width, V.Width, scratch);
                Place<V>(staged, TTile.Input, shared, sharedColumns, pixel + c, dx.RowStride, dx.Channels);
            }
        }
    }

    private static float* At(in WinogradShape shape, in Plane x, int tile)
    {
        var (image, row, column) = shape.Locate(tile);
        return x.At(image, row - shape.Border, column - shape.Border);
    }

    // A tile [size, size] into dx: added to the first rows and columns, which hold what earlier tiles put there, and instead of the others.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Place<V>(float* tile, int size, int addedRows, int addedColumns, float* target, nint row, nint column)
        where V : struct, ISimd<V>
    {
        for (int i = size; i > 0; i--, addedRows--, target += row)
        {
            float* pixel = target;
            int added = addedRows > 0 ? size : addedColumns;
            for (int j = added; j > 0; j--, pixel += column, tile += V.Width)
            {
                V.Store(pixel, V.Load(pixel) + V.Load(tile));
            }

            for (int j = size - added; j > 0; j--, pixel += column, tile += V.Width)
            {
                V.Store(pixel, V.Load(tile));
            }
        }
    }
}

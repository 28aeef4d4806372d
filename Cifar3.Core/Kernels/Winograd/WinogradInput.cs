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
        for (int t = 0; t < count; t++, v += shape.Inputs)
        {
            float* pixel = At(in shape, in x, first + t);
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
        nint point = shape.InputStride, row = dx.RowStride, column = dx.Channels;
        for (int t = 0; t < count; t++, dv += shape.Inputs)
        {
            var (image, top, left) = shape.Locate(first + t);
            float* pixel = dx.At(image, top - shape.Border, left - shape.Border);
            bool above = top > 0;          // there is a tile above, whose last two rows are this one's first
            int shared = left > 0 ? 2 : 0; // columns that the tile to the left covers too
            for (int c = 0; c < shape.Inputs; c += V.Width)
            {
                WinogradMap.ApplyToRows<V, InputAdjointMap<TTile>>(dv + c, TTile.Input * point, point, scratch);
                float* rest = scratch + shared * V.Width, target = pixel + shared * column + c;
                PlaceColumns<V, TTile, N1, N1>(scratch, shared, pixel + c, row, column);
                if (above)
                {
                    PlaceColumns<V, TTile, N1, N0>(rest, TTile.Input - shared, target, row, column);
                }
                else
                {
                    PlaceColumns<V, TTile, N0, N0>(rest, TTile.Input - shared, target, row, column);
                }
            }
        }
    }

    private static float* At(in WinogradShape shape, in Plane x, int tile)
    {
        var (image, row, column) = shape.Locate(tile);
        return x.At(image, row - shape.Border, column - shape.Border);
    }

    // The second half of the map, column by column, straight into dx: added to what earlier tiles put there (THead: first two rows, TBody: the others), or in
    // its place. Through a staged tile the backward transform took 1.27 times as long. A kernel of its own, since four maps in one are too many for the JIT.
    [MethodImpl(Jit.Kernel)]
    private static void PlaceColumns<V, TTile, THead, TBody>(float* line, int count, float* target, nint row, nint column)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
        where THead : struct, INumber
        where TBody : struct, INumber
    {
        for (; count > 0; count--, line += V.Width, target += column)
        {
            TTile.TransformInputAdjoint<V, THead, TBody>(line, TTile.Input * V.Width, target, row);
        }
    }
}

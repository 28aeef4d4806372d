using System.Runtime.CompilerServices;

namespace Cifar3;

// V[p, t, ci] = (Bᵀ d B)[p]         d = the n×n input pixels of tile t, from (row − Border, column − Border) of its output tile
// x  Plane [images, H, W, Cin] NHWC, read with its border of zeros; must hold shape.InputExtent
// V  [points, tiles, Cin] of one block, written (=), at strides InputStride, Cin, 1
// Scratch: WinogradMap.ScratchFloats. Reference: WinogradConvolutionTests.
internal static unsafe class WinogradInput
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward<V, TTile>(in WinogradShape shape, in Plane x, int first, int count, float* v, float* scratch)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        nint point = shape.InputStride;
        for (int t = 0; t < count; t++, v += shape.Inputs)
        {
            var (image, row, column) = shape.Locate(first + t);
            float* pixel = x.At(image, row - shape.Border, column - shape.Border);
            for (int c = 0; c < shape.Inputs; c += V.Width)
            {
                WinogradMap.Apply<V, InputMap<TTile>>(pixel + c, x.RowStride, x.Channels, v + c, TTile.Input * point, point, scratch);
            }
        }
    }
}

using System.Runtime.CompilerServices;

namespace Cifar3.Training;

// dM[p, t, co] = (A dY Aᵀ)[p]      WinogradOutput's adjoint; dY loaded by a source that begins the layer's backward pass (WinogradSources.cs)
// dM  [points, tiles, Cout] of one block, written (=), at strides OutputStride, Cout, 1
// Where a tile hangs over the edge dY is zero. Between source and map a tile of one vector of channels stays in L1 (scratch:
// WinogradMap.ScratchFloats). Reference: WinogradConvolutionTests.
internal static unsafe class WinogradOutputBackward
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<V, TTile, TSource>(in WinogradShape shape, in TSource source, int first, int count, float* dm, float* scratch)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
        where TSource : struct, IWinogradSource
    {
        nint point = shape.OutputStride;
        float* staged = scratch + WinogradMap.ScratchFloats / 2;
        for (int t = 0; t < count; t++, dm += shape.Outputs)
        {
            var tile = WinogradOutput.Place(in shape, first + t);
            for (int c = 0; c < shape.Outputs; c += V.Width)
            {
                if (tile.Rows < TTile.Output || tile.Columns < TTile.Output)
                {
                    Clear<V>(staged, TTile.Output * TTile.Output);
                }

                source.Read<V, TTile>(staged, in tile, c);
                WinogradMap.Apply<V, OutputAdjointMap<TTile>>(staged, TTile.Output * V.Width, V.Width, dm + c, TTile.Input * point, point, scratch);
            }
        }
    }

    // The bias gradient needs no pass of its own: at point (1, 1) A dY Aᵀ is the plain sum of the tile, so db[co] = Σ over t of dM[(1,1), t, co].
    // Runs of 8 tiles are summed in float, those sums in double (+=).
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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

    private static void Clear<V>(float* staged, int vectors)
        where V : struct, ISimd<V>
    {
        for (int i = 0; i < vectors; i++)
        {
            V.Store(staged + i * V.Width, V.Broadcast(0));
        }
    }
}

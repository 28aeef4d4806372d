namespace Cifar3.Training;

// The gradients of WinogradConvolution, of consecutive images, block by block:
//   x → V, source → dM;  dU += Vᵀ·dM;  dV = dM·Uᵀ over V;  dV → dx     V is computed again: cheaper than keeping it
// Tiles [first, end) must be whole images. dU is written (=) by the first block and added to by the others, so a shard's gradient is a
// sum in the order of its tiles, whatever thread computes it. bias [Cout] double is added to (+=).
// Threads take different images, each with its own work buffers. Where an image has one tile, dU is larger than what it is made of:
// there RunKeepingBlocks leaves V and dM of every block, and WeightGradient sums each point of dU over all blocks, with points shared
// among threads: no dU of a shard, nothing to add up afterwards.
// Measured on one Zen 4 core, AVX-512, µs an image: 32→32 on 30×30 F6, 20 tiles a block 108; 32→64 on 15×15 F4, 16 tiles 58; 64→64 on
// 12×12 F6, 32 tiles 53; 64→128 on 6×6 F6 22 and 128→128 on 4×4 F4 23 with 32 tiles.
// Tried and lost: one block of 128 tiles on one thread (V and M leave L2: 53 and 57 instead of 33 and 35).
// Reference: WinogradConvolutionTests; relative error (L2) on random signs up to 5e-6 input and 2.3e-6 weight gradient.
internal static unsafe class WinogradConvolutionBackward
{
    public static void Run<V, TTile, TSource>(
        in WinogradShape shape, in Plane x, in TSource source, float* ut, int first, int end, in Plane dx, float* du, double* bias, in WinogradWork work)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
        where TSource : struct, IWinogradSource
    {
        for (int t = first; t < end; t += shape.Capacity)
        {
            int tiles = Math.Min(shape.Capacity, end - t);
            WinogradInput.Forward<V, TTile>(in shape, in x, t, tiles, work.Input, work.Scratch);
            WinogradOutputBackward.Run<V, TTile, TSource>(in shape, in source, t, tiles, work.Output, work.Scratch);
            WinogradOutputBackward.AddBiasGradient<V, TTile>(in shape, work.Output, tiles, bias);
            for (int p = 0; p < shape.Points; p++)
            {
                WinogradProductsBackward.WeightGradient<V>(in shape, work.Input, work.Output, tiles, p, p + 1, du, add: t > first);
                WinogradProductsBackward.InputGradient<V>(in shape, work.Output, ut, tiles, p, p + 1, work.Input);
            }

            WinogradInputBackward.Run<V, TTile>(in shape, work.Input, t, tiles, in dx, work.Scratch);
        }
    }

    /// <summary>Backward without dU: V and dM of the block from tile t on stay in kept[(t − first) / Capacity].</summary>
    public static void RunKeepingBlocks<V, TTile, TSource>(
        in WinogradShape shape, in Plane x, in TSource source, float* ut, int first, int end, in Plane dx, in WinogradWork kept, double* bias, in WinogradWork work)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
        where TSource : struct, IWinogradSource
    {
        float* v = kept.Input, dm = kept.Output;
        for (int t = first; t < end; t += shape.Capacity, v += shape.InputFloats, dm += shape.OutputFloats)
        {
            int tiles = Math.Min(shape.Capacity, end - t);
            WinogradInput.Forward<V, TTile>(in shape, in x, t, tiles, v, work.Scratch);
            WinogradOutputBackward.Run<V, TTile, TSource>(in shape, in source, t, tiles, dm, work.Scratch);
            WinogradOutputBackward.AddBiasGradient<V, TTile>(in shape, dm, tiles, bias);
            WinogradProductsBackward.InputGradient<V>(in shape, dm, ut, tiles, 0, shape.Points, work.Input);
            WinogradInputBackward.Run<V, TTile>(in shape, work.Input, t, tiles, in dx, work.Scratch);
        }
    }

    /// <summary>One point of dU, (=) where add is false, from the kept blocks of <paramref name="tiles"/> tiles.</summary>
    public static void WeightGradient<V>(in WinogradShape shape, in WinogradWork kept, int tiles, int point, float* du, bool add)
        where V : struct, ISimd<V>
    {
        float* v = kept.Input, dm = kept.Output;
        for (int t = 0; t < tiles; t += shape.Capacity, v += shape.InputFloats, dm += shape.OutputFloats)
        {
            WinogradProductsBackward.WeightGradient<V>(in shape, v, dm, Math.Min(shape.Capacity, tiles - t), point, point + 1, du, add || t > 0);
        }
    }
}

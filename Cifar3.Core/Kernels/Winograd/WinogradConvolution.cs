namespace Cifar3;

// One 3×3 convolution of consecutive images and its gradients, block by block, so that a block's V and M stay in the L2 cache (16-32 tiles):
//   Forward    x → V;  M = V·U;  M → sink                                  U from WinogradWeights
//   Backward   x → V, source → dM;  dU += Vᵀ·dM;  dV = dM·Uᵀ over V;  dV → dx     V is computed again: cheaper than keeping it
// While a block's products run, the memory is asked for that its last transform writes and that the next block's first ones read (MemoryAhead).
// Tiles [first, end) must be whole images in the backward pass. dU is written (=) by the first block and added to by the others, so a
// shard's gradient is a sum in the order of its tiles, whatever thread computes it. bias [Cout] double is added to (+=).
// Threads take different images, each with its own work buffers. Where an image has one tile, dU is larger than what it is made of:
// there BackwardKeepingBlocks leaves V and dM of every block, and WeightGradient sums each point of dU over all blocks, with points
// shared among threads: no dU of a shard, nothing to add up afterwards.
// Measured on one Zen 4 core, AVX-512, µs an image, forward and backward: 32→32 on 30×30 F6, 20 tiles a block 49, 108; 32→64 on 15×15 F4,
// 16 tiles 27, 58; 64→64 on 12×12 F6, 32 tiles 24, 53; 64→128 on 6×6 F6 11, 22 and 128→128 on 4×4 F4 12, 23 with 32 tiles.
// Tried and lost: one block of 128 tiles on one thread (V and M leave L2: 53 and 57 instead of 33 and 35).
// Reference: WinogradConvolutionTests; relative error (L2) on random signs up to 2.9e-6 forward, 5e-6 input and 2.3e-6 weight gradient.
internal static unsafe class WinogradConvolution
{
    public static void Forward<V, TTile, TSink>(in WinogradShape shape, in Plane x, float* u, int first, int end, in TSink sink, in WinogradWork work)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
        where TSink : struct, IWinogradSink =>
        Forward<V, TTile, TSink>(in shape, in x, u, new WinogradPart(first, end, 0, shape.Outputs), in sink, in work);

    /// <summary>Some of the tiles and output channels. V is computed whole by whoever computes some channels of a tile.</summary>
    public static void Forward<V, TTile, TSink>(in WinogradShape shape, in Plane x, float* u, in WinogradPart part, in TSink sink, in WinogradWork work)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
        where TSink : struct, IWinogradSink
    {
        MemoryAhead ahead = default;
        for (int t = part.FirstTile; t < part.EndTile; t += shape.Capacity)
        {
            int tiles = Math.Min(shape.Capacity, part.EndTile - t);
            WinogradInput.Forward<V, TTile>(in shape, in x, t, tiles, work.Input, work.Scratch);
            ahead.Clear();
            sink.AskFor(shape.Begun(t, part.EndTile), ref ahead);
            x.AskFor(shape.Begun(t + tiles, part.EndTile), ref ahead);
            for (int p = 0; p < shape.Points; p++)
            {
                WinogradProducts.Forward<V>(in shape, work.Input, u, tiles, p, part.FirstChannel, part.EndChannel, work.Output, &ahead);
            }

            WinogradOutput.Forward<V, TTile, TSink>(in shape, work.Output, t, tiles, part.FirstChannel, part.EndChannel, in sink, work.Scratch);
        }
    }

    public static void Backward<V, TTile, TSource>(
        in WinogradShape shape, in Plane x, in TSource source, float* ut, int first, int end, in Plane dx, float* du, bool add, double* bias, in WinogradWork work)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
        where TSource : struct, IWinogradSource
    {
        MemoryAhead ahead = default;
        for (int t = first; t < end; t += shape.Capacity)
        {
            int tiles = Math.Min(shape.Capacity, end - t);
            WinogradInput.Forward<V, TTile>(in shape, in x, t, tiles, work.Input, work.Scratch);
            WinogradOutput.Backward<V, TTile, TSource>(in shape, in source, t, tiles, work.Output, work.Scratch);
            WinogradOutput.AddBiasGradient<V, TTile>(in shape, work.Output, tiles, bias);
            AskFor(in dx, shape.Begun(t, end), in x, in source, shape.Begun(t + tiles, end), ref ahead);
            for (int p = 0; p < shape.Points; p++)
            {
                WinogradProducts.WeightGradient<V>(in shape, work.Input, work.Output, tiles, p, du, add || t > first, &ahead);
                WinogradProducts.InputGradient<V>(in shape, work.Output, ut, tiles, p, work.Input, &ahead);
            }

            WinogradInput.Backward<V, TTile>(in shape, work.Input, t, tiles, in dx, work.Scratch);
        }
    }

    /// <summary>Backward without dU: V and dM of the block from tile t on stay in kept[(t − first) / Capacity].</summary>
    public static void BackwardKeepingBlocks<V, TTile, TSource>(
        in WinogradShape shape, in Plane x, in TSource source, float* ut, int first, int end, in Plane dx, in WinogradWork kept, double* bias, in WinogradWork work)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
        where TSource : struct, IWinogradSource
    {
        float* v = kept.Input, dm = kept.Output;
        MemoryAhead ahead = default;
        for (int t = first; t < end; t += shape.Capacity, v += shape.InputFloats, dm += shape.OutputFloats)
        {
            int tiles = Math.Min(shape.Capacity, end - t);
            WinogradInput.Forward<V, TTile>(in shape, in x, t, tiles, v, work.Scratch);
            WinogradOutput.Backward<V, TTile, TSource>(in shape, in source, t, tiles, dm, work.Scratch);
            WinogradOutput.AddBiasGradient<V, TTile>(in shape, dm, tiles, bias);
            AskFor(in dx, shape.Begun(t, end), in x, in source, shape.Begun(t + tiles, end), ref ahead);
            for (int p = 0; p < shape.Points; p++)
            {
                WinogradProducts.InputGradient<V>(in shape, dm, ut, tiles, p, work.Input, &ahead);
            }

            WinogradInput.Backward<V, TTile>(in shape, work.Input, t, tiles, in dx, work.Scratch);
        }
    }

    private static void AskFor<TSource>(in Plane dx, in ImagesAhead now, in Plane x, in TSource source, in ImagesAhead next, ref MemoryAhead ahead)
        where TSource : struct, IWinogradSource
    {
        ahead.Clear();
        dx.AskFor(in now, ref ahead);
        x.AskFor(in next, ref ahead);
        source.AskFor(in next, ref ahead);
    }

    /// <summary>One point of dU, (=) where add is false, from the kept blocks of <paramref name="tiles"/> tiles.</summary>
    public static void WeightGradient<V>(in WinogradShape shape, in WinogradWork kept, int tiles, int point, float* du, bool add)
        where V : struct, ISimd<V>
    {
        float* v = kept.Input, dm = kept.Output;
        for (int t = 0; t < tiles; t += shape.Capacity, v += shape.InputFloats, dm += shape.OutputFloats)
        {
            WinogradProducts.WeightGradient<V>(in shape, v, dm, Math.Min(shape.Capacity, tiles - t), point, du, add || t > 0, null);
        }
    }
}

/// <summary>A thread's work buffers, 64-byte aligned.</summary>
internal readonly unsafe struct WinogradWork(float* input, float* output, float* scratch)
{
    /// <summary>V, then dV, of a block: <see cref="WinogradShape.InputFloats"/>.</summary>
    public float* Input => input;

    /// <summary>M, or dM, of a block: <see cref="WinogradShape.OutputFloats"/>.</summary>
    public float* Output => output;

    /// <summary>A tile on its way: <see cref="WinogradMap.ScratchFloats"/>.</summary>
    public float* Scratch => scratch;
}

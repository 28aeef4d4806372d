namespace Cifar3;

// One 3×3 convolution of consecutive images, block by block, so that a block's V and M stay in the L2 cache (16-32 tiles):
//   x → V → M = V·U → sink                                     per block; U from WinogradWeights
// Threads take different images, each with its own work buffers.
// Measured on one Zen 4 core, AVX-512, µs an image: 32→32 on 30×30 F6, 20 tiles a block 49; 32→64 on 15×15 F4, 16 tiles 27; 64→64 on
// 12×12 F6, 32 tiles 24; 64→128 on 6×6 F6 11 and 128→128 on 4×4 F4 12 with 32 tiles.
// Reference: WinogradConvolutionTests; relative error (L2) on random signs up to 2.9e-6.
internal static unsafe class WinogradConvolution
{
    public static void Forward<V, TTile, TSink>(in WinogradShape shape, in Plane x, float* u, int first, int end, in TSink sink, in WinogradWork work)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
        where TSink : struct, IWinogradSink
    {
        for (int t = first; t < end; t += shape.Capacity)
        {
            int tiles = Math.Min(shape.Capacity, end - t);
            WinogradInput.Forward<V, TTile>(in shape, in x, t, tiles, work.Input, work.Scratch);
            WinogradProducts.Forward<V>(in shape, work.Input, u, tiles, 0, shape.Points, work.Output);
            WinogradOutput.Forward<V, TTile, TSink>(in shape, work.Output, t, tiles, in sink, work.Scratch);
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

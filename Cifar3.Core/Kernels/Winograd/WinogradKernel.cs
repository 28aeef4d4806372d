namespace Cifar3;

/// <summary>
/// A 3×3 convolution of the network in Winograd's domain: its kernel there, and both passes with it. The tile is a type argument, chosen
/// once by <see cref="Create"/>; callers see sizes alone.
/// </summary>
/// <remarks>
/// Behind a normalization the kernel is scaled and the bias shifted, so that the convolution reads what was to be normalized
/// (<see cref="BatchNormFold"/>).
/// </remarks>
internal abstract unsafe class WinogradKernel<V>
    where V : struct, ISimd<V>
{
    private readonly bool normalized;
    private readonly float* kernel, bias;
    private readonly double* sums;
    private readonly WinogradShape shape;

    private protected WinogradKernel(Arena arena, string name, ParameterTensor tensor, float* kernel, float* bias, in WinogradShape shape, bool normalized)
    {
        this.kernel = kernel;
        this.bias = bias;
        (this.shape, this.normalized) = (shape, normalized);
        Scaled = normalized ? arena.Floats($"{name} scaled", tensor.Size) : kernel;
        Bias = normalized ? arena.Floats($"{name} shifted bias", shape.Outputs) : bias;
        sums = arena.Doubles($"{name} shifts", shape.Outputs);
        U = arena.Floats($"{name} U", shape.WeightFloats);
    }

    /// <summary>Sizes, tiles, blocks.</summary>
    public ref readonly WinogradShape Shape => ref shape;

    /// <summary>The kernel to convolve with: the layer's, or the scaled one.</summary>
    public float* Scaled { get; }

    /// <summary>The bias to add: the layer's, or the shifted one.</summary>
    public float* Bias { get; }

    /// <summary>Rows and columns that the input's plane must have, beyond a border of 1 for "same" padding.</summary>
    public int InputSize => shape.InputExtent.Height - shape.Border;

    /// <summary>The kernel in Winograd's domain.</summary>
    private protected float* U { get; }

    /// <summary>Reserves the memory; <see cref="Transform"/> fills it.</summary>
    /// <param name="arena">Owner of the memory.</param>
    /// <param name="layer">The layer's description.</param>
    /// <param name="tensor">The kernel's layout.</param>
    /// <param name="kernel">The kernel [9, Cin, Cout].</param>
    /// <param name="bias">The bias [Cout].</param>
    /// <param name="plan">Tiles and blocks.</param>
    /// <param name="size">Rows and columns of output to compute.</param>
    /// <param name="normalized">Whether a normalization stands before the layer.</param>
    public static WinogradKernel<V> Create(Arena arena, Conv2DLayer layer, ParameterTensor tensor, float* kernel, float* bias, WinogradPlan plan, int size, bool normalized)
    {
        return plan.Tile == WinogradTile.F6 ? Of<WinogradF6>() : Of<WinogradF4>();

        WinogradKernel<V> Of<TTile>()
            where TTile : struct, IWinogradTile
        {
            int border = layer.Padding == ConvPadding.Same ? 1 : 0;
            var shape = WinogradShape.Of<TTile>(tensor.PaddedRows, tensor.PaddedColumns, size, size, border, plan.Capacity);
            return new WinogradKernel<V, TTile>(arena, layer.Name, tensor, kernel, bias, in shape, normalized);
        }
    }

    /// <summary>Output channels first to end into Winograd's domain; multiples of 16.</summary>
    /// <param name="first">First output channel.</param>
    /// <param name="end">The one after the last.</param>
    /// <param name="scale">The normalization's s [Cin], where there is one.</param>
    /// <param name="shift">The normalization's t [Cin].</param>
    /// <param name="scratch"><see cref="WinogradMap.ScratchFloats"/>.</param>
    public void Transform(int first, int end, float* scale, float* shift, float* scratch)
    {
        if (normalized)
        {
            BatchNormFold.Forward<V>(kernel, bias, scale, shift, shape.Inputs, shape.Outputs, first, end, Scaled, Bias, sums);
        }

        TransformScaled(first, end, scratch);
    }

    /// <summary>The same channels, transposed for the gradient of the input; after <see cref="Transform"/>.</summary>
    public abstract void Transpose(int first, int end, float* ut, float* scratch);

    /// <summary>x → sink, images first to end.</summary>
    public abstract void Forward<TSink>(in Plane x, in TSink sink, int first, int end, in WinogradWork work)
        where TSink : struct, IWinogradSink;

    /// <summary>One of several parts of x → sink of image 0, for threads that share it.</summary>
    public abstract void ForwardPart<TSink>(in Plane x, in TSink sink, int part, int parts, in WinogradWork work)
        where TSink : struct, IWinogradSink;

    /// <summary>Source → dx, dU (= or +=) and db of images first to end (<see cref="WinogradConvolution"/>).</summary>
    public abstract void Backward<TSource>(in Plane x, in TSource source, float* ut, int first, int end, in Plane dx, float* du, bool add, double* db, in WinogradWork work)
        where TSource : struct, IWinogradSource;

    /// <summary>Source → dx and db, with what <see cref="WinogradConvolution.WeightGradient"/> needs left in kept.</summary>
    public abstract void BackwardKeepingBlocks<TSource>(in Plane x, in TSource source, float* ut, int first, int end, in Plane dx, in WinogradWork kept, double* db, in WinogradWork work)
        where TSource : struct, IWinogradSource;

    /// <summary>dU → dg of input channels first to end.</summary>
    public abstract void FinishGradient(float* du, int first, int end, float* dg, float* scratch);

    private protected abstract void TransformScaled(int first, int end, float* scratch);
}

/// <summary>The kernel in tiles of one size.</summary>
internal sealed unsafe class WinogradKernel<V, TTile>(
    Arena arena, string name, ParameterTensor tensor, float* kernel, float* bias, in WinogradShape shape, bool normalized)
    : WinogradKernel<V>(arena, name, tensor, kernel, bias, in shape, normalized)
    where V : struct, ISimd<V>
    where TTile : struct, IWinogradTile
{
    public override void Transpose(int first, int end, float* ut, float* scratch) =>
        WinogradWeights.Transpose<V, TTile>(in Shape, Scaled, first, end, ut, scratch);

    public override void Forward<TSink>(in Plane x, in TSink sink, int first, int end, in WinogradWork work) =>
        WinogradConvolution.Forward<V, TTile, TSink>(in Shape, in x, U, Tile(first), Tile(end), in sink, in work);

    public override void ForwardPart<TSink>(in Plane x, in TSink sink, int part, int parts, in WinogradWork work) =>
        WinogradConvolution.Forward<V, TTile, TSink>(in Shape, in x, U, Shape.Part(part, parts, 2 * V.Width), in sink, in work);

    public override void Backward<TSource>(in Plane x, in TSource source, float* ut, int first, int end, in Plane dx, float* du, bool add, double* db, in WinogradWork work) =>
        WinogradConvolution.Backward<V, TTile, TSource>(in Shape, in x, in source, ut, Tile(first), Tile(end), in dx, du, add, db, in work);

    public override void BackwardKeepingBlocks<TSource>(in Plane x, in TSource source, float* ut, int first, int end, in Plane dx, in WinogradWork kept, double* db, in WinogradWork work) =>
        WinogradConvolution.BackwardKeepingBlocks<V, TTile, TSource>(in Shape, in x, in source, ut, Tile(first), Tile(end), in dx, in kept, db, in work);

    public override void FinishGradient(float* du, int first, int end, float* dg, float* scratch) =>
        WinogradWeights.Backward<V, TTile>(in Shape, du, first, end, dg, scratch);

    private protected override void TransformScaled(int first, int end, float* scratch) =>
        WinogradWeights.Forward<V, TTile>(in Shape, Scaled, first, end, U, scratch);

    private int Tile(int image) => image * Shape.TilesPerImage;
}

/// <summary>The sizes of tiles, <see cref="WinogradF4"/> and <see cref="WinogradF6"/>.</summary>
internal enum WinogradTile
{
    F4,
    F6,
}

/// <summary>The tiles that a convolution of the network is computed in, and how many make a block.</summary>
/// <remarks>
/// Tiles of 6×6 where they fit 30, 12 and 6 exactly, of 4×4 for 15 and 4; blocks of 16 to 32 tiles stay in the L2 cache. Without fused
/// multiply-add tiles of 6×6 would double the rounding error of a whole step: ReLUs and poolings near a tie then choose otherwise.
/// With 16 registers, where the products go six tiles at a time, blocks are multiples of six, and a whole image of conv2d_1: on a Zen 3
/// core (AVX2, 512 KB of L2) a training step takes .94 of its time with 20, 16 and 32 tiles. The weights' gradients are sums over blocks,
/// so their last bits depend on this.
/// </remarks>
internal readonly record struct WinogradPlan(WinogradTile Tile, int Capacity)
{
    /// <summary>A block's first convolution ("same"), of blocks 1 and 2; block 0's has too few channels for Winograd's transforms to pay.</summary>
    public static WinogradPlan Same<V>(int block)
        where V : struct, ISimd<V> => new(V.IsFused && block == 2 ? WinogradTile.F6 : WinogradTile.F4, block == 1 && BySix<V>() ? 24 : 16);

    /// <summary>A block's second convolution ("valid").</summary>
    public static WinogradPlan Valid<V>(int block)
        where V : struct, ISimd<V> => new(
            V.IsFused && block < 2 ? WinogradTile.F6 : WinogradTile.F4,
            block switch { 0 => BySix<V>() ? 25 : 20, 1 => BySix<V>() ? 24 : 32, _ => 16 });

    /// <summary>Whether products go six tiles at a time, as with 16 registers.</summary>
    public static bool BySix<V>()
        where V : struct, ISimd<V> => V.MaxRows == 6;
}

namespace Cifar3;

/// <summary>A 3×3 convolution's kernel in Winograd's domain, and the forward pass with it.</summary>
/// <remarks>
/// Behind a normalization the kernel is scaled and the bias shifted, so that the convolution reads what was to be normalized
/// (<see cref="WinogradBatchNorm"/>).
/// </remarks>
internal sealed unsafe class WinogradKernel<V>
    where V : struct, ISimd<V>
{
    private readonly bool large; // F(6×6), else F(4×4)
    private readonly bool normalized;
    private readonly float* kernel, bias, u;
    private readonly double* sums;
    private readonly WinogradShape shape;

    /// <summary>Reserves the memory; <see cref="Transform"/> fills it.</summary>
    /// <param name="arena">Owner of the memory.</param>
    /// <param name="layer">The layer's description.</param>
    /// <param name="tensor">The kernel's layout.</param>
    /// <param name="kernel">The kernel [9, Cin, Cout].</param>
    /// <param name="bias">The bias [Cout].</param>
    /// <param name="plan">Tiles and blocks.</param>
    /// <param name="size">Rows and columns of output to compute.</param>
    /// <param name="normalized">Whether a normalization stands before the layer.</param>
    public WinogradKernel(Arena arena, Conv2DLayer layer, ParameterTensor tensor, float* kernel, float* bias, WinogradPlan plan, int size, bool normalized)
    {
        this.kernel = kernel;
        this.bias = bias;
        (this.normalized, large) = (normalized, plan.Large);
        var (inputs, outputs, border) = (tensor.PaddedRows, tensor.PaddedColumns, layer.Padding == ConvPadding.Same ? 1 : 0);
        shape = large
            ? WinogradShape.Of<WinogradF6>(inputs, outputs, size, size, border, plan.Capacity)
            : WinogradShape.Of<WinogradF4>(inputs, outputs, size, size, border, plan.Capacity);
        Scaled = normalized ? arena.Floats($"{layer.Name} scaled", tensor.Size) : kernel;
        Bias = normalized ? arena.Floats($"{layer.Name} shifted bias", outputs) : bias;
        sums = arena.Doubles($"{layer.Name} shifts", outputs);
        u = arena.Floats($"{layer.Name} U", shape.WeightFloats);
    }

    /// <summary>Sizes, tiles, blocks.</summary>
    public ref readonly WinogradShape Shape => ref shape;

    /// <summary>Whether tiles are F(6×6), else F(4×4).</summary>
    public bool Large => large;

    /// <summary>The kernel to convolve with: the layer's, or the scaled one.</summary>
    public float* Scaled { get; }

    /// <summary>The bias to add: the layer's, or the shifted one.</summary>
    public float* Bias { get; }

    /// <summary>Rows and columns that the input's plane must have, beyond a border of 1 for "same" padding.</summary>
    public int InputSize => shape.InputExtent.Height - shape.Border;

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
            WinogradBatchNorm.Forward<V>(kernel, bias, scale, shift, shape.Inputs, shape.Outputs, first, end, Scaled, Bias, sums);
        }

        if (large)
        {
            WinogradWeights.Forward<V, WinogradF6>(in shape, Scaled, first, end, u, scratch);
        }
        else
        {
            WinogradWeights.Forward<V, WinogradF4>(in shape, Scaled, first, end, u, scratch);
        }
    }

    /// <summary>x → sink, images first to end.</summary>
    public void Forward<TSink>(in Plane x, in TSink sink, int first, int end, in WinogradWork work)
        where TSink : struct, IWinogradSink
    {
        int firstTile = first * shape.TilesPerImage, endTile = end * shape.TilesPerImage;
        if (large)
        {
            WinogradConvolution.Forward<V, WinogradF6, TSink>(in shape, in x, u, firstTile, endTile, in sink, in work);
        }
        else
        {
            WinogradConvolution.Forward<V, WinogradF4, TSink>(in shape, in x, u, firstTile, endTile, in sink, in work);
        }
    }
}

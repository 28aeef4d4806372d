namespace Cifar3.Training;

/// <summary>A 3×3 convolution with bias and ReLU on the device: the launches of <c>convolution.cl</c> and <c>sums.cl</c>.</summary>
/// <remarks>x [n, H, W, C], y [n, OH, OW, K]; d before a name is the gradient, dy that in front of the ReLU.</remarks>
internal sealed class GpuConvolution
{
    private const int Tile = 64;            // TILE in convolution.cl
    private const int SlicePixels = 256;    // the fewest that a slice of the weights' gradient adds up
    private const long MostPartFloats = 8 << 20;

    private readonly GpuContext context;
    private readonly GpuKernel forward, backwardInput, backwardWeights, sumSlices, columnTiles, sumColumns;
    private readonly int h, w, c, oh, ow, k, pad, kernelAt, biasAt;
    private readonly bool isFrozen;

    public GpuConvolution(GpuContext context, Conv2DLayer layer)
    {
        this.context = context;
        (h, w, c) = (layer.InputShape[0], layer.InputShape[1], layer.InputShape[2]);
        (oh, ow, k) = (layer.OutputShape[0], layer.OutputShape[1], layer.OutputShape[2]);
        pad = layer.Padding == ConvPadding.Same ? 1 : 0;
        (kernelAt, biasAt) = (context.Parameters[$"{layer.Name}/kernel"], context.Parameters[$"{layer.Name}/bias"]);
        isFrozen = context.IsFrozen(layer);
        forward = context.Device.Kernel("conv_forward");
        backwardInput = context.Device.Kernel("conv_backward_input");
        backwardWeights = context.Device.Kernel("conv_backward_weights");
        sumSlices = context.Device.Kernel("sum_slices");
        columnTiles = context.Device.Kernel("column_tiles");
        sumColumns = context.Device.Kernel("sum_columns");
        context.ReservePart(Math.Max((long)Slices(context.Images).Count * Weights, (long)GpuContext.Tiles(Pixels(context.Images)) * k));
    }

    private int Weights => 9 * c * k;

    /// <summary>x → y.</summary>
    public void Forward(GpuBuffer x, GpuBuffer y, int n) => context.Device.Launch(
        forward, Tiles(Pixels(n)), Tiles(k), 1, x, context.State, kernelAt, biasAt, y, n, h, w, c, oh, ow, k, pad);

    /// <summary>dy → dx.</summary>
    public void BackwardInput(GpuBuffer dy, GpuBuffer dx, int n) => context.Device.Launch(
        backwardInput, Tiles(n * h * w), Tiles(c), 1, dy, context.State, kernelAt, dx, n, h, w, c, oh, ow, k, pad);

    /// <summary>x, dy → the gradients of kernel and bias; nothing where the layer is frozen.</summary>
    public void BackwardWeights(GpuBuffer x, GpuBuffer dy, int n)
    {
        if (isFrozen)
        {
            return;
        }

        var (slices, perSlice) = Slices(n);
        int pixels = Pixels(n), tiles = GpuContext.Tiles(pixels);
        context.Device.Launch(backwardWeights, Tiles(9 * c), Tiles(k), slices, x, dy, context.Part, n, h, w, c, oh, ow, k, pad, perSlice);
        context.Each(sumSlices, Weights, context.Part, slices, Weights, context.Gradients, kernelAt);
        context.Each(columnTiles, tiles * k, dy, context.Part, pixels, k, GpuContext.TileRows);
        context.Device.Launch(sumColumns, k, 1, 1, context.Part, tiles, k, context.Gradients, biasAt);
    }

    private static int Tiles(int rows) => (rows + Tile - 1) / Tile;

    private int Pixels(int n) => n * oh * ow;

    /// <summary>How the pixels of a batch are cut for the weights' gradient: a function of shapes alone.</summary>
    private (int Count, int Pixels) Slices(int n)
    {
        int pixels = Pixels(n), most = (int)Math.Clamp(MostPartFloats / Weights, 1, 65535), wanted = Math.Min((pixels + SlicePixels - 1) / SlicePixels, most);
        int each = (pixels + wanted - 1) / wanted;
        return ((pixels + each - 1) / each, each);
    }
}

using System.Diagnostics;

namespace Cifar3.Training;

/// <summary>A 3×3 convolution with bias and ReLU on the device: the launches of <c>convolution.cl</c> and <c>sums.cl</c>.</summary>
/// <remarks>x [n, H, W, C], y [n, OH, OW, K]; d before a name is the gradient, dy that in front of the ReLU.</remarks>
internal sealed class GpuConvolution
{
    private const int TileRows = 64, TileColumns = 32; // ROWS and COLUMNS in convolution.cl
    private const int Depth = 16;                         // DEPTH

    // Sums over q are cut into slices, too, where the tiles alone are fewer than a large card works on at a time.
    private const int ProductGroups = 768, FewestProducts = 128, Block = 64; // a slice is whole blocks of products that make a sum of their own

    // The weights' gradient is cut into slices of pixels until there are groups enough for a large card, but no slice is shorter, and not more are added up.
    private const int WantedGroups = 1024, FewestPixels = 128, MostSlices = 256;
    private const long MostPartFloats = 8 << 20;

    private readonly GpuContext context;
    private readonly GpuKernel forward, backwardInput, join, backwardWeights, sumSlices;
    private readonly (int Count, int Products) forwardSlices, inputSlices;
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
        Debug.Assert(biasAt == kernelAt + 9 * c * k, "The bias' gradient is the row behind the kernel's.");
        forward = context.Device.Kernel("conv_forward" + Wide(c % Depth == 0 && k % 4 == 0 && kernelAt % 4 == 0));
        backwardInput = context.Device.Kernel("conv_backward_input" + Wide(k % Depth == 0 && kernelAt % 4 == 0));
        backwardWeights = context.Device.Kernel("conv_backward_weights" + Wide(c % 4 == 0 && k % 4 == 0));
        join = context.Device.Kernel("conv_join");
        sumSlices = context.Device.Kernel("sum_slices");
        forwardSlices = Cut(9 * c, Pixels(context.Images), k);
        inputSlices = Cut(9 * k, context.Images * h * w, c);
        context.ReservePart((long)Slices(context.Images).Count * Weights);
        ReserveSlices(forwardSlices.Count, (long)Pixels(context.Images) * k);
        ReserveSlices(inputSlices.Count, (long)context.Images * h * w * c);
    }

    /// <summary>Numbers of kernel and bias.</summary>
    private int Weights => (9 * c + 1) * k;

    /// <summary>x → y.</summary>
    public void Forward(GpuBuffer x, GpuBuffer y, int n)
    {
        bool isCut = forwardSlices.Count > 1;
        context.Device.Launch(
            forward, Rows(Pixels(n)), Columns(k), forwardSlices.Count, x, context.State, kernelAt, biasAt, isCut ? context.Part : y, n, h, w, c, oh, ow, k, pad, forwardSlices.Products);
        if (isCut)
        {
            context.EachFew(join, Pixels(n) * k, context.Part, forwardSlices.Count, context.State, biasAt, 1, y, Pixels(n) * k, k);
        }
    }

    /// <summary>dy → dx.</summary>
    public void BackwardInput(GpuBuffer dy, GpuBuffer dx, int n)
    {
        bool isCut = inputSlices.Count > 1;
        context.Device.Launch(
            backwardInput, Rows(n * h * w), Columns(c), inputSlices.Count, dy, context.State, kernelAt, isCut ? context.Part : dx, n, h, w, c, oh, ow, k, pad, inputSlices.Products);
        if (isCut)
        {
            context.EachFew(join, n * h * w * c, context.Part, inputSlices.Count, context.State, biasAt, 0, dx, n * h * w * c, c);
        }
    }

    /// <summary>x, dy → the gradients of kernel and bias; nothing where the layer is frozen.</summary>
    public void BackwardWeights(GpuBuffer x, GpuBuffer dy, int n)
    {
        if (isFrozen)
        {
            return;
        }

        var (slices, perSlice) = Slices(n);
        context.Device.Launch(backwardWeights, Rows(9 * c), Columns(k), slices, x, dy, context.Part, n, h, w, c, oh, ow, k, pad, perSlice);
        context.Device.Launch(sumSlices, GpuContext.ColumnGroups(Weights), 1, 1, context.Part, slices, Weights, context.Gradients, kernelAt);
    }

    /// <summary>Number of tiles that so many rows make.</summary>
    public static int Rows(int rows) => (rows + TileRows - 1) / TileRows;

    /// <summary>Number of tiles that so many columns make.</summary>
    public static int Columns(int columns) => (columns + TileColumns - 1) / TileColumns;

    /// <summary>The end of a kernel's name: the kernels that load four numbers at once want the shapes that <c>convolution.cl</c> tells.</summary>
    private static string Wide(bool isWide) => isWide ? "_wide" : "";

    private int Pixels(int n) => n * oh * ow;

    /// <summary>A sum that is not cut goes where it belongs at once, and needs no memory for its parts.</summary>
    private void ReserveSlices(int slices, long numbers) => context.ReservePart(slices > 1 ? slices * numbers : 0);

    /// <summary>How a product's summed index is cut: a function of the layer and the largest batch, so that an image's numbers do not depend on how many are beside it.</summary>
    private static (int Count, int Products) Cut(int products, int rows, int columns)
    {
        int wanted = Math.Clamp(ProductGroups / (Rows(rows) * Columns(columns)), 1, Math.Max(1, products / FewestProducts));
        int blocks = (products + Block - 1) / Block, each = (blocks + wanted - 1) / wanted * Block;
        return ((products + each - 1) / each, each);
    }

    /// <summary>How the pixels of a batch are cut for the weights' gradient: a function of shapes alone.</summary>
    private (int Count, int Pixels) Slices(int n)
    {
        int pixels = Pixels(n), most = (int)Math.Clamp(MostPartFloats / Weights, 1, MostSlices);
        int wanted = Math.Clamp(WantedGroups / (Rows(9 * c) * Columns(k)), 1, Math.Min(most, (pixels + FewestPixels - 1) / FewestPixels));
        int each = (pixels + wanted - 1) / wanted;
        return ((pixels + each - 1) / each, each);
    }
}

namespace Cifar3.Training;

/// <summary>A 3×3 convolution with bias and ReLU: its weights in the forms that the kernels read, and its three passes.</summary>
internal sealed unsafe class ConvLayer<V>
    where V : struct, ISimd<V>
{
    private readonly ParameterTable parameters;
    private readonly string kernelName;
    private readonly int inputs, outputs; // channels with padding
    private readonly int offset;          // 1 for "same", 0 for "valid" padding
    private readonly float* kernel, bias, forward, backward, zeros;
    private readonly GradientSums biasSums;

    /// <summary>Creates the layer.</summary>
    /// <param name="arena">Owner of the memory.</param>
    /// <param name="parameters">Where the weights lie.</param>
    /// <param name="layer">The layer's description.</param>
    /// <param name="hasInputGradient">False for the first layer, whose input is the image.</param>
    public ConvLayer(Arena arena, ParameterTable parameters, Conv2DLayer layer, bool hasInputGradient)
    {
        this.parameters = parameters;
        kernelName = $"{layer.Name}/kernel";
        var tensor = parameters[kernelName];
        (inputs, outputs) = (tensor.PaddedRows, tensor.PaddedColumns);
        offset = layer.Padding == ConvPadding.Same ? 1 : 0;
        kernel = parameters.Value(kernelName);
        bias = parameters.Value($"{layer.Name}/bias");
        forward = arena.Floats($"{layer.Name} packed", tensor.Size);
        backward = hasInputGradient ? arena.Floats($"{layer.Name} packed, rotated", tensor.Size) : null;
        zeros = arena.Floats($"{layer.Name} zeros", Gemm.PanelWidth<V>());
        biasSums = new GradientSums(arena, $"{layer.Name} bias sums", outputs, parameters.Gradient($"{layer.Name}/bias"));
    }

    /// <summary>Repacks the weights; needed after they change.</summary>
    public void Pack()
    {
        PackWeights.Forward(kernel, 9 * inputs, outputs, Gemm.PanelWidth<V>(), forward);
        if (backward != null)
        {
            PackWeights.BackwardInput(kernel, inputs, outputs, Gemm.PanelWidth<V>(), backward);
        }
    }

    /// <summary>y = max(0, conv(x) + bias) of one image.</summary>
    public void Forward(in Plane x, int xImage, in Plane y, int yImage) => Conv3x3Forward.Run<V>(x, xImage, y, yImage, offset, forward, bias);

    /// <summary>dx of one image.</summary>
    public void BackwardInput(in Plane dy, int dyImage, in Plane dx, int dxImage) => Conv3x3BackwardInput.Run<V>(dy, dyImage, dx, dxImage, offset, backward, zeros);

    /// <summary>Adds to the shard's gradients of kernel and bias: images firstX… of x with images 0… of dy. isFirst starts the shard's sums.</summary>
    public void BackwardWeights(in Plane x, int firstX, in Plane dy, int images, int shard, bool isFirst)
    {
        Conv3x3BackwardWeights.Run<V>(x, firstX, dy, images, offset, parameters.Gradient(kernelName, shard), !isFirst, zeros);
        double* sums = biasSums.Of(shard, isFirst);
        for (int image = 0; image < images; image++)
        {
            ChannelSums.Run<V>(dy, image, sums);
        }
    }

    /// <summary>Adds the shards' bias gradients up.</summary>
    public void FinishGradients(int shards) => biasSums.Finish(shards);
}

namespace Cifar3;

/// <summary>
/// One of the network's three blocks in inference: convolution ("same") with ReLU, then normalization, convolution ("valid"), ReLU and
/// max-pooling in one pass.
/// </summary>
internal sealed unsafe class ForwardBlock<V>
    where V : struct, ISimd<V>
{
    private readonly Conv2DLayer conv;
    private readonly WinogradKernel<V>? same; // not in block 0: too few channels for Winograd's transforms to pay
    private readonly WinogradKernel<V> valid;
    private readonly float* packed, bias;
    private readonly int pooled, channels, inputs;

    /// <summary>Creates the block and prepares its weights.</summary>
    /// <param name="arena">Owner of the memory.</param>
    /// <param name="layers">The block's five layers.</param>
    /// <param name="index">0, 1 or 2.</param>
    /// <param name="layout">Where the weights lie.</param>
    /// <param name="values">The weights.</param>
    /// <param name="scratch"><see cref="WinogradMap.ScratchFloats"/>.</param>
    public ForwardBlock(Arena arena, ReadOnlySpan<CnnLayer> layers, int index, ParameterLayout layout, float* values, float* scratch)
    {
        (conv, var normalization, var conv2) = ((Conv2DLayer)layers[0], (BatchNormalizationLayer)layers[1], (Conv2DLayer)layers[2]);
        string norm = normalization.Name;
        (pooled, channels) = (layers[4].OutputShape[0], Padding.Up(conv.Filters));
        var tensor = layout[$"{conv.Name}/kernel"];
        bias = Value($"{conv.Name}/bias");
        inputs = tensor.PaddedRows;
        if (index == 0)
        {
            packed = arena.Floats($"{conv.Name} packed", tensor.Size);
            DirectGemm.Pack(Value(tensor.Name), 9 * inputs, channels, DirectGemm.PanelWidth<V>(), packed);
        }
        else
        {
            same = WinogradKernel<V>.Create(arena, conv, tensor, Value(tensor.Name), bias, WinogradPlan.Same<V>(index), conv.OutputShape[0], normalized: false);
            same.Transform(0, channels, null, null, scratch);
        }

        float* scale = arena.Floats($"{norm} scale", channels), shift = arena.Floats($"{norm} shift", channels);
        for (int i = 0; i < channels; i++)
        {
            (_, scale[i], shift[i]) = BatchNormFold.Fold(
                Value($"{norm}/gamma")[i], Value($"{norm}/beta")[i], Value($"{norm}/moving_mean")[i], Value($"{norm}/moving_variance")[i], normalization.Epsilon);
        }

        tensor = layout[$"{conv2.Name}/kernel"];
        valid = WinogradKernel<V>.Create(arena, conv2, tensor, Value(tensor.Name), Value($"{conv2.Name}/bias"), WinogradPlan.Valid<V>(index), 2 * pooled, normalized: true);
        valid.Transform(0, channels, scale, shift, scratch);

        float* Value(string name) => values + layout[name].Offset;
    }

    /// <summary>Floats of V that a thread needs for a block of tiles.</summary>
    public long InputFloats => Math.Max(same?.Shape.InputFloats ?? 0, valid.Shape.InputFloats);

    /// <summary>Floats of M that a thread needs for a block of tiles.</summary>
    public long OutputFloats => Math.Max(same?.Shape.OutputFloats ?? 0, valid.Shape.OutputFloats);

    /// <summary>A plane for x, with the border that the convolution reads.</summary>
    public Plane CreateInput(Arena arena, int images)
    {
        int size = same?.InputSize ?? conv.InputShape[0];
        return new Plane(arena, $"{conv.Name} x", images, size, size, inputs, 1);
    }

    /// <summary>A plane for y, the first convolution's output.</summary>
    public Plane CreateMiddle(Arena arena, int images)
    {
        int size = conv.OutputShape[0];
        return new Plane(arena, $"{conv.Name} y", images, size, size, channels, Math.Max(0, valid.InputSize - size));
    }

    /// <summary>x → y → p, the first images of each.</summary>
    public void Run(in Plane x, in Plane y, in Plane p, int images, in WinogradWork work)
    {
        if (same != null)
        {
            same.Forward(in x, new PlainSink(y, bias, 0), 0, images, in work);
        }
        else
        {
            for (int image = 0; image < images; image++)
            {
                Conv3x3.Forward<V>(x, image, y, image, 1, packed, bias);
            }
        }

        valid.Forward(in y, new ReluPoolSink(p, valid.Bias, pooled, pooled, null, 1, null), 0, images, in work);
    }
}

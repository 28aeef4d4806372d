namespace Cifar3;

/// <summary>
/// One of the network's three blocks in inference: convolution ("same") with ReLU, then normalization, convolution ("valid"), ReLU and
/// max-pooling in one pass.
/// </summary>
internal sealed unsafe class ForwardBlock<V>
    where V : struct, ISimd<V>
{
    private readonly Conv2DLayer conv;
    private readonly string[] names;
    private readonly WinogradKernel<V>? same; // not in block 0: too few channels for Winograd's transforms to pay
    private readonly WinogradKernel<V> valid;
    private readonly float* kernel, bias, packed, gamma, beta, movingMean, movingVariance, scale, shift;
    private readonly double epsilon;
    private readonly int pooled, channels, inputs;

    /// <summary>Creates the block; <see cref="Prepare"/> takes the weights.</summary>
    /// <param name="arena">Owner of the memory.</param>
    /// <param name="layers">The block's five layers.</param>
    /// <param name="index">0, 1 or 2.</param>
    /// <param name="layout">Where the weights lie.</param>
    /// <param name="values">The weights.</param>
    public ForwardBlock(Arena arena, ReadOnlySpan<CnnLayer> layers, int index, ParameterLayout layout, float* values)
    {
        (conv, var norm, var conv2) = ((Conv2DLayer)layers[0], layers[1].Name, (Conv2DLayer)layers[2]);
        epsilon = ((BatchNormalizationLayer)layers[1]).Epsilon;
        names = [conv.Name, norm, layers[3].Name, layers[4].Name];
        (pooled, channels) = (layers[4].OutputShape[0], Padding.Up(conv.Filters));
        var tensor = layout[$"{conv.Name}/kernel"];
        kernel = Value(tensor.Name);
        bias = Value($"{conv.Name}/bias");
        inputs = tensor.PaddedRows;
        if (index == 0)
        {
            packed = arena.Floats($"{conv.Name} packed", tensor.Size);
        }
        else
        {
            same = WinogradKernel<V>.Create(arena, conv, tensor, kernel, bias, WinogradPlan.Same<V>(index), conv.OutputShape[0], normalized: false);
        }

        gamma = Value($"{norm}/gamma");
        beta = Value($"{norm}/beta");
        movingMean = Value($"{norm}/moving_mean");
        movingVariance = Value($"{norm}/moving_variance");
        scale = arena.Floats($"{norm} scale", channels);
        shift = arena.Floats($"{norm} shift", channels);
        tensor = layout[$"{conv2.Name}/kernel"];
        valid = WinogradKernel<V>.Create(arena, conv2, tensor, Value(tensor.Name), Value($"{conv2.Name}/bias"), WinogradPlan.Valid<V>(index), 2 * pooled, normalized: true);

        float* Value(string name) => values + layout[name].Offset;
    }

    /// <summary>Floats of V that a thread needs for a block of tiles.</summary>
    public long InputFloats => Math.Max(same?.Shape.InputFloats ?? 0, valid.Shape.InputFloats);

    /// <summary>Floats of M that a thread needs for a block of tiles.</summary>
    public long OutputFloats => Math.Max(same?.Shape.OutputFloats ?? 0, valid.Shape.OutputFloats);

    /// <summary>Takes over the weights as they are now.</summary>
    /// <param name="scratch"><see cref="WinogradMap.ScratchFloats"/>.</param>
    public void Prepare(float* scratch)
    {
        if (same != null)
        {
            same.Transform(0, channels, null, null, scratch);
        }
        else
        {
            DirectGemm.Pack(kernel, 9 * inputs, channels, DirectGemm.PanelWidth<V>(), packed);
        }

        for (int i = 0; i < channels; i++)
        {
            (_, scale[i], shift[i]) = BatchNormFold.Fold(gamma[i], beta[i], movingMean[i], movingVariance[i], epsilon);
        }

        valid.Transform(0, channels, scale, shift, scratch);
    }

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

    /// <summary>One of several parts of x → y of one image.</summary>
    public void RunFirst(in Plane x, in Plane y, int part, int parts, in WinogradWork work)
    {
        if (same != null)
        {
            same.ForwardPart(in x, new PlainSink(y, bias, 0), part, parts, in work);
        }
        else
        {
            Conv3x3.Forward<V>(x, 0, y, 0, y.Height * part / parts, y.Height * (part + 1) / parts, 1, packed, bias);
        }
    }

    /// <summary>One of several parts of y → p of one image; after all parts of <see cref="RunFirst"/>.</summary>
    public void RunSecond(in Plane y, in Plane p, int part, int parts, in WinogradWork work) =>
        valid.ForwardPart(in y, new ReluPoolSink(p, valid.Bias, pooled, pooled, null, 1, null), part, parts, in work);

    /// <summary>What the last <see cref="Run"/> left of one image, by layer name; the second convolution's output was pooled as it was computed.</summary>
    public IEnumerable<(string Layer, float[] Values)> Activations(Plane y, Plane p)
    {
        float[] normalized = y.Read(1, y.Height, conv.Filters);
        for (int n = 0; n < normalized.Length; n++)
        {
            normalized[n] = normalized[n] * scale[n % conv.Filters] + shift[n % conv.Filters];
        }

        float[] after = p.Read(1, pooled, conv.Filters);
        return [(names[0], y.Read(1, y.Height, conv.Filters)), (names[1], normalized), (names[2], after), (names[3], after)];
    }
}

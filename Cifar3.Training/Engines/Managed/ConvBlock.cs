namespace Cifar3.Training;

/// <summary>
/// One of the network's three blocks: convolution ("same"), batch normalization, convolution ("valid"), max-pooling, dropout.
/// Batch normalization needs the whole batch, so each pass has two halves with a sum over all images between them.
/// </summary>
/// <remarks>
/// Names: x → conv with ReLU → y → normalization, conv with ReLU, pooling, dropout → p, and a d before a name is the gradient. dz is y's
/// gradient through the normalization's scale alone. Of the second convolution only what the pooling reads is computed.
/// </remarks>
internal sealed unsafe class ConvBlock<V>
    where V : struct, ISimd<V>
{
    private readonly ReluConvLayer same;
    private readonly BatchNormLayer norm;
    private readonly WinogradLayer<V> valid;
    private readonly PoolDropout pool;
    private readonly Plane y, dz;
    private readonly string[] names;
    private readonly int filters, pooled;

    /// <summary>Creates the block.</summary>
    /// <param name="context">What the layers share.</param>
    /// <param name="layers">The block's five layers.</param>
    /// <param name="index">0, 1 or 2.</param>
    public ConvBlock(LayerContext context, ReadOnlySpan<CnnLayer> layers, int index)
    {
        var (conv, conv2, dropout) = ((Conv2DLayer)layers[0], (Conv2DLayer)layers[2], (DropoutLayer)layers[4]);
        (names, filters, pooled) = ([conv.Name, layers[1].Name, layers[3].Name, dropout.Name], conv.Filters, dropout.OutputShape[0]);
        int size = conv.OutputShape[0], computed = 2 * dropout.OutputShape[0], channels = Padding.Up(conv.Filters);

        var shared = index == 0 ? null : new WinogradLayer<V>(context, conv, WinogradPlan.Same<V>(index), size, norm: null);
        same = shared ?? (ReluConvLayer)new DirectConvLayer<V>(context, conv);
        norm = new BatchNormLayer(context, (BatchNormalizationLayer)layers[1]);
        valid = new WinogradLayer<V>(context, conv2, WinogradPlan.Valid<V>(index), computed, norm);
        pool = new PoolDropout(context, dropout, index);

        int border = Math.Max(0, valid.InputSize - size); // of tiles that hang over the edge
        y = new Plane(context.Arena, $"{conv.Name} y", context.Images, size, size, channels, border);
        dz = new Plane(context.Arena, $"{conv.Name} dz", context.Images, size, size, channels, border);
        int inputSize = shared?.InputSize ?? size, inputs = shared == null ? conv.InputShape[2] : Padding.Up(conv.InputShape[2]);
        Input = new Plane(context.Arena, $"{conv.Name} x", context.Images, inputSize, inputSize, inputs, 1);
        InputGradient = shared == null ? null : new Plane(context.Arena, $"{conv.Name} dx", context.Images, inputSize, inputSize, inputs, 1);
    }

    /// <summary>x: whoever comes before writes it.</summary>
    public Plane Input { get; }

    /// <summary>dx; none in the first block.</summary>
    public Plane? InputGradient { get; }

    /// <summary>The convolutions' <see cref="ReluConvLayer.Unit"/>.</summary>
    public (int Same, int Valid) Units => (same.Unit, valid.Unit);

    private long PixelsPerImage => y.Height * y.Width;

    /// <summary>Takes over changed weights, but for what normalization changes.</summary>
    public void Prepare() => same.Prepare();

    /// <summary>x → y, and the sums for the batch's statistics.</summary>
    public void ForwardToNorm(in ImageRange range) => same.Forward(Input, y, norm.Sums(in range), range);

    /// <summary>Between the halves: the statistics to normalize with, and the weights that they scale.</summary>
    /// <param name="images">Number of images.</param>
    /// <param name="momentum">Share of the moving statistics that is kept; null = the layer's.</param>
    /// <param name="training">Whether a backward pass will come.</param>
    public void FinishNorm(int images, double? momentum, bool training)
    {
        if (norm.IsFrozen)
        {
            norm.UseMovingStatistics();
        }
        else
        {
            norm.UseBatchStatistics(Shards.Count(images), images * PixelsPerImage, momentum);
        }

        valid.Prepare(training);
    }

    /// <summary>y → p with the dropout of a step; null for none.</summary>
    public void ForwardFromNorm(in Plane p, in ImageRange range, long? step) =>
        valid.Forward(y, step is { } drawn ? pool.Train(p, valid.Bias, drawn, range) : pool.WithoutDropout(p, valid.Bias), range);

    /// <summary>What the last forward pass left; the second convolution's output was pooled as it was computed and never existed alone.</summary>
    /// <param name="p">The plane that received p. It is the pooling layer's output too where nothing was dropped.</param>
    /// <param name="images">Number of images.</param>
    public IEnumerable<(string Layer, float[] Values)> Activations(Plane p, int images) =>
    [
        (names[0], y.Read(images, y.Height, filters)),
        (names[1], norm.Normalized(y.Read(images, y.Height, filters), filters)),
        (names[2], p.Read(images, pooled, filters)),
        (names[3], p.Read(images, pooled, filters)),
    ];

    /// <summary>Where the last training step's gradients went through pooling and dropout, <see cref="PoolDropout.Routes"/>.</summary>
    public byte[] Routes(int images) => pool.Routes(images);

    /// <summary>dp → dz with the shard's part of the second convolution's gradients.</summary>
    public void BackwardToNorm(in Plane dp, in ImageRange range) => valid.Backward(y, pool.Backward(dp), dz, range);

    /// <summary>Between the halves: the gradients of the second convolution and of the normalization.</summary>
    public void FinishNormGradients(int images)
    {
        valid.FinishGradients(images);
        if (norm.IsFrozen)
        {
            norm.HoldStatistics();
        }
    }

    /// <summary>dz → dx, except in the first block, with the shard's part of the first convolution's gradients.</summary>
    public void BackwardFromNorm(in ImageRange range) => same.Backward(Input, y, dz, norm, InputGradient, range);

    /// <summary>After the last half: the gradients of the first convolution.</summary>
    public void FinishGradients(int images) => same.FinishGradients(images);
}

namespace Cifar3.Training;

/// <summary>How a forward pass normalizes.</summary>
internal enum GpuPass
{
    /// <summary>With moving statistics.</summary>
    Inference,

    /// <summary>With the batch's statistics, but for frozen layers.</summary>
    Training,
}

/// <summary>One of the network's three blocks: convolution ("same"), batch normalization, convolution ("valid"), max-pooling, dropout.</summary>
/// <remarks>Names: x → convolution with ReLU → y → normalization → z → convolution with ReLU → v → pooling, dropout → p.</remarks>
internal sealed class GpuBlock
{
    private readonly GpuConvolution same, valid;
    private readonly GpuNormalization norm;
    private readonly GpuPooling pooling;
    private readonly GpuBuffer y, z, v;
    private readonly bool isFirst;

    /// <param name="context">What the layers share.</param>
    /// <param name="layers">The block's five layers.</param>
    /// <param name="index">0, 1 or 2.</param>
    public GpuBlock(GpuContext context, ReadOnlySpan<CnnLayer> layers, int index)
    {
        isFirst = index == 0;
        same = new GpuConvolution(context, (Conv2DLayer)layers[0]);
        norm = new GpuNormalization(context, (BatchNormalizationLayer)layers[1]);
        valid = new GpuConvolution(context, (Conv2DLayer)layers[2]);
        pooling = new GpuPooling(context, (MaxPooling2DLayer)layers[3], (DropoutLayer)layers[4], index);
        y = context.Floats(Numbers(layers[0]));
        z = context.Floats(Numbers(layers[1]));
        v = context.Floats(Numbers(layers[2]));
        P = context.Floats(Numbers(layers[4]));
        LargestGradient = Math.Max(Numbers(layers[0]), Numbers(layers[2]));

        long Numbers(CnnLayer layer) => layer.OutputShape.Aggregate((long)context.Images, (a, b) => a * b);
    }

    /// <summary>p, the next block's x.</summary>
    public GpuBuffer P { get; }

    /// <summary>Numbers of the largest gradient on the way through the block.</summary>
    public long LargestGradient { get; }

    /// <summary>What the layers' outputs are, by their place in the block.</summary>
    public IReadOnlyList<GpuBuffer> Outputs => [y, z, v, P, P];

    /// <summary>x → y, and the statistics to normalize with.</summary>
    public void ForwardToNorm(GpuBuffer x, int n, GpuPass pass)
    {
        same.Forward(x, y, n);
        if (pass == GpuPass.Inference || norm.IsFrozen)
        {
            norm.UseMovingStatistics();
        }
        else
        {
            norm.UseBatchStatistics(y, n);
        }
    }

    /// <summary>y → p with the dropout of a step; null for none.</summary>
    public void ForwardFromNorm(int n, long? step)
    {
        norm.Forward(y, z, n);
        valid.Forward(z, v, n);
        pooling.Forward(v, P, n, step);
    }

    /// <summary>dp → dx and the gradients of the block's weights. The first block makes no dx: nobody needs the image's.</summary>
    /// <param name="x">The block's input.</param>
    /// <param name="d">dp before, dx after.</param>
    /// <param name="other">Scratch memory as large.</param>
    /// <param name="n">Number of images.</param>
    public void Backward(GpuBuffer x, ref GpuBuffer d, ref GpuBuffer other, int n)
    {
        pooling.Backward(d, other, n);              // dv, in front of the ReLU
        valid.BackwardWeights(z, other, n);
        valid.BackwardInput(other, d, n);           // dz
        norm.Backward(y, d, n);                     // dy, in front of the ReLU
        same.BackwardWeights(x, d, n);
        if (!isFirst)
        {
            same.BackwardInput(d, other, n);
            (d, other) = (other, d);
        }
    }
}

namespace Cifar3.Training;

/// <summary>A block's first convolution, "same" padding, with bias and ReLU, in front of batch normalization.</summary>
internal abstract unsafe class ReluConvLayer
{
    /// <summary>Images of a shard after which its sums have no other bits where the rest of it follows as a piece of its own; 0 where it must stay whole.</summary>
    public abstract int Unit { get; }

    /// <summary>Takes over changed weights.</summary>
    public abstract void Prepare();

    /// <summary>y = max(0, conv(x) + bias) of a shard's images; sums receive Σ y and Σ y² of each channel (+=).</summary>
    public abstract void Forward(in Plane x, in Plane y, double* sums, in ImageRange range);

    /// <summary>Gradients of a shard: of the weights, and of x unless this is the first layer.</summary>
    /// <param name="x">The layer's input.</param>
    /// <param name="y">Its output.</param>
    /// <param name="dz">What <see cref="BatchNormLayer"/>'s Slope and Offset make dy of.</param>
    /// <param name="norm">The normalization behind this layer.</param>
    /// <param name="dx">Receives x's gradient; null in the first layer.</param>
    /// <param name="range">The images.</param>
    public abstract void Backward(in Plane x, in Plane y, in Plane dz, BatchNormLayer norm, in Plane? dx, in ImageRange range);

    /// <summary>Makes the weights' gradients out of what the shards left.</summary>
    /// <param name="images">Images of the batch.</param>
    public abstract void FinishGradients(int images);
}

/// <summary>The network's first convolution, from 3 channels: too few for Winograd's transforms to pay.</summary>
internal sealed unsafe class DirectConvLayer<V> : ReluConvLayer
    where V : struct, ISimd<V>
{
    private readonly int inputs, outputs;
    private readonly float* kernel, bias, biasGradient, packed, zeros;
    private readonly ShardGradients<V> kernelGradients;
    private readonly ShardSums biasSums;
    private readonly Plane[] dy; // one image a worker

    public DirectConvLayer(LayerContext context, Conv2DLayer layer)
    {
        var (arena, parameters) = (context.Arena, context.Parameters);
        var tensor = parameters[$"{layer.Name}/kernel"];
        (inputs, outputs) = (tensor.PaddedRows, tensor.PaddedColumns);
        kernel = parameters.Value($"{layer.Name}/kernel");
        bias = parameters.Value($"{layer.Name}/bias");
        packed = arena.Floats($"{layer.Name} packed", tensor.Size);
        zeros = arena.Floats($"{layer.Name} zeros", DirectGemm.PanelWidth<V>());
        kernelGradients = new ShardGradients<V>(arena, $"{layer.Name} gradients of shards", tensor.Size, parameters.Gradient($"{layer.Name}/kernel"));
        biasSums = new ShardSums(arena, $"{layer.Name} bias sums", outputs);
        biasGradient = parameters.Gradient($"{layer.Name}/bias");
        dy = new Plane[context.Pool.Threads];
        for (int worker = 0; worker < dy.Length; worker++)
        {
            dy[worker] = new Plane(arena, $"{layer.Name} dy {worker}", 1, layer.OutputShape[0], layer.OutputShape[1], outputs, 0);
        }
    }

    public override int Unit => 1;

    public override void Prepare() => DirectGemm.Pack(kernel, 9 * inputs, outputs, DirectGemm.PanelWidth<V>(), packed);

    public override void Forward(in Plane x, in Plane y, double* sums, in ImageRange range)
    {
        for (int image = range.First; image < range.End; image++)
        {
            Conv3x3.Forward<V>(x, image, y, image, 1, packed, bias);
            ChannelSums.RunWithSquares<V>(y, image, sums);
        }
    }

    public override void Backward(in Plane x, in Plane y, in Plane dz, BatchNormLayer norm, in Plane? dx, in ImageRange range)
    {
        ref readonly Plane gradient = ref dy[range.Worker];
        double* sums = biasSums.Of(in range);
        for (int image = range.First; image < range.End; image++)
        {
            BatchNormFold.ReluBackward<V>(y, dz, image, gradient, 0, norm.Slope, norm.Offset);
            Conv3x3.BackwardWeights<V>(x, image, gradient, 1, 1, kernelGradients.Of(range.Shard), image > range.First || !range.Begins, zeros);
            ChannelSums.Run<V>(gradient, 0, sums);
        }
    }

    public override void FinishGradients(int images)
    {
        kernelGradients.Finish(Shards.Count(images));
        biasSums.WriteTo(biasGradient, Shards.Count(images));
    }
}

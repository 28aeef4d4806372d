namespace Cifar3.Training;

/// <summary>The network's first convolution, from 3 channels: too few for Winograd's transforms to pay.</summary>
internal sealed unsafe class DirectConvLayer<V> : ReluConvLayer
    where V : struct, ISimd<V>
{
    private readonly int inputs, outputs;
    private readonly float* kernel, bias, packed, zeros;
    private readonly ShardGradients<V> kernelGradients;
    private readonly GradientSums biasSums;
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
        biasSums = new GradientSums(arena, $"{layer.Name} bias sums", outputs, parameters.Gradient($"{layer.Name}/bias"));
        dy = new Plane[context.Pool.Threads];
        for (int worker = 0; worker < dy.Length; worker++)
        {
            dy[worker] = new Plane(arena, $"{layer.Name} dy {worker}", 1, layer.OutputShape[0], layer.OutputShape[1], outputs, 0);
        }
    }

    public override void Prepare() => DirectGemm.Pack(kernel, 9 * inputs, outputs, DirectGemm.PanelWidth<V>(), packed);

    public override void Forward(in Plane x, in Plane y, double* sums, in ImageRange range)
    {
        for (int image = range.First; image < range.End; image++)
        {
            Conv3x3.Forward<V>(x, image, y, image, 1, packed, bias);
            if (sums != null)
            {
                ChannelSums.RunWithSquares<V>(y, image, sums);
            }
        }
    }

    public override void Backward(in Plane x, in Plane y, in Plane dz, BatchNormLayer norm, in Plane? dx, in ImageRange range)
    {
        ref readonly Plane gradient = ref dy[range.Worker];
        double* sums = biasSums.Of(range.Shard, start: true);
        for (int image = range.First; image < range.End; image++)
        {
            BatchNormFold.ReluBackward<V>(y, dz, image, gradient, 0, norm.Slope, norm.Offset);
            Conv3x3.BackwardWeights<V>(x, image, gradient, 1, 1, kernelGradients.Of(range.Shard), image > range.First, zeros);
            ChannelSums.Run<V>(gradient, 0, sums);
        }
    }

    public override void FinishGradients(int images)
    {
        kernelGradients.Finish(Shards.Count(images));
        biasSums.Finish(Shards.Count(images));
    }
}

namespace Cifar3.Training;

/// <summary>A 3×3 convolution in Winograd's domain: its passes over a shard's images, its gradients.</summary>
/// <remarks>The gradients of a normalization in front of it come out of its kernel's (<see cref="BatchNormFold.Backward"/>).</remarks>
internal sealed unsafe class WinogradLayer<V> : ReluConvLayer
    where V : struct, ISimd<V>
{
    private const int ChannelsAPiece = 4; // input channels that a thread takes at once, where threads share the kernel's gradient

    private readonly WorkerPool pool;
    private readonly WorkBuffers work;
    private readonly BatchNormLayer? norm;
    private readonly WinogradKernel<V> weights;
    private readonly WinogradShape shape;
    private readonly float* kernel, ut, du, gradient, biasGradient;
    private readonly double* biasTotals;
    private readonly ShardSums biasSums;
    private readonly WinogradWork kept; // V and dM of all blocks, where they are kept
    private readonly int blocks;        // of a shard, where they are kept; else 0
    private readonly Action<int, int> transform, finishPoint, finishChannels;
    private bool training;
    private int images;

    /// <summary>Creates the layer.</summary>
    /// <param name="context">What the layers share.</param>
    /// <param name="layer">The layer's description.</param>
    /// <param name="plan">Its tiles.</param>
    /// <param name="size">Rows and columns of output to compute.</param>
    /// <param name="norm">The normalization in front of the layer, if there is one.</param>
    public WinogradLayer(LayerContext context, Conv2DLayer layer, WinogradPlan plan, int size, BatchNormLayer? norm)
    {
        var (arena, parameters) = (context.Arena, context.Parameters);
        (pool, work, this.norm) = (context.Pool, context.Work, norm);
        string name = layer.Name;
        var tensor = parameters[$"{name}/kernel"];
        kernel = parameters.Value(tensor.Name);
        weights = WinogradKernel<V>.Create(arena, layer, tensor, kernel, parameters.Value($"{name}/bias"), plan, size, normalized: norm != null);
        shape = weights.Shape;
        work.Reserve(shape);

        gradient = parameters.Gradient(tensor.Name);
        biasGradient = parameters.Gradient($"{name}/bias");
        biasTotals = arena.Doubles($"{name} bias totals", shape.Outputs);
        biasSums = new ShardSums(arena, $"{name} bias sums", shape.Outputs);
        ut = arena.Floats($"{name} U transposed", shape.WeightFloats);
        if (shape.TilesPerImage == 1)
        {
            int mostImages = (context.Images + Shards.Max - 1) / Shards.Max;
            blocks = (mostImages + plan.Capacity - 1) / plan.Capacity;
            du = arena.Floats($"{name} dU", shape.WeightFloats);
            kept = new WinogradWork(arena.Floats($"{name} V", Shards.Max * blocks * shape.InputFloats), arena.Floats($"{name} dM", Shards.Max * blocks * shape.OutputFloats), null);
        }
        else
        {
            du = arena.Floats($"{name} dU of shards", Shards.Max * shape.WeightFloats);
        }

        transform = Transform;
        finishPoint = (point, _) => FinishPoint(point);
        finishChannels = FinishChannels;
    }

    /// <summary>The bias to add: the layer's, or the shifted one.</summary>
    public float* Bias => weights.Bias;

    /// <summary>Rows and columns that the input's plane must have, beyond a border of 1 for "same" padding.</summary>
    public int InputSize => weights.InputSize;

    /// <inheritdoc/>
    public override int Unit => blocks > 0 ? 0 : Shards.LeastCommonMultiple(shape.Capacity, shape.TilesPerImage) / shape.TilesPerImage; // whole blocks of whole images

    /// <inheritdoc/>
    public override void Prepare() => Prepare(training: true);

    /// <summary>Takes over changed weights and statistics; where no backward pass will come the transposed weights are not needed.</summary>
    public void Prepare(bool training)
    {
        this.training = training;
        pool.Run(shape.Outputs / Padding.Channels, transform);
    }

    /// <summary>x → sink, a shard's images.</summary>
    public void Forward<TSink>(in Plane x, in TSink sink, in ImageRange range)
        where TSink : struct, IWinogradSink => weights.Forward(in x, in sink, range.First, range.End, in work.Of(range.Worker));

    /// <summary>Source → dx and the shard's part of the weights' gradients.</summary>
    public void Backward<TSource>(in Plane x, in TSource source, in Plane dx, in ImageRange range)
        where TSource : struct, IWinogradSource
    {
        double* sums = biasSums.Of(in range);
        ref readonly WinogradWork own = ref work.Of(range.Worker);
        if (blocks > 0)
        {
            weights.BackwardKeepingBlocks(in x, in source, ut, range.First, range.End, in dx, Kept(range.Shard), sums, in own);
        }
        else
        {
            weights.Backward(in x, in source, ut, range.First, range.End, in dx, du + range.Shard * shape.WeightFloats, !range.Begins, sums, in own);
        }
    }

    /// <inheritdoc/>
    public override void Forward(in Plane x, in Plane y, double* sums, in ImageRange range) =>
        Forward(in x, new ReluStatisticsSink(y, Bias, sums), in range);

    /// <inheritdoc/>
    public override void Backward(in Plane x, in Plane y, in Plane dz, BatchNormLayer norm, in Plane? dx, in ImageRange range) =>
        Backward(in x, new BatchNormReluSource(dz, y, norm.Slope, norm.Offset), dx!.Value, in range);

    /// <inheritdoc/>
    public override void FinishGradients(int images)
    {
        this.images = images;
        biasSums.WriteTo(biasGradient, Shards.Count(images), biasTotals);
        pool.Run(shape.Points, finishPoint);
        pool.Run(shape.Inputs / ChannelsAPiece, finishChannels);
    }

    /// <summary>16 output channels into Winograd's domain.</summary>
    private void Transform(int piece, int worker)
    {
        int first = piece * Padding.Channels, end = first + Padding.Channels;
        float* scratch = work.Of(worker).Scratch;
        var statistics = norm?.Statistics ?? default;
        weights.Transform(first, end, statistics.Scale, statistics.Shift, scratch);
        if (training)
        {
            weights.Transpose(first, end, ut, scratch);
        }
    }

    private WinogradWork Kept(int shard) => new(kept.Input + shard * blocks * shape.InputFloats, kept.Output + shard * blocks * shape.OutputFloats, null);

    /// <summary>One point of dU, from all shards in their order: from their tiles, or from the sums of each.</summary>
    private void FinishPoint(int point)
    {
        if (blocks == 0)
        {
            float* sum = du + point * shape.WeightStride;
            ShardGradients.Add<V>(sum, (nint)shape.WeightFloats, Shards.Count(images), (nint)shape.Inputs * shape.Outputs, sum);
            return;
        }

        for (int shard = 0; shard < Shards.Count(images); shard++)
        {
            int tiles = Shards.First(shard + 1, images) - Shards.First(shard, images); // one an image
            WinogradConvolution.WeightGradient<V>(in shape, Kept(shard), tiles, point, du, add: shard > 0);
        }
    }

    /// <summary>The kernel's gradient for some input channels, and the gradients of those channels' normalization.</summary>
    private void FinishChannels(int piece, int worker)
    {
        int first = piece * ChannelsAPiece, end = first + ChannelsAPiece;
        weights.FinishGradient(du, first, end, gradient, work.Of(worker).Scratch);
        if (norm != null)
        {
            BatchNormFold.Backward<V>(
                kernel, gradient, biasTotals, biasGradient, norm.Count, norm.Statistics, shape.Inputs, shape.Outputs, first, end,
                norm.GammaGradient, norm.BetaGradient, norm.Slope, norm.Offset, work.Sums(worker));
        }
    }
}

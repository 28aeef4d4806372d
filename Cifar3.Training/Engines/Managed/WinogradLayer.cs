namespace Cifar3.Training;

/// <summary>A 3×3 convolution in Winograd's domain: its weights there, its passes over a shard's images, its gradients.</summary>
/// <remarks>
/// With a normalization in front of it, the kernel is scaled and the bias shifted so that the layer reads what was to be normalized, and
/// the normalization's gradients come out of the kernel's (<see cref="WinogradBatchNorm"/>).
/// </remarks>
internal sealed unsafe class WinogradLayer<V> : ReluConvLayer
    where V : struct, ISimd<V>
{
    private const int ChannelsAPiece = 4; // input channels that a thread takes at once, where threads share the kernel's gradient

    private readonly WorkerPool pool;
    private readonly WorkBuffers work;
    private readonly BatchNormLayer? norm;
    private readonly WinogradShape shape;
    private readonly bool large; // F(6×6), else F(4×4)
    private readonly float* kernel, bias, scaled, shifted, u, ut, du, gradient, biasGradient;
    private readonly double* shiftSums, biasTotals;
    private readonly GradientSums biasSums;
    private readonly WinogradWork kept; // V and dM of all blocks, where they are kept
    private readonly int blocks;        // of a shard, where they are kept; else 0
    private readonly Action<int, int> transform, finishPoint, finishChannels;
    private bool training;
    private int images;

    /// <summary>Creates the layer.</summary>
    /// <param name="context">What the layers share.</param>
    /// <param name="layer">The layer's description.</param>
    /// <param name="large">Tiles of 6×6 outputs rather than 4×4.</param>
    /// <param name="size">Rows and columns of output to compute.</param>
    /// <param name="capacity">Tiles of a block: as many as stay in the L2 cache.</param>
    /// <param name="norm">The normalization in front of the layer, if there is one.</param>
    public WinogradLayer(LayerContext context, Conv2DLayer layer, bool large, int size, int capacity, BatchNormLayer? norm)
    {
        var (arena, parameters) = (context.Arena, context.Parameters);
        (pool, work, this.norm, this.large) = (context.Pool, context.Work, norm, large);
        string name = layer.Name;
        var tensor = parameters[$"{name}/kernel"];
        var (inputs, outputs, border) = (tensor.PaddedRows, tensor.PaddedColumns, layer.Padding == ConvPadding.Same ? 1 : 0);
        shape = large ? WinogradShape.Of<WinogradF6>(inputs, outputs, size, size, border, capacity) : WinogradShape.Of<WinogradF4>(inputs, outputs, size, size, border, capacity);
        work.Reserve(shape);

        kernel = parameters.Value(tensor.Name);
        gradient = parameters.Gradient(tensor.Name);
        bias = parameters.Value($"{name}/bias");
        biasGradient = parameters.Gradient($"{name}/bias");
        scaled = norm == null ? kernel : arena.Floats($"{name} scaled", tensor.Size);
        shifted = norm == null ? bias : arena.Floats($"{name} shifted bias", outputs);
        shiftSums = arena.Doubles($"{name} shifts", outputs);
        biasTotals = arena.Doubles($"{name} bias totals", outputs);
        biasSums = new GradientSums(arena, $"{name} bias sums", outputs, biasGradient);
        u = arena.Floats($"{name} U", shape.WeightFloats);
        ut = arena.Floats($"{name} U transposed", shape.WeightFloats);
        if (shape.TilesPerImage == 1)
        {
            int mostImages = (context.Images + Shards.Max - 1) / Shards.Max;
            blocks = (mostImages + capacity - 1) / capacity;
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
    public float* Bias => shifted;

    /// <summary>Rows and columns that the input's plane must have, beyond a border of 1 for "same" padding.</summary>
    public int InputSize => shape.InputExtent.Height - shape.Border;

    /// <inheritdoc/>
    public override void Prepare() => Prepare(training: true);

    /// <summary>Takes over changed weights and statistics; inference needs no transposed weights.</summary>
    public void Prepare(bool training)
    {
        this.training = training;
        pool.Run(shape.Outputs / Padding.Channels, transform);
    }

    /// <summary>x → sink, a shard's images.</summary>
    public void Forward<TSink>(in Plane x, in TSink sink, in ImageRange range)
        where TSink : struct, IWinogradSink
    {
        var (first, end) = Tiles(range.First, range.End);
        if (large)
        {
            WinogradConvolution.Forward<V, WinogradF6, TSink>(in shape, in x, u, first, end, in sink, in work.Of(range.Worker));
        }
        else
        {
            WinogradConvolution.Forward<V, WinogradF4, TSink>(in shape, in x, u, first, end, in sink, in work.Of(range.Worker));
        }
    }

    /// <summary>Source → dx and the shard's part of the weights' gradients.</summary>
    public void Backward<TSource>(in Plane x, in TSource source, in Plane dx, in ImageRange range)
        where TSource : struct, IWinogradSource
    {
        if (large)
        {
            Backward<WinogradF6, TSource>(in x, in source, in dx, in range);
        }
        else
        {
            Backward<WinogradF4, TSource>(in x, in source, in dx, in range);
        }
    }

    /// <inheritdoc/>
    public override void Forward(in Plane x, in Plane y, double* sums, in ImageRange range)
    {
        if (sums != null)
        {
            Forward(in x, new ReluStatisticsSink(y, shifted, sums), in range);
        }
        else
        {
            Forward(in x, new PlainSink(y, shifted, 0), in range);
        }
    }

    /// <inheritdoc/>
    public override void Backward(in Plane x, in Plane y, in Plane dz, BatchNormLayer norm, in Plane? dx, in ImageRange range) =>
        Backward(in x, new BatchNormReluSource(dz, y, norm.Slope, norm.Offset), dx!.Value, in range);

    /// <inheritdoc/>
    public override void FinishGradients(int images)
    {
        this.images = images;
        biasSums.Finish(Shards.Count(images), biasTotals);
        if (blocks > 0)
        {
            pool.Run(shape.Points, finishPoint);
        }

        pool.Run(shape.Inputs / ChannelsAPiece, finishChannels);
    }

    private (int First, int End) Tiles(int firstImage, int endImage) => (firstImage * shape.TilesPerImage, endImage * shape.TilesPerImage);

    /// <summary>16 output channels into Winograd's domain.</summary>
    private void Transform(int piece, int worker)
    {
        int first = piece * Padding.Channels, end = first + Padding.Channels;
        if (norm != null)
        {
            var statistics = norm.Statistics;
            WinogradBatchNorm.Forward<V>(kernel, bias, statistics.Scale, statistics.Shift, shape.Inputs, shape.Outputs, first, end, scaled, shifted, shiftSums);
        }

        if (large)
        {
            Transform<WinogradF6>(first, end, work.Of(worker).Scratch);
        }
        else
        {
            Transform<WinogradF4>(first, end, work.Of(worker).Scratch);
        }
    }

    private void Transform<TTile>(int first, int end, float* scratch)
        where TTile : struct, IWinogradTile
    {
        WinogradWeights.Forward<V, TTile>(in shape, scaled, first, end, u, scratch);
        if (training)
        {
            WinogradWeights.ForwardTransposed<V, TTile>(in shape, scaled, first, end, ut, scratch);
        }
    }

    private void Backward<TTile, TSource>(in Plane x, in TSource source, in Plane dx, in ImageRange range)
        where TTile : struct, IWinogradTile
        where TSource : struct, IWinogradSource
    {
        var (first, end) = Tiles(range.First, range.End);
        double* sums = biasSums.Of(range.Shard, start: true);
        ref readonly WinogradWork own = ref work.Of(range.Worker);
        if (blocks > 0)
        {
            WinogradConvolution.BackwardInput<V, TTile, TSource>(in shape, in x, in source, ut, first, end, in dx, Kept(range.Shard), sums, in own);
        }
        else
        {
            WinogradConvolution.Backward<V, TTile, TSource>(in shape, in x, in source, ut, first, end, in dx, du + range.Shard * shape.WeightFloats, sums, in own);
        }
    }

    private WinogradWork Kept(int shard) => new(kept.Input + shard * blocks * shape.InputFloats, kept.Output + shard * blocks * shape.OutputFloats, null);

    /// <summary>One point of dU, from the tiles of all shards in their order.</summary>
    private void FinishPoint(int point)
    {
        for (int shard = 0; shard < Shards.Count(images); shard++)
        {
            var (first, end) = Tiles(Shards.First(shard, images), Shards.First(shard + 1, images));
            WinogradConvolution.WeightGradient<V>(in shape, Kept(shard), end - first, point, du, add: shard > 0);
        }
    }

    /// <summary>The kernel's gradient for some input channels, and the gradients of those channels' normalization.</summary>
    private void FinishChannels(int piece, int worker)
    {
        int first = piece * ChannelsAPiece, end = first + ChannelsAPiece;
        if (blocks == 0)
        {
            WinogradWeights.Sum<V>(in shape, du, Shards.Count(images), first, end);
        }

        if (large)
        {
            WinogradWeights.Backward<V, WinogradF6>(in shape, du, first, end, gradient, work.Of(worker).Scratch);
        }
        else
        {
            WinogradWeights.Backward<V, WinogradF4>(in shape, du, first, end, gradient, work.Of(worker).Scratch);
        }

        if (norm != null)
        {
            WinogradBatchNorm.Backward<V>(
                kernel, gradient, biasTotals, biasGradient, norm.Count, norm.Statistics, shape.Inputs, shape.Outputs, first, end,
                norm.GammaGradient, norm.BetaGradient, norm.Slope, norm.Offset, work.Sums(worker));
        }
    }
}

namespace Cifar3.Training;

/// <summary>
/// The training step as the list of layers that it is. Each pass runs over the batch's shards in parallel; batch normalization's sums
/// separate the passes.
/// </summary>
internal sealed unsafe class SimdNetwork<V> : Network
    where V : struct, ISimd<V>
{
    private const int AdamPieces = 32;

    private readonly ParameterTable parameters;
    private readonly float weightDecay;
    private readonly WorkerPool pool;
    private readonly ConvBlock<V> block0, block1, block2;
    private readonly DenseSoftmaxLayer<V> dense;
    private readonly Action<int, int> forward0, forward1, forward2, turn, backward2, backward1, backward0, adam, infer, statistics1, statistics2;

    // The batch being computed.
    private byte* images;
    private int* labels;
    private int count;
    private long step;
    private float* targets;
    private float stepSize, keep;
    private bool inferenceReady;

    public SimdNetwork(Arena arena, ParameterTable parameters, CnnModel model, EngineOptions options, int images, WorkerPool pool)
    {
        (this.parameters, this.pool, weightDecay) = (parameters, pool, options.WeightDecay);
        CnnLayer[] layers = [.. model.Layers];
        var work = new WorkBuffers(arena, pool.Threads);
        var context = new LayerContext(arena, parameters, pool, work, images, options);
        block0 = Block(0);
        block1 = Block(1);
        block2 = Block(2);
        dense = new DenseSoftmaxLayer<V>(context);
        work.Allocate();

        // A pass over one shard; delegates made once, so that a step allocates nothing. Every other pass takes the shards backwards: it
        // begins with what the pass before wrote last, which is still in the cache. Sums do not depend on it: they are added in shard order.
        forward0 = (shard, worker) => Forward0(Range(shard, worker));
        forward1 = (shard, worker) => Forward1(Range(LastShard - shard, worker));
        forward2 = (shard, worker) => Forward2(Range(shard, worker));
        turn = (shard, worker) => Turn(Range(LastShard - shard, worker));
        backward2 = (shard, worker) => Backward2(Range(shard, worker));
        backward1 = (shard, worker) => Backward1(Range(LastShard - shard, worker));
        backward0 = (shard, worker) => Backward0(Range(shard, worker));
        statistics1 = (shard, worker) => Statistics1(Range(LastShard - shard, worker));
        statistics2 = (shard, worker) => Statistics2(Range(shard, worker));
        adam = (piece, _) => UpdateWeights(piece);
        infer = (shard, worker) => InferShard(Range(shard, worker));

        ConvBlock<V> Block(int index) => new(context, layers.AsSpan(5 * index, 5), index);
    }

    public override string SimdName => V.Name;

    public override float* Probabilities => dense.Probabilities;

    public override double* Losses => dense.Losses;

    public override void ParametersChanged() => inferenceReady = false;

    public override void Train(byte* images, int* labels, float* targets, int count, float learningRate, long step)
    {
        this.images = images;
        this.labels = labels;
        this.targets = targets;
        this.count = count;
        (this.step, stepSize, keep, inferenceReady) = (step, AdamOptimizer.StepSize(learningRate, step), 1 - learningRate * weightDecay, false);
        int shards = Shards.Count(count);
        PrepareWeights();

        pool.Run(shards, forward0);
        block0.FinishNorm(count, null, training: true);
        pool.Run(shards, forward1);
        block1.FinishNorm(count, null, training: true);
        pool.Run(shards, forward2);
        block2.FinishNorm(count, null, training: true);
        pool.Run(shards, turn);
        dense.FinishGradients(count);
        block2.FinishNormGradients(count);
        pool.Run(shards, backward2);
        block2.FinishGradients(count);
        block1.FinishNormGradients(count);
        pool.Run(shards, backward1);
        block1.FinishGradients(count);
        block0.FinishNormGradients(count);
        pool.Run(shards, backward0);
        block0.FinishGradients(count);

        pool.Run(AdamPieces, adam);
    }

    public override void UpdateStatistics(byte* images, int count, double momentum)
    {
        this.images = images;
        this.count = count;
        inferenceReady = false;
        int shards = Shards.Count(count);
        PrepareWeights();
        pool.Run(shards, forward0);
        block0.FinishNorm(count, momentum, training: false);
        pool.Run(shards, statistics1);
        block1.FinishNorm(count, momentum, training: false);
        pool.Run(shards, statistics2);
        block2.FinishNorm(count, momentum, training: false);
    }

    public override void Infer(byte* images, int* labels, int count)
    {
        this.images = images;
        this.labels = labels;
        targets = null;
        this.count = count;
        if (!inferenceReady)
        {
            PrepareWeights();
            block0.UseMovingStatistics();
            block1.UseMovingStatistics();
            block2.UseMovingStatistics();
            inferenceReady = true;
        }

        pool.Run(Shards.Count(count), infer);
    }

    public override IEnumerable<(string Layer, float[] Values)> Activations(int images) =>
    [
        .. block0.Activations(block1.Input, images),
        .. block1.Activations(block2.Input, images),
        .. block2.Activations(dense.Input, images),
    ];

    public override IReadOnlyList<byte[]> Routes(int images) => [block0.Routes(images), block1.Routes(images), block2.Routes(images)];

    private int LastShard => Shards.Count(count) - 1;

    private void PrepareWeights()
    {
        block0.Prepare();
        block1.Prepare();
        block2.Prepare();
        dense.Prepare();
    }

    private void Forward0(in ImageRange range)
    {
        ReadPixels(range);
        block0.ForwardToNorm(range, training: true);
    }

    private void Forward1(in ImageRange range)
    {
        block0.ForwardFromNorm(block1.Input, range, step);
        block1.ForwardToNorm(range, training: true);
    }

    private void Forward2(in ImageRange range)
    {
        block1.ForwardFromNorm(block2.Input, range, step);
        block2.ForwardToNorm(range, training: true);
    }

    private void Statistics1(in ImageRange range)
    {
        block0.InferFromNorm(block1.Input, range);
        block1.ForwardToNorm(range, training: true);
    }

    private void Statistics2(in ImageRange range)
    {
        block1.InferFromNorm(block2.Input, range);
        block2.ForwardToNorm(range, training: true);
    }

    /// <summary>The last part of the forward pass and the first of the backward pass.</summary>
    private void Turn(in ImageRange range)
    {
        block2.ForwardFromNorm(dense.Input, range, step);
        dense.Forward(range, labels, targets, count);
        dense.Backward(range);
        block2.BackwardToNorm(dense.InputGradient, range);
    }

    private void Backward2(in ImageRange range)
    {
        block2.BackwardFromNorm(range);
        block1.BackwardToNorm(block2.InputGradient!.Value, range);
    }

    private void Backward1(in ImageRange range)
    {
        block1.BackwardFromNorm(range);
        block0.BackwardToNorm(block1.InputGradient!.Value, range);
    }

    private void Backward0(in ImageRange range) => block0.BackwardFromNorm(range);

    private void InferShard(in ImageRange range)
    {
        ReadPixels(range);
        block0.ForwardToNorm(range, training: false);
        block0.InferFromNorm(block1.Input, range);
        block1.ForwardToNorm(range, training: false);
        block1.InferFromNorm(block2.Input, range);
        block2.ForwardToNorm(range, training: false);
        block2.InferFromNorm(dense.Input, range);
        dense.Forward(range, labels, targets, count);
    }

    private void ReadPixels(in ImageRange range)
    {
        for (int image = range.First; image < range.End; image++)
        {
            PixelsToFloat.Run<V>(images + (long)image * CnnArchitecture.ImageBytes, block0.Input, image);
        }
    }

    private void UpdateWeights(int piece)
    {
        long vectors = parameters.TrainableSize / Padding.Channels;
        long first = vectors * piece / AdamPieces * Padding.Channels, end = vectors * (piece + 1) / AdamPieces * Padding.Channels;
        foreach (var range in parameters.Updated)
        {
            long from = Math.Max(first, range.First), to = Math.Min(end, range.End);
            if (from < to)
            {
                Adam.Run<V>(parameters.Gradients, from, to, parameters.Values, parameters.AdamM, parameters.AdamV, stepSize, range.Decays ? keep : 1);
            }
        }
    }

    private ImageRange Range(int shard, int worker) => new(Shards.First(shard, count), Shards.First(shard + 1, count), shard, worker);
}

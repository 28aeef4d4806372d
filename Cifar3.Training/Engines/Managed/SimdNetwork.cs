namespace Cifar3.Training;

/// <summary>
/// The training step as the list of layers that it is. Each pass runs over the batch's shards in parallel; batch normalization's sums
/// separate the passes.
/// </summary>
internal sealed unsafe class SimdNetwork<V> : Network
    where V : struct, ISimd<V>
{
    private const int PackPieces = 2 * CnnArchitecture.Blocks + 1, AdamPieces = 32;

    private readonly ParameterTable parameters;
    private readonly WorkerPool pool;
    private readonly Plane input;
    private readonly ConvBlock<V> block0, block1, block2;
    private readonly DenseSoftmaxLayer<V> dense;
    private readonly Action<int, int> pack, forward0, forward1, forward2, forward3, backward3, backward2, backward1, backward0, adam;

    // The batch being computed.
    private byte* images;
    private int* labels;
    private int count;
    private bool training;
    private long step;
    private float stepSize;
    private bool packed;

    public SimdNetwork(Arena arena, ParameterTable parameters, CnnModel model, int seed, int images, WorkerPool pool)
    {
        (this.parameters, this.pool) = (parameters, pool);
        CnnLayer[] layers = [.. model.Layers];
        input = new Plane(arena, "input", images, CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels, 1);
        block0 = Block(0);
        block1 = Block(1);
        block2 = Block(2);
        dense = new DenseSoftmaxLayer<V>(arena, parameters, images);

        // A pass over one shard; delegates made once, so that a step allocates nothing.
        pack = (piece, _) => Pack(piece);
        forward0 = (shard, worker) => Forward0(Range(shard, worker));
        forward1 = (shard, worker) => Forward1(Range(shard, worker));
        forward2 = (shard, worker) => Forward2(Range(shard, worker));
        forward3 = (shard, worker) => Forward3(Range(shard, worker));
        backward3 = (shard, worker) => Backward3(Range(shard, worker));
        backward2 = (shard, worker) => Backward2(Range(shard, worker));
        backward1 = (shard, worker) => Backward1(Range(shard, worker));
        backward0 = (shard, worker) => Backward0(Range(shard, worker));
        adam = (piece, _) => UpdateWeights(piece);

        ConvBlock<V> Block(int index) => new(arena, parameters, layers.AsSpan(5 * index, 5), index, seed, images, pool.Threads);
    }

    public override string SimdName => V.Name;

    public override float* Probabilities => dense.Probabilities;

    public override double* Losses => dense.Losses;

    public override void ParametersChanged() => packed = false;

    public override void Train(byte* images, int* labels, int count, float learningRate, long step)
    {
        (training, this.step, stepSize) = (true, step, Adam.StepSize(learningRate, step));
        Forward(images, labels, count);

        int shards = Shards.Count(count);
        pool.Run(shards, backward3);
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
        packed = false;
    }

    public override void Infer(byte* images, int* labels, int count)
    {
        training = false;
        Forward(images, labels, count);
    }

    private void Forward(byte* images, int* labels, int count)
    {
        this.images = images;
        this.labels = labels;
        this.count = count;
        if (!packed)
        {
            pool.Run(PackPieces, pack);
            packed = true;
        }

        int shards = Shards.Count(count);
        pool.Run(shards, forward0);
        block0.FinishNorm(count, training);
        pool.Run(shards, forward1);
        block1.FinishNorm(count, training);
        pool.Run(shards, forward2);
        block2.FinishNorm(count, training);
        pool.Run(shards, forward3);
    }

    private void Forward0(in ImageRange range)
    {
        for (int image = range.First; image < range.End; image++)
        {
            PixelsToFloat.Run<V>(images + (long)image * CnnArchitecture.ImageBytes, input, image);
        }

        block0.ForwardToNorm(input, range, training);
    }

    private void Forward1(in ImageRange range)
    {
        block0.ForwardFromNorm(range, training, step);
        block1.ForwardToNorm(block0.Output, range, training);
    }

    private void Forward2(in ImageRange range)
    {
        block1.ForwardFromNorm(range, training, step);
        block2.ForwardToNorm(block1.Output, range, training);
    }

    private void Forward3(in ImageRange range)
    {
        block2.ForwardFromNorm(range, training, step);
        dense.Forward(block2.Output, range, labels, count);
    }

    private void Backward3(in ImageRange range)
    {
        dense.Backward(block2.Output, block2.OutputGradient, range);
        block2.BackwardToNorm(range);
    }

    private void Backward2(in ImageRange range)
    {
        block2.BackwardFromNorm(block1.Output, block1.OutputGradient, range);
        block1.BackwardToNorm(range);
    }

    private void Backward1(in ImageRange range)
    {
        block1.BackwardFromNorm(block0.Output, block0.OutputGradient, range);
        block0.BackwardToNorm(range);
    }

    private void Backward0(in ImageRange range) => block0.BackwardFromNorm(input, null, range);

    private void Pack(int piece)
    {
        switch (piece / 2)
        {
            case 0: block0.Pack(piece % 2); break;
            case 1: block1.Pack(piece % 2); break;
            case 2: block2.Pack(piece % 2); break;
            default: dense.Pack(); break;
        }
    }

    private void UpdateWeights(int piece)
    {
        long vectors = parameters.TrainableSize / Padding.Channels;
        long first = vectors * piece / AdamPieces * Padding.Channels, end = vectors * (piece + 1) / AdamPieces * Padding.Channels;
        Adam.Run<V>(parameters.Gradients, parameters.GradientStride, Shards.Count(count), first, end, parameters.Values, parameters.AdamM, parameters.AdamV, stepSize);
    }

    private ImageRange Range(int shard, int worker) => new(Shards.First(shard, count), Shards.First(shard + 1, count), shard, worker);
}

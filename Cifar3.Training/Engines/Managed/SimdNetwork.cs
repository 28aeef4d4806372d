namespace Cifar3.Training;

/// <summary>The training network on one batch, whatever the vector width it was compiled for.</summary>
internal abstract unsafe class Network
{
    /// <summary>What the vectors are called.</summary>
    public abstract string SimdName { get; }

    /// <summary>Probabilities [images, classes] of the last training step.</summary>
    public abstract float* Probabilities { get; }

    /// <summary>Cross-entropies of the last training step.</summary>
    public abstract double* Losses { get; }

    /// <summary>One training step.</summary>
    /// <param name="images">Pixels.</param>
    /// <param name="labels">Labels.</param>
    /// <param name="targets">Targets [count, classes]; null = the labels.</param>
    /// <param name="count">Number of images.</param>
    /// <param name="learningRate">Adam's learning rate.</param>
    /// <param name="step">Number of the step.</param>
    public abstract void Train(byte* images, int* labels, float* targets, int count, float learningRate, long step);

    /// <summary>The batch's statistics into the moving ones: a forward pass in training mode without dropout.</summary>
    public abstract void UpdateStatistics(byte* images, int count, double momentum);

    /// <summary>What the layers computed for the first images of the last batch, by layer name; without the layers that are computed as part of others.</summary>
    public abstract IEnumerable<(string Layer, float[] Values)> Activations(int images);

    /// <summary>Each block's pooling routes of the last training step's first images, <see cref="PoolDropout.Routes"/>.</summary>
    public abstract IReadOnlyList<byte[]> Routes(int images);

    /// <summary>Creates the network for a vector width.</summary>
    public static Network Create(SimdLevel level, Arena arena, ParameterTable parameters, CnnModel model, EngineOptions options, int images, WorkerPool pool) => level switch
    {
        SimdLevel.V512 => new SimdNetwork<V512>(arena, parameters, model, options, images, pool),
        SimdLevel.V256 => new SimdNetwork<V256>(arena, parameters, model, options, images, pool),
        _ => new SimdNetwork<V128>(arena, parameters, model, options, images, pool),
    };
}

/// <summary>
/// The training step as the list of passes that it is. Each pass runs over the batch's shards in parallel; what ends it needs the sums of all
/// shards: batch normalization's statistics and gradients are why there is more than one.
/// </summary>
/// <remarks>
/// With three blocks: Forward(0), Forward(1), Forward(2), Turn, Backward(2), Backward(1), Backward(0). Forward(i) is the second half of block
/// i − 1 and the first of block i, up to its normalization; Backward(i) the same way back.
/// </remarks>
internal sealed unsafe class SimdNetwork<V> : Network
    where V : struct, ISimd<V>
{
    private const int AdamPieces = 32;

    private readonly ParameterTable parameters;
    private readonly float weightDecay;
    private readonly WorkerPool pool;
    private readonly ConvBlock<V>[] blocks;
    private readonly DenseSoftmaxLayer<V> dense;
    private readonly Pass[] training, statistics;
    private readonly Action<int, int> adam;
    private readonly int[] halfDone = new int[Shards.Max]; // 1: the shard's first half is done, where it has two

    // The batch being computed.
    private byte* images;
    private int* labels;
    private float* targets;
    private int count;
    private long? dropoutStep; // the step whose dropout masks apply; none while statistics are taken
    private double? momentum;  // of the moving statistics; null = each layer's
    private float stepSize, keep;

    public SimdNetwork(Arena arena, ParameterTable parameters, CnnModel model, EngineOptions options, int images, WorkerPool pool)
    {
        (this.parameters, this.pool, weightDecay) = (parameters, pool, options.WeightDecay);
        CnnLayer[] layers = [.. model.Layers];
        var work = new WorkBuffers(arena, pool.Threads);
        var context = new LayerContext(arena, parameters, pool, work, images, options);
        blocks = [.. Enumerable.Range(0, CnnArchitecture.Blocks).Select(index => new ConvBlock<V>(context, layers.AsSpan(5 * index, 5), index))];
        dense = new DenseSoftmaxLayer<V>(context);
        work.Allocate();

        int last = blocks.Length - 1;
        var forward = Enumerable.Range(0, blocks.Length);
        statistics = Passes(forward.Select(i => (Unit(i), Over(range => Forward(i, range)), FinishNorm(i, training: false))));
        training = Passes(
        [
            .. forward.Select(i => (Unit(i), Over(range => Forward(i, range)), FinishNorm(i, training: true))),
            (0, Over(Turn), FinishTurn),
            .. forward.Reverse().Select(i => (Unit(i), Over(range => Backward(i, range)), FinishGradients(i))),
        ]);
        adam = (piece, _) => UpdateWeights(piece);

        int Unit(int i) => i == 0 ? blocks[0].Units.Same : Shards.LeastCommonMultiple(blocks[i].Units.Same, blocks[i - 1].Units.Valid);

        static Action<ImageRange> Over(Action<ImageRange> action) => action;

        Action FinishNorm(int i, bool training) => () => blocks[i].FinishNorm(count, momentum, training);

        void FinishTurn()
        {
            dense.FinishGradients(count);
            blocks[last].FinishNormGradients(count);
        }

        Action FinishGradients(int i) => () =>
        {
            blocks[i].FinishGradients(count);
            if (i > 0)
            {
                blocks[i - 1].FinishNormGradients(count);
            }
        };
    }

    /// <summary>What runs over the shards in parallel, and once all have ended. Delegates are made once, so that a step allocates nothing.</summary>
    /// <param name="Unit">Shards may be cut after a multiple of these images; 0: not at all.</param>
    /// <param name="Run">(piece, worker).</param>
    /// <param name="Finish">What ends it.</param>
    private readonly record struct Pass(int Unit, Action<int, int> Run, Action Finish);

    public override string SimdName => V.Name;

    public override float* Probabilities => dense.Probabilities;

    public override double* Losses => dense.Losses;

    public override void Train(byte* images, int* labels, float* targets, int count, float learningRate, long step)
    {
        this.images = images;
        this.labels = labels;
        this.targets = targets;
        this.count = count;
        (dropoutStep, momentum) = (step, null);
        (stepSize, keep) = (AdamOptimizer.StepSize(learningRate, step), 1 - learningRate * weightDecay);
        Run(training);
        pool.Run(AdamPieces, adam);
    }

    public override void UpdateStatistics(byte* images, int count, double momentum)
    {
        this.images = images;
        this.count = count;
        (dropoutStep, this.momentum) = (null, momentum);
        Run(statistics);
    }

    public override IEnumerable<(string Layer, float[] Values)> Activations(int images) =>
        [.. blocks.SelectMany((block, i) => block.Activations(Input(i + 1), images))];

    public override IReadOnlyList<byte[]> Routes(int images) => [.. blocks.Select(block => block.Routes(images))];

    private void Run(Pass[] passes)
    {
        foreach (var block in blocks)
        {
            block.Prepare();
        }

        dense.Prepare();
        foreach (var pass in passes)
        {
            Array.Clear(halfDone);
            pool.Run(Shards.Count(count) + Halved(pass.Unit), pass.Run);
            pass.Finish();
        }
    }

    /// <summary>
    /// Every other pass takes the shards backwards: it begins with what the pass before wrote last, which is still in the cache. Sums do not
    /// depend on it: they are added in shard order.
    /// </summary>
    private Pass[] Passes(IEnumerable<(int Unit, Action<ImageRange> Over, Action Finish)> steps) =>
        [.. steps.Select((step, i) => new Pass(step.Unit, (piece, worker) => RunPiece(piece, worker, step.Unit, i % 2 != 0, step.Over), step.Finish))];

    private int Halved(int unit) => unit == 0 ? 0 : Shards.Halved(count, pool.Threads);

    /// <summary>Pieces are the whole shards, then the first halves of the others, then their second halves, each of which follows its first.</summary>
    private void RunPiece(int piece, int worker, int unit, bool backwards, Action<ImageRange> over)
    {
        int shards = Shards.Count(count), halved = Halved(unit), place = piece < shards ? piece : piece - halved;
        int shard = backwards ? shards - 1 - place : place, first = Shards.First(shard, count), end = Shards.First(shard + 1, count);
        if (place < shards - halved)
        {
            over(new ImageRange(first, end, shard, worker, Begins: true));
            return;
        }

        int middle = Math.Min(end, first + ((end - first + 1) / 2 + unit - 1) / unit * unit); // behind first: the half that begins sums has an image
        if (piece >= shards)
        {
            // Its thread has it in hand; with more threads than processors it may wait for one.
            for (int look = 1; Volatile.Read(ref halfDone[shard]) == 0; look++)
            {
                Thread.SpinWait(10);
                if (look % 100 == 0)
                {
                    Thread.Yield();
                }
            }

            over(new ImageRange(middle, end, shard, worker, Begins: false));
            return;
        }

        try
        {
            over(new ImageRange(first, middle, shard, worker, Begins: true));
        }
        finally
        {
            Volatile.Write(ref halfDone[shard], 1); // whatever happened: somebody may wait
        }
    }

    /// <summary>Where block i reads, or, behind the last, the dense layer.</summary>
    private Plane Input(int i) => i < blocks.Length ? blocks[i].Input : dense.Input;

    private void Forward(int i, in ImageRange range)
    {
        if (i == 0)
        {
            ReadPixels(range);
        }
        else
        {
            blocks[i - 1].ForwardFromNorm(Input(i), range, dropoutStep);
        }

        if (i < blocks.Length)
        {
            blocks[i].ForwardToNorm(range);
        }
    }

    private void Backward(int i, in ImageRange range)
    {
        blocks[i].BackwardFromNorm(range);
        if (i > 0)
        {
            blocks[i - 1].BackwardToNorm(blocks[i].InputGradient!.Value, range);
        }
    }

    /// <summary>The last part of the forward pass and the first of the backward pass.</summary>
    private void Turn(ImageRange range)
    {
        Forward(blocks.Length, range);
        dense.Forward(range, labels, targets, count);
        dense.Backward(range);
        blocks[^1].BackwardToNorm(dense.InputGradient, range);
    }

    private void ReadPixels(in ImageRange range)
    {
        for (int image = range.First; image < range.End; image++)
        {
            PixelsToFloat.Run<V>(images + (long)image * CnnArchitecture.ImageBytes, blocks[0].Input, image);
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
}

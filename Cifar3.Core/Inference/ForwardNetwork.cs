namespace Cifar3;

/// <summary>
/// The forward pass in inference mode, for one thread and a few images at a time: the only one. The scorer runs it with a model's weights, the
/// training engine with its own. Holds the prepared weights; threads share it.
/// </summary>
internal abstract unsafe class ForwardNetwork
{
    /// <summary>Most images of one <see cref="Run"/>: the last convolutions read all their weights once for these.</summary>
    public const int MaxImages = 32;

    /// <summary>Convolutions, one after the other.</summary>
    public const int Stages = 2 * CnnArchitecture.Blocks;

    /// <summary>What the vectors are called.</summary>
    public abstract string SimdName { get; }

    /// <summary>Takes over the weights as they are now; no thread may run meanwhile.</summary>
    public abstract void Prepare();

    /// <summary>Memory for one thread.</summary>
    public abstract ForwardBuffers CreateBuffers();

    /// <summary>Probabilities of images, at most <see cref="MaxImages"/>; with labels their cross-entropies too.</summary>
    /// <param name="pixels">[images, 32, 32, 3].</param>
    /// <param name="labels">[images]; null for none.</param>
    /// <param name="images">Number of images.</param>
    /// <param name="rows">Receives [images, classes]; with familiarity [images, classes + 1], ln Σ exp(logit) after the probabilities.</param>
    /// <param name="losses">Receives [images], where there are labels.</param>
    /// <param name="buffers">The calling thread's.</param>
    /// <param name="familiarity">Whether a row has it. Default: false.</param>
    public abstract void Run(byte* pixels, int* labels, int images, float* rows, double* losses, ForwardBuffers buffers, bool familiarity = false);

    /// <summary>Begins an image that threads share: its pixels as floats. Then come all stages, each after the one before, then <see cref="Finish"/>.</summary>
    public abstract void Begin(byte* pixels, ForwardBuffers buffers);

    /// <summary>One of the parts of a stage: a convolution of the image. Parts may run at once; an image has the bits of <see cref="Run"/> however many there are.</summary>
    /// <param name="stage">0 to <see cref="Stages"/> − 1.</param>
    /// <param name="part">0 to parts − 1.</param>
    /// <param name="parts">At most <see cref="ForwardBuffers.Parts"/>.</param>
    /// <param name="buffers">The image's.</param>
    public abstract void RunPart(int stage, int part, int parts, ForwardBuffers buffers);

    /// <summary>Ends an image: its row.</summary>
    public void Finish(float* row, ForwardBuffers buffers, bool familiarity) => Classify(1, null, row, null, buffers, familiarity);

    private protected abstract void Classify(int images, int* labels, float* rows, double* losses, ForwardBuffers buffers, bool familiarity);

    /// <summary>What the layers computed for the one image of the last <see cref="Run"/>, by layer name; without the layers that are computed as part of others.</summary>
    public abstract IEnumerable<(string Layer, float[] Values)> Activations(ForwardBuffers buffers);

    /// <summary>How threads share images: in pieces of equal size, as many for each thread, so that all end at the same time.</summary>
    /// <returns>Images of a piece; the last may be smaller.</returns>
    public static int PieceSize(int images, int threads)
    {
        int pieces = (images + MaxImages - 1) / MaxImages;
        pieces = Math.Min((pieces + threads - 1) / threads * threads, images);
        return (images + pieces - 1) / pieces;
    }

    /// <summary>The network for a vector width, over weights that the caller keeps and may change; <see cref="Prepare"/> takes them.</summary>
    public static ForwardNetwork Create(SimdLevel level, Arena arena, CnnModel model, ParameterLayout layout, float* values) => level switch
    {
        SimdLevel.V512 => new ForwardNetwork<V512>(arena, model, layout, values),
        SimdLevel.V256 => new ForwardNetwork<V256>(arena, model, layout, values),
        _ => new ForwardNetwork<V128>(arena, model, layout, values),
    };

    /// <summary>The network for a vector width with a model's weights, ready to run; the arena keeps them.</summary>
    public static ForwardNetwork Load(SimdLevel level, Arena arena, CnnModel model)
    {
        var layout = new ParameterLayout(model);
        float* values = arena.Floats("parameters", layout.Size);
        foreach (var tensor in layout.Tensors)
        {
            tensor.Write(model[tensor.Name].Values, values);
        }

        var network = Create(level, arena, model, layout, values);
        network.Prepare();
        return network;
    }
}

/// <summary>One thread's activations and scratch memory (about 5 MB with the default filters; what only a helper needs is not touched without one).</summary>
internal sealed unsafe class ForwardBuffers(Arena arena, Plane[] x, Plane[] y, WinogradWork[] works, float* logits) : IDisposable
{
    /// <summary>The most threads that share an image.</summary>
    public const int Parts = 2;

    /// <summary>The inputs of the three blocks and of the dense layer.</summary>
    public Plane[] X => x;

    /// <summary>The outputs of the three blocks' first convolutions.</summary>
    public Plane[] Y => y;

    /// <summary>Scratch memory of a part; that of part 0 is the calling thread's.</summary>
    public ref readonly WinogradWork Work(int part = 0) => ref works[part];

    public float* Logits => logits;

    /// <summary>Buffers that a kernel wrote beyond; always none.</summary>
    public IReadOnlyList<string> FindOverruns() => arena.FindOverruns();

    public void Dispose() => arena.Dispose();
}

/// <summary>The forward pass for one vector width.</summary>
/// <remarks>
/// A block takes as many images at once as its weights are worth reading for: 1, 8 (6 where tiles go six at a time, so that blocks of tiles are
/// full) and 32. What lies between the blocks stays in the thread's L2 cache.
/// </remarks>
internal sealed unsafe class ForwardNetwork<V> : ForwardNetwork
    where V : struct, ISimd<V>
{
    private static int MiddleImages => WinogradPlan.BySix<V>() ? 6 : 8;

    private readonly ForwardBlock<V>[] blocks;
    private readonly int classes, paddedClasses, features, side, lastChannels;
    private readonly float* kernel, bias, packed, scratch;

    public ForwardNetwork(Arena arena, CnnModel model, ParameterLayout layout, float* values)
    {
        CnnLayer[] layers = [.. model.Layers];
        blocks = [.. Enumerable.Range(0, CnnArchitecture.Blocks).Select(index => new ForwardBlock<V>(arena, layers.AsSpan(5 * index, 5), index, layout, values))];

        var tensor = layout["dense/kernel"];
        (classes, paddedClasses, lastChannels, features) = (tensor.Columns, tensor.PaddedColumns, tensor.PaddedRows, tensor.Groups * tensor.PaddedRows);
        side = (int)Math.Sqrt(tensor.Groups);
        kernel = values + tensor.Offset;
        bias = values + layout["dense/bias"].Offset;
        packed = arena.Floats("dense packed", tensor.Size);
        scratch = arena.Floats("tile", WinogradMap.ScratchFloats);
    }

    public override string SimdName => V.Name;

    public override void Prepare()
    {
        foreach (var block in blocks)
        {
            block.Prepare(scratch);
        }

        DirectGemm.Pack(kernel, features, paddedClasses, DirectGemm.PanelWidth<V>(), packed);
    }

    public override ForwardBuffers CreateBuffers()
    {
        var arena = new Arena();
        int[] images = [1, MiddleImages, MaxImages];
        Plane[] x = [.. blocks.Zip(images, (block, count) => block.CreateInput(arena, count)), new Plane(arena, "dense x", MaxImages, side, side, lastChannels, 0, flat: true)];
        Plane[] y = [.. blocks.Zip(images, (block, count) => block.CreateMiddle(arena, count))];
        WinogradWork[] works = [.. Enumerable.Range(0, ForwardBuffers.Parts).Select(_ => new WinogradWork(
            arena.Floats("V", blocks.Max(block => block.InputFloats)), arena.Floats("M", blocks.Max(block => block.OutputFloats)), arena.Floats("tile", WinogradMap.ScratchFloats)))];
        return new ForwardBuffers(arena, x, y, works, arena.Floats("logits", MaxImages * paddedClasses));
    }

    public override void Run(byte* pixels, int* labels, int images, float* rows, double* losses, ForwardBuffers buffers, bool familiarity = false)
    {
        Plane[] x = buffers.X, y = buffers.Y;
        ref readonly var work = ref buffers.Work();
        for (int first = 0; first < images; first += MiddleImages)
        {
            int count = Math.Min(MiddleImages, images - first);
            for (int image = 0; image < count; image++)
            {
                PixelsToFloat.Run<V>(pixels + (long)(first + image) * CnnArchitecture.ImageBytes, x[0], 0);
                blocks[0].Run(x[0], y[0], x[1].From(image), 1, in work);
            }

            blocks[1].Run(x[1], y[1], x[2].From(first), count, in work);
        }

        blocks[2].Run(x[2], y[2], x[3], images, in work);
        Classify(images, labels, rows, losses, buffers, familiarity);
    }

    public override void Begin(byte* pixels, ForwardBuffers buffers) => PixelsToFloat.Run<V>(pixels, buffers.X[0], 0);

    public override void RunPart(int stage, int part, int parts, ForwardBuffers buffers)
    {
        Plane[] x = buffers.X, y = buffers.Y;
        var (block, second) = Math.DivRem(stage, 2);
        if (second == 0)
        {
            blocks[block].RunFirst(in x[block], in y[block], part, parts, in buffers.Work(part));
        }
        else
        {
            blocks[block].RunSecond(in y[block], in x[block + 1], part, parts, in buffers.Work(part));
        }
    }

    private protected override void Classify(int images, int* labels, float* rows, double* losses, ForwardBuffers buffers, bool familiarity)
    {
        Plane[] x = buffers.X;
        Dense.Forward<V>(x[3].At(0), x[3].ImageStride, images, features, paddedClasses, packed, bias, buffers.Logits);
        for (int image = 0; image < images; image++)
        {
            float* logits = buffers.Logits + image * paddedClasses, row = rows + (long)image * (familiarity ? classes + 1 : classes);
            double logSum = Softmax.Forward(logits, classes, row);
            if (familiarity)
            {
                row[classes] = (float)logSum;
            }

            if (labels != null)
            {
                losses[image] = logSum - logits[labels[image]];
            }
        }
    }

    public override IEnumerable<(string Layer, float[] Values)> Activations(ForwardBuffers buffers) =>
        [.. blocks.SelectMany((block, i) => block.Activations(buffers.Y[i], buffers.X[i + 1]))];
}

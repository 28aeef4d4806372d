namespace Cifar3;

/// <summary>A model's forward pass in inference mode, for one thread and a few images at a time. Holds the prepared weights; threads share it.</summary>
internal abstract unsafe class ForwardNetwork
{
    /// <summary>Most images of one <see cref="Run"/>: the last convolutions read all their weights once for these.</summary>
    public const int MaxImages = 32;

    /// <summary>What the vectors are called.</summary>
    public abstract string SimdName { get; }

    /// <summary>Memory for one thread.</summary>
    public abstract ForwardBuffers CreateBuffers();

    /// <summary>Probabilities [images, classes] of pixels [images, 32, 32, 3], at most <see cref="MaxImages"/>.</summary>
    public abstract void Run(byte* pixels, int images, float* probabilities, ForwardBuffers buffers);

    /// <summary>Creates the network for a vector width; the arena keeps its weights.</summary>
    public static ForwardNetwork Create(SimdLevel level, Arena arena, CnnModel model) => level switch
    {
        SimdLevel.V512 => new ForwardNetwork<V512>(arena, model),
        SimdLevel.V256 => new ForwardNetwork<V256>(arena, model),
        _ => new ForwardNetwork<V128>(arena, model),
    };
}

/// <summary>One thread's activations and scratch memory (about 5 MB with the default filters).</summary>
internal sealed unsafe class ForwardBuffers(Arena arena, Plane[] x, Plane[] y, WinogradWork work, float* logits) : IDisposable
{
    private readonly WinogradWork work = work;

    /// <summary>The inputs of the three blocks and of the dense layer.</summary>
    public Plane[] X => x;

    /// <summary>The outputs of the three blocks' first convolutions.</summary>
    public Plane[] Y => y;

    public ref readonly WinogradWork Work => ref work;

    public float* Logits => logits;

    /// <summary>Buffers that a kernel wrote beyond; always none.</summary>
    public IReadOnlyList<string> FindOverruns() => arena.FindOverruns();

    public void Dispose() => arena.Dispose();
}

/// <summary>The forward pass for one vector width.</summary>
/// <remarks>
/// A block takes as many images at once as its weights are worth reading for: 1, 8 and 32. What lies between the blocks stays in the
/// thread's L2 cache.
/// </remarks>
internal sealed unsafe class ForwardNetwork<V> : ForwardNetwork
    where V : struct, ISimd<V>
{
    private const int MiddleImages = 8;

    private readonly ForwardBlock<V>[] blocks;
    private readonly int classes, paddedClasses, features, side, lastChannels;
    private readonly float* dense, denseBias;

    public ForwardNetwork(Arena arena, CnnModel model)
    {
        var layout = new ParameterLayout(model);
        float* values = arena.Floats("parameters", layout.Size), scratch = arena.Floats("tile", WinogradMap.ScratchFloats);
        foreach (var tensor in layout.Tensors)
        {
            tensor.Write(model[tensor.Name].Values, values);
        }

        CnnLayer[] layers = [.. model.Layers];
        blocks = [.. Enumerable.Range(0, CnnArchitecture.Blocks).Select(index => new ForwardBlock<V>(arena, layers.AsSpan(5 * index, 5), index, layout, values, scratch))];

        var kernel = layout["dense/kernel"];
        (classes, paddedClasses, lastChannels, features) = (kernel.Columns, kernel.PaddedColumns, kernel.PaddedRows, kernel.Groups * kernel.PaddedRows);
        side = (int)Math.Sqrt(kernel.Groups);
        dense = arena.Floats("dense packed", kernel.Size);
        denseBias = values + layout["dense/bias"].Offset;
        DirectGemm.Pack(values + kernel.Offset, features, paddedClasses, DirectGemm.PanelWidth<V>(), dense);
    }

    public override string SimdName => V.Name;

    public override ForwardBuffers CreateBuffers()
    {
        var arena = new Arena();
        int[] images = [1, MiddleImages, MaxImages];
        Plane[] x = [.. blocks.Zip(images, (block, count) => block.CreateInput(arena, count)), new Plane(arena, "dense x", MaxImages, side, side, lastChannels, 0, flat: true)];
        Plane[] y = [.. blocks.Zip(images, (block, count) => block.CreateMiddle(arena, count))];
        var work = new WinogradWork(
            arena.Floats("V", blocks.Max(block => block.InputFloats)), arena.Floats("M", blocks.Max(block => block.OutputFloats)), arena.Floats("tile", WinogradMap.ScratchFloats));
        return new ForwardBuffers(arena, x, y, work, arena.Floats("logits", MaxImages * paddedClasses));
    }

    public override void Run(byte* pixels, int images, float* probabilities, ForwardBuffers buffers)
    {
        Plane[] x = buffers.X, y = buffers.Y;
        ref readonly var work = ref buffers.Work;
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
        Dense.Forward<V>(x[3].At(0), x[3].ImageStride, images, features, paddedClasses, dense, denseBias, buffers.Logits);
        for (int image = 0; image < images; image++)
        {
            Softmax.Run(buffers.Logits + image * paddedClasses, classes, probabilities + (long)image * classes);
        }
    }
}

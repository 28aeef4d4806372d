namespace Cifar3.Training;

/// <summary>The engine's weights in the scorer's network (<see cref="ForwardNetwork"/>): evaluation and prediction, on the engine's threads.</summary>
internal sealed unsafe class EngineInference : IDisposable
{
    private readonly ForwardNetwork network;
    private readonly WorkerPool pool;
    private readonly ForwardBuffers?[] buffers; // one a worker: all made before the first pass, since which worker computes is chance
    private readonly Action<int, int> runPiece;
    private readonly int classes;
    private bool ready;

    // The images being computed.
    private byte* pixels;
    private int* labels;
    private float* probabilities;
    private double* losses;
    private int count, pieceSize;

    /// <summary>Creates the network.</summary>
    /// <param name="simd">The vectors to use.</param>
    /// <param name="arena">Owner of the prepared weights.</param>
    /// <param name="model">The network's description.</param>
    /// <param name="parameters">Where the weights lie.</param>
    /// <param name="pool">The threads.</param>
    public EngineInference(SimdLevel simd, Arena arena, CnnModel model, ParameterTable parameters, WorkerPool pool)
    {
        network = ForwardNetwork.Create(simd, arena, model, parameters.Layout, parameters.Values);
        (this.pool, classes) = (pool, model.Architecture.Classes);
        buffers = new ForwardBuffers[pool.Threads];
        runPiece = RunPiece;
    }

    /// <summary>Says that weights or moving statistics changed.</summary>
    public void ParametersChanged() => ready = false;

    /// <summary>Probabilities of any number of images; with labels their cross-entropies too. The same bits however many there are at once.</summary>
    /// <param name="pixels">[count, 32, 32, 3].</param>
    /// <param name="labels">[count]; null for none.</param>
    /// <param name="count">Number of images.</param>
    /// <param name="probabilities">Receives [count, classes].</param>
    /// <param name="losses">Receives [count], where there are labels.</param>
    public void Run(byte* pixels, int* labels, int count, float* probabilities, double* losses)
    {
        if (count == 0)
        {
            return;
        }

        Prepare();
        this.pixels = pixels;
        this.labels = labels;
        this.probabilities = probabilities;
        this.losses = losses;
        (this.count, pieceSize) = (count, ForwardNetwork.PieceSize(count, pool.Threads));
        pool.Run((count + pieceSize - 1) / pieceSize, runPiece);
    }

    /// <summary>What the layers compute for some images, by layer name; layers that are computed as part of others are missing.</summary>
    public IReadOnlyDictionary<string, float[]> Activations(ReadOnlySpan<byte> images)
    {
        Prepare();
        var own = buffers[0]!;
        var found = new List<(string Layer, float[] Values)>();
        for (int first = 0; first < images.Length; first += CnnArchitecture.ImageBytes)
        {
            var p = new float[classes];
            fixed (byte* image = images[first..])
            fixed (float* target = p)
            {
                network.Run(image, null, 1, target, null, own);
            }

            found.AddRange([.. network.Activations(own), ("dense", p)]);
        }

        return found.GroupBy(layer => layer.Layer).ToDictionary(group => group.Key, group => group.SelectMany(layer => layer.Values).ToArray());
    }

    /// <summary>Buffers that a kernel wrote beyond; always none.</summary>
    public IEnumerable<string> FindOverruns() => buffers.SelectMany(own => own?.FindOverruns() ?? []);

    public void Dispose()
    {
        foreach (var own in buffers)
        {
            own?.Dispose();
        }
    }

    private void Prepare()
    {
        for (int worker = 0; worker < buffers.Length; worker++)
        {
            buffers[worker] ??= network.CreateBuffers();
        }

        if (!ready)
        {
            network.Prepare();
            ready = true;
        }
    }

    private void RunPiece(int piece, int worker)
    {
        int first = piece * pieceSize, images = Math.Min(pieceSize, count - first);
        network.Run(
            pixels + (long)first * CnnArchitecture.ImageBytes, labels == null ? null : labels + first, images,
            probabilities + (long)first * classes, losses == null ? null : losses + first, buffers[worker]!);
    }
}

using System.Globalization;

namespace Cifar3.Training;

/// <summary>
/// The CPU engine in pure C#: it runs wherever .NET does and needs nothing installed. It uses the processor's widest vectors
/// (AVX-512, AVX2, or 128 bits: SSE and NEON) and its own threads.
/// </summary>
/// <remarks>
/// Deterministic: the same seed gives the same bits with any number of threads, on the same instruction set.
/// Not thread-safe: one call at a time. Dispose it to free its native memory (about 100 MB with a batch of 128) and its threads.
/// </remarks>
/// <example><code>
/// using var engine = new ManagedEngine(model, new EngineOptions { Seed = 1 });
/// var result = engine.TrainStep(images, labels, learningRate: 1e-3f, step: 1);
/// </code></example>
public sealed unsafe partial class ManagedEngine : ITrainingEngine
{
    private const int EvaluatedImages = 1024; // at once: many pieces for each thread

    private readonly Arena arena = new();
    private readonly WorkerPool pool;
    private readonly ParameterTable parameters;
    private readonly Network network;
    private readonly EngineInference inference;
    private readonly int classes, maxBatch;
    private readonly float* probabilities; // of EvaluatedImages
    private readonly double* losses;
    private long step;
    private bool disposed;

    /// <summary>Creates the engine with a model's weights, at step 0.</summary>
    /// <param name="model">The network and its initial weights.</param>
    /// <param name="options">Seed, threads, batch size; null for the defaults. Default: null.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range.</exception>
    /// <exception cref="Cifar3Exception">The buffers would not fit into memory: very wide filters with large batches.</exception>
    public ManagedEngine(CnnModel model, EngineOptions? options = null)
        : this(model, options ?? new EngineOptions(), SimdLevels.Best)
    {
    }

    internal ManagedEngine(CnnModel model, EngineOptions options, SimdLevel simd)
    {
        ArgumentNullException.ThrowIfNull(model);
        EngineChecks.Options(options, model);
        Simd = simd;
        pool = new WorkerPool(options.Threads == 0 ? Environment.ProcessorCount : options.Threads, passes: true);
        (classes, maxBatch) = (model.Architecture.Classes, options.MaxBatchSize);
        parameters = new ParameterTable(arena, model, options.FrozenLayers);
        network = Network.Create(simd, arena, parameters, model, options, Math.Max(maxBatch, Shards.Max), pool);
        inference = new EngineInference(simd, arena, model, parameters, pool);
        probabilities = arena.Floats("evaluated probabilities", (long)EvaluatedImages * classes);
        losses = arena.Doubles("evaluated losses", EvaluatedImages);
        ImportState(EngineState.Initial(model));
    }

    /// <summary>Frees what a forgotten Dispose left.</summary>
    ~ManagedEngine() => pool?.Dispose();

    /// <inheritdoc/>
    public string Name => $"Managed {ModelMetadata.CurrentVersion}";

    /// <inheritdoc/>
    public string Device => string.Create(CultureInfo.InvariantCulture, $"CPU, {network.SimdName}, {pool.Threads} {(pool.Threads == 1 ? "thread" : "threads")}");

    /// <summary>True: the same seed gives the same bits on the same instruction set, whatever the number of threads.</summary>
    public bool IsDeterministic => true;

    /// <summary>The instruction set, which decides the bits.</summary>
    internal SimdLevel Simd { get; }

    /// <summary>Buffers that a kernel wrote beyond; always none.</summary>
    internal IReadOnlyList<string> FindOverruns() => [.. arena.FindOverruns(), .. inference.FindOverruns()];

    /// <summary>What the layers computed for the first images of the last training step; layers that are computed as part of others are missing.</summary>
    internal IReadOnlyDictionary<string, float[]> Activations(int images)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return network.Activations(images).Append(("dense", new ReadOnlySpan<float>(network.Probabilities, images * classes).ToArray())).ToDictionary();
    }

    /// <summary>What the layers compute for images in inference mode; layers that are computed as part of others are missing.</summary>
    internal IReadOnlyDictionary<string, float[]> Activations(ReadOnlySpan<byte> images)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var found = inference.Activations(images);
        GC.KeepAlive(this);
        return found;
    }

    /// <summary>Each block's pooling routes of the last training step's first images, <see cref="PoolDropout.Routes"/>.</summary>
    internal IReadOnlyList<byte[]> Routes(int images)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return network.Routes(images);
    }

    /// <inheritdoc/>
    public BatchResult TrainStep(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, ReadOnlySpan<float> targets, float learningRate, long step)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        EngineChecks.TrainStep(images, labels, targets, learningRate, step, classes, maxBatch);
        fixed (byte* pixels = images)
        fixed (int* classNumbers = labels)
        fixed (float* shares = targets) // null where empty
        {
            network.Train(pixels, classNumbers, shares, labels.Length, learningRate, step);
        }

        this.step = step;
        inference.ParametersChanged();
        return Measure(labels, network.Probabilities, network.Losses, default);
    }

    /// <inheritdoc/>
    public void UpdateStatistics(ReadOnlySpan<byte> images, double momentum)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        int count = EngineChecks.Statistics(images, momentum, maxBatch);
        fixed (byte* pixels = images)
        {
            network.UpdateStatistics(pixels, count, momentum);
        }

        inference.ParametersChanged();
        GC.KeepAlive(this);
    }

    /// <inheritdoc/>
    public BatchResult Evaluate(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        EngineChecks.Labelled(images, labels, classes);
        BatchResult total = default;
        for (int first = 0; first < labels.Length; first += EvaluatedImages)
        {
            var part = labels.Slice(first, Math.Min(EvaluatedImages, labels.Length - first));
            fixed (byte* pixels = images.Slice(first * CnnArchitecture.ImageBytes, part.Length * CnnArchitecture.ImageBytes))
            fixed (int* classNumbers = part)
            {
                inference.Run(pixels, classNumbers, part.Length, probabilities, losses);
            }

            total = Measure(part, probabilities, losses, total);
        }

        return total;
    }

    /// <inheritdoc/>
    public void Predict(ReadOnlySpan<byte> images, Span<float> probabilities)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        int count = EngineChecks.Predict(images, probabilities, classes);
        fixed (byte* pixels = images)
        fixed (float* to = probabilities)
        {
            inference.Run(pixels, null, count, to, null);
        }

        GC.KeepAlive(this); // the memory behind the pointers goes with the engine
    }

    /// <summary>Ends the threads and frees the memory. Further calls throw <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        disposed = true;
        pool.Dispose();
        inference.Dispose();
        arena.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Adds results image by image: the same bits however the images were cut into batches.</summary>
    private BatchResult Measure(ReadOnlySpan<int> labels, float* probabilities, double* losses, BatchResult before)
    {
        var (lossSum, correct, count) = before;
        for (int image = 0; image < labels.Length; image++)
        {
            lossSum += losses[image];
            correct += Softmax.ArgMax(probabilities + (long)image * classes, classes) == labels[image] ? 1 : 0;
        }

        GC.KeepAlive(this);
        return new BatchResult(lossSum, correct, count + labels.Length);
    }
}

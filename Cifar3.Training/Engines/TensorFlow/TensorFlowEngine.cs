namespace Cifar3.Training;

/// <summary>
/// Trains the network with TensorFlow's C library, on the CPU or on an NVIDIA GPU: the same steps, states and masks as the managed engine.
/// The library is not part of Cifar3: the app references the package that it wants (<c>SciSharp.TensorFlow.Redist</c>,
/// <c>SciSharp.TensorFlow.Redist-Windows-GPU</c>, <c>SciSharp.TensorFlow.Redist-Linux-GPU</c>) or names a library of version 2.10 or later.
/// </summary>
/// <remarks>
/// Not thread-safe: one call at a time. Dispose it to free the session's memory. Several engines may live side by side; they share
/// TensorFlow's threads, whose number is that of the first engine. See <c>docs/tensorflow.md</c>.
/// </remarks>
/// <example><code>
/// using var engine = new TensorFlowEngine(model, new EngineOptions { Seed = 1 });
/// BatchResult result = engine.TrainStep(images, labels, learningRate: 0.001f, step: 1);
/// </code></example>
public sealed partial class TensorFlowEngine : ITrainingEngine
{
    /// <summary>One run's images are copied while another's are computed.</summary>
    private const int RunsAtOnceOnGpu = 2;

    private readonly EngineOptions options;
    private readonly CnnModel model;
    private readonly LoadedLibrary library;
    private readonly GraphHandle graphHandle;
    private readonly Session session;
    private readonly CnnGraph graph;
    private readonly TrainingFeeds feeds;
    private readonly int runsAtOnce;
    private long step;
    private bool disposed;

    /// <summary>Loads the library, builds the graph and imports the model's weights with zero moments.</summary>
    /// <param name="model">The model to train.</param>
    /// <param name="options">Seed, threads, batch size, and TensorFlow's own options; null takes the defaults. Default: null.</param>
    /// <exception cref="TensorFlowException">The library is absent or unusable, or shows no GPU where one was demanded.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range.</exception>
    public TensorFlowEngine(CnnModel model, EngineOptions? options = null)
        : this(model, options ?? new EngineOptions(), null)
    {
    }

    /// <param name="model">The model to train.</param>
    /// <param name="options">Options.</param>
    /// <param name="statistics">How batch statistics are found; null chooses by the device.</param>
    internal TensorFlowEngine(CnnModel model, EngineOptions options, BatchStatistics? statistics)
    {
        ArgumentNullException.ThrowIfNull(model);
        Validate(options, model);
        this.model = model;
        this.options = options;
        library = TensorFlowLibrary.Load(options.TensorFlow.LibraryPath);
        graphHandle = TensorFlowApi.TF_NewGraph();
        try
        {
            session = OpenSession(graphHandle, options);
            var devices = session.ListDevices();
            IsOnGpu = HasWantedGpu(devices, options, library);
            Device = Describe(devices, IsOnGpu);
            IsDeterministic = !IsOnGpu && OperatorThreads == 1;
            runsAtOnce = IsOnGpu ? RunsAtOnceOnGpu : Math.Min(processThreads, BatchParts.Most);
            graph = new CnnGraph(new GraphBuilder(graphHandle), model.Layers, statistics ?? (IsOnGpu ? BatchStatistics.Fused : BatchStatistics.TwoStage), options);
            feeds = new TrainingFeeds(graph.Inputs, options.Seed, model.Architecture.Classes);
            Import(EngineState.Initial(model));
        }
        catch
        {
            session?.Dispose();
            graphHandle.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Name => $"TensorFlow {library.Version}";

    /// <inheritdoc/>
    public string Device { get; }

    /// <summary>
    /// True on the CPU with up to 8 threads: every operator then computes on one thread, and sums over a batch's parts have one order. With
    /// more threads TensorFlow cuts its sums by their number, and a GPU adds in any order: the same seed then gives nearly the same numbers.
    /// The dropout masks are always the same bits.
    /// </summary>
    public bool IsDeterministic { get; }

    /// <summary>Whether a GPU computes.</summary>
    internal bool IsOnGpu { get; }

    /// <inheritdoc/>
    /// <exception cref="TensorFlowException">TensorFlow refused the step, such as for lack of memory; nothing was changed.</exception>
    public BatchResult TrainStep(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, ReadOnlySpan<float> targets, float learningRate, long step)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        EngineChecks.TrainStep(images, labels, targets, learningRate, step, model.Architecture.Classes, options.MaxBatchSize);
        feeds.Fill(images, labels, targets, AdamOptimizer.StepSize(learningRate, step), learningRate * options.WeightDecay, step);
        var training = graph.Training(labels.Length, targets.Length > 0);
        var result = Measure("the training step", feeds.Outputs, feeds.Values, training.Loss, labels.Length, training.Step);
        this.step = step;
        return result;
    }

    /// <inheritdoc/>
    /// <exception cref="TensorFlowException">TensorFlow refused, such as for lack of memory; nothing was changed.</exception>
    public void UpdateStatistics(ReadOnlySpan<byte> images, double momentum)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        int count = EngineChecks.Statistics(images, momentum, options.MaxBatchSize);
        using var pixels = Tensor.Create(DataType.UInt8, images, count, CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels);
        using var labels = Tensor.Create<int>(DataType.Int32, new int[count], count); // they tell the size of the batch
        using var kept = Tensor.Create<float>(DataType.Float, [(float)momentum]);
        using var added = Tensor.Create<float>(DataType.Float, [(float)(1 - momentum)]);
        session.Run(
            "the update of the batch statistics",
            [graph.Inputs.Images, graph.Inputs.Labels, graph.Inputs.Kept, graph.Inputs.Added],
            [pixels, labels, kept, added],
            [],
            [graph.StatisticsUpdate(count).Step]);
    }

    /// <inheritdoc/>
    /// <exception cref="TensorFlowException">TensorFlow refused, such as for lack of memory.</exception>
    public BatchResult Evaluate(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        EngineChecks.Labelled(images, labels, model.Architecture.Classes);
        int[] labelCopy = labels.ToArray();
        var parts = InferenceBatches.Run(images, labels.Length, InferenceBatch, runsAtOnce, (first, imageTensor, count) =>
        {
            using var labelTensor = Tensor.Create(DataType.Int32, labelCopy.AsSpan(first, count), count);
            return Measure("the evaluation", [graph.Inputs.Images, graph.Inputs.Labels], [imageTensor, labelTensor], graph.Inference.Loss, count);
        });
        return parts.Aggregate(default(BatchResult), (sum, part) => sum + part);
    }

    /// <inheritdoc/>
    /// <exception cref="TensorFlowException">TensorFlow refused, such as for lack of memory.</exception>
    public void Predict(ReadOnlySpan<byte> images, Span<float> probabilities)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        int total = EngineChecks.Predict(images, probabilities, model.Architecture.Classes);
        var parts = InferenceBatches.Run(images, total, InferenceBatch, runsAtOnce, (_, imageTensor, _) =>
        {
            using var result = session.Run("the prediction", [graph.Inputs.Images], [imageTensor], [graph.Inference.Probabilities])[0];
            return result.Span<float>().ToArray();
        });
        foreach (float[] part in parts)
        {
            part.CopyTo(probabilities);
            probabilities = probabilities[part.Length..];
        }
    }

    /// <summary>Each layer's output for a batch, by layer name, in training with that step's dropout masks; of the dense layer the logits. Nothing is trained.</summary>
    internal IReadOnlyDictionary<string, float[]> Activations(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, bool training, long step = 1)
    {
        feeds.Fill(images, labels, [], stepSize: 0, decay: 0, step);
        var results = session.Run("the activations", feeds.Outputs, feeds.Values, [.. training ? graph.Training(labels.Length).Outputs : graph.Inference.Outputs]);
        try
        {
            return model.Layers.Zip(results).ToDictionary(pair => pair.First.Name, pair => pair.Second.Span<float>().ToArray());
        }
        finally
        {
            Array.ForEach(results, result => result.Dispose());
        }
    }

    /// <summary>Frees the session, its variables and the graph; the library stays loaded.</summary>
    public void Dispose()
    {
        disposed = true;
        feeds.Dispose();
        session.Dispose();
        graphHandle.Dispose();
    }

    /// <summary>
    /// Images of one inference run: 125, or fewer where a wide network would need more than 64 MB for one activation. Always the same
    /// number, so that sums over images are.
    /// </summary>
    private int InferenceBatch => Math.Clamp((64 << 20) / (CnnArchitecture.InputSize * CnnArchitecture.InputSize * sizeof(float) * model.Architecture.Filters.Max()), 1, 125);

    private BatchResult Measure(string what, ReadOnlySpan<Output> placeholders, ReadOnlySpan<Tensor> values, LossGraph loss, int count, params ReadOnlySpan<Operation> targets)
    {
        var results = session.Run(what, placeholders, values, [loss.Sum, loss.Correct], targets);
        using var sum = results[0];
        using var correct = results[1];
        return new BatchResult(sum.Span<float>()[0], correct.Span<int>()[0], count);
    }
}

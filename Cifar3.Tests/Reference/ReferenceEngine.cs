using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// <see cref="ReferenceNetwork"/> behind the engine contract, its state rounded to float32 after every step. Slow; it is here so
/// that the contract itself is tested, and as the plainest example of an engine.
/// </summary>
internal sealed class ReferenceEngine : ITrainingEngine
{
    private const int EvaluationBatch = 64;
    private readonly CnnModel model;
    private readonly EngineOptions options;
    private EngineState state;
    private bool disposed;

    public ReferenceEngine(CnnModel model, EngineOptions options)
    {
        this.model = model;
        this.options = options;
        state = EngineState.Initial(model);
    }

    public string Name => "Reference";

    public string Device => "CPU, plain loops in double";

    public bool IsDeterministic => true;

    private int Classes => model.Architecture.Classes;

    public BatchResult TrainStep(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, ReadOnlySpan<float> targets, float learningRate, long step)
    {
        Check(images, labels);
        if (targets.Length != 0 && targets.Length != labels.Length * Classes || targets.IndexOfAnyExceptInRange(0, float.MaxValue) >= 0)
        {
            throw new ArgumentException($"{labels.Length} images need {labels.Length * Classes} targets of 0 or more. Received: {targets.Length}.", nameof(targets));
        }

        ArgumentOutOfRangeException.ThrowIfZero(labels.Length, nameof(labels));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(labels.Length, options.MaxBatchSize, nameof(labels));
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        if (!(learningRate > 0 && float.IsFinite(learningRate)))
        {
            throw new ArgumentOutOfRangeException(nameof(learningRate), learningRate, "The learning rate must be above 0.");
        }

        var network = new ReferenceNetwork(model, state, options);
        var result = network.TrainStep(images, labels, learningRate, step, options.Seed, targets);
        state = network.Export(step);
        return result;
    }

    public void UpdateStatistics(ReadOnlySpan<byte> images, double momentum)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (images.Length == 0 || images.Length % CnnArchitecture.ImageBytes != 0 || images.Length / CnnArchitecture.ImageBytes > options.MaxBatchSize || momentum is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(momentum), $"Expected 1 to {options.MaxBatchSize} images and a momentum of 0 to 1. Received: {images.Length} bytes, {momentum}.");
        }

        var network = new ReferenceNetwork(model, state, options);
        network.UpdateStatistics(images, momentum);
        state = network.Export(state.Step);
    }

    public void ReadWeights(Span<float> weights)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (weights.Length != model.Weights.Sum(w => w.Count))
        {
            throw new ArgumentException($"Received: room for {weights.Length} weights.", nameof(weights));
        }

        foreach (var tensor in state.Weights)
        {
            tensor.Values.CopyTo(weights);
            weights = weights[tensor.Count..];
        }
    }

    public BatchResult Evaluate(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels)
    {
        Check(images, labels);
        var network = new ReferenceNetwork(model, state);
        var total = default(BatchResult);
        for (int first = 0; first < labels.Length; first += EvaluationBatch)
        {
            int count = Math.Min(EvaluationBatch, labels.Length - first);
            double[] p = network.Predict(images.Slice(first * CnnArchitecture.ImageBytes, count * CnnArchitecture.ImageBytes));
            var (loss, correct) = ReferenceSoftmaxCrossEntropy.Measure(p, labels.Slice(first, count), Classes);
            total += new BatchResult(loss, correct, count);
        }

        return total;
    }

    public void Predict(ReadOnlySpan<byte> images, Span<float> probabilities)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        int count = images.Length / CnnArchitecture.ImageBytes;
        if (images.Length % CnnArchitecture.ImageBytes != 0 || probabilities.Length != count * Classes)
        {
            throw new ArgumentException($"{count} images need room for {count} x {Classes} probabilities. Received: {images.Length} bytes, room for {probabilities.Length}.", nameof(probabilities));
        }

        var network = new ReferenceNetwork(model, state);
        for (int first = 0; first < count; first += EvaluationBatch)
        {
            int size = Math.Min(EvaluationBatch, count - first);
            double[] p = network.Predict(images.Slice(first * CnnArchitecture.ImageBytes, size * CnnArchitecture.ImageBytes));
            for (int n = 0; n < p.Length; n++)
                probabilities[first * Classes + n] = (float)p[n];
        }
    }

    public EngineState ExportState()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return state;
    }

    public void ImportState(EngineState state)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var own = EngineState.Initial(model);
        var (weights, m, v) = (InOrder("weights", own.Weights, state.Weights), InOrder("Adam's first moments", own.AdamM, state.AdamM), InOrder("Adam's second moments", own.AdamV, state.AdamV));
        EngineChecks.Step(state);
        this.state = new EngineState(weights, m, v, state.Step);
    }

    public void Dispose() => disposed = true;

    private static List<WeightTensor> InOrder(string what, IReadOnlyList<WeightTensor> own, IReadOnlyList<WeightTensor> given) =>
        EngineChecks.InOrder(what, own.Select(tensor => (tensor.Name, (IReadOnlyList<int>)tensor.Shape)), given);

    private void Check(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (images.Length != (long)labels.Length * CnnArchitecture.ImageBytes)
        {
            throw new ArgumentException($"{labels.Length} labels need {labels.Length} images of {CnnArchitecture.ImageBytes} bytes. Received: {images.Length} bytes.", nameof(images));
        }

        int bad = labels.IndexOfAnyExceptInRange(0, Classes - 1);
        if (bad >= 0)
        {
            throw new ArgumentException($"Labels must be 0 to {Classes - 1}. Received: {labels[bad]} at {bad}.", nameof(labels));
        }
    }
}

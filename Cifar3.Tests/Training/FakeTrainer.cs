using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Trainers with a fast engine, and callbacks that watch them.</summary>
internal static class FakeTrainer
{
    /// <summary>A trainer on <see cref="FakeEngine"/>, with its filters, batches of 32 and the notebook's recipe unless the options say otherwise.</summary>
    public static Cifar3Trainer Create(TrainerOptions options, Func<CnnModel, EngineOptions, ITrainingEngine>? createEngine = null) =>
        new(options with
        {
            Filters = options.Filters ?? FakeEngine.Filters,
            BatchSize = options.BatchSize ?? 32,
            Recipe = options.Recipe == Recipe.Auto ? Recipe.Keras : options.Recipe,
            RecomputeStatistics = options.RecomputeStatistics ?? true, // no lag that early stopping waits for
            EngineFactory = createEngine ?? ((model, engineOptions) => new FakeEngine(model, engineOptions)),
        });

    public static void CancelAfterBatch(this CancellationTokenSource source, int batch, int last)
    {
        if (batch == last)
        {
            source.Cancel();
        }
    }
}

/// <summary>Writes down every moment of a training.</summary>
internal sealed class Recorder : Callback
{
    public List<string> Moments { get; } = [];

    public List<BatchLog> Batches { get; } = [];

    public Action<int>? OnBatch { get; init; }

    public Action<TrainingContext, EpochLog>? OnEpoch { get; init; }

    public Action<TrainingContext>? OnBegin { get; init; }

    public override void OnTrainBegin(TrainingContext context)
    {
        Moments.Add("train begin");
        OnBegin?.Invoke(context);
    }

    public override void OnTrainEnd(TrainingContext context) => Moments.Add("train end");

    public override void OnTrainInterrupted(TrainingContext context, Exception reason) => Moments.Add($"interrupted {reason.GetType().Name}");

    public override void OnEpochBegin(TrainingContext context, int epoch) => Moments.Add($"epoch begin {epoch}");

    public override void OnEpochEnd(TrainingContext context, EpochLog log)
    {
        Moments.Add($"epoch end {log.Epoch}");
        OnEpoch?.Invoke(context, log);
    }

    public override void OnTrainBatchBegin(TrainingContext context, int batch) => Moments.Add($"batch begin {batch}");

    public override void OnTrainBatchEnd(TrainingContext context, BatchLog log)
    {
        Moments.Add($"batch end {log.Batch}");
        Batches.Add(log);
        OnBatch?.Invoke(Batches.Count);
    }
}

/// <summary>An engine that forwards to <see cref="FakeEngine"/>; tests override what they watch or break.</summary>
internal abstract class WrappedEngine : ITrainingEngine
{
    private FakeEngine? inner;

    public string Name => inner!.Name;

    public string Device => inner!.Device;

    public bool IsDeterministic => true;

    public ITrainingEngine Start(CnnModel model, EngineOptions options)
    {
        inner = new FakeEngine(model, options);
        return this;
    }

    public virtual BatchResult TrainStep(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, ReadOnlySpan<float> targets, float learningRate, long step) =>
        inner!.TrainStep(images, labels, targets, learningRate, step);

    public void UpdateStatistics(ReadOnlySpan<byte> images, double momentum) => inner!.UpdateStatistics(images, momentum);

    public void ReadWeights(Span<float> weights) => inner!.ReadWeights(weights);

    public virtual BatchResult Evaluate(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels) => inner!.Evaluate(images, labels);

    public void Predict(ReadOnlySpan<byte> images, Span<float> probabilities) => inner!.Predict(images, probabilities);

    public virtual EngineState ExportState() => inner!.ExportState();

    public void ImportState(EngineState state) => inner!.ImportState(state);

    public void Dispose() => inner!.Dispose();
}

/// <summary>Its loss is NaN in one step.</summary>
internal sealed class DivergingEngine(long atStep) : WrappedEngine
{
    public override BatchResult TrainStep(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, ReadOnlySpan<float> targets, float learningRate, long step) =>
        step == atStep ? new BatchResult(double.NaN, 0, labels.Length) : base.TrainStep(images, labels, targets, learningRate, step);
}

/// <summary>Writes down the first byte of every image that it is given, a list an epoch of 50 images.</summary>
internal sealed class OrderEngine(List<List<byte>> orders) : WrappedEngine
{
    public override BatchResult TrainStep(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, ReadOnlySpan<float> targets, float learningRate, long step)
    {
        if (orders.Count == 0 || orders[^1].Count == 50)
        {
            orders.Add([]);
        }

        for (int i = 0; i < labels.Length; i++)
        {
            orders[^1].Add(images[i * CnnArchitecture.ImageBytes]);
        }

        return base.TrainStep(images, labels, targets, learningRate, step);
    }
}

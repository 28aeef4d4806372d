using System.Diagnostics;
using System.Globalization;

namespace Cifar3.Training;

/// <summary>One training from its first step, or from a checkpoint, to its end: the loop of Keras' <c>fit</c>.</summary>
internal sealed class TrainingRun
{
    private readonly TrainerOptions options;
    private readonly ITrainingEngine engine;
    private readonly ImageSet train;
    private readonly ImageSet? validation;
    private readonly TrainingContext context;
    private readonly byte[] batchImages;
    private readonly int[] batchLabels;
    private readonly string? checkpointPath;
    private readonly IReadOnlyList<(string Name, string Value)> identity = [];
    private readonly TrainingCheckpoint? interrupted;
    private long step;
    private CnnModel? best;

    public TrainingRun(TrainerOptions options, CnnModel model, ITrainingEngine engine, ImageSet train, ImageSet? validation)
    {
        this.options = options;
        this.engine = engine;
        this.train = train;
        this.validation = validation;
        context = new TrainingContext(options, model, engine, train, validation);
        int batch = Math.Min(options.BatchSize, train.Count);
        batchImages = new byte[batch * CnnArchitecture.ImageBytes];
        batchLabels = new int[batch];
        if (options.WorkspacePath is null)
        {
            return;
        }

        checkpointPath = Path.Combine(options.WorkspacePath, TrainingCheckpoint.FileName);
        OutputFolder.Prepare(options.WorkspacePath);
        identity = TrainingIdentity.Describe(options, model, train, validation);
        interrupted = options.Resume ? TrainingCheckpoint.Load(checkpointPath, identity, model) : null;
    }

    public TrainingResult Run(CancellationToken cancellationToken)
    {
        try
        {
            Begin();
            for (int epoch = context.History.Epochs.Length + 1; epoch <= options.Epoch && context.StopReason is null; epoch++)
            {
                RunEpoch(epoch, cancellationToken);
            }

            ForEach(callback => callback.OnTrainEnd(context));
        }
        catch (Exception reason)
        {
            ForEach(callback => callback.OnTrainInterrupted(context, reason));
            throw;
        }

        var last = context.Model;
        return new TrainingResult(last, best ?? last, context.History, context.StopReason, context.Engine);
    }

    /// <summary>Starts at step 0, where the initial state was, or where the interrupted training was after its last whole epoch.</summary>
    private void Begin()
    {
        if (interrupted is null && options.InitialState is { } initial)
        {
            engine.ImportState(initial);
            step = initial.Step;
        }

        if (interrupted is not null)
        {
            engine.ImportState(interrupted.State);
            step = interrupted.State.Step;
            context.History = new History(interrupted.History);
            context.LearningRate = interrupted.LearningRate;
            context.StopReason = interrupted.StopReason;
            best = interrupted.Best is { } found ? context.ModelAfter(found.Epoch, found.Weights) : null;
        }

        ForEach(callback => callback.OnTrainBegin(context));
        interrupted?.RestoreCallbacks(context);
    }

    private void RunEpoch(int epoch, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        ForEach(callback => callback.OnEpochBegin(context, epoch));
        var trained = TrainEpoch(epoch, cancellationToken);
        var validated = Validate(cancellationToken);
        var log = new EpochLog(
            epoch,
            trained.LossSum / trained.Count,
            (double)trained.Correct / trained.Count,
            validated?.LossSum / validated?.Count,
            (double?)validated?.Correct / validated?.Count,
            context.LearningRate,
            clock.Elapsed.TotalSeconds);
        context.History = new History(context.History.Epochs.Add(log));
        if (log.ValAccuracy > (best?.Metadata.ValAccuracy ?? double.NegativeInfinity))
        {
            best = context.Model;
        }

        ForEach(callback => callback.OnEpochEnd(context, log));
        if (checkpointPath is not null)
        {
            TrainingCheckpoint.Save(checkpointPath, identity, context, engine.ExportState(), best);
        }
    }

    /// <summary>Every training image once, in an order that only (seed, epoch) decide.</summary>
    private BatchResult TrainEpoch(int epoch, CancellationToken cancellationToken)
    {
        int[] order = new PhiloxRandom(options.Seed, RandomStreams.Shuffle + (uint)epoch).Permutation(train.Count);
        var sum = default(BatchResult);
        for (int batch = 1; batch <= context.StepsPerEpoch; batch++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int number = batch;
            ForEach(callback => callback.OnTrainBatchBegin(context, number));
            int first = (batch - 1) * options.BatchSize, count = Math.Min(options.BatchSize, train.Count - first);
            Gather(order.AsSpan(first, count));
            sum += engine.TrainStep(batchImages.AsSpan(0, count * CnnArchitecture.ImageBytes), batchLabels.AsSpan(0, count), context.LearningRate, ++step);
            context.WeightsChanged();
            if (!double.IsFinite(sum.LossSum))
            {
                throw new Cifar3Exception(string.Create(CultureInfo.InvariantCulture, $"Training diverged: the loss is {sum.LossSum} in epoch {epoch}, step {batch} of {context.StepsPerEpoch}, with LearningRate={context.LearningRate}. Expected a finite loss. Files of earlier epochs are kept; train again with a lower learning rate (0.001 is usual)."));
            }

            var log = new BatchLog(batch, sum.LossSum / sum.Count, (double)sum.Correct / sum.Count, sum.Count);
            ForEach(callback => callback.OnTrainBatchEnd(context, log));
        }

        return sum;
    }

    /// <summary>Copies the images of one batch next to each other.</summary>
    private void Gather(ReadOnlySpan<int> indices)
    {
        for (int i = 0; i < indices.Length; i++)
        {
            train.Image(indices[i]).CopyTo(batchImages.AsSpan(i * CnnArchitecture.ImageBytes));
            batchLabels[i] = train.Labels[indices[i]];
        }
    }

    /// <summary>Loss and accuracy on the validation images, in batches so that cancelling does not have to wait; null without any.</summary>
    private BatchResult? Validate(CancellationToken cancellationToken)
    {
        if (validation is null)
        {
            return null;
        }

        var sum = default(BatchResult);
        for (int first = 0; first < validation.Count; first += options.BatchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = Math.Min(options.BatchSize, validation.Count - first);
            sum += engine.Evaluate(validation.Pixels.Slice(first * CnnArchitecture.ImageBytes, count * CnnArchitecture.ImageBytes), validation.Labels.Slice(first, count));
        }

        return sum;
    }

    private void ForEach(Action<Callback> action)
    {
        foreach (var callback in options.Callbacks)
        {
            action(callback);
        }
    }
}

using System.Diagnostics;
using System.Globalization;

namespace Cifar3.Training;

/// <summary>One training from its first step, or from a checkpoint, to its end: the loop of Keras' <c>fit</c>.</summary>
internal sealed class TrainingRun
{
    private readonly TrainerOptions options;
    private readonly ITrainingEngine engine;
    private readonly ImageSet train;
    private readonly Validation? validation;
    private readonly TrainingContext context;
    private readonly TrainingPlan plan;
    private readonly BatchSource batches;
    private readonly TrainingWorkspace? workspace;
    private AveragedWeights? averaged;
    private long step;
    private int ended; // callbacks that were told of the end
    private CnnModel? best;
    private int[]? statisticsOrder;
    private byte[]? statisticsImages;

    public TrainingRun(TrainerOptions options, TrainingPlan plan, CnnModel model, ITrainingEngine engine, ImageSet train, ImageSet? validation, TrainingWorkspace? workspace, CancellationToken cancellationToken)
    {
        this.options = options;
        this.workspace = workspace;
        this.engine = engine;
        this.train = train;
        batches = new BatchSource(train, plan, options.SeedOrZero);
        this.validation = validation is null ? null : new Validation(validation, batches.ClassWeights);
        context = new TrainingContext(options, plan, model, engine, train, validation)
        {
            IsWeighted = this.validation is { IsWeighted: true },
            Warning = TrainingWarning.Joined(TrainingWarning.OfData(train, validation), TrainingWarning.OfTwins(plan), PixelWarning.Of(train), LeakageWarning.Of(train, validation, cancellationToken)),
        };
        this.plan = plan;
        averaged = plan.EmaMomentum is { } momentum ? new AveragedWeights(momentum, model.Weights) : null;
    }

    public TrainingResult Run(CancellationToken cancellationToken)
    {
        try
        {
            Begin();
            for (int epoch = context.History.Epochs.Length + 1; epoch <= plan.Epochs && context.StopReason is null; epoch++)
            {
                RunEpoch(epoch, cancellationToken);
            }

            if (context.History.Epochs.Length >= plan.Epochs)
            {
                context.StopReason = null; // asked for in the last epoch, when nothing was left to stop
            }

            context.Warning = TrainingWarning.Joined(context.Warning, TrainingWarning.Of(context, train, validation));
            context.Files.Retry();
            foreach (var callback in options.Callbacks)
            {
                ended++;
                callback.OnTrainEnd(context);
            }
        }
        catch (Exception reason)
        {
            TellInterrupted(reason);
            throw;
        }

        var last = Warned(context.Model);
        return new TrainingResult(last, Calibrated(best is null ? last : Warned(best)), context.History, context.StopReason, context.Engine, context.Warning) { ResumeNote = context.ResumeNote, RecipeNote = plan.RecipeNote, FilesNote = context.FilesNote };
    }

    /// <summary>Starts at step 0, where the initial state was, or where the interrupted training was after its last whole epoch.</summary>
    private void Begin()
    {
        var interrupted = workspace?.Interrupted;
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
            context.ResumedAfterEpoch = context.History.Epochs.Length;
            context.ResumeNote = Arithmetic.Difference(interrupted, engine);
            if (interrupted.Best is { } found)
            {
                best = context.ModelAfter(found.Epoch, found.Weights);
                context.BestEpoch = context.History.Epochs[found.Epoch - 1];
            }

            if (plan.EmaMomentum is { } momentum && interrupted.Averaged is { } average)
            {
                averaged = new AveragedWeights(momentum, average.Weights, average.Steps);
                UseModelOfTheEpoch(context.ResumedAfterEpoch)();
            }
        }

        ForEach(callback => callback.OnTrainBegin(context));
        interrupted?.RestoreCallbacks(context);
    }

    private void RunEpoch(int epoch, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        ForEach(callback => callback.OnEpochBegin(context, epoch));
        var trained = TrainEpoch(epoch, cancellationToken);
        CheckWeights(epoch);
        var log = new EpochLog(epoch, trained.LossSum / trained.Count, (double)trained.Correct / trained.Count, null, null, context.LearningRate, 0);
        if (validation is not null)
        {
            ForEach(callback => callback.OnTestBegin(context));
        }

        var useTrainedWeights = UseModelOfTheEpoch(epoch);
        if (plan.RecomputeStatistics)
        {
            CheckWeights(epoch); // of huge weights the statistics overflow
        }

        if (validation is not null)
        {
            var (validated, weighted) = validation.Evaluate(engine, plan.BatchSize, cancellationToken);
            log = log with { ValLoss = validated.LossSum / validated.Count, ValAccuracy = (double)validated.Correct / validated.Count, ValWeightedAccuracy = weighted };
        }

        log = log with { Seconds = clock.Elapsed.TotalSeconds };
        context.History = new History(context.History.Epochs.Add(log));
        useTrainedWeights();
        if (BestEpoch.IsLast(context.History.Epochs, context.BestEpoch, validation?.Count ?? 0, plan.Schedule is { EndsLow: true }))
        {
            best = context.Model;
            context.BestEpoch = log;
        }

        workspace?.KeepLocked();
        context.Files.Retry();
        ForEach(callback => callback.OnEpochEnd(context, log));
        workspace?.Save(context, engine, best, averaged);
    }

    /// <summary>The model with what speaks against it, for who scores it later.</summary>
    private CnnModel Warned(CnnModel model) => context.Warning is { } warning ? model.With(model.Metadata with { Warning = warning }) : model;

    /// <summary>The model whose probabilities tell how often it is right, where the plan says so and there are images enough to measure that with.</summary>
    private CnnModel Calibrated(CnnModel model) => validation is not null && plan.Calibrates(validation.Images.Count) ? model.Calibrate(validation.Images) : model;

    /// <summary>
    /// Makes the engine's weights the epoch's model: the averaged ones, where weights are averaged, with batch statistics computed anew where the plan
    /// says so. Gives what leads back to the weights to train on and makes the model the context's.
    /// </summary>
    private Action UseModelOfTheEpoch(int epoch)
    {
        if (averaged is null)
        {
            RecomputeStatistics();
            return () => { };
        }

        var trained = engine.ExportState();
        engine.ImportState(trained with { Weights = averaged.ToTensors() });
        RecomputeStatistics();
        var weights = context.CopyWeights();
        return () =>
        {
            engine.ImportState(trained);
            context.ModelIs(weights, epoch);
        };
    }

    /// <summary>
    /// Batch statistics that belong to the weights: their exact means over batches of training images, the same ones each time, drawn by the seed
    /// (<see href="https://arxiv.org/abs/1803.05407"/>, section 3.1). Without them averaged weights keep the average of the moving statistics.
    /// </summary>
    private void RecomputeStatistics()
    {
        if (!plan.RecomputeStatistics)
        {
            return;
        }

        context.WeightsChanged();
        var (images, batch) = plan.Statistics;
        statisticsOrder ??= new PhiloxRandom(options.SeedOrZero, RandomStreams.Statistics).Permutation(train.Count)[..images];
        statisticsImages ??= new byte[batch * CnnArchitecture.ImageBytes];
        for (int k = 0; k < images / batch; k++)
        {
            for (int i = 0; i < batch; i++)
            {
                train.Image(statisticsOrder[k * batch + i]).CopyTo(statisticsImages.AsSpan(i * CnnArchitecture.ImageBytes));
            }

            engine.UpdateStatistics(statisticsImages, (double)k / (k + 1));
        }
    }

    /// <summary>Every training image once, in an order that only (seed, epoch) decide.</summary>
    private BatchResult TrainEpoch(int epoch, CancellationToken cancellationToken)
    {
        var sum = default(BatchResult);
        int number = 0;
        foreach (var batch in batches.Epoch(epoch, cancellationToken))
        {
            number++;
            if (plan.Schedule is { } schedule)
            {
                context.LearningRate = schedule.RateOf(plan.StateAt(epoch - 1, number - 1));
            }

            int current = number;
            ForEach(callback => callback.OnTrainBatchBegin(context, current));
            sum += engine.TrainStep(batch.Images.Span, batch.Labels.Span, batch.Targets.Span, context.LearningRate, ++step);
            averaged?.Add(engine);
            context.WeightsChanged();
            if (!double.IsFinite(sum.LossSum))
            {
                throw Diverged(string.Create(CultureInfo.InvariantCulture, $"the loss is {sum.LossSum} in epoch {epoch}, step {number} of {context.StepsPerEpoch}"), "a finite loss");
            }

            var log = new BatchLog(number, sum.LossSum / sum.Count, (double)sum.Correct / sum.Count, sum.Count);
            ForEach(callback => callback.OnTrainBatchEnd(context, log));
        }

        return sum;
    }

    /// <summary>
    /// A step's loss is that of the weights before it: those that the epoch's last step made must not be kept in place of an earlier epoch's if they are no numbers.
    /// </summary>
    private void CheckWeights(int epoch)
    {
        if (context.CopyWeights().FirstOrDefault(weight => weight.Values.ContainsAnyExceptInRange(float.MinValue, float.MaxValue)) is { } broken)
        {
            float value = broken.Values[broken.Values.IndexOfAnyExceptInRange(float.MinValue, float.MaxValue)];
            throw Diverged(string.Create(CultureInfo.InvariantCulture, $"weight '{broken.Name}' holds {value} after epoch {epoch}"), "finite weights");
        }
    }

    private Cifar3Exception Diverged(string what, string expected) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"Training diverged: {what}, with LearningRate={context.LearningRate}. Expected {expected}. Files of earlier epochs are kept; train again with a lower learning rate (0.001 is usual)."));

    /// <summary>Tells every callback that was not told of the end, whichever of them fails: the reason of the interruption is what the caller gets, with these failures in its data.</summary>
    private void TellInterrupted(Exception reason)
    {
        Attempt(nameof(context.Files), context.Files.Retry);
        foreach (var callback in options.Callbacks.Skip(ended))
        {
            Attempt($"{callback.GetType().Name}.{nameof(Callback.OnTrainInterrupted)}", () => callback.OnTrainInterrupted(context, reason));
        }

        void Attempt(string what, Action action)
        {
            try
            {
                action();
            }
#pragma warning disable CA1031 // any error of clearing up would hide the reason
            catch (Exception e)
#pragma warning restore CA1031
            {
                reason.Data[what] = e.Message;
            }
        }
    }

    private void ForEach(Action<Callback> action)
    {
        foreach (var callback in options.Callbacks)
        {
            action(callback);
        }
    }
}

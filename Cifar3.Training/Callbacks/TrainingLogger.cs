using Microsoft.Extensions.Logging;

namespace Cifar3.Training;

/// <summary>Tells a training to an application's log: begin, every epoch, end or interruption, and the warning of a model that should not be trusted.</summary>
/// <remarks>
/// Messages carry their numbers as named values (<c>Epoch</c>, <c>Loss</c>, <c>ValAccuracy</c>, …), so that a structured log can plot them. Information for what is as planned,
/// Warning for a model that should not be trusted, files that could not be written, an interruption, and an engine that does not give the same bits again or is another one than the interrupted training's.
/// </remarks>
/// <example><code>
/// Callbacks = [new TrainingLogger(loggerFactory.CreateLogger("Training"))]
/// </code></example>
/// <param name="logger">Where messages go.</param>
public sealed partial class TrainingLogger(ILogger logger) : Callback
{
    private readonly ILogger logger = logger ?? throw new ArgumentNullException(nameof(logger));

    /// <inheritdoc/>
    public override void OnTrainBegin(TrainingContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        Begins(logger, context.TrainImages, context.ValidationImages, context.Engine, context.Recipe);
        if (context.RecipeNote is { } note)
        {
            Fitted(logger, note);
        }

        if (context.ResumedAfterEpoch > 0)
        {
            GoesOn(logger, context.ResumedAfterEpoch);
        }

        if (context.ResumeNote is { } resumed)
        {
            GoesOnOtherwise(logger, resumed);
        }

        if (!context.IsDeterministic)
        {
            NotDeterministic(logger, context.Engine);
        }

        if (context.Warning is { } warning)
        {
            NotToBeTrusted(logger, warning);
        }
    }

    /// <inheritdoc/>
    public override void OnEpochEnd(TrainingContext context, EpochLog log)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(log);
        if (log is { ValLoss: { } weightedLoss, ValWeightedAccuracy: { } weighted })
        {
            WeightedEpoch(logger, log.Epoch, context.Epochs, log.Loss, log.Accuracy, weightedLoss, log.ValAccuracy!.Value, weighted, log.Seconds);
        }
        else if (log.ValLoss is { } loss)
        {
            ValidatedEpoch(logger, log.Epoch, context.Epochs, log.Loss, log.Accuracy, loss, log.ValAccuracy!.Value, log.Seconds);
        }
        else
        {
            Epoch(logger, log.Epoch, context.Epochs, log.Loss, log.Accuracy, log.Seconds);
        }
    }

    /// <inheritdoc/>
    public override void OnTrainEnd(TrainingContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.StopReason is { } reason)
        {
            Stopped(logger, context.History.Epochs.Length, reason);
        }
        else
        {
            Ended(logger, context.History.Epochs.Length);
        }

        if (context.FilesNote is { } files)
        {
            NotWritten(logger, files);
        }

        if (context.Warning is { } warning)
        {
            NotToBeTrusted(logger, warning);
        }
    }

    /// <inheritdoc/>
    public override void OnTrainInterrupted(TrainingContext context, Exception reason)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(reason);
        Interrupted(logger, context.History.Epochs.Length, reason.Message);
    }

    /// <inheritdoc/>
    public override string ToString() => nameof(TrainingLogger);

    [LoggerMessage(1, LogLevel.Information, "Training on {TrainImages} images, validating on {ValidationImages}, with {Engine}; {Recipe}")]
    private static partial void Begins(ILogger logger, int trainImages, int validationImages, string engine, string recipe);

    [LoggerMessage(2, LogLevel.Information, "Training goes on after epoch {Epoch}")]
    private static partial void GoesOn(ILogger logger, int epoch);

    [LoggerMessage(3, LogLevel.Warning, "{Engine} does not give the same bits in every run: another run with the same seed will differ slightly")]
    private static partial void NotDeterministic(ILogger logger, string engine);

    [LoggerMessage(4, LogLevel.Information, "Epoch {Epoch}/{Epochs}: loss {Loss:F4}, accuracy {Accuracy:F4}, {Seconds:F1} s")]
    private static partial void Epoch(ILogger logger, int epoch, int epochs, double loss, double accuracy, double seconds);

    [LoggerMessage(5, LogLevel.Information, "Epoch {Epoch}/{Epochs}: loss {Loss:F4}, accuracy {Accuracy:F4}, validation loss {ValLoss:F4}, validation accuracy {ValAccuracy:F4}, {Seconds:F1} s")]
    private static partial void ValidatedEpoch(ILogger logger, int epoch, int epochs, double loss, double accuracy, double valLoss, double valAccuracy, double seconds);

    [LoggerMessage(13, LogLevel.Information, "Epoch {Epoch}/{Epochs}: loss {Loss:F4}, accuracy {Accuracy:F4}, validation loss {ValLoss:F4}, validation accuracy {ValAccuracy:F4}, weighted by class {ValWeightedAccuracy:F4}, {Seconds:F1} s")]
    private static partial void WeightedEpoch(ILogger logger, int epoch, int epochs, double loss, double accuracy, double valLoss, double valAccuracy, double valWeightedAccuracy, double seconds);

    [LoggerMessage(6, LogLevel.Information, "Training ended after its last epoch, {Epochs}")]
    private static partial void Ended(ILogger logger, int epochs);

    [LoggerMessage(7, LogLevel.Information, "Training stopped after {Epochs} epochs: {Reason}")]
    private static partial void Stopped(ILogger logger, int epochs, string reason);

    [LoggerMessage(8, LogLevel.Warning, "{Warning}")]
    private static partial void NotToBeTrusted(ILogger logger, string warning);

    [LoggerMessage(10, LogLevel.Information, "{Note}")]
    private static partial void Fitted(ILogger logger, string note);

    [LoggerMessage(11, LogLevel.Warning, "{Note}")]
    private static partial void NotWritten(ILogger logger, string note);

    [LoggerMessage(12, LogLevel.Warning, "{Note}")]
    private static partial void GoesOnOtherwise(ILogger logger, string note);

    [LoggerMessage(9, LogLevel.Warning, "Training was interrupted after {Epochs} epochs: {Reason}")]
    private static partial void Interrupted(ILogger logger, int epochs, string reason);
}

using System.Globalization;
using Microsoft.ML.Runtime;

namespace Cifar3.Training;

/// <summary>Writes a training's progress to <c>MLContext.Log</c>.</summary>
internal sealed class ChannelLog(IChannel channel) : Callback
{
    /// <inheritdoc/>
    public override void OnTrainBegin(TrainingContext context)
    {
        Info(string.Create(CultureInfo.InvariantCulture, $"Training on {context.TrainImages:N0} images, validating on {context.ValidationImages:N0}, with {context.Engine}; {context.Recipe}."));
        if (context.RecipeNote is { } fitted)
        {
            Info(fitted);
        }

        if (!context.IsDeterministic)
        {
            channel.Warning(MessageSensitivity.None, $"{context.Engine} does not give the same bits in every run: another run with the same seed will differ slightly.");
        }

        if (context.ResumeNote is { } note)
        {
            channel.Warning(MessageSensitivity.None, note);
        }

        if (context.Warning is { } warning)
        {
            channel.Warning(MessageSensitivity.None, warning);
        }
    }

    /// <inheritdoc/>
    public override void OnEpochEnd(TrainingContext context, EpochLog log)
    {
        var culture = CultureInfo.InvariantCulture;
        string validation = log.ValLoss is { } loss ? string.Create(culture, $", validation loss {loss:F4}, validation accuracy {log.ValAccuracy:F4}") : "";
        Info(string.Create(culture, $"Epoch {log.Epoch}/{context.Epochs}: loss {log.Loss:F4}, accuracy {log.Accuracy:F4}{validation}, {log.Seconds:F1} s."));
    }

    /// <inheritdoc/>
    public override void OnTrainEnd(TrainingContext context)
    {
        Info(context.StopReason is { } reason ? $"Training stopped: {reason}." : "Training ended after its last epoch.");
        if (context.FilesNote is { } files)
        {
            channel.Warning(MessageSensitivity.None, files);
        }

        if (context.Warning is { } warning)
        {
            channel.Warning(MessageSensitivity.None, warning);
        }
    }

    /// <inheritdoc/>
    public override void OnTrainInterrupted(TrainingContext context, Exception reason) => channel.Warning(MessageSensitivity.None, $"Training ended early after {context.History.Epochs.Length} epochs: {reason.Message}");

    private void Info(string message) => channel.Info(MessageSensitivity.None, message);
}

using System.Globalization;

namespace Cifar3.Training;

/// <summary>Stops a training when a metric no longer improves: Keras' <c>EarlyStopping</c>.</summary>
/// <remarks>
/// State is reset when a training begins, so an instance may serve several trainings, one at a time, and is kept in checkpoints.
/// Waiting begins where the metric tells something: not while moving statistics still lag behind the weights (with <see cref="Recipe.Keras"/>
/// the first 459 steps), and not before the end of a schedule that gains most in its last epochs (<see cref="OneCycle"/>, <see cref="CosineDecay"/>):
/// under the recipes but <see cref="Recipe.Keras"/>, the default one among them, no training is stopped, and <see cref="TrainingResult.RecipeNote"/> says so.
/// Defaults are the published recipe's; Keras' own are monitor <c>val_loss</c>, patience 0.
/// <see href="https://keras.io/api/callbacks/early_stopping/"/>
/// </remarks>
public sealed class EarlyStopping : Callback
{
    /// <summary>What is said of it before a training that it cannot stop.</summary>
    internal const string NothingToStop =
        "EarlyStopping stops nothing here: the learning rate falls until the last epoch, and metrics gain most then. Set Epoch for a shorter training, or take a steady rate, such as Recipe.Keras.";

    private readonly MetricMonitor monitor;
    private readonly int patience, startFromEpoch;
    private readonly double? baseline;
    private readonly bool restoreBestWeights;
    private int wait;
    private double? best;
    private int bestEpoch;
    private CnnModel? bestModel;

    /// <summary>Creates the callback.</summary>
    /// <param name="monitor">The metric to watch: <c>val_accuracy</c>, <c>val_loss</c>, <c>accuracy</c> or <c>loss</c>. Default: <c>val_accuracy</c>.</param>
    /// <param name="patience">Number of epochs without improvement after which training stops. Default: 3.</param>
    /// <param name="minDelta">The smallest change that counts as improvement; its sign does not matter, as in Keras. Default: 0.</param>
    /// <param name="mode">Which direction is better. Default: <see cref="MonitorMode.Auto"/>, from the metric's name.</param>
    /// <param name="baseline">A value to beat: until it is, epochs that improve count into the patience too, and after it the first that does not stops the training, as in Keras. Default: null, none.</param>
    /// <param name="restoreBestWeights">Whether training ends with the weights of the best epoch, not the last. Default: false.</param>
    /// <param name="startFromEpoch">Number of epochs at the beginning that are not watched. Default: 0.</param>
    /// <exception cref="ArgumentException">A number of epochs is negative, another number is NaN, no training measures the metric, or the mode cannot be told from its name.</exception>
    public EarlyStopping(
        string monitor = "val_accuracy",
        int patience = 3,
        double minDelta = 0,
        MonitorMode mode = MonitorMode.Auto,
        double? baseline = null,
        bool restoreBestWeights = false,
        int startFromEpoch = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(patience);
        ArgumentOutOfRangeException.ThrowIfNegative(startFromEpoch);
        MetricMonitor.RefuseNaN(baseline);
        this.monitor = new MetricMonitor(nameof(EarlyStopping), monitor, mode, minDelta);
        this.patience = patience;
        this.baseline = baseline;
        this.restoreBestWeights = restoreBestWeights;
        this.startFromEpoch = startFromEpoch;
    }

    /// <summary>Whether the program named it; ML.NET's estimator brings one of its own. Default: true.</summary>
    internal bool IsAskedFor { get; init; } = true;

    /// <inheritdoc/>
    public override void OnTrainBegin(TrainingContext context)
    {
        monitor.CheckAvailable(context);
        wait = 0;
        best = null;
        bestEpoch = 0;
        bestModel = null;
    }

    /// <inheritdoc/>
    public override void OnEpochEnd(TrainingContext context, EpochLog log)
    {
        if (log.Epoch <= startFromEpoch)
        {
            return;
        }

        double value = monitor.Value(log);
        bool tells = log.Epoch >= context.Plan.FirstTellingEpoch;
        wait = tells ? wait + 1 : 0;
        if (monitor.IsImprovement(value, best))
        {
            best = value;
            bestEpoch = log.Epoch;
            bestModel = restoreBestWeights ? context.Model : null;
            if (baseline is null || monitor.IsImprovement(value, baseline))
            {
                wait = 0; // as Keras: waiting starts anew only when both the baseline and the best so far are beaten
            }
        }
        else if (tells && wait >= patience && log.Epoch > 1)
        {
            context.StopTraining(Reason());
        }
    }

    /// <inheritdoc/>
    public override void OnTrainEnd(TrainingContext context)
    {
        if (bestModel is not null)
        {
            context.SetWeights(bestModel);
        }
    }

    /// <inheritdoc/>
    public override void SaveState(CallbackState state)
    {
        state.Set("wait", wait);
        state.Set("best", best);
        state.Set("best_epoch", bestEpoch);
        state.Set("best_model", bestModel);
    }

    /// <inheritdoc/>
    public override void RestoreState(CallbackState state)
    {
        wait = (int)(state.Number("wait") ?? 0);
        best = state.Number("best");
        bestEpoch = (int)(state.Number("best_epoch") ?? 0);
        bestModel = state.Model("best_model");
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"EarlyStopping(monitor: {monitor}, patience: {patience}, minDelta: {monitor.MinDelta}, baseline: {(object?)baseline ?? "none"}, restoreBestWeights: {restoreBestWeights}, startFromEpoch: {startFromEpoch})");

    private string Reason()
    {
        bool waitsForBaseline = baseline is not null && best is { } value && !monitor.IsImprovement(value, baseline); // meanwhile it may have improved
        string what = waitsForBaseline ? string.Create(CultureInfo.InvariantCulture, $"has not beaten the baseline {baseline} within") : "has not improved for";
        string found = best is null ? "it was never a number" : string.Create(CultureInfo.InvariantCulture, $"best: {best:F4} in epoch {bestEpoch}");
        return $"{monitor.Metric} {what} {wait} {(wait == 1 ? "epoch" : "epochs")} ({found})";
    }
}

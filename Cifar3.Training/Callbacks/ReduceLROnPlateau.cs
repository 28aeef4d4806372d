using System.Globalization;

namespace Cifar3.Training;

/// <summary>Lowers the learning rate when a metric no longer improves: Keras' <c>ReduceLROnPlateau</c>.</summary>
/// <remarks>
/// Where a schedule sets the rate, its rates are multiplied. State is reset when a training begins and is kept in checkpoints.
/// <see href="https://keras.io/api/callbacks/reduce_lr_on_plateau/"/>
/// </remarks>
public sealed class ReduceLROnPlateau : Callback
{
    private readonly MetricMonitor monitor;
    private readonly double factor, minLearningRate;
    private readonly int patience, cooldown;
    private double? best;
    private int wait, cooling;
    private double reduced = 1;

    /// <summary>Creates the callback with Keras' defaults.</summary>
    /// <param name="monitor">The metric to watch. Default: <c>val_loss</c>.</param>
    /// <param name="factor">What the rate is multiplied by, above 0 and below 1. Default: 0.1.</param>
    /// <param name="patience">Number of epochs without improvement after which it is, 0 or more. Default: 10.</param>
    /// <param name="mode">Which direction is better. Default: <see cref="MonitorMode.Auto"/>, from the metric's name.</param>
    /// <param name="minDelta">The smallest change that counts as improvement; its sign does not matter, as in Keras. Default: 0.0001.</param>
    /// <param name="cooldown">Number of epochs that the rate cools down after a reduction; the last of them counts into the patience again, as in Keras, so that 1 is the same as 0. Default: 0.</param>
    /// <param name="minLearningRate">The rate below which it is not lowered. Default: 0.</param>
    /// <exception cref="ArgumentException">A number is outside its range, no training measures the metric, or the mode cannot be told from its name.</exception>
    public ReduceLROnPlateau(
        string monitor = "val_loss",
        double factor = 0.1,
        int patience = 10,
        MonitorMode mode = MonitorMode.Auto,
        double minDelta = 1e-4,
        int cooldown = 0,
        double minLearningRate = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(patience);
        ArgumentOutOfRangeException.ThrowIfNegative(cooldown);
        if (!(minLearningRate >= 0 && double.IsFinite(minLearningRate)))
        {
            throw new ArgumentOutOfRangeException(nameof(minLearningRate), string.Create(CultureInfo.InvariantCulture, $"The lowest learning rate must be 0 or more and finite. Received: minLearningRate={minLearningRate}."));
        }

        if (factor is not (> 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(factor), string.Create(CultureInfo.InvariantCulture, $"The factor must be above 0 and below 1. Received: factor={factor}."));
        }

        this.monitor = new MetricMonitor(nameof(ReduceLROnPlateau), monitor, mode, minDelta);
        (this.factor, this.patience, this.cooldown, this.minLearningRate) = (factor, patience, cooldown, minLearningRate);
    }

    /// <inheritdoc/>
    public override void OnTrainBegin(TrainingContext context)
    {
        monitor.CheckAvailable(context);
        (best, wait, cooling, reduced) = (null, 0, 0, 1);
    }

    /// <inheritdoc/>
    public override void OnTrainBatchBegin(TrainingContext context, int batch)
    {
        if (context.Plan.Schedule is not null)
        {
            context.LearningRate = (float)Lowered(context.LearningRate, reduced); // the schedule has set its rate just before
        }
    }

    /// <inheritdoc/>
    public override void OnEpochEnd(TrainingContext context, EpochLog log)
    {
        double value = monitor.Value(log);
        cooling = Math.Max(cooling - 1, 0); // nothing waits meanwhile

        if (monitor.IsImprovement(value, best))
        {
            (best, wait) = (value, 0);
        }
        else if (cooling == 0 && ++wait >= patience && context.LearningRate > (float)minLearningRate)
        {
            reduced *= factor;
            if (context.Plan.Schedule is null)
            {
                context.LearningRate = (float)Lowered(context.LearningRate, factor);
            }

            (cooling, wait) = (cooldown, 0);
        }
    }

    /// <inheritdoc/>
    public override void SaveState(CallbackState state)
    {
        state.Set("best", best);
        state.Set("wait", wait);
        state.Set("cooling", cooling);
        state.Set("reduced", reduced);
    }

    /// <inheritdoc/>
    public override void RestoreState(CallbackState state)
    {
        best = state.Number("best");
        wait = (int)(state.Number("wait") ?? 0);
        cooling = (int)(state.Number("cooling") ?? 0);
        reduced = state.Number("reduced") ?? 1;
        if (!(reduced is >= 0 and <= 1))
        {
            throw new InvalidDataException(FormattableString.Invariant($"{nameof(ReduceLROnPlateau)} has reduced the learning rate to {reduced} times what it was, expected 0 to 1"));
        }
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"ReduceLROnPlateau(monitor: {monitor}, factor: {factor}, patience: {patience}, minDelta: {monitor.MinDelta}, cooldown: {cooldown}, minLearningRate: {minLearningRate})");

    private double Lowered(double rate, double by) => Math.Max(rate * by, Math.Max(Math.Min(minLearningRate, rate), float.Epsilon));
}

using System.Globalization;

namespace Cifar3.Training;

/// <summary>Where a training is when its next learning rate is asked for.</summary>
/// <param name="CurrentEpoch">Number of the epoch, from 0.</param>
/// <param name="CurrentBatchIndex">Number of the batch within the epoch, from 0.</param>
/// <param name="BatchesPerEpoch">Batches in an epoch, at least 1: a short one counts.</param>
/// <param name="BatchSize">Images in a batch, as set.</param>
public readonly record struct TrainState(int CurrentEpoch, int CurrentBatchIndex, int BatchesPerEpoch, int BatchSize)
{
    /// <summary>Number of training steps done before this one.</summary>
    public long Step => (long)CurrentEpoch * BatchesPerEpoch + CurrentBatchIndex;
}

/// <summary>
/// Sets the learning rate of every training step. Where <see cref="Cifar3CnnTrainer.Options.LearningRateScheduler"/> is set, it wins over
/// <see cref="Cifar3CnnTrainer.Options.LearningRate"/>. Derive from it for a schedule of your own.
/// </summary>
/// <remarks>A scheduler should compute its rate from the state alone, so that a resumed training goes on with the same rates.</remarks>
/// <example><code>
/// sealed class HalfEveryEpoch : LearningRateScheduler
/// {
///     public override float GetLearningRate(TrainState state) => 0.001f * MathF.Pow(0.5f, state.CurrentEpoch);
/// }
/// </code></example>
public abstract class LearningRateScheduler
{
    /// <summary>The rate of the next step.</summary>
    /// <param name="state">Where the training is.</param>
    /// <returns>Above 0 and finite.</returns>
    public abstract float GetLearningRate(TrainState state);
}

/// <summary>Asks a scheduler before every step.</summary>
internal sealed class ScheduledLearningRate(LearningRateScheduler scheduler) : Callback
{
    private int epoch;

    /// <inheritdoc/>
    public override void OnEpochBegin(TrainingContext context, int epoch) => this.epoch = epoch;

    /// <inheritdoc/>
    public override void OnTrainBatchBegin(TrainingContext context, int batch)
    {
        float rate = scheduler.GetLearningRate(new TrainState(epoch - 1, batch - 1, context.StepsPerEpoch, context.Options.BatchSize));
        context.LearningRate = rate > 0 && float.IsFinite(rate)
            ? rate
            : throw new Cifar3Exception(string.Create(CultureInfo.InvariantCulture, $"The learning rate scheduler {scheduler.GetType().Name} gave {rate} for epoch {epoch}, batch {batch}. Expected a number above 0. Check what it computes from the state."));
    }
}

using System.Globalization;

namespace Cifar3.Training;

/// <summary>Where a training is when its next learning rate is asked for.</summary>
/// <param name="CurrentEpoch">Number of the epoch, from 0.</param>
/// <param name="CurrentBatchIndex">Number of the batch within the epoch, from 0.</param>
/// <param name="BatchesPerEpoch">Batches in an epoch, at least 1: a short one counts.</param>
/// <param name="BatchSize">Images in a batch, as set.</param>
public readonly record struct TrainState(int CurrentEpoch, int CurrentBatchIndex, int BatchesPerEpoch, int BatchSize)
{
    /// <summary>Number of epochs planned.</summary>
    public int Epochs { get; init; }

    /// <summary>The training's learning rate, <see cref="TrainingSettings.LearningRate"/> or its recipe's.</summary>
    public float LearningRate { get; init; }

    /// <summary>Number of training steps done before this one.</summary>
    public long Step => (long)CurrentEpoch * BatchesPerEpoch + CurrentBatchIndex;

    /// <summary>How far the planned training is, 0 in the first step to 1 in the last; where it has one step, or no number of epochs is given, 0.</summary>
    public double ShareDone => Epochs == 0 ? 0 : Math.Min(1, Step / Math.Max(1, (double)Epochs * BatchesPerEpoch - 1));
}

/// <summary>
/// Sets the learning rate of every training step: <see cref="OneCycle"/>, <see cref="CosineDecay"/>, ML.NET's <see cref="ExponentialLRDecay"/>,
/// <see cref="PolynomialLRDecay"/> and <see cref="LsrDecay"/>, or one of your own. See also the callback <see cref="ReduceLROnPlateau"/>.
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

    /// <summary>Whether the rate falls to nearly nothing at the planned end, where most is gained: no training is to be stopped before.</summary>
    internal virtual bool EndsLow => false;

    /// <summary>The schedule and its settings in words; a resumed training is compared by it.</summary>
    /// <returns>One line. Default: the name of the type.</returns>
    public override string ToString() => GetType().Name;

    /// <summary>The rate of a step, checked.</summary>
    /// <exception cref="Cifar3Exception">It is not above 0.</exception>
    internal float RateOf(TrainState state)
    {
        float rate = GetLearningRate(state);
        return rate > 0 && float.IsFinite(rate)
            ? rate
            : throw new Cifar3Exception(string.Create(CultureInfo.InvariantCulture, $"The learning rate scheduler {GetType().Name} gave {rate} for epoch {state.CurrentEpoch + 1}, batch {state.CurrentBatchIndex + 1}. Expected a number above 0. Check what it computes from the state."));
    }
}

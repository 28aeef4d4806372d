using System.Globalization;

namespace Cifar3.Training;

/// <summary>Multiplies the learning rate by a factor every few epochs: rate · factor^(steps / steps of a decay).</summary>
/// <param name="learningRate">The rate at the beginning, above 0. Default: 0.001. (ML.NET: 0.01.)</param>
/// <param name="numEpochsPerDecay">Epochs of one decay, above 0. Default: 2. (ML.NET: 2.)</param>
/// <param name="decayRate">The factor, above 0. Default: 0.94. (ML.NET: 0.94.)</param>
/// <param name="staircase">Whether the rate changes at the end of each decay only. Default: true. (ML.NET: true.)</param>
/// <exception cref="ArgumentOutOfRangeException">A number is not above 0.</exception>
public sealed class ExponentialLRDecay(float learningRate = 0.001f, float numEpochsPerDecay = 2, float decayRate = 0.94f, bool staircase = true) : LearningRateScheduler
{
    /// <summary>The rate at the beginning.</summary>
    public float LearningRate { get; } = Schedules.Positive(learningRate, nameof(learningRate));

    /// <summary>Epochs of one decay.</summary>
    public float NumEpochsPerDecay { get; } = Schedules.Positive(numEpochsPerDecay, nameof(numEpochsPerDecay));

    /// <summary>The factor.</summary>
    public float DecayRate { get; } = Schedules.Positive(decayRate, nameof(decayRate));

    /// <summary>Whether the rate changes at the end of each decay only.</summary>
    public bool Staircase { get; } = staircase;

    /// <inheritdoc/>
    public override float GetLearningRate(TrainState state)
    {
        double decays = state.Step / Schedules.Steps(NumEpochsPerDecay, state.BatchesPerEpoch);
        return (float)Math.Max(LearningRate * Math.Pow(DecayRate, Staircase ? Math.Floor(decays) : decays), float.Epsilon); // a rate of exactly 0 would be refused
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"exponential decay from {LearningRate} ({NumEpochsPerDecay}, {DecayRate}, {Staircase})");
}

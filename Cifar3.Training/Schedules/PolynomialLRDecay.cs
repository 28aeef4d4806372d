using System.Globalization;

namespace Cifar3.Training;

/// <summary>Lowers the learning rate to an end within a number of epochs: (rate − end) · (1 − steps / steps of the decay)^power + end.</summary>
/// <param name="learningRate">The rate at the beginning, above 0. Default: 0.001. (ML.NET: 0.01.)</param>
/// <param name="numEpochsPerDecay">Epochs until the end is reached, above 0. Default: 2. (ML.NET: 2.)</param>
/// <param name="endLearningRate">The rate at the end and afterwards, above 0. Default: 0.0001. (ML.NET: 0.0001.)</param>
/// <param name="power">1 = a straight line; above 0. Default: 1. (ML.NET: 1.)</param>
/// <param name="cycle">Whether the rate rises again after the end and falls over twice, three times, … as many epochs. Default: false. (ML.NET: false.)</param>
/// <exception cref="ArgumentOutOfRangeException">A number is not above 0.</exception>
public sealed class PolynomialLRDecay(float learningRate = 0.001f, float numEpochsPerDecay = 2, float endLearningRate = 0.0001f, float power = 1, bool cycle = false) : LearningRateScheduler
{
    /// <summary>The rate at the beginning.</summary>
    public float LearningRate { get; } = Schedules.Positive(learningRate, nameof(learningRate));

    /// <summary>Epochs until the end is reached.</summary>
    public float NumEpochsPerDecay { get; } = Schedules.Positive(numEpochsPerDecay, nameof(numEpochsPerDecay));

    /// <summary>The rate at the end.</summary>
    public float EndLearningRate { get; } = Schedules.Positive(endLearningRate, nameof(endLearningRate));

    /// <summary>The exponent.</summary>
    public float Power { get; } = Schedules.Positive(power, nameof(power));

    /// <summary>Whether the rate rises again after the end.</summary>
    public bool Cycle { get; } = cycle;

    /// <inheritdoc/>
    public override float GetLearningRate(TrainState state)
    {
        double done = state.Step / Schedules.Steps(NumEpochsPerDecay, state.BatchesPerEpoch);
        double share = Cycle ? done / Math.Max(1, Math.Ceiling(done)) : Math.Min(done, 1);
        return (float)((LearningRate - (double)EndLearningRate) * Math.Pow(1 - share, Power) + EndLearningRate);
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"polynomial decay from {LearningRate} ({NumEpochsPerDecay}, {EndLearningRate}, {Power}, {Cycle})");
}

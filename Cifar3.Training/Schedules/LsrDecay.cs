using System.Globalization;

namespace Cifar3.Training;

/// <summary>From an epoch on, the learning rate is multiplied by a factor.</summary>
/// <param name="Epoch">Number of the epoch, from 0.</param>
/// <param name="Multiplier">The factor, above 0.</param>
public readonly record struct LearningRateSchedulerItem(int Epoch, float Multiplier);

/// <summary>
/// The linear scale rule with steps: base · batch size / 128 · the factor of the last item whose epoch is reached
/// (<see href="https://arxiv.org/abs/1706.02677"/>).
/// </summary>
public sealed class LsrDecay : LearningRateScheduler
{
    private const float ReferenceBatch = 128;

    /// <summary>Creates the schedule of the paper: factors 1, 0.1, 0.01 and 0.0001 from epochs 0, 91, 136 and 182 on.</summary>
    /// <param name="baseLearningRate">The rate of a batch of 128, above 0. Default: 0.001. (ML.NET: 0.1, for plain gradient descent.)</param>
    /// <exception cref="ArgumentOutOfRangeException">The rate is not above 0.</exception>
    public LsrDecay(float baseLearningRate = 0.001f)
        : this([new(0, 1), new(91, 0.1f), new(136, 0.01f), new(182, 0.0001f)], baseLearningRate)
    {
    }

    /// <summary>Creates a schedule.</summary>
    /// <param name="schedule">Epochs and factors, the epochs rising from 0.</param>
    /// <param name="baseLearningRate">The rate of a batch of 128, above 0. Default: 0.001. (ML.NET: 0.1, for plain gradient descent.)</param>
    /// <exception cref="ArgumentException">The rate or a factor is not above 0, or the epochs do not rise from 0.</exception>
    public LsrDecay(IReadOnlyList<LearningRateSchedulerItem> schedule, float baseLearningRate = 0.001f)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        BaseLearningRate = Schedules.Positive(baseLearningRate, nameof(baseLearningRate));
        if (schedule.Count == 0 || schedule[0].Epoch != 0 || schedule.Zip(schedule.Skip(1)).Any(pair => pair.First.Epoch >= pair.Second.Epoch))
        {
            throw new ArgumentException($"The epochs of the schedule must rise from 0. Received: {string.Join(", ", schedule.Select(item => item.Epoch))}.", nameof(schedule));
        }

        foreach (var item in schedule)
        {
            Schedules.Positive(item.Multiplier, nameof(schedule));
        }

        Schedule = [.. schedule];
    }

    /// <summary>The rate of a batch of 128.</summary>
    public float BaseLearningRate { get; }

    /// <summary>Epochs and factors.</summary>
    public IReadOnlyList<LearningRateSchedulerItem> Schedule { get; }

    /// <inheritdoc/>
    public override float GetLearningRate(TrainState state) => BaseLearningRate * state.BatchSize / ReferenceBatch * Schedule.Last(item => item.Epoch <= state.CurrentEpoch).Multiplier;

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"linear scale rule from {BaseLearningRate} ({string.Join(", ", Schedule.Select(item => string.Create(CultureInfo.InvariantCulture, $"{item.Epoch}: {item.Multiplier}")))})");
}

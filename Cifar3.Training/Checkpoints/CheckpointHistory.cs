using System.Collections.Immutable;

namespace Cifar3.Training;

/// <summary>The epochs done, in a checkpoint.</summary>
internal static class CheckpointHistory
{
    public static EpochData Write(EpochLog log)
    {
        var data = new EpochData { Loss = log.Loss, Accuracy = log.Accuracy, LearningRate = log.LearningRate, Seconds = log.Seconds };
        if (log.ValLoss is { } loss && log.ValAccuracy is { } accuracy)
        {
            data.ValLoss = loss;
            data.ValAccuracy = accuracy;
            if (log.ValWeightedAccuracy is { } weighted)
            {
                data.ValWeightedAccuracy = weighted;
            }
        }

        return data;
    }

    /// <exception cref="InvalidDataException">There are too many epochs, or a share is not within 0 and 1.</exception>
    public static ImmutableArray<EpochLog> Read(IReadOnlyList<EpochData> epochs)
    {
        if (epochs.Count is < 1 or > TrainingSettings.MaxEpoch)
        {
            throw new InvalidDataException($"expected 1 to {TrainingSettings.MaxEpoch:N0} epochs, found {epochs.Count:N0}");
        }

        return [.. epochs.Select((e, i) => Read(e, i + 1))];
    }

    private static EpochLog Read(EpochData data, int epoch)
    {
        if (data.Accuracy is not (>= 0 and <= 1) || data.ValAccuracy is not (>= 0 and <= 1) || data.ValWeightedAccuracy is not (>= 0 and <= 1) || data.HasValLoss != data.HasValAccuracy)
        {
            throw new InvalidDataException($"the log of epoch {epoch} has accuracies {data.Accuracy} and {data.ValAccuracy}");
        }

        return new EpochLog(epoch, data.Loss, data.Accuracy, data.HasValLoss ? data.ValLoss : null, data.HasValAccuracy ? data.ValAccuracy : null, data.LearningRate, data.Seconds)
        {
            ValWeightedAccuracy = data.HasValWeightedAccuracy ? data.ValWeightedAccuracy : null,
        };
    }
}

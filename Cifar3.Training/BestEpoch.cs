namespace Cifar3.Training;

/// <summary>Which epoch's model a training keeps as its best.</summary>
/// <remarks>
/// That of the highest validation accuracy (with class weights the weighted one, <see cref="EpochLog.ValWeightedAccuracy"/>), of equals that with the lowest loss. Under a schedule that ends low the latest within one standard error of the
/// highest, the one-standard-error rule (Breiman, Friedman, Olshen, Stone 1984, section 3.4.3): such a training is made to be best at its end, and the highest of
/// many noisy accuracies is luck. On 100 images a class the rule is worth 1 to 5 points (docs/quality.md). Both rules can be followed epoch by epoch,
/// with one model kept: the highest only rises with an epoch that is itself kept.
/// </remarks>
internal static class BestEpoch
{
    /// <summary>Whether the last epoch takes the place of the one kept so far.</summary>
    /// <param name="epochs">All epochs so far, the last included.</param>
    /// <param name="kept">The epoch kept so far; null for none.</param>
    /// <param name="images">Number of validation images that count the same.</param>
    /// <param name="endsLow">Whether the learning rate ends near 0.</param>
    public static bool IsLast(IReadOnlyList<EpochLog> epochs, EpochLog? kept, double images, bool endsLow)
    {
        var last = epochs[^1];
        if (EpochMetrics.Telling(last) is not { } accuracy || kept is null)
        {
            return last.ValAccuracy is not null;
        }

        if (endsLow)
        {
            double highest = epochs.Max(EpochMetrics.Telling)!.Value;
            return accuracy >= highest - Math.Sqrt(highest * (1 - highest) / images);
        }

        return accuracy > EpochMetrics.Telling(kept) || (accuracy == EpochMetrics.Telling(kept) && last.ValLoss < kept.ValLoss);
    }
}

using System.Collections.Immutable;
using System.Globalization;

namespace Cifar3.Training;

/// <summary>Loss and accuracy of every epoch: Keras' <c>History</c>.</summary>
/// <remarks>Immutable and safe to share between threads.</remarks>
/// <example><code>
/// double best = result.History["val_accuracy"].Max();
/// </code></example>
public sealed class History
{
    internal History(ImmutableArray<EpochLog> epochs) => Epochs = epochs;

    /// <summary>One record an epoch, first to last.</summary>
    public ImmutableArray<EpochLog> Epochs { get; }

    /// <summary>Names of the metrics that every epoch has, as Keras names them: <c>accuracy</c>, <c>loss</c>, <c>val_accuracy</c>, <c>val_loss</c>, <c>learning_rate</c>; with class weights also <c>val_weighted_accuracy</c> (<see cref="EpochLog.ValWeightedAccuracy"/>).</summary>
    public IReadOnlyList<string> Metrics => EpochMetrics.Names(validated: Epochs.All(e => e.ValLoss is not null), weighted: !Epochs.IsEmpty && Epochs.All(e => e.ValWeightedAccuracy is not null));

    /// <summary>One metric of all epochs, first to last.</summary>
    /// <param name="metric">A name in <see cref="Metrics"/>.</param>
    /// <returns>As many values as there are epochs.</returns>
    /// <exception cref="KeyNotFoundException">There is no such metric; the message lists those that there are.</exception>
    public IReadOnlyList<double> this[string metric]
    {
        get
        {
            ArgumentNullException.ThrowIfNull(metric);
            return Metrics.Contains(metric)
                ? [.. Epochs.Select(e => EpochMetrics.Value(e, metric)!.Value)]
                : throw new KeyNotFoundException($"The history has no metric '{Shown.Text(metric)}'{EpochMetrics.Suggestion(metric)}. It has: {string.Join(", ", Metrics)}.");
        }
    }

    /// <summary>The number of epochs and the last one's metrics, such as <c>10 epochs, the last: accuracy 0.8790, loss 0.3102, val_accuracy 0.8810, val_loss 0.3170</c>.</summary>
    /// <returns>One line.</returns>
    public override string ToString() => Epochs.IsEmpty ? "no epochs" : string.Create(
        CultureInfo.InvariantCulture,
        $"{Epochs.Length} {(Epochs.Length == 1 ? "epoch" : "epochs")}, the last: {string.Join(", ", Metrics.Where(metric => metric != "learning_rate").Select(metric => string.Create(CultureInfo.InvariantCulture, $"{metric} {this[metric][^1]:F4}")))}");
}

/// <summary>The numbers of an <see cref="EpochLog"/> under Keras' names.</summary>
internal static class EpochMetrics
{
    private static readonly string[] Training = ["accuracy", "loss"], Validation = ["val_accuracy", "val_loss"], Weighted = ["val_weighted_accuracy"], Other = ["learning_rate"];

    /// <summary>The names that a training measures, in the order of Keras' log line.</summary>
    public static IReadOnlyList<string> Names(bool validated, bool weighted) => [.. Training, .. validated ? Validation : [], .. weighted ? Weighted : [], .. Other];

    /// <summary>The names that any training measures.</summary>
    public static IReadOnlyList<string> All { get; } = Names(validated: true, weighted: true);

    /// <summary>What tells which epoch is the best: the validation accuracy, with class weights the weighted one; null without validation.</summary>
    public static double? Telling(EpochLog log) => log.ValWeightedAccuracy ?? log.ValAccuracy;

    /// <summary>The name of <see cref="Telling"/>.</summary>
    public static string TellingName(bool weighted) => weighted ? Weighted[0] : Validation[0];

    /// <summary>" (did you mean 'val_accuracy'?)" for a name that is nearly one or is Keras' short or older one (<c>val_acc</c>, <c>lr</c>); empty for others.</summary>
    public static string Suggestion(string metric)
    {
        string prefix = metric.StartsWith("val_", StringComparison.OrdinalIgnoreCase) ? "val_" : "", name = metric[prefix.Length..].ToLowerInvariant();
        string? meant = All.Contains(metric) ? null
            : name is "acc" or "accuracy" or "categorical_accuracy" or "sparse_categorical_accuracy" or "binary_accuracy" ? prefix + "accuracy"
            : name is "categorical_crossentropy" or "crossentropy" or "log_loss" ? prefix + "loss"
            : name is "lr" ? "learning_rate"
            : All.FirstOrDefault(known => Spelling.Distance(known, metric.ToLowerInvariant()) <= 2);
        return meant is null ? "" : $" (did you mean '{meant}'?)";
    }

    /// <summary>The metric's value; null where the name is unknown or there was no validation.</summary>
    public static double? Value(EpochLog log, string metric) => metric switch
    {
        "accuracy" => log.Accuracy,
        "loss" => log.Loss,
        "val_accuracy" => log.ValAccuracy,
        "val_loss" => log.ValLoss,
        "val_weighted_accuracy" => log.ValWeightedAccuracy,
        "learning_rate" => log.LearningRate,
        _ => null,
    };
}

using System.Runtime.CompilerServices;

namespace Cifar3.Training;

/// <summary>Which direction of a monitored metric is better.</summary>
public enum MonitorMode
{
    /// <summary>From the name: accuracy upwards, loss downwards.</summary>
    Auto,

    /// <summary>Lower is better.</summary>
    Min,

    /// <summary>Higher is better.</summary>
    Max,
}

/// <summary>A metric to watch and what counts as better: the part that EarlyStopping and ModelCheckpoint share, as in Keras.</summary>
internal sealed class MetricMonitor
{
    private readonly bool higherIsBetter;
    private readonly string words;

    /// <exception cref="ArgumentException">No training measures the metric, mode is Auto and the name does not tell the direction, or the smallest change is no number.</exception>
    public MetricMonitor(string owner, string monitor, MonitorMode mode, double minDelta = 0)
    {
        ArgumentNullException.ThrowIfNull(monitor);
        if (!EpochMetrics.All.Contains(monitor))
        {
            throw new ArgumentException($"{owner} monitors '{Shown.Text(monitor)}', which no training measures{EpochMetrics.Suggestion(monitor)}. Metrics: {string.Join(", ", EpochMetrics.All)}.", nameof(monitor));
        }

        Defined.Value(mode, $"{owner} looks for the highest or the lowest value.");
        RefuseNaN(minDelta);
        Owner = owner;
        Metric = monitor;
        MinDelta = Math.Abs(minDelta);
        bool? named = monitor.EndsWith("accuracy", StringComparison.Ordinal) ? true : monitor.EndsWith("loss", StringComparison.Ordinal) ? false : null;
        higherIsBetter = mode switch
        {
            MonitorMode.Max => true,
            MonitorMode.Min => false,
            _ => named ?? throw new ArgumentException($"{owner} cannot tell from the name whether a higher or a lower '{monitor}' is better. Received: monitor='{monitor}', mode=Auto. Pass MonitorMode.Max for the highest value or MonitorMode.Min for the lowest.", nameof(mode)),
        };
        words = higherIsBetter == named ? Metric : $"{Metric}, mode: {mode}";
    }

    /// <summary>Refuses what no value beats, and no value fails: a training would wait for nothing.</summary>
    public static void RefuseNaN(double? value, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        if (value is double.NaN)
        {
            throw new ArgumentOutOfRangeException(name, $"A number is expected that others can be compared with. Received: {name}=NaN.");
        }
    }

    public string Owner { get; }

    public string Metric { get; }

    public double MinDelta { get; }

    /// <summary>Throws when the training does not measure the metric, and lists those that it does.</summary>
    public void CheckAvailable(TrainingContext context)
    {
        if (!context.Metrics.Contains(Metric))
        {
            string remedy = Metric.StartsWith("val_", StringComparison.Ordinal) && context.ValidationImages == 0 ? "Give Fit validation images, or choose one of these." : "Choose one of these.";
            throw new Cifar3Exception($"{Owner} monitors '{Metric}', which this training does not measure. Metrics: {string.Join(", ", context.Metrics)}. {remedy}");
        }
    }

    public double Value(EpochLog log) => EpochMetrics.Value(log, Metric) ?? double.NaN;

    /// <summary>Whether the value beats the reference by more than the smallest change that counts. The first value always does, NaN never.</summary>
    public bool IsImprovement(double value, double? reference) =>
        !double.IsNaN(value) && (reference is not { } r || (higherIsBetter ? value - MinDelta > r : value + MinDelta < r));

    /// <summary>The metric, and the direction where it is not the one that its name tells: checkpoints know callbacks by their words.</summary>
    public override string ToString() => words;
}

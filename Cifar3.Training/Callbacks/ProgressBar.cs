using System.Globalization;
using Spectre.Console;

namespace Cifar3.Training;

/// <summary>
/// Shows a training on the console: first a line with the engine, its version and device. In a terminal then a bar with steps, time, images
/// per second and the running loss and accuracy, then the validation, and Keras' line for the epoch; elsewhere one plain line an epoch. At the end why
/// the training stopped where it stopped early, which epoch's model is the best, and what speaks against it. Keras' <c>ProgbarLogger</c>.
/// </summary>
/// <remarks>
/// The bar is drawn at most every 0.05 seconds, between two training steps, and costs training no measurable time. A console that is closed or full
/// ends no training: what it does not take is left out.
/// </remarks>
public sealed class ProgressBar : Callback
{
    private static readonly TimeSpan RefreshInterval = TimeSpan.FromSeconds(0.05);

    private readonly IAnsiConsole console;
    private readonly TimeProvider clock;
    private readonly bool animated;
    private readonly Func<string, string> words = text => text;
    private long epochStart, firstStepEnd, lastStepEnd, lastDrawn;
    private bool lineOpen;
    private string? toldOfFiles;

    /// <summary>Creates the callback for the program's console.</summary>
    public ProgressBar()
        : this(AnsiConsole.Console, TimeProvider.System)
    {
    }

    /// <summary>Creates the callback for a reader who does not know this library's API, and is told of its settings in other words.</summary>
    internal ProgressBar(Func<string, string> words)
        : this() => this.words = words;

    internal ProgressBar(IAnsiConsole console, TimeProvider clock)
    {
        this.console = console;
        this.clock = clock;
        animated = console.Profile.Out.IsTerminal && console.Profile.Capabilities.Ansi;
    }

    /// <inheritdoc/>
    public override void OnTrainBegin(TrainingContext context)
    {
        string caution = context.IsDeterministic ? "" : ", which does not give the same bits in every run: another run with the same seed will differ slightly";
        toldOfFiles = null;
        WriteLine($"Training on {context.Engine}{caution}.");
        if (context.ResumedAfterEpoch > 0)
        {
            WriteLine($"Going on with the interrupted training, after epoch {context.ResumedAfterEpoch} of {context.Epochs}.");
        }

        foreach (string note in new[] { context.RecipeNote, context.ResumeNote }.OfType<string>())
        {
            WriteLine($"Note: {note}");
        }

        WriteWarning(context);
    }

    /// <inheritdoc/>
    public override void OnEpochBegin(TrainingContext context, int epoch)
    {
        epochStart = firstStepEnd = lastStepEnd = clock.GetTimestamp();
        lastDrawn = 0;
        if (animated)
        {
            ConsoleText.Show(() => console.MarkupLine($"Epoch {epoch}/{context.Epochs}"));
        }
    }

    /// <inheritdoc/>
    public override void OnTrainBatchEnd(TrainingContext context, BatchLog log)
    {
        long now = clock.GetTimestamp();
        lastStepEnd = now;
        if (log.Batch == 1)
        {
            firstStepEnd = now;
        }

        if (!animated || (lastDrawn != 0 && clock.GetElapsedTime(lastDrawn, now) < RefreshInterval))
        {
            return;
        }

        double step = SecondsPerStep(log.Batch);
        string metrics = ProgressLine.Metrics(("accuracy", log.Accuracy), ("loss", log.Loss));
        var remaining = TimeSpan.FromSeconds(step * (context.StepsPerEpoch - log.Batch));
        double rate = Math.Min(context.BatchSize, context.TrainImages) / Math.Max(step, 1e-9);
        EraseLine();
        ConsoleText.Show(() => console.Markup(ProgressLine.Running(log.Batch, context.StepsPerEpoch, clock.GetElapsedTime(epochStart, now), remaining, step, rate, metrics, console.Profile.Width - 1, ConsoleText.Bar(console.Profile.Encoding))));
        lineOpen = true;
        lastDrawn = now;
    }

    /// <inheritdoc/>
    public override void OnEpochEnd(TrainingContext context, EpochLog log)
    {
        int steps = context.StepsPerEpoch;
        double seconds = clock.GetElapsedTime(epochStart).TotalSeconds, step = SecondsPerStep(steps);
        string metrics = ProgressLine.Metrics(("accuracy", log.Accuracy), ("loss", log.Loss), ("val_accuracy", log.ValAccuracy), ("val_loss", log.ValLoss), ("val_weighted_accuracy", log.ValWeightedAccuracy));
        if (animated)
        {
            EraseLine();
            ConsoleText.Show(() => console.MarkupLine(ProgressLine.Finished(steps, seconds, step, metrics, ConsoleText.Bar(console.Profile.Encoding))));
        }
        else
        {
            WriteLine(ProgressLine.Plain(log.Epoch, context.Epochs, steps, seconds, step, metrics));
        }

        if (context.FilesNote is { } files && toldOfFiles is null)
        {
            WriteLine($"Warning: {files} It is tried again after each epoch.");
        }

        toldOfFiles = context.FilesNote;
    }

    /// <inheritdoc/>
    public override void OnTestBegin(TrainingContext context)
    {
        if (animated)
        {
            EraseLine();
            string more = ConsoleText.IsUnicode(console.Profile.Encoding) ? "…" : "...";
            ConsoleText.Show(() => console.Markup(Shortest(console.Profile.Width - 1, $"validating {context.ValidationImages.ToString("N0", CultureInfo.InvariantCulture)} images {more}", $"validating {more}")));
            lineOpen = true;
        }
    }

    /// <inheritdoc/>
    public override void OnTrainEnd(TrainingContext context)
    {
        if (context.StopReason is { } reason)
        {
            WriteLine($"Stopped after epoch {context.History.Epochs.Length} of {context.Epochs}: {reason}.");
        }

        if (context.BestEpoch is { } best)
        {
            WriteLine($"Best model: epoch {best.Epoch} - {ProgressLine.Metrics(("val_accuracy", best.ValAccuracy), ("val_loss", best.ValLoss), ("val_weighted_accuracy", best.ValWeightedAccuracy))}");
        }

        if (context.FilesNote is { } files)
        {
            WriteLine($"Warning: {files}");
        }

        WriteWarning(context);
    }

    /// <inheritdoc/>
    public override void OnTrainInterrupted(TrainingContext context, Exception reason)
    {
        if (lineOpen)
        {
            ConsoleText.Show(console.WriteLine); // what comes next must not stand behind the half-done bar
            lineOpen = false;
        }
    }

    /// <summary>Mean time of a step; the first, which warms up, counts only while there is no other (as Keras).</summary>
    private double SecondsPerStep(int steps) => steps > 1
        ? clock.GetElapsedTime(firstStepEnd, lastStepEnd).TotalSeconds / (steps - 1)
        : clock.GetElapsedTime(epochStart, lastStepEnd).TotalSeconds;

    /// <summary>At the beginning, while it can still be stopped, and at the end, where it is seen.</summary>
    private void WriteWarning(TrainingContext context)
    {
        if (context.Warning is { } warning)
        {
            WriteLine($"Warning: {warning}");
        }
    }

    private static string Shortest(int width, string full, string brief) => full.Length <= width ? full : brief.Length <= width ? brief : "";

    private void EraseLine()
    {
        if (lineOpen)
        {
            ConsoleText.Show(() => console.Write(new ControlCode("\r\e[2K")));
            lineOpen = false;
        }
    }

    /// <summary>Without a terminal a line stays one line: Spectre would break it after 80 characters.</summary>
    private void WriteLine(string line) => ConsoleText.Show(() => console.Profile.Out.Writer.WriteLine(words(line)));
}

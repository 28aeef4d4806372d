using System.Globalization;
using System.Text;

namespace Cifar3.Training;

/// <summary>How far an epoch is, in Keras' words. Pure functions from numbers to text; <see cref="ProgressBar"/> knows when and where.</summary>
internal static class ProgressLine
{
    private const int BarWidth = 20;

    /// <summary>Keras' last line of an epoch: <c>118/118 ━━━━ 12s 98ms/step - accuracy: 0.6713 - loss: 0.9233 - val_accuracy: …</c>, as Spectre markup.</summary>
    public static string Finished(int steps, double seconds, double secondsPerStep, string metrics, char bar) =>
        $"[bold]{steps}/{steps}[/] [green]{new string(bar, BarWidth)}[/] [bold]{Whole(seconds)}s[/] {PerStep(secondsPerStep)} - {metrics}";

    /// <summary>The only line of an epoch where nothing can be overwritten, Keras' verbose=2 on one line.</summary>
    public static string Plain(int epoch, int epochs, int steps, double seconds, double secondsPerStep, string metrics) =>
        $"Epoch {epoch}/{epochs} - {steps}/{steps} - {Whole(seconds)}s - {PerStep(secondsPerStep)} - {metrics}";

    /// <summary>The line of a running epoch: the fullest of several wordings that fits into <paramref name="width"/> characters, as Spectre markup.</summary>
    public static string Running(int step, int steps, TimeSpan elapsed, TimeSpan remaining, double secondsPerStep, double imagesPerSecond, string metrics, int width, char bar)
    {
        string count = step.ToString(CultureInfo.InvariantCulture).PadLeft(steps.ToString(CultureInfo.InvariantCulture).Length) + $"/{steps}";
        string times = $"{Time(elapsed)}, {Time(remaining)} left", speed = string.Create(CultureInfo.InvariantCulture, $"{imagesPerSecond:N0} img/s");
        (int Bar, string Tail)[] wordings =
        [
            (BarWidth, $" {times}, {PerStep(secondsPerStep)}, {speed} - {metrics}"),
            (BarWidth, $" {times}, {speed} - {metrics}"),
            (BarWidth / 2, $" {times}, {speed} - {metrics}"), // fits into 80 characters
            (BarWidth / 2, $" {times} - {metrics}"),
            (BarWidth, $" {times}"),
            (BarWidth, ""),
        ];
        foreach (var (length, tail) in wordings)
        {
            if (count.Length + 1 + length + tail.Length <= width)
            {
                int done = length * step / steps;
                return $"[bold]{count}[/] [green]{new string(bar, done)}[/][grey]{new string(bar, length - done)}[/]{tail}";
            }
        }

        return count.Length <= width ? $"[bold]{count}[/]" : "";
    }

    /// <summary>The metrics of a log line: four digits, or Keras' exponent form below 0.001.</summary>
    public static string Metrics(params IEnumerable<(string Name, double? Value)> metrics)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in metrics)
        {
            if (value is { } number)
            {
                text.Append(text.Length > 0 ? " - " : "").Append(name).Append(": ")
                    .Append(number.ToString(Math.Abs(number) > 1e-3 || number == 0 ? "F4" : "0.0000e+00", CultureInfo.InvariantCulture));
            }
        }

        return text.ToString();
    }

    /// <summary>Keras' duration of a step: <c>98ms/step</c>, <c>2s/step</c>, <c>350us/step</c>.</summary>
    public static string PerStep(double seconds) => seconds switch
    {
        >= 1 => $"{Whole(seconds)}s/step",
        >= 1e-3 => $"{Whole(seconds * 1e3)}ms/step",
        _ => $"{Whole(seconds * 1e6)}us/step",
    };

    private static string Time(TimeSpan time) => time.TotalSeconds switch
    {
        >= 3600 => time.ToString(@"h\:mm\:ss", CultureInfo.InvariantCulture),
        >= 60 => time.ToString(@"m\:ss", CultureInfo.InvariantCulture),
        _ => $"{(int)time.TotalSeconds}s",
    };

    private static string Whole(double number) => number.ToString("F0", CultureInfo.InvariantCulture);
}

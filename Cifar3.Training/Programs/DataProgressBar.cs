using System.Globalization;

namespace Cifar3.Training;

/// <summary>
/// Shows on the standard error how far a download or the reading of pictures is: a bar in a terminal, gone when the data are there; a line every ten seconds where nothing can be
/// overwritten (files, logs of a build server). A console that is closed or full ends no reading: what it does not take is left out.
/// </summary>
/// <example><code>
/// using var progress = new DataProgressBar();
/// var data = Cifar3Data.Load("pictures", new DataOptions { Progress = progress });
/// </code></example>
public sealed class DataProgressBar : IProgress<DataProgress>, IDisposable
{
    private const int BarWidth = 20;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);
    private readonly TextWriter error;
    private readonly bool terminal;
    private readonly TimeProvider clock;
    private readonly Lock gate = new();
    private long written;
    private bool lineOpen;

    /// <summary>A bar on this program's standard error.</summary>
    public DataProgressBar()
        : this(Console.Error, !Console.IsErrorRedirected, TimeProvider.System)
    {
    }

    internal DataProgressBar(TextWriter error, bool terminal, TimeProvider clock)
    {
        (this.error, this.terminal, this.clock) = (error, terminal, clock);
        written = clock.GetTimestamp();
    }

    /// <summary>Shows this state. May be called from any thread.</summary>
    /// <param name="value">How far loading is.</param>
    public void Report(DataProgress value)
    {
        string count = value.Stage == DataStage.Downloading
            ? string.Create(CultureInfo.InvariantCulture, $"{value.Done / 1e6:N0} of {value.Total / 1e6:N0} MB")
            : string.Create(CultureInfo.InvariantCulture, $"{value.Done:N0} of {value.Total:N0}");
        lock (gate)
        {
            if (terminal)
            {
                int done = value.Total > 0 ? (int)(BarWidth * Math.Clamp((double)value.Done / value.Total, 0, 1)) : 0;
                ConsoleText.Show(() => error.Write($"\r{value.Stage} {new string(ConsoleText.Bar(error.Encoding), done)}{new string(ConsoleText.IsUnicode(error.Encoding) ? '·' : ' ', BarWidth - done)} {count} "));
                lineOpen = true;
            }
            else if (clock.GetElapsedTime(written) >= Pause)
            {
                ConsoleText.Show(() => error.WriteLine($"{value.Stage}: {count}"));
                written = clock.GetTimestamp();
            }
        }
    }

    /// <summary>Takes the bar away.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            ConsoleText.Show(() => error.Write(lineOpen ? "\r\e[2K" : ""));
            lineOpen = false;
        }
    }
}

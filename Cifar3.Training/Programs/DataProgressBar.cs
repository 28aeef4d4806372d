using System.Globalization;
using Spectre.Console;

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
    private readonly Func<int> width;
    private readonly Lock gate = new();
    private long written;
    private int shown; // characters of the line that stands there

    /// <summary>A bar on this program's standard error.</summary>
    public DataProgressBar()
        : this(AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) }).Profile) // which knows the terminals that take no commands (TERM=dumb)
    {
    }

    internal DataProgressBar(TextWriter error, bool terminal, TimeProvider clock, Func<int>? width = null)
    {
        (this.error, this.terminal, this.clock, this.width) = (error, terminal, clock, width ?? (() => int.MaxValue));
        written = clock.GetTimestamp();
    }

    private DataProgressBar(Profile console)
        : this(Console.Error, console.Out.IsTerminal && console.Capabilities.Ansi, TimeProvider.System, () => console.Width)
    {
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
                string bar = $"{new string(ConsoleText.Bar(error.Encoding), done)}{new string(ConsoleText.IsUnicode(error.Encoding) ? '·' : ' ', BarWidth - done)}";
                string line = new[] { $"{value.Stage} {bar} {count} ", $"{value.Stage} {count} " }.FirstOrDefault(line => line.Length < width()) ?? ""; // one that is broken cannot be overwritten
                if (line.Length + shown > 0)
                {
                    ConsoleText.Show(() => error.Write($"\r{line.PadRight(shown)}"));
                    shown = line.Length;
                }
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
            ConsoleText.Show(() => error.Write(shown > 0 ? "\r\e[2K" : ""));
            shown = 0;
        }
    }
}

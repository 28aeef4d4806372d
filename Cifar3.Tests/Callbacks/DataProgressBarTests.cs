using System.Text;
using Cifar3.Training;

namespace Cifar3.Tests;

public sealed class DataProgressBarTests
{
    private readonly ManualClock clock = new();

    [Test]
    public void Report_InATerminal_OverwritesOneLineAndTakesItAway()
    {
        using var error = new StringWriter();
        using (var bar = new DataProgressBar(error, terminal: true, clock))
        {
            bar.Report(new DataProgress(DataStage.Downloading, 17_000_000, 170_000_000));
            bar.Report(new DataProgress(DataStage.Reading, 5_000, 10_000));
        }

        Assert.That(error.ToString(), Is.EqualTo("\rDownloading ━━·················· 17 of 170 MB \rReading ━━━━━━━━━━·········· 5,000 of 10,000  \r\e[2K"), "nothing is left of a longer line");
    }

    /// <summary>A line longer than the terminal is wide cannot be overwritten: each report left one, a hundred of them for one folder.</summary>
    [TestCase(46, "\rReading ━━━━━━━━━━·········· 5,000 of 10,000 \r\e[2K")]
    [TestCase(45, "\rReading 5,000 of 10,000 \r\e[2K")]
    [TestCase(10, "")]
    public void Report_InANarrowTerminal_StaysOnOneLine(int width, string expected)
    {
        using var error = new StringWriter();
        using (var bar = new DataProgressBar(error, terminal: true, clock, () => width))
        {
            bar.Report(new DataProgress(DataStage.Reading, 5_000, 10_000));
        }

        Assert.That(error.ToString(), Is.EqualTo(expected));
    }

    /// <summary>As a window of Windows is, unless its program asks for UTF-8.</summary>
    [Test]
    public void Report_InATerminalOfAnOldCodePage_DrawsWhatItHas()
    {
        using var error = new ProgressBarTests.EncodedWriter(Encoding.Latin1);
        using var bar = new DataProgressBar(error, terminal: true, clock);

        bar.Report(new DataProgress(DataStage.Reading, 5_000, 10_000));

        Assert.That(error.ToString(), Is.EqualTo("\rReading ----------           5,000 of 10,000 "));
    }

    [Test]
    public void Report_WhereNothingCanBeOverwritten_WritesALineEveryTenSeconds()
    {
        using var error = new StringWriter();
        using (var bar = new DataProgressBar(error, terminal: false, clock))
        {
            foreach (int second in new[] { 9, 10, 15, 21 })
            {
                clock.Seconds = 1 + second;
                bar.Report(new DataProgress(DataStage.Reading, second * 1000, 50_000));
            }
        }

        Assert.That(error.ToString().ReplaceLineEndings("\n"), Is.EqualTo("Reading: 10,000 of 50,000\nReading: 21,000 of 50,000\n"));
    }

    /// <summary>The standard error of <c>2&gt; log</c> on a full disk, or of a console that is gone: reading went no further.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void Report_WhereNothingCanBeWritten_IsLeftOut(bool terminal)
    {
        using var error = new FullWriter();
        using var bar = new DataProgressBar(error, terminal, clock);

        clock.Seconds += 11;
        bar.Report(new DataProgress(DataStage.Reading, 5_000, 10_000));

        Assert.That(error.Tries, Is.EqualTo(1));
    }

    private sealed class FullWriter : StringWriter
    {
        public int Tries { get; private set; }

        public override void Write(string? value)
        {
            Tries++;
            throw new IOException("No space left on device");
        }

        public override void WriteLine(string? value) => Write(value);
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Dispose_OfABarThatShowedNothing_WritesNothing(bool terminal)
    {
        using var error = new StringWriter();
        new DataProgressBar(error, terminal, clock).Dispose();

        Assert.That(error.ToString(), Is.Empty);
    }
}

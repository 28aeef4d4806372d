using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Cifar3.Training;
using Spectre.Console;

namespace Cifar3.Tests;

public sealed partial class ProgressBarTests
{
    [Test]
    public void Training_NoTerminal_WritesTheEngineAndExactlyOnePlainLineAnEpoch()
    {
        string output = Run(terminal: false, epochs: 2, secondsPerBatch: 0.1);

        Assert.That(output, Is.EqualTo(
            "Training on Fake 1.0 (CPU, test).\n" +
            "Epoch 1/2 - 4/4 - 0s - 100ms/step - accuracy: 0.5000 - loss: 1.0000 - val_accuracy: 0.2500 - val_loss: 2.0000\n" +
            "Epoch 2/2 - 4/4 - 0s - 100ms/step - accuracy: 0.5000 - loss: 1.0000 - val_accuracy: 0.2500 - val_loss: 2.0000\n"));
    }

    [Test]
    public void Training_Terminal_RewritesOneLineAndEndsWithKerasLine()
    {
        string output = Run(terminal: true, epochs: 1, secondsPerBatch: 3);

        string[] frames = Colours().Replace(output, "").TrimEnd('\n').Split('\n', '\r');
        Assert.That(frames, Is.EqualTo(new[]
        {
            "Training on Fake 1.0 (CPU, test).",
            "Epoch 1/1",
            "1/4 ━━━━━━━━━━━━━━━━━━━━ 3s, 9s left, 3s/step, 11 img/s - accuracy: 0.5000 - loss: 1.0000",
            "2/4 ━━━━━━━━━━━━━━━━━━━━ 6s, 6s left, 3s/step, 11 img/s - accuracy: 0.5000 - loss: 1.0000",
            "3/4 ━━━━━━━━━━━━━━━━━━━━ 9s, 3s left, 3s/step, 11 img/s - accuracy: 0.5000 - loss: 1.0000",
            "4/4 ━━━━━━━━━━━━━━━━━━━━ 12s, 0s left, 3s/step, 11 img/s - accuracy: 0.5000 - loss: 1.0000",
            "4/4 ━━━━━━━━━━━━━━━━━━━━ 12s 3s/step - accuracy: 0.5000 - loss: 1.0000 - val_accuracy: 0.2500 - val_loss: 2.0000",
        }));
    }

    [Test]
    public void Training_ResumedStoppedAndUseless_SaysEachInALine()
    {
        var (console, text) = Console(terminal: false);
        var bar = new ProgressBar(console, new ManualClock());
        var context = ScriptedTraining.Context(epochs: 9);
        context.ResumedAfterEpoch = 2;
        bar.OnTrainBegin(context);
        context.Epoch(.25);
        context.BestEpoch = context.History.Epochs[0];
        context.StopTraining("nothing improved");
        context.Warning = "no better than chance.";

        bar.OnTrainEnd(context);

        Assert.That(text.ToString(), Is.EqualTo(
            "Training on Fake 1.0 (CPU, test).\n" +
            "Going on with the interrupted training, after epoch 2 of 9.\n" +
            "Stopped after epoch 1 of 9: nothing improved.\n" +
            "Best model: epoch 1 - val_accuracy: 0.2500 - val_loss: 0.7500\n" +
            "Warning: no better than chance.\n"));
    }

    [Test]
    public void Training_ResumedUnderOtherInstructions_SaysSo()
    {
        var (console, text) = Console(terminal: false);
        var context = ScriptedTraining.Context(epochs: 9);
        (context.ResumedAfterEpoch, context.ResumeNote) = (2, "other bits.");

        new ProgressBar(console, new ManualClock()).OnTrainBegin(context);

        Assert.That(text.ToString(), Does.EndWith("after epoch 2 of 9.\nNote: other bits.\n"));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Training_ConsoleThatTakesNothing_GoesOn(bool terminal)
    {
        using var full = new FullWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = terminal ? AnsiSupport.Yes : AnsiSupport.No, Out = new FullOutput(full, terminal) });
        var options = new TrainerOptions { Epoch = 2, Callbacks = [new ProgressBar(console, TimeProvider.System)] };

        var result = FakeTrainer.Create(options).Fit(ColourImages.Create(40), ColourImages.Create(20));

        Assert.That(result.History.Epochs, Has.Length.EqualTo(2));
        Assert.That(full.Writes, Is.GreaterThan(2), "it was tried");
    }

    [Test]
    public void OnTestBegin_Terminal_SaysThatItValidatesUntilTheEpochsLine()
    {
        var (console, text) = Console(terminal: true);
        var bar = new ProgressBar(console, new ManualClock());
        var context = ScriptedTraining.Context(epochs: 1);
        bar.OnEpochBegin(context, 1);

        bar.OnTestBegin(context);

        Assert.That(Colours().Replace(Lines(text), ""), Is.EqualTo("Epoch 1/1\nvalidating 100 images …"));
        bar.OnEpochEnd(context, new EpochLog(1, 1, .5, 2, .25, 1e-3, 1));
        Assert.That(text.ToString(), Does.Contain("…\r\e[2K"), "the line was not taken back");
    }

    [Test]
    public void Training_FastSteps_DrawsAtMostEvery50Milliseconds()
    {
        string output = Run(terminal: true, epochs: 1, secondsPerBatch: 0.001, images: 3200);

        Assert.That(output.Split('\r'), Has.Length.LessThanOrEqualTo(1 + 2 + 1)); // 100 steps in 0.1 s: at 0, 0.05 (and 0.1), then the last line
    }

    [Test]
    public void OnTrainInterrupted_BarHalfDone_EndsItsLine()
    {
        var (console, text) = Console(terminal: true);
        var bar = new ProgressBar(console, new ManualClock());
        var context = ScriptedTraining.Context();
        bar.OnTrainBegin(context);
        bar.OnEpochBegin(context, 1);
        bar.OnTrainBatchEnd(context, new BatchLog(1, 1, .5, 32));

        bar.OnTrainInterrupted(context, new OperationCanceledException());

        Assert.That(text.ToString(), Does.EndWith("\n"));
    }

    [Test]
    public void OnTrainBegin_EngineNotDeterministic_SaysSo()
    {
        var (console, text) = Console(terminal: false);
        var model = CnnModel.Create(ColourImages.ClassNames, filters: FakeEngine.Filters);
        var engine = new FakeEngine(model, new EngineOptions()) { IsDeterministic = false };
        var context = new TrainingContext(new TrainerOptions(), TrainingPlan.Create(new TrainerOptions(), 1), model, engine, ColourImages.Create(1), null);

        new ProgressBar(console, new ManualClock()).OnTrainBegin(context);

        Assert.That(text.ToString(), Is.EqualTo("Training on Fake 1.0 (CPU, test), which does not give the same bits in every run: another run with the same seed will differ slightly.\n"));
    }

    [TestCase(120, "  7/118 ━━━━━━━━━━━━━━━━━━━━ 1:05, 1:02:03 left, 98ms/step, 1,310 img/s - accuracy: 0.6713 - loss: 0.9233")]
    [TestCase(100, "  7/118 ━━━━━━━━━━━━━━━━━━━━ 1:05, 1:02:03 left, 1,310 img/s - accuracy: 0.6713 - loss: 0.9233")]
    [TestCase(85, "  7/118 ━━━━━━━━━━ 1:05, 1:02:03 left, 1,310 img/s - accuracy: 0.6713 - loss: 0.9233")]
    [TestCase(80, "  7/118 ━━━━━━━━━━ 1:05, 1:02:03 left - accuracy: 0.6713 - loss: 0.9233")]
    [TestCase(60, "  7/118 ━━━━━━━━━━━━━━━━━━━━ 1:05, 1:02:03 left")]
    [TestCase(30, "  7/118 ━━━━━━━━━━━━━━━━━━━━")]
    [TestCase(10, "  7/118")]
    [TestCase(3, "")]
    public void Running_NarrowTerminal_LeavesTheLeastImportantOut(int width, string expected)
    {
        string markup = ProgressLine.Running(7, 118, TimeSpan.FromSeconds(65), new TimeSpan(1, 2, 3), 0.098, 1310.4, "accuracy: 0.6713 - loss: 0.9233", width, '━');

        string line = Markup.Remove(markup);
        Assert.That(line, Is.EqualTo(expected));
        Assert.That(line, Has.Length.LessThanOrEqualTo(width));
    }

    [TestCase(0.6713, "x: 0.6713")]
    [TestCase(0.00012345, "x: 1.2345e-04")]
    [TestCase(0, "x: 0.0000")]
    [TestCase(null, "")]
    public void Metrics_Numbers_AsKeras(double? value, string expected) =>
        Assert.That(ProgressLine.Metrics(("x", value)), Is.EqualTo(expected));

    [TestCase(12.6, "13s/step")]
    [TestCase(0.098, "98ms/step")]
    [TestCase(0.00035, "350us/step")]
    public void PerStep_Seconds_AsKeras(double seconds, string expected) => Assert.That(ProgressLine.PerStep(seconds), Is.EqualTo(expected));

    /// <summary>As a window of Windows is, unless its program asks for UTF-8.</summary>
    [Test]
    public void Training_TerminalOfAnOldCodePage_DrawsWhatItHas()
    {
        string output = Run(terminal: true, epochs: 1, secondsPerBatch: 3, encoding: Encoding.Latin1);

        Assert.That(output, Does.Contain("--------------------").And.Contain("validating 100 images ...").And.Not.Contain("━").And.Not.Contain("…"));
    }

    private static string Run(bool terminal, int epochs, double secondsPerBatch, int images = 100, Encoding? encoding = null)
    {
        var (console, text) = Console(terminal, encoding);
        var clock = new ManualClock();
        var bar = new ProgressBar(console, clock);
        var context = ScriptedTraining.Context(epochs, images: images);
        bar.OnTrainBegin(context);
        for (int epoch = 1; epoch <= epochs; epoch++)
        {
            bar.OnEpochBegin(context, epoch);
            for (int batch = 1; batch <= context.StepsPerEpoch; batch++)
            {
                clock.Seconds += secondsPerBatch;
                bar.OnTrainBatchEnd(context, new BatchLog(batch, 1, .5, 32 * batch));
            }

            if (encoding is not null)
            {
                bar.OnTestBegin(context);
            }

            bar.OnEpochEnd(context, new EpochLog(epoch, 1, .5, 2, .25, 1e-3, 1));
        }

        bar.OnTrainEnd(context);
        return Lines(text);
    }

    /// <summary>A console, and what it shows.</summary>
    internal static (IAnsiConsole Console, StringWriter Text) Console(bool terminal, Encoding? encoding = null)
    {
        var text = new EncodedWriter(encoding ?? Encoding.UTF8) { NewLine = "\n" };
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = terminal ? AnsiSupport.Yes : AnsiSupport.No,
            Out = new TestOutput(text, terminal),
        });
        return (console, text);
    }

    /// <summary>Spectre ends lines as the system does.</summary>
    private static string Lines(StringWriter text) => text.ToString().Replace("\r\n", "\n", StringComparison.Ordinal);

    [GeneratedRegex(@"\e\[[0-9;]*[mK]")]
    private static partial Regex Colours();

    /// <summary>Text as a console of this encoding is given it.</summary>
    internal sealed class EncodedWriter(Encoding encoding) : StringWriter(CultureInfo.InvariantCulture)
    {
        public override Encoding Encoding => encoding;
    }

    private sealed class TestOutput(TextWriter writer, bool terminal) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;

        public bool IsTerminal => terminal;

        public int Width => 200;

        public int Height => 50;

        public void SetEncoding(Encoding encoding)
        {
        }
    }

    /// <summary>A console on a full disk.</summary>
    private sealed class FullWriter : StringWriter
    {
        public int Writes { get; private set; }

        public override void Write(char value) => Fail();

        public override void Write(char[] buffer, int index, int count) => Fail();

        public override void Write(string? value) => Fail();

        public override void WriteLine(string? value) => Fail();

        private void Fail()
        {
            Writes++;
            throw new IOException("No space left on device");
        }
    }

    private sealed class FullOutput(TextWriter writer, bool terminal) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;

        public bool IsTerminal => terminal;

        public int Width => 80;

        public int Height => 25;

        public void SetEncoding(Encoding encoding)
        {
        }
    }
}

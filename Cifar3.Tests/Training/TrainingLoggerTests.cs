using Cifar3.Training;
using Microsoft.Extensions.Logging;

namespace Cifar3.Tests;

/// <summary>What an application's log is told of a training.</summary>
public sealed class TrainingLoggerTests
{
    private static readonly ImageSet Images = ColourImages.Create(64);

    [Test]
    public void Fit_WithValidation_LogsBeginEachEpochAndEndWithTheirNumbers()
    {
        var log = new Recording();

        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 2, Callbacks = [new TrainingLogger(log)] }).Fit(Images, Images);

        var epochs = log.Entries.Where(entry => entry.Values.ContainsKey("ValAccuracy")).ToList();
        Assert.That(log.Entries[0].Text, Does.StartWith("Training on 64 images, validating on 64, with ").And.Contain("Adam"));
        Assert.That(epochs.Select(entry => (int)entry.Values["Epoch"]!), Is.EqualTo(new[] { 1, 2 }));
        Assert.That(epochs.Select(entry => (double)entry.Values["ValLoss"]!), Is.EqualTo(result.History["val_loss"]));
        Assert.That(log.Entries.Where(entry => entry.Level == LogLevel.Information).Last().Text, Is.EqualTo("Training ended after its last epoch, 2"));
        Assert.That(
            log.Entries.Where(entry => entry.Level == LogLevel.Warning).Select(entry => entry.Text),
            Is.EqualTo(new[] { LeakageWarning.Of(Images, Images), result.Warning }),
            "the training images validate: said at the beginning, and at the end with what came of it");
    }

    [Test]
    public void Fit_WithoutValidation_LogsTrainingMetrics()
    {
        var log = new Recording();

        FakeTrainer.Create(new TrainerOptions { Epoch = 1, Callbacks = [new TrainingLogger(log)] }).Fit(Images);

        Assert.That(log.Entries.Select(entry => entry.Text), Has.One.Match(@"^Epoch 1/1: loss [0-9.]+, accuracy [0-9.]+, [0-9.]+ s$"));
    }

    /// <summary>It is what the best epoch is chosen by, and the log did not have it.</summary>
    [Test]
    public void Fit_WithClassWeights_LogsTheWeightedAccuracyThatChooses()
    {
        var log = new Recording();

        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 2, ClassWeights = ClassWeights.Of((Images.ClassNames[0], 3)), Callbacks = [new TrainingLogger(log)] }).Fit(Images, Images);

        Assert.That(
            log.Entries.Where(entry => entry.Values.ContainsKey("ValWeightedAccuracy")).Select(entry => (double)entry.Values["ValWeightedAccuracy"]!),
            Is.EqualTo(result.History["val_weighted_accuracy"]));
        Assert.That(log.Entries.Select(entry => entry.Text), Has.One.Match(@"^Epoch 1/2: .* validation accuracy [0-9.]+, weighted by class [0-9.]+, [0-9.]+ s$"));
    }

    [Test]
    public void Fit_StoppedOrCancelled_SaysWhy()
    {
        var (stopped, cancelled) = (new Recording(), new Recording());
        using var source = new CancellationTokenSource();

        FakeTrainer.Create(new TrainerOptions { Epoch = 5, Callbacks = [new TrainingLogger(stopped), new Recorder { OnEpoch = (context, _) => context.StopTraining("enough") }] }).Fit(Images);
        Assert.That(
            () => FakeTrainer.Create(new TrainerOptions { Epoch = 5, Callbacks = [new TrainingLogger(cancelled), new Recorder { OnEpoch = (_, _) => source.Cancel() }] }).Fit(Images, cancellationToken: source.Token),
            Throws.InstanceOf<OperationCanceledException>());

        Assert.That(stopped.Entries.Select(entry => entry.Text), Has.One.EqualTo("Training stopped after 1 epochs: enough"));
        Assert.That(cancelled.Entries.Where(entry => entry.Level == LogLevel.Warning).Select(entry => entry.Text), Has.One.StartsWith("Training was interrupted after 1 epochs: "));
        Assert.That(() => new TrainingLogger(null!), Throws.ArgumentNullException);
    }

    [Test]
    public void Fit_FileThatCannotBeWritten_WarnsAtTheEnd()
    {
        var log = new Recording();
        string file = Path.Combine(TestFiles.NewFolder(), "log.csv");

        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 2, Callbacks = [new TrainingLogger(log), new Recorder { OnEpoch = (_, _) => Directory.CreateDirectory(file) }, new CsvLogger(file)] }).Fit(Images);

        Assert.That(result.FilesNote, Does.StartWith("Cannot write "));
        Assert.That(log.Entries.Count(entry => entry.Level == LogLevel.Warning && entry.Text == result.FilesNote), Is.EqualTo(1));
    }

    [Test]
    public void OnTrainBegin_ResumedOnAnotherProcessor_WarnsOfTheBits()
    {
        var log = new Recording();
        var context = ScriptedTraining.Context();
        (context.ResumedAfterEpoch, context.ResumeNote) = (2, "other bits.");

        new TrainingLogger(log).OnTrainBegin(context);

        Assert.That(log.Entries.Select(entry => (entry.Level, entry.Text)), Has.One.EqualTo((LogLevel.Warning, "other bits.")));
    }

    private sealed class Recording : ILogger
    {
        public List<(LogLevel Level, string Text, Dictionary<string, object?> Values)> Entries { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Entries.Add((logLevel, formatter(state, exception), ((IEnumerable<KeyValuePair<string, object?>>)state!).ToDictionary()));
    }
}

using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>What callbacks are told, beside the order of the moments.</summary>
public sealed class CallbackTests
{
    private static readonly ImageSet Train = ColourImages.Create(96, seed: 1), Validation = ColourImages.Create(48, seed: 2);

    [Test]
    public void OnTrainEnd_OneThatFails_InterruptsNoneThatWasToldOfTheEnd()
    {
        Recorder before = new(), after = new();

        Assert.That(() => FakeTrainer.Create(new TrainerOptions { Epoch = 1, Callbacks = [before, new FailsAtTheEnd(), after] }).Fit(Train), Throws.TypeOf<InvalidOperationException>());

        Assert.That(before.Moments[^2..], Is.EqualTo(new[] { "epoch end 1", "train end" }));
        Assert.That(after.Moments[^2..], Is.EqualTo(new[] { "epoch end 1", "interrupted InvalidOperationException" }));
    }

    /// <summary>A file written within an epoch claimed the accuracy of the epoch before, which other weights had.</summary>
    [TestCase("keras")]
    [TestCase("fast")]
    public void Model_WithinAnEpoch_TellsNoAccuracyOfOtherWeights(string recipe)
    {
        var seen = new SeesAccuracies();

        var history = FakeTrainer.Create(new TrainerOptions { Recipe = Recipe.Named(recipe), Epoch = 2, BatchSize = 48, Callbacks = [seen] }).Fit(Train, Validation).History.Epochs;

        double? first = history[0].ValAccuracy, second = history[1].ValAccuracy;
        Assert.That(seen.Accuracies, Is.EqualTo(new[] { ("batch begin", null), ("batch end", null), ("batch begin", null), ("batch end", null), ("test", null), ("epoch end", first), ("batch begin", first), ("batch end", null), ("batch begin", null), ("batch end", null), ("test", null), ("epoch end", second), ("train end", second) }));
    }

    /// <summary>So with what a run's folder of unknown origin tells.</summary>
    [Test]
    public void StopTraining_ReasonThatCommandsATerminal_IsEscapedInTheResultsLine()
    {
        var stops = new Recorder { OnEpoch = (context, _) => context.StopTraining("\u001b[2Jenough\nof it") };

        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 2, Callbacks = [stops] }).Fit(Train);

        Assert.That(result.ToString(), Does.Contain(@"stopped early: \u001B[2Jenough\nof it"));
        Assert.That(result.StopReason, Is.EqualTo("\u001b[2Jenough\nof it"));
    }

    /// <summary>A checkpoint knows callbacks by their words: what they left out could change, and the training that goes on would be neither the one nor the other.</summary>
    [Test]
    public void ToString_AnySettingChanged_IsAnother()
    {
        Callback[] callbacks =
        [
            new EarlyStopping(), new EarlyStopping("val_loss"), new EarlyStopping(patience: 4), new EarlyStopping(minDelta: .1), new EarlyStopping(mode: MonitorMode.Min), new EarlyStopping(baseline: .1),
            new EarlyStopping(restoreBestWeights: true), new EarlyStopping(startFromEpoch: 1),
            new ReduceLROnPlateau(), new ReduceLROnPlateau("loss"), new ReduceLROnPlateau(factor: .5), new ReduceLROnPlateau(patience: 4), new ReduceLROnPlateau(mode: MonitorMode.Max),
            new ReduceLROnPlateau(minDelta: .1), new ReduceLROnPlateau(cooldown: 1), new ReduceLROnPlateau(minLearningRate: .1),
            new ModelCheckpoint("m.onnx"), new ModelCheckpoint("m.onnx", "val_loss"), new ModelCheckpoint("m.onnx", saveBestOnly: false), new ModelCheckpoint("m.onnx", mode: MonitorMode.Min),
        ];

        Assert.That(callbacks.Select(callback => callback.ToString()), Is.Unique);
    }

    private sealed class FailsAtTheEnd : Callback
    {
        public override void OnTrainEnd(TrainingContext context) => throw new InvalidOperationException("cannot end");

        public override void OnTrainInterrupted(TrainingContext context, Exception reason) => Assert.Fail("told of both");
    }

    private sealed class SeesAccuracies : Callback
    {
        public List<(string, double?)> Accuracies { get; } = [];

        public override void OnTrainBatchBegin(TrainingContext context, int batch) => See("batch begin", context);

        public override void OnTrainBatchEnd(TrainingContext context, BatchLog log) => See("batch end", context);

        public override void OnTestBegin(TrainingContext context) => See("test", context);

        public override void OnEpochEnd(TrainingContext context, EpochLog log) => See("epoch end", context);

        public override void OnTrainEnd(TrainingContext context) => See("train end", context);

        private void See(string moment, TrainingContext context) => Accuracies.Add((moment, context.Model.Metadata.ValAccuracy));
    }
}

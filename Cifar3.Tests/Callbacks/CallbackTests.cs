using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>What callbacks are told, beside the order of the moments.</summary>
public sealed class CallbackTests
{
    private static readonly ImageSet Train = ColourImages.Create(96, seed: 1);

    [Test]
    public void OnTrainEnd_OneThatFails_InterruptsNoneThatWasToldOfTheEnd()
    {
        Recorder before = new(), after = new();

        Assert.That(() => FakeTrainer.Create(new TrainerOptions { Epoch = 1, Callbacks = [before, new FailsAtTheEnd(), after] }).Fit(Train), Throws.TypeOf<InvalidOperationException>());

        Assert.That(before.Moments[^2..], Is.EqualTo(new[] { "epoch end 1", "train end" }));
        Assert.That(after.Moments[^2..], Is.EqualTo(new[] { "epoch end 1", "interrupted InvalidOperationException" }));
    }

    private sealed class FailsAtTheEnd : Callback
    {
        public override void OnTrainEnd(TrainingContext context) => throw new InvalidOperationException("cannot end");

        public override void OnTrainInterrupted(TrainingContext context, Exception reason) => Assert.Fail("told of both");
    }
}

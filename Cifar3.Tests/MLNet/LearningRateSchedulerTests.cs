using Cifar3.Training;

namespace Cifar3.Tests;

public sealed class LearningRateSchedulerTests
{
    [Test]
    public void ExponentialLRDecay_Staircase_ChangesEveryTwoEpochs()
    {
        var decay = new ExponentialLRDecay(learningRate: 0.01f);

        Assert.That(Rates(decay, epochs: 6), Is.EqualTo(new[] { 0.01, 0.01, 0.0094, 0.0094, 0.008836, 0.008836 }).Within(1e-7));
        Assert.That(new ExponentialLRDecay(0.01f, staircase: false).GetLearningRate(new TrainState(1, 0, 4, 32)), Is.EqualTo(0.01 * Math.Sqrt(0.94)).Within(1e-7));
    }

    /// <summary>A float just above 0.1 times ten batches is more than one step: every change came a step later than ML.NET's and Keras' do. One just below 0.7 began a cycle anew at its end.</summary>
    [TestCase(.1f, 1)]
    [TestCase(.3f, 3)]
    [TestCase(.7f, 7)]
    [TestCase(1.1f, 11)]
    [TestCase(2.2f, 22)]
    public void Decays_PartsOfAnEpochThatAreWholeSteps_EndAtTheStep(float epochs, int steps)
    {
        LearningRateScheduler stairs = new ExponentialLRDecay(1, epochs, .5f), cycle = new PolynomialLRDecay(1, epochs, .25f, cycle: true);

        Assert.That(new[] { steps - 1, steps, 2 * steps - 1, 2 * steps }.Select(step => Rate(stairs, step)), Is.EqualTo(new[] { 1, .5f, .5f, .25f }));
        Assert.That(new[] { steps, 2 * steps }.Select(step => Rate(cycle, step)), Is.All.EqualTo(.25f));

        static float Rate(LearningRateScheduler scheduler, int step) => scheduler.GetLearningRate(new TrainState(step / 10, step % 10, 10, 32));
    }

    /// <summary>Halved an epoch, 0.001 is below every float after 140: the training ended there with an error, after hours.</summary>
    [Test]
    public void ExponentialLRDecay_ManyDecays_LeavesARate()
    {
        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 150, BatchSize = 64, LearningRateScheduler = new ExponentialLRDecay(numEpochsPerDecay: 1, decayRate: .5f) }).Fit(ColourImages.Create(64));

        Assert.That(result.History["learning_rate"], Has.Count.EqualTo(150).And.All.GreaterThan(0));
    }

    [Test]
    public void PolynomialLRDecay_StraightLine_ReachesItsEndAndStays()
    {
        Assert.That(Rates(new PolynomialLRDecay(0.01f, 2, 0.001f), epochs: 4), Is.EqualTo(new[] { 0.01, 0.0055, 0.001, 0.001 }).Within(1e-7));
        Assert.That(Rates(new PolynomialLRDecay(0.01f, 2, 0.001f, cycle: true), epochs: 4), Is.EqualTo(new[] { 0.01, 0.0055, 0.001, 0.00325 }).Within(1e-7));
        Assert.That(new PolynomialLRDecay(0.01f, 2, 0.001f, power: 2).GetLearningRate(new TrainState(1, 0, 4, 32)), Is.EqualTo(0.001 + 0.009 * 0.25).Within(1e-7));
    }

    [Test]
    public void LsrDecay_BatchAndEpoch_ScaleTheBase()
    {
        var decay = new LsrDecay(0.1f);

        Assert.That(decay.GetLearningRate(new TrainState(0, 0, 4, 256)), Is.EqualTo(0.2f));
        Assert.That(new[] { 90, 91, 135, 136, 181, 182, 1000 }.Select(epoch => decay.GetLearningRate(new TrainState(epoch, 0, 4, 128))), Is.EqualTo(new[] { 0.1f, 0.01f, 0.01f, 0.001f, 0.001f, 0.00001f, 0.00001f }).Within(1e-9));
    }

    [Test]
    public void Fit_SchedulerOfOnesOwn_IsAskedBeforeEveryBatch()
    {
        var own = new Asked();

        FakeTrainer.Create(new TrainerOptions { Epoch = 2, BatchSize = 64, LearningRate = .01f, LearningRateScheduler = own }).Fit(ColourImages.Create(100));

        Assert.That(own.States, Is.EqualTo(new[] { (0, 0), (0, 1), (1, 0), (1, 1) }.Select(at => new TrainState(at.Item1, at.Item2, 2, 64) { Epochs = 2, LearningRate = .01f })));
        Assert.That(own.States.Select(state => state.ShareDone), Is.EqualTo(new[] { 0, 1 / 3.0, 2 / 3.0, 1 }).Within(1e-9));
    }

    private sealed class Asked : LearningRateScheduler
    {
        public List<TrainState> States { get; } = [];

        public override float GetLearningRate(TrainState state)
        {
            States.Add(state);
            return state.LearningRate;
        }
    }

    [Test]
    public void Schedulers_ValuesOutOfRange_AreRefused()
    {
        Assert.That(() => new ExponentialLRDecay(0), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("learningRate=0"));
        Assert.That(() => new PolynomialLRDecay(power: float.NaN), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new LsrDecay([new(1, 1)]), Throws.ArgumentException.With.Message.Contains("rise from 0"));
        Assert.That(() => new LsrDecay([new(0, 1), new(5, .1f), new(5, .2f)]), Throws.ArgumentException.With.Message.Contains("Received: 0, 5, 5."));
        Assert.That(() => new LsrDecay([new(0, -1)]), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    private static double[] Rates(LearningRateScheduler scheduler, int epochs) => [.. Enumerable.Range(0, epochs).Select(epoch => (double)scheduler.GetLearningRate(new TrainState(epoch, 0, 4, 32)))];
}

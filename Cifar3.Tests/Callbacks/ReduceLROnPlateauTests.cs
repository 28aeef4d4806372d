using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Expected rates are those of Keras 3's ReduceLROnPlateau on the same values; a schedule's are multiplied, which Keras has no word for.</summary>
public sealed class ReduceLROnPlateauTests
{
    private static readonly double[] Plateau = [.5, .6, .6, .6, .6, .6, .6, .6];

    [TestCase(new[] { .5, .6, .6, .6, .6, .6, .7 }, 2, 0, new[] { 1, 1, 1, 1, .5, .5, .25 })]
    [TestCase(new[] { .5, .6, .6, .7, .6, .6, .6 }, 2, 0, new[] { 1, 1, 1, 1, 1, 1, .5 }, Description = "waiting starts anew at .7")]
    [TestCase(new[] { .5, .6, .6, .6, .6, .6, .6, .6 }, 2, 2, new[] { 1, 1, 1, 1, .5, .5, .5, .25 })]
    [TestCase(new[] { .6, .5, .5, .5, .5, .5 }, 1, 2, new[] { 1, 1, .5, .5, .25, .25 }, Description = "nothing is reduced while it cools down")]
    [TestCase(new[] { .5, .50005, .5002 }, 1, 0, new[] { 1, 1, .5 }, Description = "less than 0.0001 is no gain")]
    public void OnEpochEnd_Values_ReduceAfterPatience(double[] values, int patience, int cooldown, double[] expected) =>
        Assert.That(Rates(values, () => new ReduceLROnPlateau(factor: .5, patience: patience, cooldown: cooldown)), Is.EqualTo(expected).Within(1e-6));

    [Test]
    public void OnEpochEnd_LowestRateReached_Stays() =>
        Assert.That(Rates([.6, .5, .5, .5], () => new ReduceLROnPlateau(patience: 1, minLearningRate: 4e-4)), Is.EqualTo(new[] { 1, 1, .4, .4 }).Within(1e-6));

    [Test]
    public void OnEpochEnd_Schedule_IsReducedFromThenOn()
    {
        Assert.That(Rates([.6, .5, .7, .8], () => new ReduceLROnPlateau(patience: 1), Falling), Is.EqualTo(new[] { 1, .5, .025, .0125 }).Within(1e-6));
        Assert.That(Rates([.6, .5, .7, .8], () => new ReduceLROnPlateau(patience: 1, minLearningRate: 2e-4), Falling), Is.EqualTo(new[] { 1, .5, .2, .125 }).Within(1e-6), "what the schedule itself has below the lowest rate is its own");
        Assert.That(Rates([.6, .7, .5, .8], () => new ReduceLROnPlateau(patience: 1, minLearningRate: 2e-4), new PolynomialLRDecay(1e-3f, 2, 1e-4f, cycle: true)), Is.EqualTo(new[] { 1, .55, .1, .325 }).Within(1e-6), "nothing was to be reduced when the plateau came");
    }

    /// <summary>0.001 as a float is above 0.001: at the lowest rate plateaus went on to reduce, which a schedule's later, higher rates got.</summary>
    [Test]
    public void OnEpochEnd_LowestRateThatNoFloatIs_ReducesNoFurther() =>
        Assert.That(Rates([.6, .5, .5, .5, .5], () => new ReduceLROnPlateau(factor: .5, patience: 1, minLearningRate: 1e-3), new LsrDecay([new(0, 1), new(4, 10)], .008f)), Is.EqualTo(new[] { 2, 2, 1, 1, 10 }).Within(1e-6));

    [Test]
    public void RestoreState_AfterAnyEpoch_GoesOnAsIfNothingHadBeen([Range(1, 7)] int epochs, [Values] bool scheduled)
    {
        var schedule = scheduled ? Falling : null;

        Assert.That(Rates(Plateau, Create, schedule, interruptedAfter: epochs), Is.EqualTo(Rates(Plateau, Create, schedule)));

        static ReduceLROnPlateau Create() => new(factor: .5, patience: 2, cooldown: 2);
    }

    [Test]
    public void OnTrainBegin_SecondTraining_StartsAnew()
    {
        var callback = new ReduceLROnPlateau(factor: .5, patience: 2, cooldown: 5);
        double[] first = Rates(Plateau[..4], () => callback, Falling);

        Assert.That(Rates(Plateau, () => callback, Falling), Is.EqualTo(Rates(Plateau, () => new ReduceLROnPlateau(factor: .5, patience: 2, cooldown: 5), Falling)));
        Assert.That(first, Is.EqualTo(new[] { 1, .5, .25, .125 }).Within(1e-6));
    }

    /// <summary>A first value that is a number ends all waiting; NaN does not.</summary>
    [Test]
    public void OnTrainBegin_SecondTrainingThatBeginsWithNaN_WaitsAsLongAsTheFirst()
    {
        var callback = new ReduceLROnPlateau(factor: .5, patience: 3);
        Rates([.6, .5, .5], () => callback);

        Assert.That(Rates([double.NaN, double.NaN, .5, .5], () => callback), Is.EqualTo(new[] { 1, 1, 1, 1 }).Within(1e-6));
    }

    private static LearningRateScheduler Falling => new ExponentialLRDecay(numEpochsPerDecay: 1, decayRate: .5f);

    /// <summary>The learning rates, in thousandths, that epochs of these validation accuracies train with.</summary>
    private static double[] Rates(double[] valAccuracies, Func<ReduceLROnPlateau> create, LearningRateScheduler? schedule = null, int interruptedAfter = 0)
    {
        var context = ScriptedTraining.Context(schedule: schedule);
        var callback = create();
        callback.OnTrainBegin(context);
        List<double> rates = [];
        foreach (double accuracy in valAccuracies)
        {
            context.LearningRate = schedule?.RateOf(new TrainState(rates.Count, 0, context.StepsPerEpoch, context.BatchSize)) ?? context.LearningRate;
            callback.OnTrainBatchBegin(context, 1);
            rates.Add(1000 * context.LearningRate);
            context.Epoch(accuracy, callback);
            if (rates.Count == interruptedAfter)
            {
                var state = new CallbackState();
                callback.SaveState(state);
                callback = create();
                callback.OnTrainBegin(context);
                callback.RestoreState(state);
            }
        }

        return [.. rates];
    }
}

using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Expected epochs are those of Keras 3's EarlyStopping on the same values.</summary>
public sealed class EarlyStoppingTests
{
    [TestCase(new[] { .5, .6, .6, .6, .6, .9 }, 3, ExpectedResult = 5)]          // equal is no improvement
    [TestCase(new[] { .5, .4, .3, .6, .5, .4, .3, .2 }, 3, ExpectedResult = 7)]  // waiting starts anew at .6
    [TestCase(new[] { .1, .2, .3, .4 }, 1, ExpectedResult = 4)]
    [TestCase(new[] { .5, .4, .6 }, 0, ExpectedResult = 2)]                      // Keras' default patience
    [TestCase(new[] { double.NaN, double.NaN, .5 }, 1, ExpectedResult = 2)]      // never in the first epoch; NaN is no improvement
    [TestCase(new[] { double.NaN, double.NaN, .5 }, 2, ExpectedResult = 2)]      // though the first epoch counts
    public int OnEpochEnd_Values_StopAfterPatience(double[] values, int patience) =>
        ScriptedTraining.Context().Run(values, new EarlyStopping(patience: patience));

    [Test]
    public void OnEpochEnd_Stopping_TellsMetricEpochsAndBest()
    {
        var context = ScriptedTraining.Context();

        context.Run([.5, .7, .6, .6, .6], new EarlyStopping());

        Assert.That(context.StopReason, Is.EqualTo("val_accuracy has not improved for 3 epochs (best: 0.7000 in epoch 2)"));
    }

    /// <summary>Three epochs in a row that improved were told as four that had not.</summary>
    [TestCase(new[] { .5, .6, .7, .65 }, 3, .9, "val_accuracy has not beaten the baseline 0.9 within 4 epochs (best: 0.7000 in epoch 3)")]
    [TestCase(new[] { .5, .95, .6, .65 }, 2, .9, "val_accuracy has not improved for 2 epochs (best: 0.9500 in epoch 2)", Description = "reached")]
    [TestCase(new[] { .5, .4 }, 1, null, "val_accuracy has not improved for 1 epoch (best: 0.5000 in epoch 1)")]
    [TestCase(new[] { double.NaN, double.NaN }, 2, null, "val_accuracy has not improved for 2 epochs (it was never a number)")]
    public void OnEpochEnd_Stopping_TellsWhatItWaitedFor(double[] values, int patience, double? baseline, string expected)
    {
        var context = ScriptedTraining.Context();

        context.Run(values, new EarlyStopping(patience: patience, baseline: baseline));

        Assert.That(context.StopReason, Is.EqualTo(expected));
    }

    [Test]
    public void OnEpochEnd_TwoThatStop_TheFirstSaysWhy()
    {
        var context = ScriptedTraining.Context();

        context.Run([.5, .4], new EarlyStopping(patience: 1), new EarlyStopping("val_loss", patience: 1));

        Assert.That(context.StopReason, Does.StartWith("val_accuracy has not improved"));
    }

    [Test]
    public void OnEpochEnd_Loss_LowerIsBetter() =>
        Assert.That(ScriptedTraining.Context().Run([.5, .6, .7, .8, .8, .9], new EarlyStopping("val_loss", patience: 1)), Is.EqualTo(5), "equal is no improvement");

    [Test]
    public void OnEpochEnd_ModeGiven_OverridesTheName() =>
        Assert.That(ScriptedTraining.Context().Run([.5, .6, .7, .8], new EarlyStopping("val_accuracy", patience: 2, mode: MonitorMode.Min)), Is.EqualTo(3));

    [Test]
    public void OnEpochEnd_MinDelta_SmallGainsDoNotCount([Values("val_accuracy", "val_loss")] string metric, [Values(.01, -.01)] double minDelta) =>
        Assert.That(ScriptedTraining.Context().Run([.5, .505, .509, .6], new EarlyStopping(metric, patience: 2, minDelta: minDelta)), Is.EqualTo(3));

    [Test]
    public void ToCallback_MLNetsCriterion_HasItsSettings([Values] Cifar3CnnTrainer.EarlyStoppingMetric metric) =>
        Assert.That(ScriptedTraining.Context().Run([.5, .55, .6, .65, .7], new Cifar3CnnTrainer.EarlyStoppingCriterion(minDelta: .3f, patience: 2, metric).ToCallback("val_accuracy", "val_loss")), Is.EqualTo(3));

    [Test]
    public void OnEpochEnd_BaselineNotReached_StopsAtTheFirstSetback() =>
        Assert.That(ScriptedTraining.Context().Run([.5, .51, .52, .51, .9], new EarlyStopping(patience: 2, baseline: .8)), Is.EqualTo(4));

    [Test]
    public void OnEpochEnd_BaselineReached_WaitsAnew() =>
        Assert.That(ScriptedTraining.Context().Run([.5, .9, .85, .85, .85], new EarlyStopping(patience: 2, baseline: .8)), Is.EqualTo(4));

    /// <summary>No value beats NaN: the training stopped after the patience however much better it became.</summary>
    [Test]
    public void Constructor_NaN_IsRefusedByName()
    {
        Assert.That(() => new EarlyStopping(baseline: double.NaN), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Received: baseline=NaN."));
        Assert.That(() => new EarlyStopping(minDelta: double.NaN), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Received: minDelta=NaN."));
        Assert.That(() => new Cifar3CnnTrainer.EarlyStoppingCriterion(minDelta: -float.NaN), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Received: minDelta=NaN."));
        Assert.That(() => new ReduceLROnPlateau(minLearningRate: double.PositiveInfinity), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("must be 0 or more and finite. Received: minLearningRate=Infinity."));
        Assert.That(() => new ReduceLROnPlateau(minLearningRate: -1), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Received: minLearningRate=-1."));
        Assert.That(() => new ReduceLROnPlateau(minDelta: double.NaN), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Received: minDelta=NaN."));
    }

    [Test]
    public void OnEpochEnd_StartFromEpoch_IgnoresTheBeginning() =>
        Assert.That(ScriptedTraining.Context().Run([.9, .9, .2, .1, .1, .1], new EarlyStopping(patience: 2, startFromEpoch: 2)), Is.EqualTo(5));

    [Test]
    public void OnTrainEnd_RestoreBestWeights_EndsWithTheBestEpochsModel()
    {
        var context = ScriptedTraining.Context();

        context.Run([.5, .7, .6, .6, .6], new EarlyStopping(restoreBestWeights: true));

        Assert.That(context.Model.Mark(), Is.EqualTo(2));
        Assert.That((context.Model.Metadata.Epoch, context.Model.Metadata.ValAccuracy), Is.EqualTo((2, .7)));
    }

    [Test]
    public void OnTrainEnd_Default_KeepsTheLastWeights()
    {
        var context = ScriptedTraining.Context();

        context.Run([.5, .7, .6, .6, .6], new EarlyStopping());

        Assert.That(context.Model.Mark(), Is.EqualTo(5));
    }

    [Test]
    public void OnTrainBegin_SecondTraining_StartsAnew()
    {
        var stopping = new EarlyStopping(patience: 2, restoreBestWeights: true);
        ScriptedTraining.Context().Run([.9, .1, .1], stopping);
        var second = ScriptedTraining.Context();

        Assert.That(second.Run([.5, .6, .5, .5], stopping), Is.EqualTo(4));
        Assert.That(second.Model.Mark(), Is.EqualTo(2));
    }

    /// <summary>Below a baseline an epoch that improves does not end the waiting: only the beginning does.</summary>
    [Test]
    public void OnTrainBegin_SecondTrainingBelowItsBaseline_WaitsAsLongAsTheFirst()
    {
        var stopping = new EarlyStopping(patience: 3, baseline: .9);
        double[] values = [.2, .1, .3, .1];

        Assert.That(ScriptedTraining.Context().Run(values, stopping), Is.EqualTo(4));
        Assert.That(ScriptedTraining.Context().Run(values, stopping), Is.EqualTo(4));
    }

    [Test]
    public void OnTrainEnd_SecondTrainingThatEndsBeforeItIsWatched_KeepsItsOwnWeights()
    {
        var stopping = new EarlyStopping(restoreBestWeights: true, startFromEpoch: 2);
        ScriptedTraining.Context().Run([.1, .1, .9, .1], stopping);
        var second = ScriptedTraining.Context();

        second.Run([.5, .6], stopping);

        Assert.That(second.Model.Mark(), Is.EqualTo(2), "not the third epoch's of the first training");
    }

    [Test]
    public void RestoreState_AfterInterruption_StopsWhereItWouldHave()
    {
        var before = new EarlyStopping(patience: 4, restoreBestWeights: true);
        ScriptedTraining.Context().Run([.5, .7, .6], before);
        var state = new CallbackState();
        before.SaveState(state);
        var after = new EarlyStopping(patience: 4, restoreBestWeights: true);
        var context = ScriptedTraining.Context();
        after.OnTrainBegin(context);

        after.RestoreState(state);
        context.Epoch(.6, after);
        context.Epoch(.6, after);
        Assert.That(context.StopReason, Is.Null);
        context.Epoch(.6, after);
        Assert.That(context.Model.Mark(), Is.EqualTo(3));
        after.OnTrainEnd(context);

        Assert.That(context.StopReason, Is.EqualTo("val_accuracy has not improved for 4 epochs (best: 0.7000 in epoch 2)"));
        Assert.That(context.Model.Mark(), Is.EqualTo(2));
    }

    [Test]
    public void OnTrainBegin_MetricThatIsNotMeasured_ListsThoseThereAre()
    {
        Assert.That(
            () => new EarlyStopping().OnTrainBegin(ScriptedTraining.Context(validation: false)),
            Throws.TypeOf<Cifar3Exception>().With.Message.Contains("Metrics: accuracy, loss, learning_rate. Give Fit validation images"));
    }

    /// <summary>The name is looked at before the mode: Keras' older names, and slips, are no question of a direction.</summary>
    [TestCase("val_acc", " (did you mean 'val_accuracy'?)")]
    [TestCase("acc", " (did you mean 'accuracy'?)")]
    [TestCase("val_acuracy", " (did you mean 'val_accuracy'?)")]
    [TestCase("VAL_LOSS", " (did you mean 'val_loss'?)")]
    [TestCase("val_categorical_accuracy", " (did you mean 'val_accuracy'?)")]
    [TestCase("lr", " (did you mean 'learning_rate'?)")]
    [TestCase("f1_score", "")]
    public void Constructor_UnknownMetric_SuggestsTheNearestAndListsAll(string metric, string suggestion)
    {
        string expected = $"monitors '{metric}', which no training measures{suggestion}. Metrics: accuracy, loss, val_accuracy, val_loss, val_weighted_accuracy, learning_rate.";

        foreach (var mode in Enum.GetValues<MonitorMode>())
        {
            Assert.That(() => new EarlyStopping(metric, mode: mode), Throws.ArgumentException.With.Message.Contains("EarlyStopping " + expected));
            Assert.That(() => new ModelCheckpoint("m.onnx", metric, mode: mode), Throws.ArgumentException.With.Message.Contains("ModelCheckpoint " + expected));
            Assert.That(() => new ReduceLROnPlateau(metric, mode: mode), Throws.ArgumentException.With.Message.Contains("ReduceLROnPlateau " + expected));
        }

        Assert.That(() => new EarlyStopping(null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("monitor"));
    }

    [Test]
    public void Constructor_BadArguments_NameTheWayOut()
    {
        Assert.That(() => new EarlyStopping("learning_rate"), Throws.ArgumentException.With.Message.Contains("MonitorMode.Max").And.Message.Contains("MonitorMode.Min"));
        Assert.That(() => new EarlyStopping(patience: -1), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new EarlyStopping(startFromEpoch: -1), Throws.TypeOf<ArgumentOutOfRangeException>());
    }
}

using Cifar3.Training;
using Microsoft.Extensions.Configuration;

namespace Cifar3.Tests;

/// <summary>What a recipe brings together: averaged weights, statistics, schedules, targets; each in checkpoints too; and no model at chance without a word.</summary>
public sealed class RecipeTrainingTests
{
    private static readonly ImageSet Train = ColourImages.Create(100), Validation = ColourImages.Create(50, seed: 1);

    private static Recipe Everything => Recipe.Keras with
    {
        Name = "everything",
        Epoch = 5,
        LearningRate = .05f,
        LearningRateScheduler = new OneCycle(),
        WeightDecay = .01f,
        LabelSmoothing = .1f,
        Augmentations = [new RandomFlip(), new RandomTranslation(2), new ColorJitter(), new CutMix(), new Mixup(), new Cutout(6)],
        EmaMomentum = .9,
        RecomputeStatistics = true,
    };

    [Test]
    public void Bind_TrainerOptionsOfAConfiguration_TakesTheRecipeAndLeavesTheNamedOnes()
    {
        Assert.That(Bind(("Recipe", "keras"), ("Epoch", "3"))?.ToString(), Does.StartWith("keras: Adam 0.001, batch 128, 3 epochs"));
        Assert.That(() => Bind(("Recipe", "kears")), Throws.InvalidOperationException.With.InnerException.Message.Contains("There is no recipe 'kears'"));
        string auto = Recipe.Auto.ToString();
        Assert.That(Bind(("Recipe:Name", "mine"), ("Recipe:ImagesShown", "300000"))?.ToString(), Does.StartWith("mine: AdamW 0.003").And.Contain(" 20 epochs"));
        Assert.That(Recipe.Auto.ToString(), Is.EqualTo(auto));

        static TrainerOptions? Bind(params (string Key, string Value)[] values) =>
            new ConfigurationBuilder().AddInMemoryCollection(values.Select(pair => KeyValuePair.Create(pair.Key, (string?)pair.Value))).Build().Get<TrainerOptions>();
    }

    /// <summary>No file is damaged: what is computed anew of weights that are numbers, and huge, overflows.</summary>
    [Test]
    public void Fit_StatisticsThatOverflow_EndTheTrainingAsOtherDivergence([Values(null, .998)] double? averaged, [Values] bool validated)
    {
        var recorder = new Recorder();
        var options = new TrainerOptions { Recipe = Recipe.Auto with { LearningRateScheduler = null, EmaMomentum = averaged }, LearningRate = 1e10f, Epoch = 1, BatchSize = Train.Count, Filters = [4, 4, 4], Engine = TrainingEngine.Managed, Callbacks = [recorder] };

        var error = Assert.Throws<Cifar3Exception>(() => new Cifar3Trainer(options).Fit(Train, validated ? Validation : null));

        Assert.That(error!.Message, Does.StartWith("Training diverged: weight '").And.Contain("moving_variance' holds Infinity after epoch 1").And.Contain("LearningRate=1E+10"));
        Assert.That(recorder.Moments, Has.None.EqualTo("train end").And.None.StartsWith("epoch end"));
    }

    [TestCase(5)]
    [TestCase(7)]
    [TestCase(16)]
    public void Fit_WithEverythingCancelledAndResumed_EndsInTheSameBits(int batches)
    {
        string folder = TestFiles.NewFolder();
        var options = new TrainerOptions { Recipe = Everything, Seed = 4, ClassWeights = ClassWeights.Balanced };
        var whole = FakeTrainer.Create(options with { Callbacks = [Plateau()] }).Fit(Train, Validation);
        using var source = new CancellationTokenSource();
        var stop = new Recorder { OnBatch = batch => source.CancelAfterBatch(batch, batches) };
        Assert.That(() => FakeTrainer.Create(options with { WorkspacePath = folder, Callbacks = [Plateau(), stop] }).Fit(Train, Validation, source.Token), Throws.InstanceOf<OperationCanceledException>());

        var resumed = FakeTrainer.Create(options with { WorkspacePath = folder, Resume = true, Callbacks = [Plateau()] }).Fit(Train, Validation);

        Assert.That(resumed.Model.WeightHash(), Is.EqualTo(whole.Model.WeightHash()));
        Assert.That(resumed.BestModel.WeightHash(), Is.EqualTo(whole.BestModel.WeightHash()));
        Assert.That(resumed.History["val_loss"], Is.EqualTo(whole.History["val_loss"]));
        Assert.That(resumed.History["val_weighted_accuracy"], Is.EqualTo(whole.History["val_weighted_accuracy"]));
        Assert.That(resumed.History["learning_rate"], Is.EqualTo(whole.History["learning_rate"]));

        static ReduceLROnPlateau Plateau() => new(patience: 1, factor: .5);
    }

    [Test]
    public void Fit_ResumedAfterTheEnd_GivesTheAveragedModelAgain()
    {
        var options = new TrainerOptions { Recipe = Everything, WorkspacePath = TestFiles.NewFolder() };
        string whole = FakeTrainer.Create(options).Fit(Train, Validation).Model.WeightHash();

        Assert.That(FakeTrainer.Create(options with { Resume = true }).Fit(Train, Validation).Model.WeightHash(), Is.EqualTo(whole));
    }

    [Test]
    public void Fit_ManagedEngineWithEverything_ResumesInTheSameBits()
    {
        string folder = TestFiles.NewFolder();
        var options = new TrainerOptions { Recipe = Everything with { Epoch = 3 }, BatchSize = 32, Filters = [8, 8, 8], Seed = 2, Engine = TrainingEngine.Managed };
        string whole = new Cifar3Trainer(options with { Threads = 1 }).Fit(Train, Validation).Model.WeightHash();
        using var source = new CancellationTokenSource();
        var stop = new Recorder { OnBatch = batch => source.CancelAfterBatch(batch, 6) };
        Assert.That(() => new Cifar3Trainer(options with { WorkspacePath = folder, Callbacks = [stop] }).Fit(Train, Validation, source.Token), Throws.InstanceOf<OperationCanceledException>());

        Assert.That(new Cifar3Trainer(options with { WorkspacePath = folder, Resume = true }).Fit(Train, Validation).Model.WeightHash(), Is.EqualTo(whole));
    }

    [Test]
    public void AveragedWeights_Steps_AreKerasAverageWithAWarmUp()
    {
        var model = CnnModel.Create(ColourImages.ClassNames, filters: FakeEngine.Filters);
        using var engine = new FakeEngine(model, new EngineOptions());
        var average = new AveragedWeights(.5, model.Weights);
        double expected = 0;
        for (int step = 0; step < 12; step++)
        {
            engine.ImportState(EngineState.Initial(model.With(model.Weights.Select(w => w.Name == "dense/bias" ? new WeightTensor(w.Name, w.Shape, [step, 0, 0]) : w))));
            average.Add(engine);
            double kept = Math.Min(.5, (1 + step) / (10.0 + step));
            expected = kept * expected + (1 - kept) * step;
        }

        Assert.That(average.ToTensors().Of("dense/bias").Values[0], Is.EqualTo(expected).Within(1e-5));
        Assert.That(average.Steps, Is.EqualTo(12));
    }

    /// <summary>A rate of one's own is the highest of the recipe's schedule: it does not take its place.</summary>
    [Test]
    public void Plan_RateGiven_KeepsTheRecipesSchedule()
    {
        var plan = TrainingPlan.Create(new TrainerOptions { LearningRate = .01f }, 1000);

        Assert.That((plan.Schedule, plan.LearningRate), Is.EqualTo((Recipe.Auto.LearningRateScheduler, .01f)));
        Assert.That(plan.Schedule!.GetLearningRate(plan.StateAt(plan.Epochs / 5, 0)), Is.EqualTo(.01f).Within(1).Percent);
    }

    /// <summary>The average is what is validated and kept; each step goes on from the weights of the step before it.</summary>
    [Test]
    public void Fit_AveragedWeights_ChangeNoStep([Values] bool recomputeStatistics)
    {
        var options = new TrainerOptions { Epoch = 4, LearningRate = .05f, RecomputeStatistics = recomputeStatistics };
        var plain = FakeTrainer.Create(options).Fit(Train, Validation);

        var averaged = FakeTrainer.Create(options with { EmaMomentum = .9 }).Fit(Train, Validation);

        Assert.That(averaged.History["loss"], Is.EqualTo(plain.History["loss"]));
        Assert.That(averaged.History["val_loss"], Is.Not.EqualTo(plain.History["val_loss"]));
    }

    [Test]
    public void OneCycle_WholeTraining_RisesToTheTopAndFallsToNearlyNothing()
    {
        var rates = FakeTrainer.Create(new TrainerOptions { Epoch = 10, LearningRate = .01f, LearningRateScheduler = new OneCycle(warmUp: .3) }).Fit(Train).History["learning_rate"].ToList();

        Assert.That(rates.Max(), Is.EqualTo(.01).Within(2).Percent);
        Assert.That(rates[2], Is.EqualTo(rates.Max()));
        Assert.That(rates[^1], Is.EqualTo(.01 / 1000).Within(1e-7));
        Assert.That(new OneCycle(.02f, warmUp: .5).GetLearningRate(new TrainState(5, 0, 2, 32) { Epochs = 10, LearningRate = .01f }), Is.EqualTo(.02).Within(1).Percent, "a rate of its own");
    }

    /// <summary>At the beginning, halfway up, three quarters up, at the top, halfway down, at the end.</summary>
    [TestCase(0, .01 / 25)]
    [TestCase(10, (.01 + .01 / 25) / 2)]
    [TestCase(15, .01 - .0096 * .1464466)]
    [TestCase(20, .01)]
    [TestCase(60, (.01 + .01 / 1000) / 2)]
    [TestCase(100, .01 / 1000)]
    public void OneCycle_Steps_AreOnTwoHalvesOfACosine(int step, double rate) =>
        Assert.That(new OneCycle(.01f).GetLearningRate(new TrainState(0, step, 101, 32) { Epochs = 1 }), Is.EqualTo(rate).Within(1e-4).Percent);

    [Test]
    public void CosineDecay_WarmUp_RisesStraightAndFallsToItsShare()
    {
        var decay = new CosineDecay(.1f, warmUpEpochs: 2, alpha: .1);

        float At(int epoch, int batch) => decay.GetLearningRate(new TrainState(epoch, batch, 10, 32) { Epochs = 12 });
        Assert.That(At(0, 0), Is.EqualTo(.1 / 20).Within(1e-6));
        Assert.That(At(1, 9), Is.EqualTo(.1).Within(1e-6));
        Assert.That(At(7, 0), Is.EqualTo(.055).Within(1e-5));
        Assert.That(At(12, 0), Is.EqualTo(.01).Within(1e-6));
        Assert.That(new CosineDecay(.1f).GetLearningRate(new TrainState(12, 0, 10, 32) { Epochs = 12 }), Is.EqualTo(1e-7).Within(1).Percent, "nearly nothing, for nothing is refused");
    }

    /// <summary>The way down ends with the plan, and does not turn: a cosine would.</summary>
    [Test]
    public void Schedules_StepsBeyondThePlan_StayAtTheEnd([Values(12, 15, 22)] int epoch)
    {
        var state = new TrainState(epoch, 0, 10, 32) { Epochs = 12 };

        Assert.That(state.ShareDone, Is.EqualTo(1));
        Assert.That(new CosineDecay(.1f, warmUpEpochs: 2, alpha: .1).GetLearningRate(state), Is.EqualTo(.01).Within(1e-6));
        Assert.That(new OneCycle(.1f).GetLearningRate(state), Is.EqualTo(1e-4).Within(1e-7));
    }

    /// <summary>The step that the way up ends within was beyond its end: with one batch an epoch ten times the highest rate.</summary>
    [TestCase(.1, 1)]
    [TestCase(.5, 5)]
    [TestCase(1.5, 3)]
    public void CosineDecay_WarmUpThatEndsWithinAStep_StaysBelowTheHighestRate(double warmUpEpochs, int batches)
    {
        var decay = new CosineDecay(.1f, warmUpEpochs);

        float[] rates = [.. Enumerable.Range(0, 4 * batches).Select(step => decay.GetLearningRate(new TrainState(step / batches, step % batches, batches, 32) { Epochs = 4 }))];

        Assert.That(rates.Max(), Is.EqualTo(.1f));
    }

    [TestCase(0)]
    [TestCase(1)]
    public void EarlyStopping_WithAScheduleThatEndsLow_DoesNotStop(int patience)
    {
        var stopping = new EarlyStopping("loss", patience, minDelta: 100);

        Assert.That(FakeTrainer.Create(new TrainerOptions { Epoch = 8, Callbacks = [stopping] }).Fit(Train).History.Epochs, Has.Length.EqualTo(2));
        Assert.That(FakeTrainer.Create(new TrainerOptions { Epoch = 8, LearningRateScheduler = new OneCycle(), Callbacks = [stopping] }).Fit(Train).History.Epochs, Has.Length.EqualTo(8));
        Assert.That(FakeTrainer.Create(new TrainerOptions { Epoch = 8, LearningRateScheduler = new CosineDecay(), Callbacks = [stopping] }).Fit(Train).History.Epochs, Has.Length.EqualTo(8));
    }

    /// <summary>A program that asks for it learns that it waits in vain; ML.NET's estimator brings one without being asked.</summary>
    [Test]
    public void EarlyStopping_WithAScheduleThatEndsLow_IsSaidToStopNothing()
    {
        Assert.That(Note(new OneCycle(), new EarlyStopping("loss")), Does.StartWith("EarlyStopping stops nothing here: the learning rate falls until the last epoch"));
        Assert.That(Note(null, new EarlyStopping("loss")), Is.Null);
        Assert.That(Note(new OneCycle(), new Cifar3CnnTrainer.EarlyStoppingCriterion().ToCallback("accuracy", "loss")), Is.Null);

        static string? Note(LearningRateScheduler? schedule, Callback stopping) =>
            FakeTrainer.Create(new TrainerOptions { Epoch = 1, LearningRateScheduler = schedule, Callbacks = [stopping] }).Fit(Train).RecipeNote;
    }

    [Test]
    public void Fit_EqualAccuracies_TheLowerLossIsBest()
    {
        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 12, LearningRate = .001f }).Fit(Train, Validation);

        var best = result.History.Epochs.OrderByDescending(e => e.ValAccuracy).ThenBy(e => e.ValLoss).First();
        Assert.That(result.BestModel.Metadata.Epoch, Is.EqualTo(best.Epoch));
        Assert.That(result.History.Epochs.Count(e => e.ValAccuracy == best.ValAccuracy), Is.GreaterThan(1), "no tie: the test shows nothing");
        Assert.That(result.ToString(), Does.Contain($"the best is {best.Epoch}"));
    }

    [TestCase(false, 3, new[] { .5, .7, .96, .9, .95, .96, .93 }, Description = "the highest; of equals the lower loss, which is the earlier here")]
    [TestCase(true, 6, new[] { .5, .7, .96, .9, .95, .96, .9 }, Description = "the standard error is .028: .95 takes .96's place, .9 does not")]
    [TestCase(true, 7, new[] { .5, .7, .96, .9, .95, .96, .94 }, Description = "the latest within it")]
    [TestCase(true, 5, new[] { .5, 1, .98, 1, 1 }, Description = "no error at 1: the latest of equals")]
    [TestCase(true, 2, new[] { .9, .86, .82 }, Description = "the standard error of the highest is .042: what is within that of the one kept is not near enough")]
    public void BestEpoch_Accuracies_IsTheRulesEpoch(bool endsLow, int expected, double[] accuracies)
    {
        List<EpochLog> epochs = [];
        EpochLog? kept = null;
        foreach (double accuracy in accuracies)
        {
            epochs.Add(new EpochLog(epochs.Count + 1, 1, .5, ValLoss: epochs.Count, accuracy, 1e-3, 1));
            kept = BestEpoch.IsLast(epochs, kept, images: 50, endsLow) ? epochs[^1] : kept;
        }

        Assert.That(kept!.Epoch, Is.EqualTo(expected));
    }

    [Test]
    public void Fit_ScheduleThatEndsLow_KeepsTheLatestWithinAStandardError()
    {
        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 12, Seed = 3, LearningRate = .02f, LearningRateScheduler = new OneCycle() }).Fit(Train, Validation);

        double highest = result.History.Epochs.Max(epoch => epoch.ValAccuracy)!.Value, error = Math.Sqrt(highest * (1 - highest) / Validation.Count);
        Assert.That(result.BestModel.Metadata.Epoch, Is.EqualTo(result.History.Epochs.Last(epoch => epoch.ValAccuracy >= highest - error).Epoch));
    }

    /// <summary>Of four images of two classes even all right ones lie within two standard errors of chance.</summary>
    [Test]
    public void Fit_PerfectOnFewImages_DoesNotWarnOfChance()
    {
        var four = Train.Select([.. new[] { 0, 1 }.SelectMany(label => Enumerable.Range(0, Train.Count).Where(i => Train.Labels[i] == label).Take(2))]);

        var result = new Cifar3Trainer(new TrainerOptions { Epoch = 20, Filters = [8, 8, 8], Seed = 3, Engine = TrainingEngine.Managed }).Fit(Train, four);

        Assume.That(result.BestModel.Metadata.ValAccuracy, Is.EqualTo(1));
        Assert.That(result.Warning, Does.StartWith("There is no validation image of 'blue'").And.Not.Contain("most frequent class"));
    }

    [Test]
    public void Fit_FewStepsWithStaleStatistics_WarnsAndNamesTheCause()
    {
        var options = new TrainerOptions { Recipe = Recipe.Keras, Epoch = 2, Filters = [8, 8, 8], Engine = TrainingEngine.Managed };

        var result = new Cifar3Trainer(options).Fit(Train, Validation);

        Assume.That(result.BestModel.Metadata.ValAccuracy, Is.LessThan(.5), "the lag no longer spoils this training");
        Assert.That(result.Warning, Does.Contain("no better than always naming the most frequent class").And.Contain("moving statistics still lag").And.Contain("Recipe.Auto"));
    }

    [Test]
    public void Fit_AutoRecipeOnAFewImages_IsFarAboveChanceAfterAFewEpochs()
    {
        var result = new Cifar3Trainer(new TrainerOptions { Epoch = 8, Filters = [8, 8, 8], Engine = TrainingEngine.Managed }).Fit(Train, Validation);

        Assert.That(result.Warning, Is.EqualTo(LeakageWarning.Of(Train, Validation)), "drawn of few colours, half of the images are there twice; nothing else is to be said");
        Assert.That(result.BestModel.Metadata.ValAccuracy, Is.GreaterThan(.6));
        Assert.That(result.Recipe, Does.StartWith("auto: AdamW 0.003 one cycle"));
        Assert.That(result.Model.Metadata.Recipe, Is.EqualTo(result.Recipe));
    }

    [Test]
    public void Fit_WithValidation_CalibratesTheBestModelAndNoOther()
    {
        var enough = ColourImages.Create(120, seed: 1);
        var options = new TrainerOptions { Epoch = 3, Filters = [8, 8, 8], Engine = TrainingEngine.Managed };

        var plain = new Cifar3Trainer(options with { Calibrate = false }).Fit(Train, enough);
        var calibrated = new Cifar3Trainer(options).Fit(Train, enough);

        Assert.That(calibrated.BestModel.WeightHash(), Is.EqualTo(plain.BestModel.Calibrate(enough).WeightHash()));
        Assert.That(calibrated.BestModel.Metadata.FamiliarityThreshold, Is.Not.Null);
        Assert.That(calibrated.Model.WeightHash(), Is.EqualTo(plain.Model.WeightHash()));
        Assert.That(new Cifar3Trainer(options with { Recipe = Recipe.Keras }).Fit(Train, enough).BestModel.Metadata.Temperature, Is.Null);
        Assert.That(new Cifar3Trainer(options).Fit(Train).BestModel.Metadata.FamiliarityThreshold, Is.Null, "calibrated on nothing");
        Assert.That(new Cifar3Trainer(options).Fit(Train, Validation).BestModel.Metadata.Temperature, Is.Null, "calibrated on 50 images");
    }

    /// <summary>A temperature and a threshold are of the weights that they were measured with, not of those that a training makes of them.</summary>
    [Test]
    public void Fit_FromACalibratedModel_TellsNothingOfItsCalibration()
    {
        var enough = ColourImages.Create(120, seed: 1);
        var plain = CnnModel.Create(ColourImages.ClassNames, filters: FakeEngine.Filters);
        var options = new TrainerOptions { Epoch = 1, InitialModel = plain.With(plain.Metadata with { Temperature = 3, FamiliarityThreshold = .5 }) };

        var last = FakeTrainer.Create(options).Fit(Train).Model.Metadata;
        var calibrated = FakeTrainer.Create(options with { Calibrate = true }).Fit(Train, enough).BestModel.Metadata;
        var expected = FakeTrainer.Create(options with { Calibrate = true, InitialModel = plain }).Fit(Train, enough).BestModel.Metadata;

        Assert.That((last.Temperature, last.FamiliarityThreshold), Is.EqualTo(((double?)null, (double?)null)));
        Assert.That((calibrated.Temperature, calibrated.FamiliarityThreshold), Is.EqualTo((expected.Temperature, expected.FamiliarityThreshold)));
    }

    /// <summary>In the images' order, one class after the other, the first half of them would be one class.</summary>
    [Test]
    public void Fit_RecomputedStatistics_AreThoseOfImagesFromEverywhereAndWeighAlike()
    {
        Assert.That(MovingMean(640), Is.EqualTo(.5).Within(1e-4), "of all of them, in five batches");
        Assert.That(MovingMean(1300), Is.EqualTo(.5).Within(.1), "of about half of them");

        static float MovingMean(int images)
        {
            var set = new ImageSet([.. Enumerable.Range(0, images * CnnArchitecture.ImageBytes).Select(i => (byte)(i / CnnArchitecture.ImageBytes < images / 2 ? 0 : 255))], [.. Enumerable.Range(0, images).Select(i => i < images / 2 ? 0 : 1)], ["black", "white"]);
            return FakeTrainer.Create(new TrainerOptions { Epoch = 1, BatchSize = 128 }).Fit(set).Model["batch_normalization/moving_mean"].Values[0];
        }
    }

    [Test]
    public void RecipeNamed_AnyCase_IsFoundAndAnotherIsRefused()
    {
        Assert.That(Recipe.Named("KERAS"), Is.SameAs(Recipe.Keras));
        Assert.That(() => Recipe.Named("seed"), Throws.ArgumentException.With.Message.Contains("auto, keras, fast, best"));
    }
}

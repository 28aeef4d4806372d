using Cifar3.Training;

namespace Cifar3.Tests;

public sealed class Cifar3TrainerTests
{
    private static readonly ImageSet Train = ColourImages.Create(100), Validation = ColourImages.Create(50, seed: 1);

    [Test]
    public void Plan_OfTheKerasRecipe_IsTheNotebooks()
    {
        var plan = TrainingPlan.Create(new TrainerOptions { Recipe = Recipe.Keras }, 15_000);

        Assert.That((plan.Epochs, plan.BatchSize, plan.StepsPerEpoch, plan.LearningRate, plan.RecomputeStatistics), Is.EqualTo((10, 128, 118, 1e-3f, false)));
        Assert.That(plan.DropoutRates, Is.EqualTo(new[] { 0.5, 0.5, 0.5 }));
        Assert.That(plan.Schedule, Is.Null);
        Assert.That(Recipe.Keras.ToString(), Is.EqualTo("keras: Adam 0.001, batch 128, 10 epochs, dropout 0.5/0.5/0.5"));
    }

    [TestCase(100, 16, 150)]
    [TestCase(300, 16, 150)]
    [TestCase(1280, 32, 150)]
    [TestCase(1600, 32, 125)]
    [TestCase(2700, 64, 74)]
    [TestCase(13_500, 64, 14)]
    [TestCase(50_000, 64, 10)]
    public void Plan_OfTheAutoRecipe_FollowsTheNumberOfImages(int images, int batch, int epochs)
    {
        var plan = TrainingPlan.Create(new TrainerOptions(), images);

        Assert.That((plan.BatchSize, plan.Epochs), Is.EqualTo((batch, epochs)));
        Assert.That(plan.Epochs * plan.StepsPerEpoch, Is.GreaterThan(1000), "steps teach");
    }

    [Test]
    public void Options_OwnValueAndRecipe_OwnValueWins()
    {
        var slow = Recipe.Keras with { Name = "slow", Epoch = 50, LearningRate = 1e-4f };

        var plan = TrainingPlan.Create(new TrainerOptions { Epoch = 3, Recipe = slow }, 1000);

        Assert.That((plan.Epochs, plan.LearningRate, plan.BatchSize), Is.EqualTo((3, 1e-4f, 128)));
        plan = TrainingPlan.Create(new TrainerOptions { EmaMomentum = .5, WeightDecay = .2f, LabelSmoothing = .3f, RecomputeStatistics = false, Calibrate = false, DropoutRates = [.2, .3, .4] }, 1000);
        Assert.That((plan.EmaMomentum, plan.WeightDecay, plan.LabelSmoothing, plan.RecomputeStatistics, plan.Calibrate), Is.EqualTo((.5, .2f, .3f, false, false)));
        Assert.That(plan.DropoutRates, Is.EqualTo(new[] { .2, .3, .4 }));
        plan = TrainingPlan.Create(new TrainerOptions { EmaMomentum = 0 }, 1000);
        Assert.That(plan.EmaMomentum, Is.Null, "0 switches it off");
        Assert.That((plan.Calibrates(TrainingPlan.FewestCalibrationImages - 1), plan.Calibrates(TrainingPlan.FewestCalibrationImages)), Is.EqualTo((false, true)));
    }

    /// <summary>Momentum 0.99 has forgotten its beginning but for a hundredth after 459 steps: 3.9 epochs of 118.</summary>
    [Test]
    public void Plan_StatisticsThatLag_AreWaitedForAndThoseRecomputedAreNot()
    {
        var keras = new TrainerOptions { Recipe = Recipe.Keras };
        var slow = CnnModel.Create(Train.ClassNames, new CnnArchitecture(3, FakeEngine.Filters, batchNormalizationMomentum: [.9, .99, .9]));

        Assert.That((TrainingPlan.Create(keras, 15_000).LagSteps, TrainingPlan.Create(keras, 15_000).FirstTellingEpoch), Is.EqualTo((459, 4)));
        Assert.That(TrainingPlan.Create(keras with { RecomputeStatistics = true }, 15_000).FirstTellingEpoch, Is.EqualTo(1));
        Assert.That(TrainingPlan.Create(keras with { InitialModel = slow }, 15_000).LagSteps, Is.EqualTo(459), "the slowest layer decides");
        Assert.That(new[] { 100, 1000, 3000, 15_000 }.Select(images => TrainingPlan.Create(keras, images).Statistics), Is.EqualTo(new[] { (100, 100), (640, 128), (1500, 128), (2560, 128) }));
    }

    [Test]
    public void Fit_TwoRunsWithOneSeed_EndInTheSameBitsAndAnotherSeedInOthers()
    {
        string first = Fit(new TrainerOptions { Seed = 5 }).Model.WeightHash();

        Assert.That(Fit(new TrainerOptions { Seed = 5 }).Model.WeightHash(), Is.EqualTo(first));
        Assert.That(Fit(new TrainerOptions { Seed = 6 }).Model.WeightHash(), Is.Not.EqualTo(first));
    }

    [Test]
    public void Fit_LearnableImages_LearnsAndKeepsTheBestModel()
    {
        var result = Fit(new TrainerOptions { Epoch = 8, LearningRate = 0.05f });

        var accuracies = result.History["val_accuracy"];
        int best = accuracies.ToList().IndexOf(accuracies.Max()) + 1;
        Assert.That(accuracies, Has.Count.EqualTo(8));
        Assert.That(accuracies.Max(), Is.GreaterThan(0.8));
        Assert.That(result.BestModel.Metadata.Epoch, Is.EqualTo(best));
        Assert.That(result.BestModel.Metadata.ValAccuracy, Is.EqualTo(accuracies.Max()));
        Assert.That(result.BestModel.Metadata.History, Has.Length.EqualTo(best));
        Assert.That(result.Model.Metadata.Epoch, Is.EqualTo(8));
        Assert.That((result.StoppedEarly, result.StopReason, result.Engine), Is.EqualTo((false, (string?)null, "Fake 1.0 (CPU, test)")));
    }

    [Test]
    public void Fit_ShortLastBatch_LogsMeansWeightedByImages()
    {
        var seen = new Recorder();

        var log = Fit(new TrainerOptions { Epoch = 1, Callbacks = [seen] }).History.Epochs.Single(); // 100 images = 3 batches of 32 and one of 4

        Assert.That(seen.Batches.Select(b => b.Images), Is.EqualTo(new[] { 32, 64, 96, 100 }));
        Assert.That((log.Loss, log.Accuracy), Is.EqualTo((seen.Batches[^1].Loss, seen.Batches[^1].Accuracy)));
        Assert.That(log.Accuracy * 100, Is.EqualTo(Math.Round(log.Accuracy * 100)).Within(1e-9));
    }

    [Test]
    public void Fit_EveryEpoch_SeesEveryImageOnceInAnotherOrder()
    {
        var orders = new List<List<byte>>();
        var engine = new OrderEngine(orders);
        var images = new ImageSet([.. Enumerable.Range(0, 50 * 3072).Select(i => (byte)(i / 3072))], new int[50], ["a", "b"]);

        FakeTrainer.Create(new TrainerOptions { Epoch = 3, BatchSize = 16 }, engine.Start).Fit(images);

        Assert.That(orders, Has.Count.EqualTo(3));
        Assert.That(orders, Is.All.EquivalentTo(Enumerable.Range(0, 50)));
        Assert.That(orders[0], Is.Not.EqualTo(orders[1]).And.Not.EqualTo(orders[2]));
        Assert.That(orders[1], Is.Not.EqualTo(orders[2]));
    }

    [Test]
    public void Fit_WithoutValidation_BestIsTheLastAndValMetricsAreAbsent()
    {
        var result = Trainer(new TrainerOptions { Epoch = 2 }).Fit(Train);

        Assert.That(result.BestModel, Is.SameAs(result.Model));
        Assert.That(result.History.Metrics, Is.EqualTo(new[] { "accuracy", "loss", "learning_rate" }));
        Assert.That(() => result.History["val_accuracy"], Throws.TypeOf<KeyNotFoundException>().With.Message.Contains("accuracy, loss, learning_rate"));
        Assert.That(result.Model.Metadata.ValAccuracy, Is.Null);
    }

    [Test]
    public void Fit_Callbacks_AreCalledAtKerasMomentsInOrder()
    {
        var seen = new Recorder();

        Fit(new TrainerOptions { Epoch = 2, BatchSize = 64, Callbacks = [seen] });

        string epoch = "batch begin 1, batch end 1, batch begin 2, batch end 2";
        Assert.That(string.Join(", ", seen.Moments), Is.EqualTo($"train begin, epoch begin 1, {epoch}, epoch end 1, epoch begin 2, {epoch}, epoch end 2, train end"));
    }

    [Test]
    public void Fit_StopAskedForInTheLastEpoch_IsNoEarlyStop()
    {
        var second = new Recorder { OnEpoch = (context, log) => (log.Epoch == 2 ? context : null)?.StopTraining("enough") };

        var whole = Fit(new TrainerOptions { Epoch = 2, Callbacks = [second] });
        var cut = Fit(new TrainerOptions { Epoch = 3, Callbacks = [second] });

        Assert.That((whole.StoppedEarly, whole.StopReason), Is.EqualTo((false, (string?)null)));
        Assert.That((cut.StoppedEarly, cut.StopReason), Is.EqualTo((true, "enough")));
    }

    [Test]
    public void Fit_CancelledInMidEpoch_ThrowsBetweenBatchesAndTellsCallbacks()
    {
        using var source = new CancellationTokenSource();
        var seen = new Recorder { OnBatch = batch => source.CancelAfterBatch(batch, 2) };

        Assert.That(() => Trainer(new TrainerOptions { Callbacks = [seen] }).Fit(Train, Validation, source.Token), Throws.InstanceOf<OperationCanceledException>());

        Assert.That(seen.Batches, Has.Count.EqualTo(2));
        Assert.That(seen.Moments[^1], Is.EqualTo("interrupted OperationCanceledException"));
    }

    [Test]
    public void Fit_CallbackThatFailsWhenInterrupted_LeavesTheReasonAndTheOthersAreTold()
    {
        var seen = new Recorder();

        Assert.That(
            () => Trainer(new TrainerOptions { LearningRate = 0.25f, Callbacks = [new FailsWhenInterrupted(), seen] }, new DivergingEngine(atStep: 6)).Fit(Train),
            Throws.TypeOf<Cifar3Exception>().With.Message.Contains("Training diverged").And.Property("Data").With.ItemAt("FailsWhenInterrupted.OnTrainInterrupted").EqualTo("cannot clear up"));
        Assert.That(seen.Moments[^1], Is.EqualTo("interrupted Cifar3Exception"));
    }

    private sealed class FailsWhenInterrupted : Callback
    {
        public override void OnTrainInterrupted(TrainingContext context, Exception reason) => throw new InvalidOperationException("cannot clear up");
    }

    /// <summary>Without statistics computed anew nothing changes the weights between an epoch's last step and its end; what is told of them does.</summary>
    [Test]
    public void Fit_CallbackThatLooksAtTheModelWithinTheEpoch_LeavesTheEpochItsModel()
    {
        var options = new TrainerOptions { Epoch = 1, RecomputeStatistics = false, WorkspacePath = TestFiles.NewFolder(), Resume = true, Callbacks = [new LooksAtTheModel()] };

        var first = Fit(options);
        var second = Fit(options with { Epoch = 2 });

        Assert.That((first.Model.Metadata.Epoch, first.BestModel.Metadata.Epoch), Is.EqualTo((1, 1)));
        Assert.That(second.Model.Metadata.Epoch, Is.EqualTo(2));
        Assert.That(second.Model.Metadata.History, Is.EqualTo(second.History.Epochs));
        Assert.That(second.Model.Metadata.ValAccuracy, Is.EqualTo(second.History.Epochs[^1].ValAccuracy));
    }

    /// <summary>The labels are this training's, whosever weights a callback puts in.</summary>
    [Test]
    public void Fit_CallbackThatSetsAnotherTrainingsWeights_KeepsItsClassNames()
    {
        var other = CnnModel.Create(["apple", "pear", "plum"], seed: 9, filters: FakeEngine.Filters);
        var sets = new Recorder { OnEpoch = (context, _) => context.SetWeights(other) };

        var model = Fit(new TrainerOptions { Epoch = 1, Callbacks = [sets] }).Model;

        Assert.That(model.WeightHash(), Is.EqualTo(other.WeightHash()));
        Assert.That(model.ClassNames, Is.EqualTo(ColourImages.ClassNames));
    }

    private sealed class LooksAtTheModel : Callback
    {
        public override void OnTrainBatchEnd(TrainingContext context, BatchLog log) => Assert.That(context.Model.Metadata.Epoch, Is.EqualTo(context.History.Epochs.Length));
    }

    [Test]
    public void Fit_InitialModelsDropout_IsUsedAndToldInTheMetadata()
    {
        var start = CnnModel.Create(ColourImages.ClassNames, seed: 1, filters: FakeEngine.Filters, dropoutRates: [.125, .25, .375]);

        var model = new Cifar3Trainer(new TrainerOptions { Recipe = Recipe.Keras, Epoch = 1, BatchSize = 32, InitialModel = start, EngineFactory = (m, o) => new FakeEngine(m, o) }).Fit(Train).Model;

        Assert.That(model.Architecture.DropoutRates, Is.EqualTo(new[] { .125, .25, .375 }));
        Assert.That(model.Metadata.Recipe, Does.Contain("dropout 0.125/0.25/0.375"));
    }

    [Test]
    public void Fit_ClassWeightsThatCountNoImage_SaysSo() =>
        Assert.That(
            () => Fit(new TrainerOptions { ClassWeights = ClassWeights.Of(("red", 0), ("green", 0), ("blue", 0)) }),
            Throws.TypeOf<Cifar3DataException>().With.Message.Contains("a weight above 0").And.Message.Contains("blue 0, green 0, red 0"));

    /// <summary>A model's file has room for so much: the first epoch was trained, and lost.</summary>
    [Test]
    public void Fit_WordsThatNoModelHasRoomFor_AreRefusedBeforeTheFirstStep()
    {
        var recorder = new Recorder();

        Assert.That(() => Fit(new TrainerOptions { TrainedOn = new string('x', 100_001), Callbacks = [recorder] }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("TrainedOn").And.Message.Contains("100,000 characters"));
        Assert.That(recorder.Moments, Is.Empty);
    }

    [Test]
    public void Fit_LossNotFinite_StopsWithTheEpochStepAndRemedy()
    {
        var error = Assert.Throws<Cifar3Exception>(() => Trainer(new TrainerOptions { LearningRate = 0.25f }, new DivergingEngine(atStep: 6)).Fit(Train));

        Assert.That(error!.Message, Does.Contain("Training diverged").And.Contain("epoch 2, step 2 of 4").And.Contain("LearningRate=0.25").And.Contain("lower learning rate"));
    }

    [Test]
    public void Fit_InitialModel_StartsFromItsWeights()
    {
        var start = Fit(new TrainerOptions { Epoch = 3, LearningRate = 0.05f }).Model;
        string? first = null;
        var seen = new Recorder { OnBegin = context => first = context.Model.WeightHash() };

        Fit(new TrainerOptions { Epoch = 1, InitialModel = start, Callbacks = [seen] });

        Assert.That(first, Is.EqualTo(start.WeightHash()));
    }

    [Test]
    public void Fit_InitialState_GoesOnFromItsStepAndMoments()
    {
        var images = ColourImages.Create(64);
        var twoEpochs = new StateAtEnd();
        var first = new StateAtEnd();
        var options = new TrainerOptions { Recipe = Recipe.Keras, Epoch = 1, BatchSize = 64, Filters = [4, 4, 4], DropoutRates = [0, 0, 0], Threads = 2 };
        new Cifar3Trainer(options with { Epoch = 2, Callbacks = [twoEpochs] }).Fit(images);

        var start = new Cifar3Trainer(options with { Callbacks = [first] }).Fit(images).Model;
        var second = new StateAtEnd();
        new Cifar3Trainer(options with { Filters = null, InitialModel = start, InitialState = first.State, Callbacks = [second] }).Fit(images);
        var anew = new StateAtEnd();
        new Cifar3Trainer(options with { Filters = null, InitialModel = start, Callbacks = [anew] }).Fit(images);

        // One batch an epoch and no dropout: only the order within the batch differs, which moves sums by float32's last bits.
        Assert.That((second.State!.Step, anew.State!.Step), Is.EqualTo((2, 1)));
        Assert.That(Distance(second, twoEpochs), Is.LessThan(1e-5));
        Assert.That(Distance(anew, twoEpochs), Is.GreaterThan(1e-4));

        static double Distance(StateAtEnd a, StateAtEnd b) => a.State!.Weights.Zip(b.State!.Weights).Max(pair => EngineComparison.Farthest(pair.First.ToArray(), pair.Second.ToArray()));
    }

    [Test]
    public void Constructor_InitialStateWithoutItsModel_SaysWhatIsMissing()
    {
        var model = CnnModel.Create(ColourImages.ClassNames, filters: FakeEngine.Filters);
        var state = EngineState.Initial(model);

        Assert.That(() => Trainer(new TrainerOptions { InitialState = state }), Throws.ArgumentException.With.Message.Contains("InitialModel=null"));
        Assert.That(
            () => Trainer(new TrainerOptions { InitialState = state, InitialModel = CnnModel.Create(ColourImages.ClassNames, seed: 5, filters: FakeEngine.Filters) }),
            Throws.ArgumentException.With.Message.Contains("other weights"));
    }

    private sealed class StateAtEnd : Callback
    {
        public EngineState? State { get; private set; }

        public override void OnTrainEnd(TrainingContext context) => State = context.ExportState();
    }

    [Test]
    public void Fit_InitialModelOfOtherClassesOrFilters_NamesTheDifference()
    {
        var other = CnnModel.Create(["a", "b", "c"], filters: FakeEngine.Filters);
        var wide = CnnModel.Create(ColourImages.ClassNames, filters: [2, 2, 2]);

        Assert.That(() => Fit(new TrainerOptions { InitialModel = other }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("Expected 'red', 'green', 'blue'. Found 'a', 'b', 'c'"));
        Assert.That(() => Fit(new TrainerOptions { InitialModel = wide }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("Expected 1/1/1. Found 2/2/2"));
    }

    [Test]
    public void Fit_EmptyOrMismatchedSets_SayWhatIsWrong()
    {
        var trainer = Trainer(new TrainerOptions());
        var otherClasses = new ImageSet(new byte[3072], [0], ["x", "y"]);

        Assert.That(() => trainer.Fit(Train.Take(0)), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("no training images"));
        Assert.That(() => trainer.Fit(Train, Train.Take(0)), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("no validation images"));
        Assert.That(() => trainer.Fit(Train, otherClasses), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("Expected 'red', 'green', 'blue'. Found 'x', 'y'"));
    }

    [Test]
    public void Options_OutOfRange_SayTheRange()
    {
        Assert.Multiple(() =>
        {
            Refused(new TrainerOptions { Epoch = 0 }, "Epoch=0");
            Refused(new TrainerOptions { BatchSize = 1025 }, "BatchSize=1025");
            Refused(new TrainerOptions { LearningRate = 0 }, "LearningRate=0");
            Refused(new TrainerOptions { LearningRate = float.NaN }, "LearningRate=NaN");
            Refused(new TrainerOptions { Threads = -1 }, "Threads=-1");
            Refused(new TrainerOptions { Threads = 1025 }, "Threads=1025");
            Refused(new TrainerOptions { Resume = true }, "Resume=true, WorkspacePath=null");
            Refused(new TrainerOptions { WorkspacePath = "" }, "WorkspacePath=''");
        });

        static void Refused(TrainerOptions options, string received) =>
            Assert.That(() => Trainer(options), Throws.InstanceOf<ArgumentException>().With.Message.Contains($"Received: {received}"));
    }

    [Test]
    public void Options_RecipeOutOfRange_SaysThatItIsTheRecipes()
    {
        Assert.Multiple(() =>
        {
            Refused(Recipe.Fast with { Epoch = 0 }, "Received: Recipe.Epoch=0");
            Refused(Recipe.Fast with { BatchSize = -1 }, "Received: Recipe.BatchSize=-1");
            Refused(Recipe.Fast with { LearningRate = float.NaN }, "Received: Recipe.LearningRate=NaN");
            Refused(Recipe.Fast with { WeightDecay = -1 }, "Received: Recipe.WeightDecay=-1");
            Refused(Recipe.Fast with { LabelSmoothing = 1 }, "Received: Recipe.LabelSmoothing=1");
            Refused(Recipe.Fast with { EmaMomentum = 1 }, "Received: Recipe.EmaMomentum=1");
            Refused(Recipe.Fast with { DropoutRates = default }, "Recipe.DropoutRates is no list");
            Refused(Recipe.Fast with { Augmentations = default }, "Recipe.Augmentations is no list");
            Assert.That(() => new Cifar3Trainer(new TrainerOptions { Recipe = Recipe.Fast with { Epoch = 0, DropoutRates = default }, Epoch = 1, DropoutRates = [0, 0, 0] }), Throws.Nothing, "values that are not taken");
        });

        static void Refused(Recipe recipe, string message) =>
            Assert.That(() => new Cifar3Trainer(new TrainerOptions { Recipe = recipe }), Throws.InstanceOf<ArgumentException>().With.Message.Contains(message));
    }

    [Test]
    public void Options_Null_AreRefusedByName()
    {
        Assert.Multiple(() =>
        {
            Refused(new TrainerOptions { Recipe = null! }, "Recipe");
            Refused(new TrainerOptions { TensorFlow = null! }, "TensorFlow");
            Refused(new TrainerOptions { Callbacks = null! }, "Callbacks");
            Refused(new TrainerOptions { Callbacks = [new EarlyStopping(), null!] }, "Callbacks");
            Refused(new TrainerOptions { FrozenLayers = null! }, "FrozenLayers");
            Refused(new TrainerOptions { Augmentations = [null!] }, "Augmentations");
        });

        static void Refused(TrainerOptions options, string name) =>
            Assert.That(() => Trainer(options), Throws.InstanceOf<ArgumentException>().With.Property(nameof(ArgumentException.ParamName)).EqualTo(name));
    }

    [Test]
    public void Fit_EndedOrFailed_DisposesTheEngine()
    {
        FakeEngine? engine = null;
        var trainer = FakeTrainer.Create(new TrainerOptions { Epoch = 1, BatchSize = 128, Seed = 3, Threads = 2 }, (model, options) => engine = new FakeEngine(model, options));

        trainer.Fit(Train);

        Assert.That(engine!.IsDisposed, Is.True);
        Assert.That(engine.Options, Is.EqualTo(new EngineOptions { Seed = 3, Threads = 2, MaxBatchSize = 128 }));
    }

    [Test]
    public void Fit_FactoryThatGivesNoEngine_SaysSo() =>
        Assert.That(() => FakeTrainer.Create(new TrainerOptions(), (_, _) => null!).Fit(Train), Throws.TypeOf<Cifar3Exception>().With.Message.StartsWith("EngineFactory gave null"));

    private static TrainingResult Fit(TrainerOptions options) => Trainer(options).Fit(Train, Validation);

    private static Cifar3Trainer Trainer(TrainerOptions options, DivergingEngine? engine = null) => FakeTrainer.Create(options, engine is null ? null : engine.Start);
}

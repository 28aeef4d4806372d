using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>A training killed at any moment and resumed ends in the same bits as one never killed.</summary>
public sealed class ResumeTests
{
    private static readonly ImageSet Train = ColourImages.Create(100), Validation = ColourImages.Create(50, seed: 1);

    [Test]
    public void Fit_LockThatIsALink_LeavesWhatItNames()
    {
        string folder = TestFiles.NewFolder(), precious = Path.Combine(TestFiles.NewFolder(), "precious.txt");
        File.WriteAllText(precious, "kept");
        TestFiles.Link(Path.Combine(folder, "training.lock"), precious);
        var trainer = FakeTrainer.Create(new TrainerOptions { Epoch = 1, WorkspacePath = folder });

        Assert.That(() => trainer.Fit(ColourImages.Create(32)), Throws.TypeOf<Cifar3Exception>().With.Message.Contains("training.lock").And.Message.Contains("link"));
        Assert.That(File.ReadAllText(precious), Is.EqualTo("kept"));
    }

    [TestCase(5)]   // first batch of epoch 2
    [TestCase(7)]   // middle of epoch 2
    [TestCase(16)]  // last batch of epoch 4
    public void Fit_CancelledAndResumed_EndsInTheSameBits(int batches)
    {
        string folder = TestFiles.NewFolder();
        var whole = FakeTrainer.Create(Options(null)).Fit(Train, Validation);
        Interrupt(folder, batches);

        var resumed = FakeTrainer.Create(Options(folder) with { Resume = true }).Fit(Train, Validation);

        Assert.That(resumed.Model.WeightHash(), Is.EqualTo(whole.Model.WeightHash()));
        Assert.That(resumed.BestModel.WeightHash(), Is.EqualTo(whole.BestModel.WeightHash()));
        Assert.That(WithoutTime(resumed.History), Is.EqualTo(WithoutTime(whole.History)));
        Assert.That(WithoutTime(new History(resumed.BestModel.Metadata.History)), Is.EqualTo(WithoutTime(new History(whole.BestModel.Metadata.History))));
        Assert.That((resumed.StopReason, resumed.BestModel.Metadata.Epoch), Is.EqualTo((whole.StopReason, whole.BestModel.Metadata.Epoch)));
    }

    [Test]
    public void Fit_InterruptedInEveryEpoch_EndsInTheSameBits()
    {
        string folder = TestFiles.NewFolder();
        string whole = FakeTrainer.Create(Options(null)).Fit(Train, Validation).Model.WeightHash();

        int runs = 0;
        TrainingResult? result = null;
        while (result is null && runs++ < 20)
        {
            using var source = new CancellationTokenSource();
            var stop = new Recorder { OnBatch = batch => source.CancelAfterBatch(batch, 6) };
            var options = Options(folder) with { Resume = true };
            try
            {
                result = FakeTrainer.Create(options with { Callbacks = [.. options.Callbacks, stop] }).Fit(Train, Validation, source.Token);
            }
            catch (OperationCanceledException)
            {
            }
        }

        Assert.That(runs, Is.GreaterThan(3));
        Assert.That(result!.Model.WeightHash(), Is.EqualTo(whole));
    }

    [Test]
    public void Fit_ResumedWithEarlyStopping_StopsWhereItWouldHaveAndRestoresTheBest()
    {
        string folder = TestFiles.NewFolder();
        var options = new TrainerOptions { Epoch = 30, LearningRate = 0.3f };
        var whole = FakeTrainer.Create(options with { Callbacks = [Stopping()] }).Fit(Train, Validation);
        Assume.That(whole.StoppedEarly, "the settings no longer make early stopping stop");
        int epochs = whole.History.Epochs.Length;
        Interrupt(folder, 4 * (epochs - 1) + 2, options with { Callbacks = [Stopping()] }); // within the epoch that stops

        var resumed = FakeTrainer.Create(options with { Callbacks = [Stopping()], WorkspacePath = folder, Resume = true }).Fit(Train, Validation);

        Assert.That(resumed.StopReason, Is.EqualTo(whole.StopReason));
        Assert.That(resumed.Model.WeightHash(), Is.EqualTo(whole.Model.WeightHash()));
        Assert.That(resumed.Model.Metadata.Epoch, Is.EqualTo(whole.Model.Metadata.Epoch).And.LessThan(epochs));

        static EarlyStopping Stopping() => new(patience: 2, restoreBestWeights: true);
    }

    /// <summary>They told of their own training's epoch 9, which this one's second checkpoint could not be of: it was called unreadable.</summary>
    [Test]
    public void Fit_WeightsOfALongerTrainingTaken_AreThoseOfThisOnesEpoch()
    {
        string folder = TestFiles.NewFolder();
        var other = FakeTrainer.Create(new TrainerOptions { Epoch = 9, LearningRate = 0.05f }).Fit(Train, Validation).Model;
        TrainerOptions Options(int epochs) => new()
        {
            Epoch = epochs,
            WorkspacePath = folder,
            Resume = true,
            Callbacks = [new Recorder { OnEpoch = (context, log) => Take(context, log.Epoch) }, new EarlyStopping("loss", patience: 9, mode: MonitorMode.Max, restoreBestWeights: true)], // the first epoch's loss is the highest
        };
        FakeTrainer.Create(Options(2)).Fit(Train, Validation);

        var longer = FakeTrainer.Create(Options(3)).Fit(Train, Validation);

        Assert.That(longer.Model.WeightHash(), Is.EqualTo(other.WeightHash()));
        Assert.That(longer.Model.Metadata.Epoch, Is.EqualTo(1));

        void Take(TrainingContext context, int epoch)
        {
            if (epoch == 1)
            {
                context.SetWeights(other);
                Assert.That((context.Model.Metadata.Epoch, context.Model.Metadata.ValAccuracy), Is.EqualTo((1, (double?)null)), "nobody measured them");
            }
        }
    }

    /// <summary>What could not be read again is refused where it is written: the training would be lost when it is to go on.</summary>
    [TestCase(3, "number of an epoch that this training has not had")]
    [TestCase(0, "another network")]
    public void Fit_CallbackThatStoresAnotherTrainingsModel_IsRefusedWhenItStoresIt(int epochs, string what)
    {
        var other = epochs > 0 ? FakeTrainer.Create(new TrainerOptions { Epoch = epochs }).Fit(Train, Validation).Model : CnnModel.Create(Train.ClassNames, filters: [2, 2, 2]);
        var options = new TrainerOptions { Epoch = 2, WorkspacePath = TestFiles.NewFolder(), Callbacks = [new Keeping(other)] };

        Assert.That(
            () => FakeTrainer.Create(options).Fit(Train, Validation),
            Throws.TypeOf<Cifar3Exception>().With.Message.Contains("'Keeping' stores a model 'kept'").And.Message.Contains("TrainingContext.Model"),
            what);
    }

    [Test]
    public void Fit_CallbackThatStoresMoreModelsThanACheckpointMayHave_IsRefusedWhenItStoresThem()
    {
        var options = new TrainerOptions { Epoch = 1, Filters = [32, 64, 128], WorkspacePath = TestFiles.NewFolder(), Callbacks = [new Keeping(null, models: 100)] };

        Assert.That(() => FakeTrainer.Create(options).Fit(Train, Validation), Throws.TypeOf<Cifar3Exception>().With.Message.Contains("100 models").And.Message.Contains("SaveState"));
    }

    [Test]
    public void Fit_ResumedWithAReducedRate_GoesOnWithIt()
    {
        string folder = TestFiles.NewFolder();
        var options = new TrainerOptions { Epoch = 5, LearningRate = 0.08f };
        var whole = FakeTrainer.Create(options with { Callbacks = [Reducing()] }).Fit(Train, Validation);
        Interrupt(folder, 14, options with { Callbacks = [Reducing()] }); // in epoch 4

        var resumed = FakeTrainer.Create(options with { Callbacks = [Reducing()], WorkspacePath = folder, Resume = true }).Fit(Train, Validation);

        Assert.That(resumed.History["learning_rate"], Is.EqualTo(new[] { .08, .08, .04, .02, .01 }).Within(1e-6));
        Assert.That(resumed.Model.WeightHash(), Is.EqualTo(whole.Model.WeightHash()));

        static ReduceLROnPlateau Reducing() => new(factor: .5, patience: 1, minDelta: 100);
    }

    [Test]
    public void Fit_ResumedAfterAnEarlyStop_DoesNotGoOn()
    {
        var options = new TrainerOptions { Epoch = 30, LearningRate = 0.3f, WorkspacePath = TestFiles.NewFolder(), Callbacks = [new EarlyStopping(patience: 2)] };
        var whole = FakeTrainer.Create(options).Fit(Train, Validation);
        Assume.That(whole.StoppedEarly, "the settings no longer make early stopping stop");

        var again = FakeTrainer.Create(options with { Resume = true }).Fit(Train, Validation);

        Assert.That((again.StopReason, again.History.Epochs.Length), Is.EqualTo((whole.StopReason, whole.History.Epochs.Length)));
        Assert.That(again.BestModel.WeightHash(), Is.EqualTo(whole.BestModel.WeightHash()).And.Not.EqualTo(whole.Model.WeightHash()), "that of an epoch long before");
        Assert.That((again.BestModel.Metadata.Epoch, again.BestModel.Metadata.ValAccuracy), Is.EqualTo((whole.BestModel.Metadata.Epoch, whole.BestModel.Metadata.ValAccuracy)));
        Assert.That(again.BestModel.Metadata.History, Has.Length.EqualTo(again.BestModel.Metadata.Epoch));
    }

    [Test]
    public void Fit_ResumedAfterTheEnd_GivesTheSameResultAtOnce()
    {
        string folder = TestFiles.NewFolder();
        var whole = FakeTrainer.Create(Options(folder)).Fit(Train, Validation);
        var seen = new Recorder();

        var again = FakeTrainer.Create(Options(folder) with { Resume = true, Callbacks = [.. Options(folder).Callbacks, seen] }).Fit(Train, Validation);

        Assert.That(seen.Batches, Is.Empty);
        Assert.That(again.History.Epochs, Is.EqualTo(whole.History.Epochs), "with the seconds that they took");
        Assert.That(again.Model.WeightHash(), Is.EqualTo(whole.Model.WeightHash()));
        Assert.That(again.BestModel.WeightHash(), Is.EqualTo(whole.BestModel.WeightHash()));
    }

    [Test]
    public void Fit_ResumedWithMoreEpochs_EqualsALongTraining()
    {
        string folder = TestFiles.NewFolder();
        string whole = FakeTrainer.Create(Options(null) with { Epoch = 6 }).Fit(Train, Validation).Model.WeightHash();
        FakeTrainer.Create(Options(folder) with { Epoch = 3 }).Fit(Train, Validation);

        var longer = FakeTrainer.Create(Options(folder) with { Epoch = 6, Resume = true }).Fit(Train, Validation);

        Assert.That(longer.Model.WeightHash(), Is.EqualTo(whole));
        Assert.That(longer.History.Epochs.Select(e => e.Epoch), Is.EqualTo(new[] { 1, 2, 3, 4, 5, 6 }));
    }

    /// <summary>A job with fewer epochs than were done got the model of all of them, whose recipe told of the fewer.</summary>
    [Test]
    public void Fit_ResumedWithFewerEpochsThanAreDone_IsRefused()
    {
        var options = Options(TestFiles.NewFolder()) with { Epoch = 4, Callbacks = [] };
        FakeTrainer.Create(options).Fit(Train, Validation);

        Assert.That(
            () => FakeTrainer.Create(options with { Epoch = 3, Resume = true }).Fit(Train, Validation),
            Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("it belongs to another training (Epoch: expected at least 4, found 3)"));
        Assert.That(FakeTrainer.Create(options with { Resume = true }).Fit(Train, Validation).History.Epochs, Has.Length.EqualTo(4));
    }

    /// <summary>The rates of the epochs done would have been others: what goes on is neither the shorter training nor the longer one.</summary>
    [Test]
    public void Fit_ResumedWithMoreEpochsUnderAScheduleThatGoesByThem_IsRefused([Values(1, 3)] int epochs)
    {
        var options = Options(TestFiles.NewFolder()) with { Epoch = epochs, LearningRateScheduler = new FallsUntilTheEnd() };
        FakeTrainer.Create(options).Fit(Train, Validation);

        Assert.That(
            () => FakeTrainer.Create(options with { Epoch = 6, Resume = true }).Fit(Train, Validation),
            Throws.TypeOf<Cifar3ModelException>().With.Message.Contains($"LearningRateScheduler: expected FallsUntilTheEnd over {epochs} epochs, found FallsUntilTheEnd over 6 epochs"));
        Assert.That(FakeTrainer.Create(options with { Resume = true }).Fit(Train, Validation).History.Epochs, Has.Length.EqualTo(epochs));
    }

    [Test]
    public void Fit_ResumedWithMoreEpochsUnderAScheduleThatDoesNotGoByThem_EqualsALongTraining()
    {
        var options = Options(TestFiles.NewFolder()) with { Epoch = 3, LearningRateScheduler = new ExponentialLRDecay(0.05f, numEpochsPerDecay: 1, decayRate: 0.5f) };
        string whole = FakeTrainer.Create(options with { Epoch = 6, WorkspacePath = null }).Fit(Train, Validation).Model.WeightHash();
        FakeTrainer.Create(options).Fit(Train, Validation);

        Assert.That(FakeTrainer.Create(options with { Epoch = 6, Resume = true }).Fit(Train, Validation).Model.WeightHash(), Is.EqualTo(whole));
    }

    private sealed class FallsUntilTheEnd : LearningRateScheduler
    {
        public override float GetLearningRate(TrainState state) => state.LearningRate * (1.1f - (float)state.ShareDone);
    }

    [Test]
    public void Fit_ResumeWithoutCheckpoint_StartsAtTheBeginning()
    {
        var result = FakeTrainer.Create(Options(TestFiles.NewFolder()) with { Resume = true }).Fit(Train, Validation);

        Assert.That(result.History.Epochs, Has.Length.EqualTo(5));
    }

    [Test]
    public void Fit_ResumeWithoutValidation_Works()
    {
        string folder = TestFiles.NewFolder();
        var options = new TrainerOptions { Epoch = 3, WorkspacePath = folder };
        string whole = FakeTrainer.Create(options).Fit(Train).Model.WeightHash();
        FakeTrainer.Create(options with { Epoch = 1 }).Fit(Train);

        Assert.That(FakeTrainer.Create(options with { Resume = true }).Fit(Train).Model.WeightHash(), Is.EqualTo(whole));
    }

    [Test]
    public void Fit_ResumeWithOtherDataOrSettings_NamesTheDifference()
    {
        string folder = TestFiles.NewFolder();
        Interrupt(folder, 6);
        var options = Options(folder) with { Resume = true };
        var initial = CnnModel.Create(Train.ClassNames, seed: 77, FakeEngine.Filters);

        Assert.Multiple(() =>
        {
            Refused(options with { Seed = 9 }, Train, Validation, "Seed: expected 4, found 9");
            Refused(options with { BatchSize = 16 }, Train, Validation, "BatchSize: expected 32, found 16");
            Refused(options with { LearningRate = 0.01f }, Train, Validation, "LearningRate: expected 0.05, found 0.01");
            Refused(options with { Filters = [2, 2, 2] }, Train, Validation, "Filters: expected 1/1/1, found 2/2/2");
            Refused(options with { DropoutRates = [.5, .5, .25] }, Train, Validation, "DropoutRates: expected 0.5/0.5/0.5, found 0.5/0.5/0.25");
            Refused(options with { Recipe = Recipe.Keras with { Name = "mine" } }, Train, Validation, "Recipe: expected keras, found mine");
            Refused(options with { InitialModel = initial }, Train, Validation, "initial weights: expected");
            Refused(options with { InitialModel = initial, InitialState = EngineState.Initial(initial) with { Step = 7 } }, Train, Validation, "initial optimizer: expected nothing, found step 7 with SHA-256");
            Refused(options with { WeightDecay = .1f }, Train, Validation, "WeightDecay: expected 0, found 0.1");
            Refused(options with { LabelSmoothing = .1f }, Train, Validation, "LabelSmoothing: expected 0, found 0.1");
            Refused(options with { Augmentations = [new RandomFlip()] }, Train, Validation, "Augmentations: expected none, found RandomFlip");
            Refused(options with { EmaMomentum = .9 }, Train, Validation, "EmaMomentum: expected none, found 0.9");
            Refused(options with { RecomputeStatistics = false }, Train, Validation, "RecomputeStatistics: expected true, found false");
            Refused(options with { ClassWeights = ClassWeights.Balanced }, Train, Validation, "ClassWeights: expected none, found balanced");
            Refused(options with { FrozenLayers = ["conv2d"] }, Train, Validation, "FrozenLayers: expected none, found conv2d");
            Refused(options with { LearningRateScheduler = new OneCycle() }, Train, Validation, "LearningRateScheduler: expected none, found one cycle (0.2, 25, 1000) over 5 epochs");
            Refused(options with { InitialModel = CnnModel.Create(Train.ClassNames, new CnnArchitecture(3, FakeEngine.Filters, null, [.9, .9, .9], [.01, .01, .01])) }, Train, Validation, "BatchNormalization momentum: expected 0.99/0.99/0.99, found 0.9/0.9/0.9; BatchNormalization epsilon: expected 0.001/0.001/0.001, found 0.01/0.01/0.01");
            Refused(options, new ImageSet(Train.Pixels.ToArray(), [.. Train.Labels.ToArray().Select(label => 2 - label)], Train.ClassNames), Validation, "training images: expected 100 with SHA-256");
            Refused(options, new ImageSet([.. Train.Pixels.ToArray().Select(value => (byte)(value ^ 1))], Train.Labels.ToArray(), Train.ClassNames), Validation, "training images: expected 100 with SHA-256");
            Refused(options, Renamed(Train), Renamed(Validation), "class names: expected red, green, blue, found green, red, blue");
            Refused(options, Train, Train, "validation images: expected 50 with SHA-256");
            Refused(options, Train, null, "found none");
            Refused(options with { Callbacks = [] }, Train, Validation, "callbacks: expected EarlyStopping(monitor: val_accuracy, patience: 50");
            Refused(options with { Callbacks = [new EarlyStopping(patience: 50, mode: MonitorMode.Min, restoreBestWeights: true)] }, Train, Validation, "found EarlyStopping(monitor: val_accuracy, mode: Min, patience: 50");
            Refused(options with { Callbacks = [.. options.Callbacks, new EarlyStopping("loss")] }, Train, Validation, "callbacks: found EarlyStopping(monitor: loss");
        });

        static ImageSet Renamed(ImageSet images) => new(images.Pixels.ToArray(), images.Labels.ToArray(), ["green", "red", "blue"]);

        static void Refused(TrainerOptions options, ImageSet train, ImageSet? validation, string difference) =>
            Assert.That(
                () => FakeTrainer.Create(options).Fit(train, validation),
                Throws.TypeOf<Cifar3ModelException>().With.Message.StartsWith("Cannot resume from").And.Message.Contains(difference).And.Message.Contains("set Resume to false"));
    }

    [Test]
    public void Fit_WorkspaceBelowAFile_FailsBeforeTheFirstEpoch()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "file");
        File.WriteAllText(file, "");
        var seen = new Recorder();

        Assert.That(
            () => FakeTrainer.Create(Options(Path.Combine(file, "run")) with { Callbacks = [seen] }).Fit(Train, Validation),
            Throws.TypeOf<Cifar3Exception>().With.Message.StartsWith("Cannot write '").And.Message.EndsWith("is a file, not a folder. Name another one."));
        Assert.That(seen.Moments, Is.Empty);
    }

    private static TrainerOptions Options(string? folder) => new()
    {
        Epoch = 5,
        Seed = 4,
        LearningRate = 0.05f,
        WorkspacePath = folder,
        Callbacks = [new EarlyStopping(patience: 50, restoreBestWeights: true)],
    };

    /// <summary>The loss of a step is that of the weights before it. What a last step makes no number of must not replace what was sound.</summary>
    [Test]
    public void Fit_WeightsNotFiniteAfterAnEpoch_StopsAndKeepsTheCheckpointBefore()
    {
        var options = new TrainerOptions { Epoch = 3, LearningRate = 0.25f, WorkspacePath = TestFiles.NewFolder(), Resume = true };

        var error = Assert.Throws<Cifar3Exception>(() => FakeTrainer.Create(options, new EndsInNaN(atStep: 8).Start).Fit(Train)); // the last of epoch 2

        Assert.That(error!.Message, Does.Contain("Training diverged").And.Contain("'dense/bias'").And.Contain("NaN after epoch 2").And.Contain("LearningRate=0.25").And.Contain("lower learning rate"));
        Assert.That(FakeTrainer.Create(options with { Epoch = 1 }).Fit(Train).History.Epochs, Has.Length.EqualTo(1), "that of epoch 1 can be read");
    }

    /// <summary>Two moments of each weight were copied too, from a GPU's memory in places, for a look at the weights.</summary>
    [Test]
    public void Fit_NothingThatNeedsAdamsMoments_CopiesNone()
    {
        var engine = new CountsExports();

        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 3, RecomputeStatistics = false }, engine.Start).Fit(Train, Validation);

        Assert.That(result.History.Epochs, Has.Length.EqualTo(3));
        Assert.That(engine.Exports, Is.Zero);
    }

    private sealed class CountsExports : WrappedEngine
    {
        public int Exports { get; private set; }

        public override EngineState ExportState()
        {
            Exports++;
            return base.ExportState();
        }
    }

    private sealed class EndsInNaN(long atStep) : WrappedEngine
    {
        public override BatchResult TrainStep(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, ReadOnlySpan<float> targets, float learningRate, long step)
        {
            var result = base.TrainStep(images, labels, targets, learningRate, step);
            if (step == atStep)
            {
                var state = ExportState();
                ImportState(state with { Weights = [.. state.Weights.Select(w => w.Name == "dense/bias" ? new WeightTensor(w.Name, w.Shape, [0, float.NaN, 0]) : w)] });
            }

            return result;
        }
    }

    private static void Interrupt(string folder, int batches, TrainerOptions? options = null)
    {
        options ??= Options(folder);
        using var source = new CancellationTokenSource();
        var stop = new Recorder { OnBatch = batch => source.CancelAfterBatch(batch, batches) };
        var trainer = FakeTrainer.Create(options with { WorkspacePath = folder, Callbacks = [.. options.Callbacks, stop] });
        Assert.That(() => trainer.Fit(Train, Validation, source.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    private static IEnumerable<EpochLog> WithoutTime(History history) => history.Epochs.Select(e => e with { Seconds = 0 });

    /// <summary>Stores a model, or copies of the training's own.</summary>
    private sealed class Keeping(CnnModel? model, int models = 1) : Callback
    {
        private CnnModel? own;

        public override void OnEpochEnd(TrainingContext context, EpochLog log) => own = context.Model;

        public override void SaveState(CallbackState state)
        {
            for (int i = 0; i < models; i++)
            {
                state.Set(i == 0 ? "kept" : $"kept {i}", model ?? own);
            }
        }
    }
}

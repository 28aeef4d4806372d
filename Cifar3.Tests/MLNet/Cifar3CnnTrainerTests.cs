using Cifar3.Training;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3.Tests;

/// <summary>The trainer as ML.NET sees it, on a fast engine.</summary>
public sealed class Cifar3CnnTrainerTests
{
    private static readonly ImageSet Images = ColourImages.Create(100);
    private static readonly Cifar3CnnTrainer.Options Quick = new() { Recipe = Recipe.Keras, FeatureColumnName = "Pixels", Epoch = 3, BatchSize = 32, Filters = FakeEngine.Filters };

    [Test]
    public void Options_Defaults_AreMLNetsNamesAndTheAutoRecipe()
    {
        var options = new Cifar3CnnTrainer.Options();

        Assert.That((options.FeatureColumnName, options.LabelColumnName, options.ScoreColumnName, options.PredictedLabelColumnName), Is.EqualTo(("Features", "Label", "Score", "PredictedLabel")));
        Assert.That((options.Recipe, options.Epoch, options.BatchSize, options.LearningRate, options.ValidationSetFraction), Is.EqualTo((Recipe.Auto, (int?)null, (int?)null, (float?)null, 0.1f)));
        Assert.That(options.EarlyStoppingCriteria, Is.EqualTo(new Cifar3CnnTrainer.EarlyStoppingCriterion(0, 3, Cifar3CnnTrainer.EarlyStoppingMetric.Accuracy)));
        Assert.That(options.LearningRateScheduler, Is.Null);
    }

    [Test]
    public void Fit_ContextWithASeed_IsTheTrainingsUnlessTheOptionsHaveOne()
    {
        string Hash(MLContext context, int? seed) => Trainer(context, Quick with { Seed = seed }).Fit(Images.ToDataView()).Model.WeightHash();

        Assert.That(Hash(new MLContext(seed: 7), null), Is.EqualTo(Hash(new MLContext(), 7)));
        Assert.That(Hash(new MLContext(seed: 7), 8), Is.EqualTo(Hash(new MLContext(), 8)));
        Assert.That(Hash(new MLContext(seed: 7), null), Is.Not.EqualTo(Hash(new MLContext(seed: 8), null)));
    }

    [Test]
    public void Catalog_SimpleOverload_TakesMLNetsNames()
    {
        var validation = Images.ToDataView();

        var settings = new MLContext().MulticlassClassification.Trainers.Cifar3Cnn(labelColumnName: "L", featureColumnName: "F", scoreColumnName: "S", predictedLabelColumnName: "P", validationSet: validation).Settings;

        Assert.That(settings, Is.EqualTo(new Cifar3CnnTrainer.Options { LabelColumnName = "L", FeatureColumnName = "F", ScoreColumnName = "S", PredictedLabelColumnName = "P", ValidationSet = validation }));
    }

    [Test]
    public void Fit_TheRealTrainer_GivesTheModelOfTheTrainerCalledDirectly()
    {
        var context = new MLContext();
        var images = MLNetData.Images(24);
        var options = Quick with { Epoch = 1, BatchSize = 8, Filters = [2, 2, 2], Seed = 3, ValidationSetFraction = null };

        using var transformer = context.MulticlassClassification.Trainers.Cifar3Cnn(options).Fit(images.ToDataView());

        var expected = new Cifar3Trainer(new TrainerOptions { Recipe = Recipe.Keras, Epoch = 1, BatchSize = 8, Filters = [2, 2, 2], Seed = 3 }).Fit(images);
        Assert.That(transformer.Model.WeightHash(), Is.EqualTo(expected.Model.WeightHash()));
        MLNetData.AssertEqual(MLNetData.Scores(transformer.Transform(images.ToDataView())), MLNetData.Expected(expected.Model, images));
    }

    [Test]
    public void Fit_EveryKindOfColumn_TrainsTheSameModel()
    {
        var context = new MLContext();
        var view = MLNetData.View(context, MLNetData.Images());

        string[] hashes = [.. MLNetData.Columns.Select(column => Trainer(context, Quick with { FeatureColumnName = column }).Fit(view).Model.WeightHash())];

        Assert.That(hashes.Distinct().ToArray(), Has.Length.EqualTo(1));
    }

    [Test]
    public void Fit_Twice_GivesTheSameModel()
    {
        var trainer = Trainer(new MLContext(), Quick);

        Assert.That(trainer.Fit(Images.ToDataView()).Model.WeightHash(), Is.EqualTo(trainer.Fit(Images.ToDataView()).Model.WeightHash()));
    }

    [Test]
    public void Fit_LearningRateWithoutScheduler_IsUsed()
    {
        var model = Trainer(new MLContext(), Quick with { LearningRate = 0.025f }).Fit(Images.ToDataView()).Model;

        Assert.That(model.Metadata.History.Select(log => (float)log.LearningRate), Is.All.EqualTo(0.025f));
    }

    /// <summary>They count the same then, and there is no weighted accuracy to watch.</summary>
    [Test]
    public void Fit_ValidationImagesOfClassesOfWeight0Alone_AreWatchedByTheirAccuracy()
    {
        var validation = Images.Select([.. Enumerable.Range(0, Images.Count).Where(i => Images.Labels[i] == 0)]);
        var options = Quick with { ValidationSet = validation.ToDataView(), ClassWeights = ClassWeights.Of((Images.ClassNames[0], 0f)) };

        Assert.That(Trainer(new MLContext(), options).Fit(Images.ToDataView()).Model.Metadata.ValAccuracy, Is.Not.Null);
    }

    [Test]
    public void Fit_Scheduler_WinsOverLearningRateAndIsAskedBeforeEveryStep()
    {
        var scheduler = new CountingScheduler();
        var model = Trainer(new MLContext(), Quick with { LearningRate = 0.5f, LearningRateScheduler = scheduler, ValidationSetFraction = null, EarlyStoppingCriteria = null }).Fit(Images.ToDataView()).Model;

        Assert.That(scheduler.States, Has.Count.EqualTo(3 * 4)); // 100 images in batches of 32
        Assert.That(scheduler.States[5], Is.EqualTo(new TrainState(1, 1, 4, 32) { Epochs = 3, LearningRate = 0.5f }));
        Assert.That(model.Metadata.History.Select(log => (float)log.LearningRate), Is.EqualTo(new[] { 0.004f, 0.008f, 0.012f }));
    }

    [Test]
    public void Fit_SchedulerThatGivesNaN_NamesEpochAndBatch() => Assert.That(
        () => Trainer(new MLContext(), Quick with { LearningRateScheduler = new CountingScheduler { Rate = float.NaN } }).Fit(Images.ToDataView()),
        Throws.TypeOf<Cifar3Exception>().With.Message.Contains("CountingScheduler gave NaN for epoch 1, batch 1"));

    [Test]
    public void Fit_FewerRowsThanABatch_TrainsWithFiniteNumbers([Values] bool scheduled)
    {
        var options = Quick with { BatchSize = 64, ValidationSetFraction = null, LearningRateScheduler = scheduled ? new ExponentialLRDecay() : null };

        var history = Trainer(new MLContext(), options).Fit(Images.Take(5).ToDataView()).Model.Metadata.History;

        Assert.That(history, Is.Not.Empty);
        Assert.That(history.SelectMany(log => new[] { log.Loss, log.Accuracy, log.LearningRate }), Is.All.GreaterThanOrEqualTo(0).And.All.LessThan(100));
        Assert.That(history[0].LearningRate, Is.EqualTo(0.001).Within(1e-9));
    }

    [Test]
    public void Fit_MetricsCallback_GetsNewObjectsWithTheEpochsNumbers()
    {
        var kept = new List<Cifar3CnnTrainer.ImageClassificationMetrics>();

        var trained = Trainer(new MLContext(), Quick with { MetricsCallback = kept.Add, EarlyStoppingCriteria = null }).Fit(Images.ToDataView());

        Assert.That(kept.Distinct(ReferenceEqualityComparer.Instance).Count(), Is.EqualTo(6));
        Assert.That(kept.Select(m => (m.Train.Epoch, m.Train.DatasetUsed.ToString())), Is.EqualTo(new[] { (1, "Train"), (1, "Validation"), (2, "Train"), (2, "Validation"), (3, "Train"), (3, "Validation") }));
        var first = trained.Model.Metadata.History[0];
        Assert.That((kept[0].Train.Accuracy, kept[0].Train.CrossEntropy, kept[0].Train.BatchProcessedCount), Is.EqualTo(((float)first.Accuracy, (float)first.Loss, 3)));
        Assert.That((kept[1].Train.Accuracy, kept[1].Train.CrossEntropy, kept[1].Train.BatchProcessedCount), Is.EqualTo(((float)first.ValAccuracy!, (float)first.ValLoss!, 1)));
        Assert.That(kept[0].ToString(), Does.StartWith("Phase: Training, Dataset used: Train, Batch Processed Count: 3, Epoch: 1, Accuracy: 0."));
    }

    [Test]
    public void Fit_TestOnTrainSetFalse_ReportsValidationOnly()
    {
        var kept = new List<Cifar3CnnTrainer.ImageClassificationMetrics>();

        Trainer(new MLContext(), Quick with { MetricsCallback = kept.Add, TestOnTrainSet = false }).Fit(Images.ToDataView());

        Assert.That(kept.Select(m => m.Train.DatasetUsed), Is.Not.Empty.And.All.EqualTo(Cifar3CnnTrainer.Dataset.Validation));
    }

    [Test]
    public void Fit_DamagedImage_NamesTheRow()
    {
        var context = new MLContext();
        var view = context.Data.LoadFromEnumerable(new[] { "a", "b", "a" }.Select((name, i) => new MLNetData.Row { Encoded = i == 1 ? [1, 2] : TestImages.Encode(Images.Image(i), 32, 32, SkiaSharp.SKEncodedImageFormat.Png), Name = name }));
        var pipeline = context.Transforms.Conversion.MapValueToKey("Label", "Name").Append(Trainer(context, Quick with { FeatureColumnName = "Encoded" }));

        Assert.That(() => pipeline.Fit(view), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("row 1 of column Encoded"));
    }

    [Test]
    public void Fit_EarlyStoppingUsedTwice_CountsAnewEachTime([Values] bool validated)
    {
        var criterion = new Cifar3CnnTrainer.EarlyStoppingCriterion(minDelta: 0.5f, patience: 2);
        var trainer = Trainer(new MLContext(), Quick with { Epoch = 20, EarlyStoppingCriteria = criterion, ValidationSetFraction = validated ? 0.2f : null, Callbacks = [] });
        var epochs = new List<int>();
        var counting = Quick with { Epoch = 20, EarlyStoppingCriteria = criterion, ValidationSetFraction = validated ? 0.2f : null, MetricsCallback = m => epochs.Add(m.Train.Epoch) };

        for (int i = 0; i < 2; i++)
        {
            epochs.Clear();
            Trainer(new MLContext(), counting).Fit(Images.ToDataView());
            Assert.That(epochs.Max(), Is.EqualTo(3));
        }

        Assert.That(trainer.Fit(Images.ToDataView()).Model.WeightHash(), Is.EqualTo(trainer.Fit(Images.ToDataView()).Model.WeightHash()));
    }

    [Test]
    public void Fit_MLContextCancelled_StopsBetweenTwoBatches()
    {
        var context = new MLContext();
        var seen = new Recorder { OnBatch = batch => { if (batch == 2) { MLContextCancellation.CancelExecution(context); Thread.Sleep(500); } } };

        Assert.That(() => Trainer(context, Quick with { Epoch = 1000, Callbacks = [seen] }).Fit(Images.ToDataView()), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(seen.Batches, Has.Count.EqualTo(2));
        Assert.That(() => Trainer(context, Quick).Fit(Images.ToDataView()), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void Fit_TokenCancelled_Stops()
    {
        using var source = new CancellationTokenSource();
        var seen = new Recorder { OnBatch = batch => source.Cancel() };

        Assert.That(() => Trainer(new MLContext(), Quick with { CancellationToken = source.Token, Callbacks = [seen] }).Fit(Images.ToDataView()), Throws.InstanceOf<OperationCanceledException>().With.Property("CancellationToken").EqualTo(source.Token));
        Assert.That(seen.Batches, Has.Count.EqualTo(1));
    }

    /// <summary>100 images, of which 10 are set aside: too few to calibrate on, and so for a threshold.</summary>
    [Test]
    public void Fit_FamiliarityWithoutCalibration_IsRefusedBeforeTheTraining()
    {
        var seen = new Recorder();

        Assert.That(
            () => Trainer(new MLContext(), Quick with { Scoring = new ClassifierOptions { Familiarity = true }, Callbacks = [seen] }).Fit(Images.ToDataView()),
            Throws.TypeOf<Cifar3DataException>().With.Message.Contains("at least 100 validation images"));
        Assert.That(seen.Moments, Is.Empty);
    }

    [Test]
    public void Options_ClassNamesOfTheScoring_AreRefused() =>
        Assert.That(() => Trainer(new MLContext(), Quick with { Scoring = new ClassifierOptions { ClassNames = ["a", "b", "c"] } }), Throws.ArgumentException.With.Message.Contains("the label's keys"));

    [Test]
    public void Fit_CancelledWithWorkspace_ResumesToTheSameBits()
    {
        string folder = TestFiles.NewFolder();
        using var source = new CancellationTokenSource();
        var interrupting = new Recorder { OnEpoch = (_, log) => { if (log.Epoch == 2) { source.Cancel(); } } };
        var options = Quick with { Epoch = 4, EarlyStoppingCriteria = null };
        Assert.That(() => Trainer(new MLContext(), options with { WorkspacePath = folder, CancellationToken = source.Token, Callbacks = [interrupting] }).Fit(Images.ToDataView()), Throws.InstanceOf<OperationCanceledException>());

        var resumed = Trainer(new MLContext(), options with { WorkspacePath = folder, Resume = true }).Fit(Images.ToDataView());

        Assert.That(resumed.Model.WeightHash(), Is.EqualTo(Trainer(new MLContext(), options).Fit(Images.ToDataView()).Model.WeightHash()));
        Assert.That(CnnModel.LoadOnnx(Path.Combine(folder, "cifar3_model.onnx")).ClassNames, Is.EqualTo(Images.ClassNames));
    }

    /// <summary>Braces are names of folders (a GUID in its long form), and placeholders only in a file name that the user gives <see cref="ModelCheckpoint"/>.</summary>
    [TestCase("{9f8b1c2e}", "cifar3_")]
    [TestCase("{{epoch}", "{0}_")]
    public void Fit_BracesInTheWorkspacesName_AreTakenAsTheyAre(string name, string prefix)
    {
        string parent = TestFiles.NewFolder(), folder = Path.Combine(parent, name);

        Trainer(new MLContext(), Quick with { WorkspacePath = folder, FinalModelPrefix = prefix }).Fit(Images.ToDataView());

        Assert.That(CnnModel.LoadOnnx(Path.Combine(folder, $"{prefix}model.onnx")).ClassNames, Is.EqualTo(Images.ClassNames));
        Assert.That(Directory.GetDirectories(parent), Is.EqualTo([folder]));
    }

    [Test]
    public void Fit_Log_TellsProgress()
    {
        var context = new MLContext();
        var messages = new List<string>();
        context.Log += (_, e) => messages.Add($"{e.Source} {e.RawMessage}");

        Trainer(context, Quick).Fit(Images.ToDataView());

        string[] own = [.. messages.Where(m => m.StartsWith("Cifar3Cnn", StringComparison.Ordinal))];
        Assert.That(own, Has.Some.Contains("Training on 89 images, validating on 11, with Fake 1.0 (CPU, test); keras: Adam 0.001, batch 32, 3 epochs"));
        Assert.That(own, Has.Exactly(3).Contains("validation accuracy 0."));
        Assert.That(own, Has.Some.Contains("Epoch 3/3: loss "));
    }

    /// <summary>Drawn of all images together, a tenth of these mostly holds no image of the small classes.</summary>
    [Test]
    public void Fit_FewImagesOfSomeClasses_SetsSomeOfEachAside()
    {
        var few = Images.Select([.. Enumerable.Range(0, Images.Count).GroupBy(i => Images.Labels[i]).SelectMany(images => images.Take(images.Key == 0 ? 30 : 2))]);
        var context = new MLContext();
        var messages = new List<string>();
        context.Log += (_, e) => messages.Add(e.RawMessage);

        Trainer(context, Quick).Fit(few.ToDataView());

        Assert.That(messages, Has.Some.Contains("Training on 27 images, validating on 5"));
        Assert.That(messages, Has.None.Contains("There is no validation image"));
    }

    /// <summary>A float's 0.1 is a little more than a tenth, which would set 3 images of 25 aside.</summary>
    [Test]
    public void Fit_ShareOfTheImages_IsSetAsideAsImageSetDoes([Values(3, 4)] int seed)
    {
        var images = new ImageSet(EngineTestData.RandomImages(75, 1), [.. Enumerable.Range(0, 75).Select(i => i % 3)], Images.ClassNames);
        var (train, validation) = images.TrainValidationSplit(.1, seed);
        string expected = FakeTrainer.Create(new TrainerOptions { Epoch = 1, Seed = seed }).Fit(train, validation).BestModel.WeightHash();

        using var transformer = Trainer(new MLContext(), Quick with { Epoch = 1, Seed = seed }).Fit(images.ToDataView());

        Assert.That(validation.Count, Is.EqualTo(6));
        Assert.That(transformer.Model.WeightHash(), Is.EqualTo(expected));
    }

    [Test]
    public void Fit_Scoring_IsTheTransformers()
    {
        var options = Quick with { Scoring = new ClassifierOptions { Familiarity = true }, ValidationSet = Images.ToDataView(), Calibrate = true };

        using var transformer = Trainer(new MLContext(), options).Fit(Images.ToDataView());

        Assert.That(transformer.Transform(Images.ToDataView()).Schema.Select(column => column.Name), Does.Contain("Familiarity"));
    }

    [Test]
    public void Fit_ValidationSetWithKeysInAnotherOrder_MatchesClassesByName()
    {
        var context = new MLContext();
        var validation = ColourImages.Create(50, seed: 1);
        int[] other = [.. validation.Labels.ToArray().Select(label => 2 - label)];
        var reversed = new ImageSet(validation.Pixels.ToArray(), other, validation.ClassNames.Reverse());
        var plain = Trainer(context, Quick with { ValidationSet = validation.ToDataView() }).Fit(Images.ToDataView()).Model.Metadata.History;

        var mapped = Trainer(context, Quick with { ValidationSet = reversed.ToDataView() }).Fit(Images.ToDataView()).Model.Metadata.History;

        Assert.That(mapped.Select(log => log.ValLoss), Is.EqualTo(plain.Select(log => log.ValLoss)));
    }

    [Test]
    public void Fit_WrongColumns_SaysExpectedAndFoundAsMLNetDoes()
    {
        var view = Images.ToDataView();
        var context = new MLContext();

        Assert.That(() => Trainer(context, Quick with { LabelColumnName = "Nothing" }).Fit(view), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("could not find label column 'Nothing'"));
        Assert.That(
            () => Trainer(context, Quick with { LabelColumnName = "Image" }).Fit(view),
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Schema mismatch for label column 'Image': expected a key").And.Message.Contains("got Image"));
        Assert.That(() => Trainer(context, Quick with { ValidationSetFraction = 1 }), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("ValidationSetFraction=1"));
        Assert.That(() => Trainer(context, Quick with { Epoch = 0 }), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Fit_ValidationSetThatWillNotDo_IsNamedInTheError()
    {
        var context = new MLContext();
        var images = Images.ToDataView();
        Cifar3CnnTrainer With(IDataView validation) => Trainer(context, Quick with { ValidationSet = validation });

        Assert.That(() => With(context.Data.SkipRows(images, Images.Count)).Fit(images), Throws.TypeOf<Cifar3DataException>().With.Message.StartsWith("In the validation set: The data view has no row."));
        Assert.That(() => With(context.Transforms.DropColumns("Label").Fit(images).Transform(images)).Fit(images), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("could not find validation set's label column 'Label'"));
        Assert.That(() => With(new ImageSet(new byte[3072], [0], ["cat", "dog"]).ToDataView()).Fit(images), Throws.TypeOf<Cifar3DataException>().With.Message.StartsWith("In the validation set: Label 'cat' in row 0"));
    }

    private static Cifar3CnnTrainer Trainer(MLContext context, Cifar3CnnTrainer.Options options) => new(context, options, o => FakeTrainer.Create(o));

    /// <summary>A user's own scheduler.</summary>
    private sealed class CountingScheduler : LearningRateScheduler
    {
        public List<TrainState> States { get; } = [];

        public float? Rate { get; init; }

        public override float GetLearningRate(TrainState state)
        {
            States.Add(state);
            return Rate ?? (state.Step + 1) * 0.001f;
        }
    }
}

using Cifar3.Training;
using Microsoft.ML;

namespace Cifar3.Tests;

/// <summary>Class weights: what images count in the loss, and in what tells which epoch is the best and whether the model is better than chance.</summary>
public sealed class ClassWeightTests
{
    private static readonly ImageSet Train = ColourImages.Create(60);

    [Test]
    public void ClassWeights_Images_WeighTheRarerOrNamedClassMore()
    {
        var images = new ImageSet(new byte[40 * CnnArchitecture.ImageBytes], [.. Enumerable.Range(0, 40).Select(i => i < 30 ? 0 : 1)], ["many", "few", "none"]);

        Assert.That(ClassWeights.Balanced.For(images), Is.EqualTo(new[] { 40 / 60f, 2, 1 }).Within(1e-6), "a class without images takes no part");
        Assert.That(ClassWeights.Of(("few", 3)).For(images), Is.EqualTo(new[] { 1, 3, 1 }));
        Assert.That(() => ClassWeights.Of(("many", 0), ("few", 0)).For(images), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("a class that has images"), "that of a class without images teaches nothing");
    }

    /// <summary>A model's metadata have room for so many characters.</summary>
    [Test]
    public void Plan_ClassWeights_AreTold()
    {
        Assert.That(Words(ClassWeights.Balanced), Does.EndWith(", class weights balanced"));
        Assert.That(Words(ClassWeights.Of(("few", 2.5f))), Does.EndWith(", class weights few 2.5"));
        Assert.That(Words(null), Does.Not.Contain("weights"));
        Assert.That(Words(ClassWeights.Of(Enumerable.Range(0, 100).Select(i => ($"{i}{new string('x', 990)}", 1f)))), Has.Length.LessThan(1_000));

        static string Words(ClassWeights? weights) => TrainingPlan.Create(new TrainerOptions { Recipe = Recipe.Keras, ClassWeights = weights }, 100).ToString();
    }

    /// <summary>A checkpoint is known by this text: the same weights named in another order were refused as another training's.</summary>
    [Test]
    public void ClassWeights_InAnotherOrder_AreTheSameText() =>
        Assert.That(ClassWeights.Of(("dog", 1), ("cat", 2)).ToString(), Is.EqualTo(ClassWeights.Of(("cat", 2), ("dog", 1)).ToString()).And.EqualTo("cat 2, dog 1"));

    [Test]
    public void ClassWeights_UnknownClass_IsNamed()
    {
        Assert.That(
            () => FakeTrainer.Create(new TrainerOptions { ClassWeights = ClassWeights.Of(("purple", 2)) }).Fit(Train),
            Throws.TypeOf<Cifar3DataException>().With.Message.Contains("purple").And.Message.Contains("'red', 'green', 'blue'"));
    }

    /// <summary>As folders' names are: the name of a folder on an old Mac comes in another Unicode form than the class's.</summary>
    [TestCase("caf\u00e9", "cafe\u0301")]
    [TestCase("cafe\u0301", "caf\u00e9")]
    public void ClassWeights_NameInAnotherUnicodeForm_IsTheSame(string name, string named)
    {
        var images = new ImageSet(new byte[2 * CnnArchitecture.ImageBytes], [0, 1], [name, "tea"]);

        Assert.That(ClassWeights.Of((named, 3)).For(images), Is.EqualTo(new[] { 3, 1 }));
        Assert.That(() => ClassWeights.Of((name, 2), (named, 3)), Throws.ArgumentException.With.Message.Contains("may have one weight"));
    }

    [Test]
    public void Fit_BalancedWeights_MeasuresTheMeanRecall()
    {
        var images = Unequal(40, 8, 8);
        var recalls = new List<double>();
        var recorder = new Recorder { OnEpoch = (context, _) => recalls.Add(MeanRecall(context.Model, images)) };

        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 6, Seed = 1, LearningRate = .01f, ClassWeights = ClassWeights.Balanced, Callbacks = [recorder] }).Fit(images, images);

        Assert.That(result.History["val_weighted_accuracy"], Is.EqualTo(recalls).Within(1e-6));
        Assert.That(result.History["val_weighted_accuracy"], Is.Not.EqualTo(result.History["val_accuracy"]));
        Assert.That(result.BestModel.Metadata.Epoch, Is.EqualTo(result.History.Epochs.OrderByDescending(e => e.ValWeightedAccuracy).ThenBy(e => e.ValLoss).First().Epoch));
    }

    [Test]
    public void Fit_NoWeights_HasNoWeightedAccuracy()
    {
        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 1 }).Fit(Train, Train);

        Assert.That(result.History.Metrics, Does.Not.Contain("val_weighted_accuracy"));
        Assert.That(result.History.Epochs[0].ValWeightedAccuracy, Is.Null);
    }

    /// <summary>Naming always the class of nine in ten images has the highest accuracy.</summary>
    [TestCase(false, 2)]
    [TestCase(true, 3)]
    public void BestEpoch_WeightedAccuracy_IsWhatTells(bool endsLow, int expected)
    {
        (double Accuracy, double Weighted)[] measured = [(.9, .33), (.8, .7), (.85, .66), (.91, .3)];
        List<EpochLog> epochs = [];
        EpochLog? kept = null;
        foreach (var (accuracy, weighted) in measured)
        {
            epochs.Add(new EpochLog(epochs.Count + 1, 1, .5, ValLoss: 1, accuracy, 1e-3, 1) { ValWeightedAccuracy = weighted });
            kept = BestEpoch.IsLast(epochs, kept, images: 50, endsLow) ? epochs[^1] : kept;
        }

        Assert.That(kept!.Epoch, Is.EqualTo(expected));
    }

    /// <summary>The 56 images tell as much as 32.7 of equal weight: .733 lies within one standard error of .792, as among 56 it would not.</summary>
    [Test]
    public void Fit_WeightsUnderAScheduleThatEndsLow_TakesTheErrorOfTheImagesThatTell()
    {
        var images = Unequal(40, 8, 8);
        var options = new TrainerOptions { Epoch = 2, BatchSize = 64, LearningRateScheduler = new OneCycle(), ClassWeights = ClassWeights.Balanced };

        var result = FakeTrainer.Create(options, new MeasuredEngine([40, 8, 3, 38, 7, 3]).Start).Fit(images, images);

        Assert.That(result.History["val_weighted_accuracy"], Is.EqualTo(new[] { 19.0 / 24, 11.0 / 15 }).Within(1e-6));
        Assert.That(result.BestModel.Metadata.Epoch, Is.EqualTo(2));
    }

    /// <summary>60 of 68 images are of one class, which counts a third: as many tell as 17 of equal weight would.</summary>
    [TestCase(.75, null)]
    [TestCase(.53, "The model cannot be told from always naming the same class: counted by class weights, 53.0 % of the 68 validation images are right, where that gets 33.3 %, which may be luck. Measure")]
    [TestCase(1.0 / 3, "The model is no better than always naming the same class: counted by class weights, 33.3 % of the 68 validation images are right, where that gets 33.3 %. ")]
    public void Warning_WeightedAccuracy_IsWhatTells(double weighted, string? expected)
    {
        var images = Unequal(60, 4, 4);
        var validation = new Validation(images, ClassWeights.Balanced.For(images));
        var context = ScriptedTraining.Context();
        context.Epoch(.7); // fewer than 60 of 68
        context.BestEpoch = context.History.Epochs[0] with { ValWeightedAccuracy = weighted };
        context.History = new History([context.BestEpoch]);

        string? warning = TrainingWarning.Of(context, images, validation);

        Assert.That(validation.Count, Is.EqualTo(17.4).Within(.1));
        Assert.That(validation.Chance, Is.EqualTo(1.0 / 3).Within(1e-6));
        Assert.That(warning, expected is null ? Is.Null : Does.StartWith(expected));
    }

    /// <summary>40 images of weight 1, 8 of weight 2, 8 of weight 10: naming the last class gets 80 of 136; (Σ w)²/Σ w² tell.</summary>
    [Test]
    public void Validation_UnequalWeights_HasTheChanceOfTheHeaviestClass()
    {
        var validation = new Validation(Unequal(40, 8, 8), [1, 2, 10]);

        Assert.That(validation.Chance, Is.EqualTo(80 / 136.0).Within(1e-9));
        Assert.That(validation.Count, Is.EqualTo(136.0 * 136 / (40 + 8 * 4 + 8 * 100)).Within(1e-9));
    }

    [Test]
    public void MlNetTrainer_Weights_WatchesAndKeepsByTheWeightedAccuracy()
    {
        var images = Unequal(40, 8, 8);
        string folder = TestFiles.NewFolder();
        IReadOnlyList<Callback> callbacks = [];
        var options = new Cifar3CnnTrainer.Options
        {
            FeatureColumnName = "Pixels",
            Epoch = 4,
            Seed = 1,
            Recipe = Recipe.Keras,
            LearningRate = .01f,
            Filters = FakeEngine.Filters,
            ClassWeights = ClassWeights.Balanced,
            ValidationSet = images.ToDataView(),
            WorkspacePath = folder,
            EngineFactory = (model, engine) => new FakeEngine(model, engine),
            Callbacks = [new Recorder { OnBegin = context => callbacks = context.Options.Callbacks }],
        };

        using var fitted = new MLContext().MulticlassClassification.Trainers.Cifar3Cnn(options).Fit(images.ToDataView());

        Assert.That(callbacks.OfType<EarlyStopping>().Select(c => c.ToString()), Has.One.Contains("monitor: val_weighted_accuracy"));
        Assert.That(callbacks.OfType<ModelCheckpoint>().Select(c => c.ToString()), Has.One.Contains("val_weighted_accuracy"));
        Assert.That(fitted.Model.Metadata.History, Is.Not.Empty);
    }

    /// <summary>The accuracy on the training images counts each the same: it does not tell.</summary>
    [Test]
    public void Fit_WeightsWithoutValidation_IsNotCalledChance() =>
        Assert.That(FakeTrainer.Create(new TrainerOptions { Epoch = 1, LearningRate = 1e-6f, ClassWeights = ClassWeights.Balanced }).Fit(Unequal(40, 8, 8)).Warning, Is.Null);

    [Test]
    public void Fit_ValidationOfClassesThatDoNotCount_CountsEachTheSame()
    {
        int[] blue = [.. Enumerable.Range(0, Train.Count).Where(i => Train.Labels[i] == 2)];

        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 1, ClassWeights = ClassWeights.Of(("blue", 0)) }).Fit(Train, Train.Select(blue));

        Assert.That(result.History.Metrics, Does.Not.Contain("val_weighted_accuracy"));
        Assert.That(result.BestModel.Metadata.Epoch, Is.EqualTo(1));
    }

    [Test]
    public void WeightedAccuracy_SavedInAModelAndACheckpoint_IsThere()
    {
        var log = new EpochLog(1, .5, .8, .6, .9, 1e-3, 2) { ValWeightedAccuracy = .75 };
        var model = CnnModel.Create(["a", "b"], seed: 1, filters: FakeEngine.Filters);
        string file = Path.Combine(TestFiles.NewFolder(), "model.onnx");

        model.With(model.Metadata with { Epoch = 1, ValAccuracy = .9, History = [log] }).SaveOnnx(file);

        Assert.That(CnnModel.LoadOnnx(file).Metadata.History, Is.EqualTo(new[] { log }));
        Assert.That(CheckpointHistory.Read([CheckpointHistory.Write(log), CheckpointHistory.Write(log with { Epoch = 2, ValWeightedAccuracy = null })]), Is.EqualTo(new[] { log, log with { Epoch = 2, ValWeightedAccuracy = null } }));
        Assert.That(() => model.With(model.Metadata with { History = [log with { ValWeightedAccuracy = 1.5 }] }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("1.5"));
    }

    [Test]
    public void Fit_InterruptedAndResumedWithWeights_KeepsTheSameEpoch()
    {
        var images = Unequal(40, 8, 8);
        var options = new TrainerOptions { Epoch = 6, Seed = 1, LearningRate = .01f, ClassWeights = ClassWeights.Balanced };
        var whole = FakeTrainer.Create(options).Fit(images, images);
        options = options with { WorkspacePath = TestFiles.NewFolder(), Resume = true };
        using (var cancel = new CancellationTokenSource())
        {
            var stopping = options with { Callbacks = [new Recorder { OnEpoch = (_, log) => { if (log.Epoch == 3) cancel.Cancel(); } }] };
            Assert.That(() => FakeTrainer.Create(stopping).Fit(images, images, cancel.Token), Throws.InstanceOf<OperationCanceledException>());
        }

        var resumed = FakeTrainer.Create(options).Fit(images, images);

        Assert.That(resumed.History["val_weighted_accuracy"], Is.EqualTo(whole.History["val_weighted_accuracy"]));
        Assert.That(resumed.BestModel.WeightHash(), Is.EqualTo(whole.BestModel.WeightHash()));
    }

    /// <summary>So many images of red, green and blue.</summary>
    private static ImageSet Unequal(params int[] counts)
    {
        var all = ColourImages.Create(300);
        return all.Select([.. counts.SelectMany((count, label) => Enumerable.Range(0, all.Count).Where(i => all.Labels[i] == label).Take(count))]);
    }

    private static double MeanRecall(CnnModel model, ImageSet images)
    {
        using var engine = new FakeEngine(model, new EngineOptions());
        var probabilities = new float[3 * images.Count];
        engine.Predict(images.Pixels, probabilities);
        return Enumerable.Range(0, images.Count).GroupBy(i => images.Labels[i]).Average(group => group.Average(i => Array.IndexOf(probabilities, probabilities[(3 * i)..(3 * i + 3)].Max(), 3 * i) - 3 * i == group.Key ? 1.0 : 0));
    }

    /// <summary>Of each batch that is evaluated in turn, so many are right.</summary>
    private sealed class MeasuredEngine(IEnumerable<int> right) : WrappedEngine
    {
        private readonly Queue<int> right = new(right);

        public override BatchResult Evaluate(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels) => new(labels.Length, right.Dequeue(), labels.Length);
    }
}

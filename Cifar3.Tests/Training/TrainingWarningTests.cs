using Cifar3.Training;
using Microsoft.ML;

namespace Cifar3.Tests;

/// <summary>What is said of models that should not be trusted: classes without images, and results that chance gives too.</summary>
public sealed class TrainingWarningTests
{
    private static readonly ImageSet All = ColourImages.Create(60), NoBlue = Without(All, 2);

    [Test]
    public void Fit_ClassWithoutTrainingImages_IsNamedBeforeTheTrainingAndInItsResult()
    {
        string atTheBeginning = "";

        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 1, Callbacks = [new Recorder { OnBegin = context => atTheBeginning = context.Warning! }] }).Fit(NoBlue, All);

        Assert.That(atTheBeginning, Does.StartWith("There is no training image of 'blue': ").And.Contain("Add some, set fewer aside, or leave the class out"));
        Assert.That(result.Warning, Does.StartWith(atTheBeginning));
    }

    /// <summary>For who scores it one day and never saw the training.</summary>
    [Test]
    public void Fit_ModelOfWhichIsWarned_SaysSoInItsFileAndNotInThoseTrainedFromIt()
    {
        var options = new TrainerOptions { Epoch = 1 };
        string path = Path.Combine(TestFiles.NewFolder(), "m.onnx");

        var warned = FakeTrainer.Create(options).Fit(NoBlue, All);
        warned.BestModel.SaveOnnx(path);
        string? inBetween = "none seen";
        var next = FakeTrainer.Create(options with { InitialModel = warned.BestModel, Callbacks = [new Recorder { OnEpoch = (context, _) => inBetween = context.Model.Metadata.Warning }] }).Fit(All, All);

        Assert.That(warned.Warning, Does.StartWith("There is no training image of 'blue': "));
        Assert.That((warned.Model.Metadata.Warning, CnnModel.LoadOnnx(path).Metadata.Warning), Is.EqualTo((warned.Warning, warned.Warning)));
        Assert.That((inBetween, next.BestModel.Metadata.Warning), Is.EqualTo(((string?)null, next.Warning)), "not yet known; the next one's own");
    }

    [Test]
    public void OfData_ClassWithoutValidationImages_IsNamed() =>
        Assert.That(TrainingWarning.OfData(All, NoBlue), Does.StartWith("There is no validation image of 'blue': "));

    [Test]
    public void OfData_ClassWithoutAnyImage_IsNamedOnce() =>
        Assert.That(TrainingWarning.OfData(NoBlue, NoBlue), Does.StartWith("There is no training image of 'blue'").And.Not.Contain("validation image"));

    [Test]
    public void OfData_EveryClassHasImages_IsNull() => Assert.That((TrainingWarning.OfData(All, All), TrainingWarning.OfData(All, null)), Is.EqualTo(((string?)null, (string?)null)));

    /// <summary>Key values stay when their rows are filtered out.</summary>
    [Test]
    public void Fit_DataViewWithAKeyOfNoRow_SaysSoInTheLog()
    {
        var context = new MLContext();
        var warnings = new List<string>();
        context.Log += (_, e) => warnings.Add($"{e.Kind} {e.RawMessage}");
        var options = new Cifar3CnnTrainer.Options { FeatureColumnName = "Pixels", Epoch = 1, Filters = FakeEngine.Filters, EngineFactory = (model, engine) => new FakeEngine(model, engine), ValidationSet = All.ToDataView() };

        context.MulticlassClassification.Trainers.Cifar3Cnn(options).Fit(NoBlue.ToDataView());

        Assert.That(warnings, Has.Some.StartsWith("Warning There is no training image of 'blue': "));
    }

    [Test]
    public void ProgressBar_ClassWithoutImages_SaysItAtTheBeginning()
    {
        var context = ScriptedTraining.Context();
        context.Warning = "no images.";
        var (console, text) = ProgressBarTests.Console(terminal: false);

        new ProgressBar(console, TimeProvider.System).OnTrainBegin(context);

        Assert.That(text.ToString(), Does.EndWith("Warning: no images.\n"));
    }

    [TestCase(2, "The model is no better than always naming the most frequent class: 2 of 6 validation images are right, where that gets 2.")]
    [TestCase(1, "The model is no better than always naming the most frequent class: 1 of 6 validation images are right, where that gets 2.")]
    [TestCase(4, "The model cannot be told from always naming the most frequent class: 4 of 6 validation images are right, where that gets 2, which may be luck.")]
    [TestCase(5, null)]
    [TestCase(6, null)]
    public void Of_SixImagesOfThreeClasses_SaysWhatTheyTell(int right, string? expected) => Assert.That(Measured(right, [0, 0, 1, 1, 2, 2]), expected is null ? Is.Null : Does.StartWith(expected));

    /// <summary>Of three images, two of one class, even all right ones happen by chance in 30 of 100 cases.</summary>
    [TestCase(2, true)]
    [TestCase(3, false)]
    public void Of_SoFewImagesThatNoneTell_IsSaidOnlyWhereItIsNoBetter(int right, bool warns) => Assert.That(Measured(right, [0, 0, 1]), warns ? Does.Contain("is no better than") : Is.Null);

    /// <summary>Of twelve images, ten of one class, all right ones happen by chance in 11 of 100 cases: that eleven are right is no sign of anything.</summary>
    [TestCase(10, true)]
    [TestCase(11, false)]
    public void Of_NearlyAllOfOneClass_IsSaidOnlyWhereItIsNoBetter(int right, bool warns) => Assert.That(Measured(right, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]), warns ? Does.Contain("is no better than") : Is.Null);

    [TestCase(60, true)]
    [TestCase(61, false)]
    public void Of_HundredImages_TakesTheBinomialMargin(int right, bool warns) => Assert.That(Measured(right, [.. Enumerable.Range(0, 100).Select(i => i % 2)]), warns ? Does.Contain("cannot be told from") : Is.Null);

    [Test]
    public void Of_TrainingThatFlips_NamesItAsACause() =>
        Assert.That(Measured(2, [0, 0, 1, 1, 2, 2], new RandomFlip()), Does.EndWith(" Where left and right tell the classes apart, train without RandomFlip, as the recipe keras does."));

    [Test]
    public void Of_TrainingImagesNotLearnt_NamesWhatTheyMayLackToo() =>
        Assert.That(Measured(2, [0, 0, 1, 1, 2, 2]), Does.Contain("train longer, check that the labels fit the images and that 32x32 pixels still show what tells the classes apart"));

    /// <summary>The advice named a rate that no step had: the schedule brings its own.</summary>
    [Test]
    public void Fit_ScheduleWithARateOfItsOwn_NamesThatRate()
    {
        var options = new TrainerOptions { Epoch = 3, LearningRateScheduler = new LsrDecay([new(0, 1), new(1, .5f)], 1) }; // batches of 32: a quarter
        var blank = new ImageSet(new byte[60 * CnnArchitecture.ImageBytes], [.. Enumerable.Range(0, 60).Select(i => i % 3)], ColourImages.ClassNames);

        var result = FakeTrainer.Create(options).Fit(blank, blank);

        Assert.That(result.History["learning_rate"], Is.EqualTo(new[] { .25, .125, .125 }));
        Assert.That(result.Warning, Does.Contain("is no better than").And.EndWith("or try another learning rate (now 0.25)."));
    }

    [Test]
    public void Of_TrainingImagesKnownByHeart_NamesWhatTheValidationImagesMayLack() =>
        Assert.That(Measured([2, 6], [0, 0, 1, 1, 2, 2]), Does.Contain("On the training images it reached 1.000").And.Contain("do 32x32 pixels still show what tells these apart?").And.Contain("InitialModel = CnnModel.LoadDefault().WithClasses(classNames)"));

    /// <summary>Weights that are numbers, and so large that what is computed with them is none: neither the labels nor the number of epochs are the cause.</summary>
    [Test]
    public void Fit_LearningRateThatLeavesHugeWeights_IsNamedAsTheCause()
    {
        var options = new TrainerOptions { Recipe = Recipe.Keras, LearningRate = 1e30f, Epoch = 1, BatchSize = 180, Filters = [2, 2, 2], Engine = TrainingEngine.Managed };

        var result = new Cifar3Trainer(options).Fit(All, All);

        Assert.That(result.History.Epochs[0].ValLoss, Is.NaN);
        Assert.That(result.Warning, Does.Contain("The model is no better than").And.EndWith("On the validation images the loss is NaN: the weights are so large that no probabilities come of them. Train with a lower learning rate (now 1E+30; 0.001 is usual)."));
    }

    /// <summary>Ten pictures of one class beside five hundred of the other: neither the labels nor the pixels are the likely cause.</summary>
    [Test]
    public void Of_TrainingImagesOfOneClassMostly_SaysThatTheOthersAreTooFew()
    {
        var context = ScriptedTraining.Context();
        context.Epoch(.975);
        context.BestEpoch = context.History.Epochs[0];
        int[] red = [.. Enumerable.Range(0, All.Count).Where(i => All.Labels[i] == 0)], others = [.. Enumerable.Range(0, All.Count).Where(i => All.Labels[i] != 0).Take(2)];
        var validation = new ImageSet(new byte[40 * CnnArchitecture.ImageBytes], [.. Enumerable.Repeat(0, 39), 1], ColourImages.ClassNames);

        string? warning = TrainingWarning.Of(context, All.Select([.. red, .. others]), new Validation(validation, null));

        Assert.That(warning, Does.Contain($"39 of 40 validation images are right, where that gets 39. {red.Length} of the {red.Length + 2} training images are of 'red', which teaches to name it always: add images of the others, or have every class count the same in the loss (ClassWeights.Balanced)."));
        Assert.That(warning, Does.Not.Contain("labels").And.Not.Contain("labelled"));
    }

    [TestCase(4, 6, 1.0 / 3, 73.0 / 729)]
    [TestCase(0, 6, .5, 1)]
    [TestCase(6, 6, .5, 1.0 / 64)]
    [TestCase(60, 100, .5, .0284440)]
    [TestCase(500_500, 1_000_000, .5, .15878)]
    public void ByChance_BinomialTail_IsThatOfTheTables(int right, int count, double chance, double expected) => Assert.That(TrainingWarning.ByChance(right, count, chance), Is.EqualTo(expected).Within(1).Percent);

    /// <summary>14 of 24 by guessing among three is rare (1 in 100), but not among 50 epochs; an epoch among two is.</summary>
    [TestCase(50, 8, "cannot be told from always naming the most frequent class: 14 of 24 validation images are right, where that gets 8, which may be luck: it is the best of 50 epochs, and the last got 8. Measure")]
    [TestCase(2, 8, null)]
    [TestCase(50, 14, null, TestName = "where the last epoch is as good, it was no luck of one")]
    public void Of_RareEpochAmongManyAtChance_IsToldToBeLuck(int epochs, int last, string? expected) =>
        Assert.That(Measured([14, .. Enumerable.Repeat(last, epochs - 1)], [.. Enumerable.Range(0, 24).Select(i => i % 3)]), expected is null ? Is.Null : Does.Contain(expected));

    /// <summary>At the momentum of .99 what statistics began with is forgotten after 459 steps; what the weights were meanwhile is forgotten after as many again.</summary>
    [TestCase(50, true)]
    [TestCase(51, false)]
    public void Of_StatisticsNotRecomputed_NamesTheirLagForTwiceItsSteps(int epochs, bool named)
    {
        var context = ScriptedTraining.Context(images: 18 * 32, recompute: false);
        for (int epoch = 0; epoch < epochs; epoch++)
            context.Epoch(0);
        context.BestEpoch = context.History.Epochs[0];

        string? warning = TrainingWarning.Of(context, All, new Validation(All, null));

        Assert.That(warning, Does.Contain($"After {epochs * 18} training steps"));
        Assert.That(warning!.Contains("moving statistics still lag", StringComparison.Ordinal), Is.EqualTo(named));
    }

    private static string? Measured(int right, int[] labels, params Augmentation[] augmentations) => Measured([right], labels, augmentations);

    /// <summary>Images of one class tell nothing of chance, and of all right ones nobody is told that they may be luck.</summary>
    [Test]
    public void Of_WhatCannotBeBetter_SaysNothing()
    {
        Assert.That(Measured(3, [1, 1, 1, 1, 1, 1, 1, 1]), Is.Null);
        Assert.That(Measured([6, .. Enumerable.Repeat(2, 49)], [0, 0, 1, 1, 2, 2]), Is.Null);
    }

    /// <summary>So many of the labels right after each epoch, the first of them the best.</summary>
    private static string? Measured(int[] right, int[] labels, params Augmentation[] augmentations)
    {
        var context = ScriptedTraining.Context(augmentations: augmentations);
        foreach (int epoch in right)
            context.Epoch((double)epoch / labels.Length);
        context.BestEpoch = context.History.Epochs[0];
        return TrainingWarning.Of(context, All, new Validation(new ImageSet(new byte[labels.Length * CnnArchitecture.ImageBytes], labels, ColourImages.ClassNames), null));
    }

    private static ImageSet Without(ImageSet images, int label) => images.Select([.. Enumerable.Range(0, images.Count).Where(i => images.Labels[i] != label)]);
}

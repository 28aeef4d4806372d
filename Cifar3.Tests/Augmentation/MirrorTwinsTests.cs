using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Classes that are each other's mirror images are found, and no others; a recipe does not mirror them, and who does so is warned.</summary>
public sealed class MirrorTwinsTests
{
    private static readonly WedgeImages.Look Left = new(-1, 0), Right = new(1, 0), Up = new(0, -1), Down = new(0, 1);
    private static readonly ImageSet Arrows = WedgeImages.Create(60, ("left", Left), ("right", Right));

    [TestCase(16)]
    [TestCase(40)]
    [TestCase(1200)]
    public void Of_LeftAndRight_AreTwins(int each) => Assert.That(MirrorTwins.Of(WedgeImages.Create(each, ("left", Left), ("right", Right))), Is.EqualTo(new[] { ("left", "right") }));

    [Test]
    public void Of_FourDirections_OnlyLeftAndRightAreTwins() =>
        Assert.That(MirrorTwins.Of(WedgeImages.Create(60, ("down", Down), ("left", Left), ("right", Right), ("up", Up))), Is.EqualTo(new[] { ("left", "right") }));

    [Test]
    public void Of_TwoPairs_AreNamedByTheirLabels()
    {
        var (high, low) = (Left with { Down = -8 }, Left with { Down = 8 });

        Assert.That(
            MirrorTwins.Of(WedgeImages.Create(60, ("b", high), ("p", low), ("q", low with { X = 1 }), ("d", high with { X = 1 }))),
            Is.EqualTo(new[] { ("b", "d"), ("p", "q") }));
    }

    /// <summary>All look to the left: their mirror images resemble none of them, and are still of their class.</summary>
    [Test]
    public void Of_ClassesThatAllLookOneWay_AreNoTwins() =>
        Assert.That(MirrorTwins.Of(WedgeImages.Create(100, ("high", Left with { Down = -6 }), ("low", Left with { Down = 6 }))), Is.Empty);

    [Test]
    public void Of_UpAndDown_AreNoTwins() => Assert.That(MirrorTwins.Of(WedgeImages.Create(60, ("up", Up), ("down", Down))), Is.Empty);

    /// <summary>The same images under two names: nothing tells them apart, mirrored or not.</summary>
    [Test]
    public void Of_LabelsAtRandom_AreNoTwins()
    {
        var images = WedgeImages.Create(400, ("any", Left));

        Assert.That(MirrorTwins.Of(new ImageSet(images.Pixels.ToArray(), [.. Enumerable.Range(0, 400).Select(i => i * 7919 % 13 % 2)], ["a", "b"])), Is.Empty);
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    public void Of_FewImages_AreNoTwins(int count) => Assert.That(MirrorTwins.Of(new ImageSet(Arrows.Pixels[..(count * CnnArchitecture.ImageBytes)].ToArray(), new int[count], ["left", "right"])), Is.Empty);

    [Test]
    public void Of_SyntheticImages_AreNoTwins() => Assert.That(MirrorTwins.Of(Cifar3Data.Synthetic(trainCount: 900, testCount: 3).Train), Is.Empty);

    [Test]
    public void Of_RealImages_AreNoTwins() => Assert.That(MirrorTwins.Of(Cifar3Data.Load(Path.Combine(TestFiles.RealImages(), "test")).Train), Is.Empty);

    [Test]
    public void Fit_DefaultRecipeOnTwins_LeavesFlipsOutAndTellsThemApart()
    {
        var (console, text) = ProgressBarTests.Console(terminal: false);
        var (train, validation) = Arrows.TrainValidationSplit(.2, seed: 1);

        var result = new Cifar3Trainer(new TrainerOptions { Seed = 1, Epoch = 8, BatchSize = 16, Filters = [16, 16, 16], Callbacks = [new ProgressBar(console, TimeProvider.System)] }).Fit(train, validation);

        const string note = "The recipe's RandomFlip is left out: the classes 'left' and 'right' look like each other's mirror images, and it would teach that they are the same.";
        Assert.That(result.RecipeNote, Is.EqualTo(note));
        Assert.That(result.ToString(), Does.Contain($". Note: {note}"));
        Assert.That(text.ToString(), Does.Contain($"Note: {note}\n"));
        Assert.That(result.Recipe, Does.Contain("RandomTranslation(4)").And.Not.Contain("RandomFlip"));
        Assert.That(result.Warning, Is.Null);
        Assert.That(result.History.Epochs[^1].ValAccuracy, Is.GreaterThan(.9));
    }

    [Test]
    public void Fit_FlipsAskedFor_StayAndAreWarnedOf()
    {
        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 1, Augmentations = [new RandomFlip()] }).Fit(Arrows);

        Assert.That(result.RecipeNote, Is.Null);
        Assert.That(result.Recipe, Does.Contain("RandomFlip"));
        Assert.That(result.Warning, Does.StartWith("RandomFlip teaches that the classes 'left' and 'right' are the same, for they look like each other's mirror images: leave it out of Augmentations."));
    }

    [Test]
    public void Fit_NoFlips_SaysNothing()
    {
        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 1, Augmentations = [new Cutout(4)] }).Fit(Arrows);

        Assert.That(result.RecipeNote, Is.Null);
        Assert.That(result.Warning ?? "", Does.Not.Contain("RandomFlip"));
    }

    [Test]
    public void Describe_ManyPairs_NamesTen() =>
        Assert.That(MirrorTwins.Describe([.. Enumerable.Range(0, 12).Select(i => ($"a{i}", $"b{i}"))]), Does.StartWith("the classes 'a0' and 'b0', 'a1' and 'b1'").And.EndsWith("'a9' and 'b9' and 2 more pairs"));
}

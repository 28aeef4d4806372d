using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Classes that are each other's mirror images, or the same in other light, are found, and no others; a recipe does not turn them into each other, and who does so is warned.</summary>
public sealed class ClassTwinsTests
{
    private static readonly WedgeImages.Look Left = new(-1, 0), Right = new(1, 0), Up = new(0, -1), Down = new(0, 1);
    private static readonly ImageSet Arrows = WedgeImages.Create(60, ("left", Left), ("right", Right));

    [TestCase(16)]
    [TestCase(40)]
    [TestCase(1200)]
    public void Of_LeftAndRight_AreTwins(int each) => Assert.That(ClassTwins.Mirrored(WedgeImages.Create(each, ("left", Left), ("right", Right))), Is.EqualTo(new[] { ("left", "right") }));

    /// <summary>Red on blue, as on signs and drawn icons: the sum of the colours, which is one look at them, is the same everywhere.</summary>
    [Test]
    public void Of_LeftAndRightInColoursOfOneBrightness_AreTwins()
    {
        byte[] pixels = Arrows.Pixels.ToArray();
        for (int i = 0; i < pixels.Length; i += CnnArchitecture.InputChannels)
        {
            (pixels[i + 1], pixels[i + 2]) = (0, (byte)(255 - pixels[i]));
        }

        Assert.That(ClassTwins.Mirrored(new ImageSet(pixels, [.. Arrows.Labels], Arrows.ClassNames)), Is.EqualTo(new[] { ("left", "right") }));
    }

    /// <summary>Every other row of such a view is of one class: who looks at every other image sees none of the other.</summary>
    [Test]
    public void Of_ManyImagesOfTheClassesInTurn_AreTwins()
    {
        const int each = 2000;
        var images = WedgeImages.Create(each, ("left", Left), ("right", Right));

        Assert.That(ClassTwins.Mirrored(images.Select([.. Enumerable.Range(0, 2 * each).Select(i => i % 2 * each + i / 2)])), Is.EqualTo(new[] { ("left", "right") }));
    }

    [Test]
    public void Of_FourDirections_OnlyLeftAndRightAreTwins() =>
        Assert.That(ClassTwins.Mirrored(WedgeImages.Create(60, ("down", Down), ("left", Left), ("right", Right), ("up", Up))), Is.EqualTo(new[] { ("left", "right") }));

    [Test]
    public void Of_TwoPairs_AreNamedByTheirLabels()
    {
        var (high, low) = (Left with { Down = -8 }, Left with { Down = 8 });

        Assert.That(
            ClassTwins.Mirrored(WedgeImages.Create(60, ("b", high), ("p", low), ("q", low with { X = 1 }), ("d", high with { X = 1 }))),
            Is.EqualTo(new[] { ("b", "d"), ("p", "q") }));
    }

    /// <summary>All look to the left: their mirror images resemble none of them, and are still of their class.</summary>
    [Test]
    public void Of_ClassesThatAllLookOneWay_AreNoTwins() =>
        Assert.That(ClassTwins.Mirrored(WedgeImages.Create(100, ("high", Left with { Down = -6 }), ("low", Left with { Down = 6 }))), Is.Empty);

    [Test]
    public void Of_UpAndDown_AreNoTwins() => Assert.That(ClassTwins.Mirrored(WedgeImages.Create(60, ("up", Up), ("down", Down))), Is.Empty);

    /// <summary>The same images under two names: nothing tells them apart, mirrored or not.</summary>
    [Test]
    public void Of_LabelsAtRandom_AreNoTwins()
    {
        var images = WedgeImages.Create(400, ("any", Left));

        Assert.That(ClassTwins.Mirrored(new ImageSet(images.Pixels.ToArray(), [.. Enumerable.Range(0, 400).Select(i => i * 7919 % 13 % 2)], ["a", "b"])), Is.Empty);
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    public void Of_FewImages_AreNoTwins(int count) => Assert.That(ClassTwins.Mirrored(new ImageSet(Arrows.Pixels[..(count * CnnArchitecture.ImageBytes)].ToArray(), new int[count], ["left", "right"])), Is.Empty);

    [Test]
    public void Of_SyntheticImages_AreNoTwins() => Assert.That(ClassTwins.Mirrored(Cifar3Data.Synthetic(trainCount: 900, testCount: 3).Train), Is.Empty);

    [Test]
    public void Of_RealImages_AreNoTwins() => Assert.That(ClassTwins.Mirrored(Cifar3Data.Load(Path.Combine(TestFiles.RealImages(), "test")).Train), Is.Empty);

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
        Assert.That(result.Recipe, Does.Contain("RandomTranslation(4), ColorJitter(0.2, 0.2, 0.2)").And.Not.Contain("RandomFlip"));
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
    public void Lit_ShadesOfGrey_AreTwins() => Assert.That(Lit(Shades), Is.EqualTo(new[] { ("dark", "middle"), ("light", "middle") }));

    /// <summary>A fifth more light makes none of these the other.</summary>
    [TestCase(60, 120)]
    [TestCase(20, 250)]
    public void Lit_DarkAndLight_AreNoTwins(int dark, int light) => Assert.That(Lit(Plain(("dark", dark, dark, dark), ("light", light, light, light))), Is.Empty);

    [Test]
    public void Lit_Colours_AreNoTwins() => Assert.That(Lit(Plain(("orange", 220, 120, 20), ("yellow", 220, 200, 20), ("green", 120, 200, 20))), Is.Empty);

    /// <summary>
    /// One texture under two names, each picture a little lighter or darker by chance: a fifth less light makes all of them nearest to the one darkest picture, a fifth more to the lightest,
    /// which are of some class. That is no likeness of the classes.
    /// </summary>
    [Test]
    public void Lit_TexturesAlike_AreNoTwins([Range(1, 8)] int seed)
    {
        var random = new Random(seed);
        byte[] pixels = new byte[80 * CnnArchitecture.ImageBytes];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = (byte)(110 + random.Next(40));
        }

        Assert.That(Lit(new ImageSet(pixels, [.. Enumerable.Range(0, 80).Select(i => i % 2)], ["linen", "wool"])), Is.Empty);
    }

    [Test]
    public void Lit_SyntheticImagesAndShapes_AreNoTwins()
    {
        Assert.That(Lit(Cifar3Data.Synthetic(trainCount: 900, testCount: 3).Train), Is.Empty);
        Assert.That(Lit(Arrows), Is.Empty);
    }

    [Test]
    public void Lit_RealImages_AreNoTwins() => Assert.That(Lit(Cifar3Data.Load(Path.Combine(TestFiles.RealImages(), "test")).Train), Is.Empty);

    [Test]
    public void Fit_DefaultRecipeOnShades_LeavesTheirLightAndTellsThemApart()
    {
        var (train, validation) = Shades.TrainValidationSplit(.2, seed: 1);

        var result = new Cifar3Trainer(new TrainerOptions { Seed = 1, Epoch = 8, BatchSize = 16, Filters = [16, 16, 16] }).Fit(train, validation);

        Assert.That(result.RecipeNote, Is.EqualTo("The recipe's ColorJitter is left out: the classes 'dark' and 'middle', 'light' and 'middle' look like each other in other light, and it would teach that they are the same."));
        Assert.That(result.Recipe, Does.Contain("RandomFlip").And.Not.Contain("ColorJitter"));
        Assert.That(result.History.Epochs[^1].ValAccuracy, Is.GreaterThan(.9));
    }

    [Test]
    public void Fit_JitterAskedFor_StaysAndIsWarnedOf()
    {
        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 1, Augmentations = [new ColorJitter(), new RandomFlip()] }).Fit(Shades);

        Assert.That(result.Recipe, Does.Contain("ColorJitter"));
        Assert.That(result.Warning, Does.StartWith("ColorJitter teaches that the classes 'dark' and 'middle', 'light' and 'middle' are the same, for they look like each other in other light: leave it out of Augmentations."));
    }

    /// <summary>What leaves the light as it is makes no shade another: those who took brightness out were told to take the whole jitter out.</summary>
    [TestCase(0, false)]
    [TestCase(.05, false)]
    [TestCase(.4, true)]
    public void Fit_JitterOfItsBrightness_IsWarnedOfWhereThatIsEnough(double brightness, bool warns)
    {
        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 1, Augmentations = [new ColorJitter(brightness)] }).Fit(Shades);

        Assert.That(result.Warning ?? "", warns ? Does.Contain("ColorJitter teaches that") : Does.Not.Contain("ColorJitter teaches that"));
    }

    [Test]
    public void Classes_ManyPairs_NamesTen() =>
        Assert.That(new ClassTwins("RandomFlip", "", [.. Enumerable.Range(0, 12).Select(i => ($"a{i}", $"b{i}"))]).Classes, Does.StartWith("the classes 'a0' and 'b0', 'a1' and 'b1'").And.EndsWith("'a9' and 'b9' and 2 more pairs"));

    /// <summary>In the default jitter's light, a fifth more or less.</summary>
    private static IReadOnlyList<(string First, string Second)> Lit(ImageSet images) => ClassTwins.Lit(images, new ColorJitter().Brightness);

    private static ImageSet Shades => Plain(("dark", 90, 90, 90), ("light", 135, 135, 135), ("middle", 110, 110, 110));

    /// <summary>Sixty images of each colour, each a little off, with noise.</summary>
    private static ImageSet Plain(params (string Name, int Red, int Green, int Blue)[] classes)
    {
        var random = new Random(1);
        var pixels = new List<byte>();
        foreach (var (_, red, green, blue) in classes)
        {
            for (int image = 0; image < 60; image++)
            {
                int off = random.Next(-6, 7);
                for (int pixel = 0; pixel < CnnArchitecture.ImageBytes / 3; pixel++)
                    pixels.AddRange(new[] { red, green, blue }.Select(value => (byte)Math.Clamp(value + off + random.Next(-10, 11), 0, 255)));
            }
        }

        return new ImageSet([.. pixels], [.. Enumerable.Range(0, 60 * classes.Length).Select(i => i / 60)], [.. classes.Select(c => c.Name)]);
    }
}

using System.Globalization;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Validation images of scenes that the training has seen are named: accuracy on them is not real.</summary>
public sealed class LeakageWarningTests
{
    [Test]
    public void Of_FramesOfScenesSetAsideAtRandom_Warns()
    {
        var (train, validation) = Frames(Scenes(60), 10).TrainValidationSplit(0.1);

        Assert.That(LeakageWarning.Of(train, validation), Does.StartWith("60 of 60 validation images are nearly the same as a training image").And.Contain("folders named validation and test"));
    }

    [TestCase(4, TestName = "so few frames of a scene")]
    [TestCase(40, TestName = "so many frames of a scene")]
    public void Of_ShortAndLongSeries_Warns(int frames)
    {
        var (train, validation) = Frames(Scenes(30), frames).TrainValidationSplit(0.1);

        Assert.That(LeakageWarning.Of(train, validation), Does.Contain("follow each other"));
    }

    /// <summary>Of tens of thousands of images comparing them takes seconds, before the first step of the training.</summary>
    [Test]
    public void Fit_CancelledBeforeTheImagesAreCompared_ComparesNone()
    {
        var (train, validation) = Scenes(20).TrainValidationSplit(0.2);
        using var cancel = new CancellationTokenSource();
        var begun = new Begun();
        var options = new TrainerOptions
        {
            Epoch = 1,
            Filters = [2, 2, 2],
            Callbacks = [begun],
            EngineFactory = (model, engine) =>
            {
                cancel.Cancel();
                return new ManagedEngine(model, engine);
            },
        };

        Assert.That(() => new Cifar3Trainer(options).Fit(train, validation, cancel.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(begun.Times, Is.Zero);
        Assert.That(() => new ChangedCopies(train, cancel.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void Of_FramesWhoseOrderIsLost_IsNull()
    {
        var (train, validation) = Frames(Scenes(60), 10).Shuffle(1).TrainValidationSplit(0.1);

        Assert.That(LeakageWarning.Of(train, validation), Is.Null, "the images may be alike because the classes are");
    }

    [Test]
    public void Of_WholeScenesSetAside_IsNull()
    {
        var (train, validation) = Scenes(60).TrainValidationSplit(0.2);

        Assert.That(LeakageWarning.Of(Frames(train, 10), Frames(validation, 10)), Is.Null);
    }

    /// <summary>Where few of the scenes are series, most of what is measured is new.</summary>
    [TestCase(8, false, TestName = "a validation image in seven is a near copy")]
    [TestCase(18, true, TestName = "three validation images in ten are near copies")]
    public void Of_SeriesAmongManyScenes_WarnsWhereTheyAreMany(int series, bool warns)
    {
        var scenes = Scenes(120);
        int[] some = [.. Enumerable.Range(0, series)], others = [.. Enumerable.Range(series, scenes.Count - series)];
        var (fewTrain, fewValidation) = Frames(scenes.Select(some), 5).TrainValidationSplit(0.2);
        var (otherTrain, otherValidation) = scenes.Select(others).TrainValidationSplit(0.4);

        Assert.That(LeakageWarning.Of(Together(fewTrain, otherTrain), Together(fewValidation, otherValidation)), warns ? Does.StartWith("18 of 60 validation images") : Is.Null);
    }

    /// <summary>Pictures multiplied before some were set aside at random: .94 to .96 was told where .82 to .84 of new ones were right.</summary>
    [Test]
    public void Of_ChangedCopiesSetAsideAtRandom_Warns()
    {
        var (train, validation) = Changed(Scenes(180), 5).TrainValidationSplit(0.2);

        Assert.That(Warned(LeakageWarning.Of(train, validation)), Is.GreaterThan(0.5));
    }

    [Test]
    public void Of_ChangedCopiesOfPhotographs_Warns()
    {
        var photographs = Cifar3Data.Load(TestFiles.RealImages()).Train.Shuffle(1).Take(300);
        var (train, validation) = Changed(photographs, 5).TrainValidationSplit(0.2);
        var (whole, others) = photographs.TrainValidationSplit(0.2);

        Assert.That(Warned(LeakageWarning.Of(train, validation)), Is.GreaterThan(0.5));
        Assert.That(LeakageWarning.Of(Changed(whole, 5), others), Is.Null, "set aside before they were copied");
    }

    [Test]
    public void Of_ChangedCopiesWhoseOrderIsLost_IsNull()
    {
        var (train, validation) = Changed(Scenes(180), 5).Shuffle(1).TrainValidationSplit(0.2);

        Assert.That(LeakageWarning.Of(train, validation), Is.Null, "the images may be alike because the classes are");
    }

    [Test]
    public void Of_SetsWithoutSeries_IsNull()
    {
        var (train, validation) = Scenes(600).TrainValidationSplit();

        Assert.That((LeakageWarning.Of(train, validation), LeakageWarning.Of(train, null), LeakageWarning.Of(train, validation.Take(0))), Is.EqualTo(((string?)null, (string?)null, (string?)null)));
    }

    /// <summary>Rows repeated for a rare class before some were set aside, in any order.</summary>
    [TestCase(2, 20, "2 of the 22 validation images are training images too, pixel for pixel:")]
    [TestCase(1, 10, "1 of the 11 validation images is a training image too, pixel for pixel:")]
    [TestCase(1, 19, "1 of the 20 validation images is a training image too, pixel for pixel:")]
    [TestCase(1, 20, null, TestName = "1 of 21 are too few")]
    public void Of_ValidationImagesThatAreTrainingImages_CountsThem(int repeated, int others, string? warning)
    {
        var scenes = Scenes(60);
        var validation = scenes.Select([.. Enumerable.Range(0, repeated), .. Enumerable.Range(40, others)]);

        Assert.That(LeakageWarning.Of(scenes.Take(40).Shuffle(1), validation), warning is not null ? Does.StartWith(warning).And.Contain("ClassWeights") : Is.Null);
    }

    [Test]
    public void Of_Photographs_IsNull()
    {
        var (train, validation) = Cifar3Data.Load(TestFiles.RealImages()).Train.TrainValidationSplit();

        Assert.That(LeakageWarning.Of(train, validation), Is.Null);
    }

    [Test]
    public void EvenSample_ClassesInTurn_GivesEachItsShare()
    {
        var images = Cifar3Data.Synthetic(trainCount: 600, testCount: 3).Train; // 0, 1, 2, 0, 1, 2, …

        int[] sample = EvenSample.Of(images, 200);

        Assert.That(sample.CountBy(i => images.Labels[i]).Select(label => label.Value), Is.All.InRange(66, 67));
        Assert.That(sample, Is.Ordered.And.Unique);
        Assert.That((sample[0], sample[^1]), Is.EqualTo((0, 597)).Within(6));
    }

    [Test]
    public void EvenSample_FewerThanAll_ComeFromEverywhere()
    {
        var images = new ImageSet(new byte[10 * CnnArchitecture.ImageBytes], new int[10], ["any"]);

        Assert.That(EvenSample.Of(images, 4), Is.EqualTo(new[] { 0, 2, 5, 7 }));
        Assert.That(EvenSample.Of(images, 20), Is.EqualTo(Enumerable.Range(0, 10)));
    }

    [Test]
    public void Fit_FramesSetAsideAtRandom_SaysSoInItsResult()
    {
        var (train, validation) = Frames(Scenes(30), 10).TrainValidationSplit(0.1);

        Assert.That(FakeTrainer.Create(new TrainerOptions { Epoch = 1 }).Fit(train, validation).Warning, Does.Contain("30 of 30 validation images"));
    }

    private static ImageSet Scenes(int count) => Cifar3Data.Synthetic(count).Train.Take(count);

    /// <summary>Each image so many times, one after the other, in other light and with noise.</summary>
    private static ImageSet Frames(ImageSet scenes, int frames)
    {
        var random = new Random(1);
        var copies = scenes.Select([.. Enumerable.Range(0, scenes.Count * frames).Select(i => i / frames)]);
        byte[] pixels = copies.Pixels.ToArray();
        for (int i = 0; i < copies.Count; i++)
        {
            int light = random.Next(-10, 11);
            foreach (ref byte value in pixels.AsSpan(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes))
                value = (byte)Math.Clamp(value + light + random.Next(-3, 4), 0, 255);
        }

        return new ImageSet(pixels, copies.Labels.ToArray(), copies.ClassNames);
    }

    /// <summary>The share of the validation images that a warning of changed copies names.</summary>
    private static double Warned(string? warning)
    {
        Assert.That(warning, Does.Match("^\\d+ of \\d+ validation images look like a training image that was mirrored, turned or moved, and such images follow each other"));
        string[] words = warning!.Split(' ');
        return double.Parse(words[0], CultureInfo.InvariantCulture) / double.Parse(words[2], CultureInfo.InvariantCulture);
    }

    /// <summary>Each image and some copies of it, one after the other: mirrored or not, turned by up to 20°, up to 1.25 times as large, moved, in other light.</summary>
    private static ImageSet Changed(ImageSet images, int copies)
    {
        const int side = CnnArchitecture.InputSize;
        var random = new Random(1);
        var changed = images.Select([.. Enumerable.Range(0, images.Count * copies).Select(i => i / copies)]);
        byte[] pixels = changed.Pixels.ToArray();
        foreach (int i in Enumerable.Range(0, changed.Count).Where(i => i % copies > 0))
        {
            double turn = (random.NextDouble() - .5) * 40 * Math.PI / 180, scale = .8 + .2 * random.NextDouble(), light = .8 + .4 * random.NextDouble(), moved = (1 - scale) * side / 2;
            double x0 = (random.NextDouble() - .5) * 2 * moved, y0 = (random.NextDouble() - .5) * 2 * moved;
            int mirror = random.Next(2) == 0 ? 1 : -1;
            for (int p = 0; p < side * side * 3; p++)
            {
                double dx = (p / 3 % side - 15.5) * mirror * scale, dy = (p / 3 / side - 15.5) * scale;
                int x = (int)Math.Clamp(Math.Round(15.5 + x0 + Math.Cos(turn) * dx - Math.Sin(turn) * dy), 0, side - 1), y = (int)Math.Clamp(Math.Round(15.5 + y0 + Math.Sin(turn) * dx + Math.Cos(turn) * dy), 0, side - 1);
                pixels[i * CnnArchitecture.ImageBytes + p] = (byte)Math.Min(255, light * changed.Image(i)[(y * side + x) * 3 + p % 3]);
            }
        }

        return new ImageSet(pixels, changed.Labels.ToArray(), changed.ClassNames);
    }

    private static ImageSet Together(ImageSet first, ImageSet second) => new([.. first.Pixels, .. second.Pixels], [.. first.Labels, .. second.Labels], first.ClassNames);

    private sealed class Begun : Callback
    {
        public int Times { get; private set; }

        public override void OnTrainBegin(TrainingContext context) => Times++;
    }
}

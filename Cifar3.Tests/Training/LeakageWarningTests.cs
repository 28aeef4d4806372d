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

    /// <summary>A quarter of the scenes are series, and most of what is measured is new: a validation image in seven is a near copy.</summary>
    [Test]
    public void Of_FewSeriesAmongManyScenes_IsNull()
    {
        var scenes = Scenes(120);
        int[] some = [.. Enumerable.Range(0, 8)], others = [.. Enumerable.Range(8, scenes.Count - 8)];
        var (fewTrain, fewValidation) = Frames(scenes.Select(some), 5).TrainValidationSplit(0.2);
        var (otherTrain, otherValidation) = scenes.Select(others).TrainValidationSplit(0.4);

        Assert.That(LeakageWarning.Of(Together(fewTrain, otherTrain), Together(fewValidation, otherValidation)), Is.Null);
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
    public void EvenSample_FewerThanAll_ComeFromEverywhere()
    {
        var images = Scenes(10);

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

    private static ImageSet Together(ImageSet first, ImageSet second) => new([.. first.Pixels, .. second.Pixels], [.. first.Labels, .. second.Labels], first.ClassNames);
}

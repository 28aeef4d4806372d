using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Pixels that cannot teach a network what their labels say are named before it is trained.</summary>
public sealed class PixelWarningTests
{
    [Test]
    public void Of_IconsThatAreWhiteOnTransparent_AreToldToBeOnePicture()
    {
        string root = TestFiles.NewFolder();
        foreach (var (name, size) in new[] { ("large", 20), ("small", 8) })
        {
            Directory.CreateDirectory($"{root}/{name}");
            for (int i = 0; i < 5; i++)
                File.WriteAllBytes($"{root}/{name}/{i}.png", WhiteSquare(size, i));
        }

        string? warning = PixelWarning.Of(Cifar3Data.Load(root).Train);

        Assert.That(warning, Does.StartWith("8 of the 8 training images, most of them of 'large', are pixel for pixel images of another class too").And.Contain("light shapes on a transparent ground"));
    }

    [TestCase(2, 1, 60, true)]
    [TestCase(1, 1, 60, false, TestName = "two of 60 are too few")]
    [TestCase(1, 1, 41, false, TestName = "two of 41 are too few")]
    public void Of_ImagesOfTwoClasses_CountsThem(int red, int blue, int all, bool warns)
    {
        var images = Distinct(all);
        byte[] pixels = images.Pixels.ToArray();
        int[] labels = [0, .. Enumerable.Repeat(2, blue), .. Enumerable.Repeat(0, red - 1), .. Enumerable.Repeat(1, all - red - blue)];
        pixels.AsSpan(0, (red + blue) * CnnArchitecture.ImageBytes).Fill(7);

        Assert.That(PixelWarning.Of(new ImageSet(pixels, labels, ColourImages.ClassNames)), warns ? Does.StartWith("3 of the 60 training images, most of them of 'red'") : Is.Null);
    }

    [Test]
    public void Of_ImagesThatOneClassHasTwice_IsNull() => Assert.That(PixelWarning.Of(new ImageSet(new byte[4 * CnnArchitecture.ImageBytes], [0, 0, 0, 0], ["a", "b"])), Is.Null);

    /// <summary>A view of Single that holds 0 and 1 alone is made of whole numbers from 0 to 255, so no type and no range tells.</summary>
    [Test]
    public void Of_PixelsOfZeroAndOne_AreToldToBeBlack()
    {
        byte[] pixels = [.. Distinct(10).Pixels.ToArray().Select(value => (byte)(value & 1))];

        Assert.That(PixelWarning.Of(new ImageSet(pixels, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1], ["a", "b"])), Does.StartWith("No pixel of the training images is above 1, where white is 255").And.EndWith("by 255."));
        pixels[5] = 2;
        Assert.That(PixelWarning.Of(new ImageSet(pixels, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1], ["a", "b"])), Is.Null);
    }

    [Test]
    public void Fit_ImagesOfTwoClasses_SaysSoBeforeTheTrainingAndInItsResult()
    {
        var images = new ImageSet(new byte[6 * CnnArchitecture.ImageBytes], [0, 1, 2, 0, 1, 2], ColourImages.ClassNames);
        string? atTheBeginning = null;

        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 1, Callbacks = [new Recorder { OnBegin = context => atTheBeginning = context.Warning }] }).Fit(images, images);

        Assert.That(atTheBeginning, Does.StartWith("6 of the 6 training images"));
        Assert.That(result.Warning, Does.StartWith(atTheBeginning!));
    }

    private static ImageSet Distinct(int count)
    {
        var pixels = new byte[count * CnnArchitecture.ImageBytes];
        new Random(1).NextBytes(pixels);
        return new ImageSet(pixels, new int[count], ColourImages.ClassNames);
    }

    private static byte[] WhiteSquare(int size, int place)
    {
        using var bitmap = new SkiaSharp.SKBitmap(40, 40, SkiaSharp.SKColorType.Rgba8888, SkiaSharp.SKAlphaType.Premul);
        using (var canvas = new SkiaSharp.SKCanvas(bitmap))
        using (var paint = new SkiaSharp.SKPaint { Color = SkiaSharp.SKColors.White })
        {
            canvas.Clear(SkiaSharp.SKColors.Transparent);
            canvas.DrawRect(place, place, size, size, paint);
        }

        using var encoded = bitmap.Encode(SkiaSharp.SKEncodedImageFormat.Png, 90);
        return encoded.ToArray();
    }
}

using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>Pictures of every kind and size that somebody may hand in: a prediction, or an error that names the cause.</summary>
public sealed class HostileImageTests
{
    private const int ImageBytes = CnnArchitecture.ImageBytes;
    private static readonly byte[] Palette = [255, 0, 0, 0, 255, 0, 0, 0, 255];

    private static IEnumerable<string> Kinds => ImageCorpus.Files.Keys;

    [Test]
    public void Decode_EveryKind_GivesAPicture([ValueSource(nameof(Kinds))] string kind) =>
        Assert.That(Decode(ImageCorpus.Files[kind]).Distinct().Count(), Is.GreaterThan(1), "not of one colour");

    [Test]
    public void Decode_EveryKindCutOff_GivesAPictureOrAnImageException([ValueSource(nameof(Kinds))] string kind)
    {
        byte[] whole = ImageCorpus.Files[kind];
        int refused = 0;
        for (int length = 0; length < whole.Length; length += 1 + whole.Length / 60)
        {
            try
            {
                Decode(whole[..length]);
            }
            catch (Cifar3ImageException)
            {
                refused++;
            }
        }

        Assert.That(refused, Is.GreaterThan(10), "a file with its end missing may still hold the picture; most others cannot");
    }

    [TestCase(1, 1)]
    [TestCase(2, 1)]
    [TestCase(1, 65_535)]
    [TestCase(65_535, 1)]
    [TestCase(65_535, 3)]
    public void Decode_NarrowPicture_IsRead(int width, int height) =>
        Assert.That(Decode(PngFile.Create(width, height, 8, PngColour.Grey, (_, _, _) => 77)), Is.All.EqualTo(77));

    [TestCase(1, 65_536)]
    [TestCase(100_000, 1)]
    public void Decode_LongerThanAnySide_IsRefused(int width, int height) =>
        Assert.That(
            () => Decode(TestImages.Resized(PngFile.Create(1, 1, 8, PngColour.Grey), width, height)),
            Throws.TypeOf<Cifar3ImageException>().With.Message.Contains($"{width:N0}x{height:N0} pixels").And.Message.Contains("65,535 a side"));

    [Test]
    public void Decode_TwentyThousandSquared_IsRefusedUnlessAJpegOfOneScanWhichIsReadByRows()
    {
        byte[] jpeg = JpegFile.Create(20_000, 20_000, 1, (_, _, _) => 60);
        byte[][] refused =
        [
            PngFile.Create(20_000, 20_000, 1, PngColour.Grey),
            JpegFile.Create(20_000, 20_000, 1, (_, _, _) => 60, progressive: true),
            JpegFile.Create(20_000, 20_000, 3, (_, _, _) => 60, scanned: 1),
        ];
        foreach (byte[] file in refused)
        {
            Assert.That(() => Decode(file), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("20,000x20,000 pixels. Expected at most 67,108,864 in all"));
        }

        using var growth = new MemoryGrowth();

        Assert.That(Decode(jpeg), Is.All.EqualTo(60));
        Assert.That(growth.Peak, Is.LessThan(100 << 20), "1.6 GB of pixels never are in memory");
    }

    /// <summary>A file that is too short for what it declares would be drawn grey at some length; one that is long enough may have eight times the limit.</summary>
    [TestCase(65_500, 8_196, 0, "65,500x8,196 pixels. Expected at most 67,108,864 in all")]
    [TestCase(65_500, 8_197, 3 << 20, "65,500x8,197 pixels. Expected at most 536,870,912 in all")]
    public void Decode_JpegThatDeclaresManyPixels_IsRefused(int width, int height, int more, string message)
    {
        byte[] file = [.. JpegFile.Create(64, 64, 1, (_, _, _) => 60), .. new byte[more]];
        int frame = file.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]);
        (file[frame + 5], file[frame + 6], file[frame + 7], file[frame + 8]) = ((byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width);

        Assert.That(() => Decode(file), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains(message));
    }

    /// <summary>A file of some KB that unpacks to 64 MB of pixels, again and again: the memory is given back each time.</summary>
    [Test]
    public void Decode_DecompressionBombBelowTheLimit_TakesItsPixelsOnce()
    {
        byte[] bomb = PngFile.Create(4096, 4096, 8, PngColour.Rgba);
        Decode(bomb);
        using var growth = new MemoryGrowth();

        for (int i = 0; i < 4; i++)
        {
            Assert.That(Decode(bomb), Is.All.EqualTo(255), "transparent everywhere");
        }

        Assert.That(growth.Peak, Is.LessThan(96 << 20));
    }

    /// <summary>Formats without rows: the documented memory a pixel is enough.</summary>
    [TestCase("interlaced")]
    [TestCase("gif")]
    [TestCase("webp")]
    [TestCase("progressive")]
    public void Decode_LargePictureWithoutRows_StaysWithinTheDocumentedMemory(string kind)
    {
        const int size = 3000;
        byte[] file = kind switch
        {
            "interlaced" => PngFile.Create(size, size, 16, PngColour.Rgba, interlaced: true),
            "gif" => AnimatedFile.Gif(size, size, (10, 20, 30), (1, 2, 3)),
            "webp" => TestImages.Encode(new byte[3 * size * size], size, size, SKEncodedImageFormat.Webp),
            _ => JpegFile.Create(size, size, 4, (_, _, _) => 90, progressive: true),
        };
        Decode(ImageCorpus.Files["png rgb"]); // the library is loaded
        using var growth = new MemoryGrowth();

        Decode(file);

        long bound = (8 << 20) + 2L * file.Length + (long)ImageDecoder.BytesPerPixel * size * size;
        TestContext.Out.WriteLine($"{kind}, {size}x{size}: {growth.Peak / 1e6:F0} MB, {(double)growth.Peak / size / size:F1} bytes a pixel; bound {bound / 1e6:F0} MB");
        Assert.That(growth.Peak, Is.LessThan(bound));
    }

    [TestCase(SKEncodedImageFormat.Png)]
    [TestCase(SKEncodedImageFormat.Bmp)]
    public void Decode_LargePicture_EqualsTheResizedWhole(SKEncodedImageFormat format)
    {
        const int width = 1604, height = 1203; // above 4 MB of pixels
        byte[] rgb = new byte[3 * width * height], expected = new byte[ImageBytes];
        new Random(1).NextBytes(rgb);
        ImageResizer.Resize(TestImages.FourBytes(rgb, blueFirst: false, alpha: 255), width, height, expected);

        byte[] found = Decode(format == SKEncodedImageFormat.Bmp ? TestImages.Bmp(rgb, width, height) : TestImages.Encode(rgb, width, height, format));

        Assert.That(found, Is.EqualTo(expected));
    }

    [Test]
    public void Decode_LargeTransparentPicture_IsBlendedOnWhite() =>
        Assert.That(Decode(PngFile.Create(1500, 1500, 8, PngColour.GreyAlpha, (_, _, channel) => channel == 0 ? 0 : 102)), Is.All.EqualTo(153));

    [TestCase("png", "the file is cut off")]
    [TestCase("bmp", "the file is cut off or damaged after")]
    [TestCase("jpeg", "the file is cut off or damaged after")]
    public void Decode_LargePictureCutOff_SaysSo(string kind, string message)
    {
        byte[] rgb = new byte[3 * 1600 * 1200];
        new Random(1).NextBytes(rgb);
        byte[] file = kind switch
        {
            "png" => TestImages.Encode(rgb, 1600, 1200, SKEncodedImageFormat.Png),
            "bmp" => TestImages.Bmp(rgb, 1600, 1200),
            _ => JpegFile.Create(9000, 9000, 3, (x, y, _) => (x * y) & 255),
        };

        Assert.That(() => Decode(file[..(file.Length / 2)], maxPixels: 100_000_000), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains(message));
    }

    [TestCase(1, 1, 255)]
    [TestCase(2, 2, 170)]
    [TestCase(4, 9, 153)]
    [TestCase(8, 77, 77)]
    [TestCase(16, 0x4DFF, 77)]
    public void Decode_GreyPngOfAnyDepth_IsThatGrey(int bits, int value, int expected) =>
        Assert.That(Decode(PngFile.Create(32, 32, bits, PngColour.Grey, (_, _, _) => value)), Is.All.EqualTo(expected).Within(1));

    [Test]
    public void Decode_SixteenBitColours_BecomeEight()
    {
        byte[] found = Decode(PngFile.Create(32, 32, 16, PngColour.Rgb, (_, _, channel) => channel switch { 0 => 0xC800, 1 => 0x6480, _ => 0x0010 }));

        Assert.That(found[..3], Is.EqualTo(new byte[] { 200, 100, 0 }).Within(1));
    }

    [TestCase(8)]
    [TestCase(16)]
    public void Decode_AlphaOfAnyDepth_IsBlendedOnWhite(int bits)
    {
        int unit = bits == 8 ? 1 : 257;
        byte[] found = Decode(PngFile.Create(32, 32, bits, PngColour.Rgba, (_, _, channel) => unit * channel switch { 0 => 200, 1 => 100, 2 => 0, _ => 102 }));

        Assert.That(found[..3], Is.EqualTo(new byte[] { 233, 193, 153 }).Within(1));
    }

    [Test]
    public void Decode_Palette_GivesItsColours_TransparentOnesWhite()
    {
        byte[] found = Decode(PngFile.Create(32, 32, 2, PngColour.Palette, (x, _, _) => x % 3, Palette, alpha: [255, 0, 255]));

        Assert.That(found[..9], Is.EqualTo(new byte[] { 255, 0, 0, 255, 255, 255, 0, 0, 255 }));
    }

    [Test]
    public void Decode_Interlaced_EqualsTheSameRowByRow()
    {
        byte[] Png(bool interlaced) => PngFile.Create(45, 37, 8, PngColour.Rgb, (x, y, channel) => (x * 5 + y * 3 + channel * 70) & 255, interlaced: interlaced);

        Assert.That(Decode(Png(true)), Is.EqualTo(Decode(Png(false))));
    }

    [TestCase(1, new[] { 90 }, new[] { 90, 90, 90 })]
    [TestCase(3, new[] { 90, 128, 128 }, new[] { 90, 90, 90 })]
    [TestCase(4, new[] { 255, 255, 255, 255 }, new[] { 255, 255, 255 })] // no ink
    [TestCase(4, new[] { 0, 255, 255, 255 }, new[] { 0, 255, 255 })]     // cyan
    [TestCase(4, new[] { 255, 255, 255, 0 }, new[] { 0, 0, 0 })]         // black
    public void Decode_JpegOfAnyColourSpace_GivesItsColour(int components, int[] values, int[] expected)
    {
        foreach (bool progressive in new[] { false, true })
        {
            byte[] found = Decode(JpegFile.Create(40, 24, components, (_, _, c) => values[c], progressive));

            Assert.That(found[..3], Is.EqualTo(expected).Within(1), $"progressive: {progressive}");
            Assert.That(found[^3..], Is.EqualTo(expected).Within(1), $"progressive: {progressive}");
        }
    }

    [Test]
    public void Decode_MovingPicture_GivesItsFirstFrame()
    {
        Assert.That(Decode(AnimatedFile.Gif(40, 30, (10, 20, 30), (200, 200, 200)))[..3], Is.EqualTo(new byte[] { 10, 20, 30 }));
        Assert.That(Decode(AnimatedFile.Webp(40, 30, (10, 20, 30), (200, 200, 200)))[..3], Is.EqualTo(new byte[] { 10, 20, 30 }));
    }

    [Test]
    public void DecodeFile_WrongExtension_IsReadByItsContent()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "photo.jpg");
        File.WriteAllBytes(path, PngFile.Create(32, 32, 8, PngColour.Grey, (_, _, _) => 5));
        byte[] found = new byte[ImageBytes];

        ImageDecoder.DecodeFile(path, found);

        Assert.That(found, Is.All.EqualTo(5));
    }

    [TestCase("")]
    [TestCase("a\0b.png")]
    [TestCase(".")]
    public void DecodeFile_NoPath_IsAnImageException(string path) =>
        Assert.That(() => ImageDecoder.DecodeFile(path, new byte[ImageBytes]), Throws.TypeOf<Cifar3ImageException>());

    /// <summary>A folder is there: a long path must not be told as a missing file.</summary>
    [Test]
    public void DecodeFile_LongPathThatIsThere_IsNotToldAsMissing()
    {
        string folder = Path.Combine([TestFiles.NewFolder(), .. Enumerable.Repeat(new string('f', 200), 8)]);
        Directory.CreateDirectory(folder);

        Assert.That(() => ImageDecoder.DecodeFile(folder, new byte[ImageBytes]), Throws.TypeOf<Cifar3ImageException>().With.Message.Not.Contains("there is no such file"));
        Assert.That(() => ImageDecoder.DecodeFile(folder + "x", new byte[ImageBytes]), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("there is no such file"));
    }

    [Test]
    public void DecodeFile_NoBytes_SaysSo()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "empty.png");
        File.WriteAllBytes(path, []);

        Assert.That(() => ImageDecoder.DecodeFile(path, new byte[ImageBytes]), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("empty.png").And.Message.Contains("an empty file"));
    }

    [Test]
    public void Predict_PixelLimitOfTheOptions_IsKept()
    {
        byte[] png = PngFile.Create(100, 100, 8, PngColour.Grey, (_, _, _) => 5);
        string path = Path.Combine(TestFiles.NewFolder(), "m.png");
        File.WriteAllBytes(path, png);
        var model = TestModels.Random(filters: [4, 4, 8]);
        using var small = Cifar3Classifier.FromModel(model, new ClassifierOptions { MaxImagePixels = 9_999 });
        using var enough = Cifar3Classifier.FromModel(model, new ClassifierOptions { MaxImagePixels = 10_000 });

        Assert.That(() => small.Predict(png), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("Expected at most 9,999"));
        Assert.That(() => small.Predict(path), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("Expected at most 9,999"));
        Assert.That(() => small.Predict(new MemoryStream(png)), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("Expected at most 9,999"));
        Assert.That(() => small.PredictMany([path]).ToList(), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("Expected at most 9,999"));
        Assert.That(() => small.PredictMany([png]).ToList(), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("Expected at most 9,999"));
        Assert.That(enough.Predict(png).Probabilities, Has.Length.EqualTo(3));
    }

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(1 << 29)]
    public void Load_PixelLimitOutOfRange_Throws(int limit) =>
        Assert.That(() => Cifar3Classifier.FromModel(TestModels.Random(filters: [4, 4, 8]), new ClassifierOptions { MaxImagePixels = limit }), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("MaxImagePixels"));

    private static byte[] Decode(byte[] encoded, int maxPixels = ImageDecoder.DefaultMaxPixels)
    {
        var rgb = new byte[ImageBytes];
        ImageDecoder.Decode(encoded, rgb, "test", maxPixels);
        return rgb;
    }
}

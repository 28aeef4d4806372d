using System.Text;
using Microsoft.ML.Data;
using SkiaSharp;

namespace Cifar3.Tests;

public sealed class ImageDecoderTests
{
    private const int ImageBytes = CnnArchitecture.ImageBytes;

    [TestCase(SKEncodedImageFormat.Png)]
    [TestCase(SKEncodedImageFormat.Webp)]
    public void Decode_LosslessOf32x32_GivesThePixelsAsTheyAre(SKEncodedImageFormat format)
    {
        byte[] rgb = Noise(32, 32);

        Assert.That(Decode(TestImages.Encode(rgb, 32, 32, format)), Is.EqualTo(rgb));
    }

    [Test]
    public void Decode_BmpOf32x32_GivesThePixelsAsTheyAre()
    {
        byte[] rgb = Noise(32, 32);

        Assert.That(Decode(TestImages.Bmp(rgb, 32, 32)), Is.EqualTo(rgb));
    }

    /// <summary>Headers of 56 bytes, which GIMP writes without information of colours, of 108 and of 124: colours behind what is transparent were shown.</summary>
    [Test]
    public void Decode_BmpWithAlpha_IsBlendedOnWhite([Values(56, 108, 124)] int headerBytes, [Values] bool topDown)
    {
        const int Side = 32, BitFields = 3;
        using var file = new MemoryStream();
        using (var writer = new BinaryWriter(file, Encoding.ASCII, leaveOpen: true))
        {
            writer.Write("BM"u8);
            Array.ForEach([14 + headerBytes + Side * Side * 4, 0, 14 + headerBytes], writer.Write);
            Array.ForEach([headerBytes, Side, topDown ? -Side : Side, 1 | 32 << 16, BitFields, 0, 0, 0, 0, 0, 0xFF0000, 0xFF00, 0xFF, unchecked((int)0xFF000000)], writer.Write);
            writer.Write(new byte[headerBytes - 56]);
            for (int i = 0; i < Side * Side; i++)
            {
                writer.Write((i / Side < Side / 2) == topDown ? 0x00102030 : unchecked((int)0xFF405060)); // transparent above
            }
        }

        byte[] decoded = Decode(file.ToArray());

        Assert.That(decoded[..3], Is.EqualTo(new byte[] { 255, 255, 255 }));
        Assert.That(decoded[^3..], Is.EqualTo(new byte[] { 0x40, 0x50, 0x60 }));
    }

    [Test]
    public void Decode_Gif_GivesItsFirstFrame()
    {
        // 1x1, palette black and white, the one pixel is white.
        byte[] gif = Convert.FromHexString("47494638396101000100800000000000FFFFFF2C00000000010001000002024C01003B");

        Assert.That(Decode(gif), Is.All.EqualTo(255));
    }

    [Test]
    public void Decode_Jpeg_IsNearTheOriginal()
    {
        byte[] rgb = Gradient(32, 32), decoded = Decode(TestImages.Encode(rgb, 32, 32, SKEncodedImageFormat.Jpeg));

        Assert.That(decoded.Zip(rgb, (a, b) => Math.Abs(a - b)).Average(), Is.LessThan(4));
    }

    [TestCase(48, 40)]
    [TestCase(640, 480)]
    [TestCase(7, 100)]
    [TestCase(1, 1)]
    [TestCase(33, 31)]
    public void Decode_OtherSize_EqualsTheTriangleFilterInDoubles(int width, int height)
    {
        byte[] rgb = Noise(width, height), expected = TriangleFilter(rgb, width, height);

        byte[] actual = Decode(TestImages.Encode(rgb, width, height, SKEncodedImageFormat.Png));

        // One rounding to 8 bits after each pass: at most half a level each, seen as at most 1.
        Assert.That(actual.Zip(expected, (a, b) => Math.Abs(a - b)).Max(), Is.LessThanOrEqualTo(1));
    }

    [Test]
    public void Decode_LargeJpeg_IsNearTheFilteredOriginal()
    {
        byte[] large = Gradient(2400, 2100), small = Decode(TestImages.Encode(large, 2400, 2100, SKEncodedImageFormat.Jpeg));

        Assert.That(small.Zip(TriangleFilter(large, 2400, 2100), (a, b) => Math.Abs(a - b)).Max(), Is.LessThan(8));
    }

    /// <summary>JPEG's own reduction averages squares, which blurs edges the more, the fewer pixels it leaves.</summary>
    [TestCase(512)]
    [TestCase(1024)]
    [TestCase(2048)]
    public void Decode_JpegOfTheSmallestSizeThatIsReduced_KeepsItsEdges(int size)
    {
        byte[] squares = Noise(47, 47), rgb = new byte[size * size * 3];
        for (int i = 0; i < rgb.Length; i++)
        {
            rgb[i] = (byte)(squares[(i / 3 / size * 47 / size * 47 + i / 3 % size * 47 / size) * 3] < 128 ? 20 : 235);
        }

        byte[] small = Decode(TestImages.Encode(rgb, size, size, SKEncodedImageFormat.Jpeg));

        Assert.That(small.Zip(TriangleFilter(rgb, size, size), (a, b) => Math.Abs(a - b)).Max(), Is.LessThanOrEqualTo(3));
    }

    [Test]
    public void Decode_TransparentPixels_AreBlendedOnWhite()
    {
        using var bitmap = new SKBitmap(new SKImageInfo(32, 32, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        bitmap.Erase(new SKColor(200, 100, 0, 0));
        bitmap.SetPixel(1, 0, new SKColor(200, 100, 0, 102)); // 40 % of the colour, 60 % white
        bitmap.SetPixel(2, 0, new SKColor(200, 100, 0, 255));

        byte[] decoded = Decode(bitmap.Encode(SKEncodedImageFormat.Png, 100).ToArray());

        Assert.That(decoded[..9], Is.EqualTo(new byte[] { 255, 255, 255, 233, 193, 153, 200, 100, 0 }));
    }

    [Test]
    public void BlendOnWhite_AnyValue_IsRoundedToTheNearestAndNeverAboveWhite()
    {
        for (int alpha = 0; alpha < 256; alpha++)
        {
            byte[] plain = [.. Enumerable.Range(0, 256).SelectMany(value => new byte[] { (byte)value, (byte)value, (byte)value, (byte)alpha })], premultiplied = [.. plain];
            ImageDecoder.BlendOnWhite(plain, premultiplied: false);
            ImageDecoder.BlendOnWhite(premultiplied, premultiplied: true);

            Assert.That(Enumerable.Range(0, 256).Select(value => (int)plain[4 * value]), Is.EqualTo(Enumerable.Range(0, 256).Select(value => (int)Math.Round((value * alpha + 255.0 * (255 - alpha)) / 255))));
            Assert.That(Enumerable.Range(0, 256).Select(value => (int)premultiplied[4 * value]), Is.EqualTo(Enumerable.Range(0, 256).Select(value => Math.Min(value + 255 - alpha, 255))));
        }
    }

    [TestCase(1, 0, 0)]
    [TestCase(2, 0, 31)]
    [TestCase(3, 31, 31)]
    [TestCase(4, 31, 0)]
    [TestCase(5, 0, 0)]
    [TestCase(6, 0, 31)]
    [TestCase(7, 31, 31)]
    [TestCase(8, 31, 0)]
    public void Decode_ExifOrientation_TurnsThePictureUpright(int orientation, int row, int column)
    {
        // Stored: top left corner red, and the row below the top edge's left half green, so that mirrored and turned pictures differ.
        byte[] rgb = new byte[ImageBytes];
        Fill(rgb, 0, 0, 8, 8, (255, 0, 0));
        Fill(rgb, 0, 8, 8, 16, (0, 255, 0)); // right of the red corner

        byte[] upright = Decode(TestImages.WithOrientation(TestImages.Encode(rgb, 32, 32, SKEncodedImageFormat.Jpeg), orientation));

        Assert.That(Colour(upright, row, column), Is.EqualTo("red"));
        bool transposed = orientation >= 5;
        int towards = (transposed ? row : column) == 0 ? 12 : -12;
        Assert.That(Colour(upright, row + (transposed ? towards : 0), column + (transposed ? 0 : towards)), Is.EqualTo("green"));
    }

    [TestCase("", "empty file")]
    [TestCase("<html>404</html>", "a text file of 16 bytes (first bytes 3C 68 74 6D 6C 3E 34 30)")]
    public void Decode_NoPicture_NamesItAndItsFirstBytes(string content, string expected)
    {
        var error = Assert.Throws<Cifar3ImageException>(() => Decode(Encoding.UTF8.GetBytes(content)));

        Assert.That(error!.Message, Does.StartWith("Cannot read image 'test'").And.Contain(expected).And.Contain("Give a sound picture in its place").And.Not.Contain("\n"));
    }

    [Test]
    public void Decode_ZeroByZero_SaysSo()
    {
        byte[] png = TestImages.Encode(new byte[3], 1, 1, SKEncodedImageFormat.Png);
        png.AsSpan(16, 8).Clear(); // width and height of the header

        Assert.That(() => Decode(png), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("0x0 pixels"));
    }

    [TestCase(SKEncodedImageFormat.Png)]
    [TestCase(SKEncodedImageFormat.Jpeg)]
    [TestCase(SKEncodedImageFormat.Webp)]
    public void Decode_CutOffAtAnyLength_IsAnError(SKEncodedImageFormat format)
    {
        byte[] bytes = TestImages.Encode(Noise(40, 40), 40, 40, format);
        for (int length = 0; length < bytes.Length * 9 / 10; length += 97)
        {
            Assert.That(() => Decode(bytes[..length]), Throws.TypeOf<Cifar3ImageException>(), $"{length} of {bytes.Length} bytes");
        }
    }

    [Test]
    public void Decode_PixelBomb_IsRefusedBeforeItsMemoryIsTaken()
    {
        byte[] png = TestImages.Resized(TestImages.Encode(new byte[3], 1, 1, SKEncodedImageFormat.Png), 50_000, 50_000);
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.That(() => Decode(png), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("50,000x50,000 pixels. Expected at most 67,108,864"));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1_000_000));
    }

    [Test]
    public void DecodeFile_MissingFile_NamesThePath()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "none.png");

        Assert.That(() => ImageDecoder.DecodeFile(path, new byte[ImageBytes]), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains(path));
    }

    /// <summary>A stream's length may be wrong, and it may give less than it is asked for: what came by then was taken for all of it.</summary>
    [TestCase(100)]
    [TestCase(BoundedReader.ReadAtOnce)]
    [TestCase(BoundedReader.ReadAtOnce + 1)]
    public void DecodeStream_StreamLongerThanItSays_EqualsTheBytes(int said)
    {
        byte[] file = TestImages.Encode(Noise(200, 200), 200, 200, SKEncodedImageFormat.Png), decoded = new byte[ImageBytes];
        Assert.That(file, Has.Length.GreaterThan(BoundedReader.ReadAtOnce + 1));
        using var stream = new ShortStream(file, said);

        ImageDecoder.DecodeStream(stream, decoded, "stream");

        Assert.That(decoded, Is.EqualTo(Decode(file)));
    }

    [Test]
    public void DecodeStream_UnseekableStream_EqualsTheBytes()
    {
        byte[] rgb = Noise(32, 32), decoded = new byte[ImageBytes];
        using var file = new MemoryStream(TestImages.Encode(rgb, 32, 32, SKEncodedImageFormat.Png));
        using var stream = new BufferedStream(new System.IO.Compression.BrotliStream(Brotli(file), System.IO.Compression.CompressionMode.Decompress));

        ImageDecoder.DecodeStream(stream, decoded, "stream");

        Assert.That(decoded, Is.EqualTo(rgb));
    }

    [TestCase(MLPixelFormat.Rgba32)]
    [TestCase(MLPixelFormat.Bgra32)]
    public void ReadMLImage_BothByteOrders_GiveTheSamePixels(MLPixelFormat format)
    {
        byte[] rgb = Noise(32, 32), decoded = new byte[ImageBytes];
        foreach (byte alpha in new byte[] { 255, 0 }) // alpha 0 everywhere: a camera frame whose fourth byte is unused
        {
            using var image = MLImage.CreateFromPixels(32, 32, format, TestImages.FourBytes(rgb, format == MLPixelFormat.Bgra32, alpha));

            MLImagePixels.Read(image, decoded, "frame");

            Assert.That(decoded, Is.EqualTo(rgb));
        }
    }

    [Test]
    public void ReadMLImage_FileWithAlpha_EqualsDecode()
    {
        using var bitmap = new SKBitmap(new SKImageInfo(32, 32, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        bitmap.Erase(new SKColor(200, 100, 0, 102));
        byte[] png = bitmap.Encode(SKEncodedImageFormat.Png, 100).ToArray(), decoded = new byte[ImageBytes];
        using var image = MLImage.CreateFromStream(new MemoryStream(png));

        MLImagePixels.Read(image, decoded, "png");

        Assert.That(decoded, Is.EqualTo(Decode(png)));
    }

    [Test]
    public void ReadMLImage_Disposed_SaysSo()
    {
        var image = MLImage.CreateFromPixels(1, 1, MLPixelFormat.Rgba32, new byte[4]);
        image.Dispose();

        Assert.That(() => MLImagePixels.Read(image, new byte[ImageBytes], "frame"), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("disposed"));
    }

    private static byte[] Decode(byte[] encoded)
    {
        var rgb = new byte[ImageBytes];
        ImageDecoder.Decode(encoded, rgb, "test");
        return rgb;
    }

    private static byte[] Noise(int width, int height)
    {
        var random = new PhiloxRandom(width, (uint)height);
        return [.. Enumerable.Range(0, width * height * 3).Select(_ => (byte)random.NextUInt32())];
    }

    private static byte[] Gradient(int width, int height)
    {
        var rgb = new byte[width * height * 3];
        for (int i = 0; i < width * height; i++)
        {
            (rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]) = ((byte)(i % width * 255 / width), (byte)(i / width * 255 / height), 90);
        }

        return rgb;
    }

    private static MemoryStream Brotli(Stream source)
    {
        var packed = new MemoryStream();
        using (var brotli = new System.IO.Compression.BrotliStream(packed, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true))
        {
            source.CopyTo(brotli);
        }

        packed.Position = 0;
        return packed;
    }

    private static void Fill(byte[] rgb, int top, int left, int bottom, int right, (byte R, byte G, byte B) colour)
    {
        for (int y = top; y < bottom; y++)
        {
            for (int x = left; x < right; x++)
            {
                int i = (y * 32 + x) * 3;
                (rgb[i], rgb[i + 1], rgb[i + 2]) = colour;
            }
        }
    }

    private static string Colour(byte[] rgb, int row, int column)
    {
        int i = (row * 32 + column) * 3;
        return (rgb[i] > 128, rgb[i + 1] > 128) switch { (true, false) => "red", (false, true) => "green", _ => "black" };
    }

    /// <summary>The oracle: weights max(0, 1 − |distance| / support), both axes in double.</summary>
    private static byte[] TriangleFilter(byte[] rgb, int width, int height)
    {
        var weightX = Weights(width);
        var weightY = Weights(height);
        var rows = new double[32 * width * 3]; // [32, width, 3]
        for (int i = 0; i < 32; i++)
        {
            foreach (var (y, weight) in weightY[i])
            {
                for (int j = 0; j < width * 3; j++)
                {
                    rows[i * width * 3 + j] += weight * rgb[y * width * 3 + j];
                }
            }
        }

        var result = new byte[ImageBytes];
        for (int i = 0; i < 32 * 32 * 3; i++)
        {
            int row = i / 96, column = i / 3 % 32, channel = i % 3;
            result[i] = (byte)Math.Round(weightX[column].Sum(w => w.Weight * rows[(row * width + w.Index) * 3 + channel]));
        }

        return result;
    }

    private static List<(int Index, double Weight)>[] Weights(int length)
    {
        double scale = length / 32.0, support = Math.Max(1, scale);
        return [.. Enumerable.Range(0, 32).Select(i =>
        {
            var raw = Enumerable.Range(0, length)
                .Select(x => (Index: x, Weight: Math.Max(0, 1 - Math.Abs(x + 0.5 - (i + 0.5) * scale) / support)))
                .Where(w => w.Weight > 0)
                .ToList();
            double sum = raw.Sum(w => w.Weight);
            return raw.ConvertAll(w => (w.Index, w.Weight / sum));
        })];
    }

    /// <summary>Says that it has fewer bytes than it has, gives those, and then the others.</summary>
    private sealed class ShortStream(byte[] content, int said) : MemoryStream(content)
    {
        public override long Length => said;

        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Position < said ? (int)Math.Min(count, said - Position) : count);
    }
}

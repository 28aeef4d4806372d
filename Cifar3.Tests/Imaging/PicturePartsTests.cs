using System.Buffers.Binary;
using System.Diagnostics;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>Pictures whose parts are made to cost much, and what the codec does not read itself.</summary>
public sealed class PicturePartsTests
{
    private const int Width = 41, Height = 35;

    private static byte[] Png => ImageCorpus.Files["png rgb"];

    [Test]
    [CancelAfter(30_000)]
    public void Decode_PngWithOneLongChunk_TakesNoLongerThanItsBytes()
    {
        var clock = Stopwatch.StartNew();

        byte[] read = Decode(WithChunk(Png, "teXt"u8, new byte[100_000_000]));

        Assert.That(read, Is.EqualTo(Decode(Png)));
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)), "libpng alone takes 18 minutes: the square of the chunk's length");
    }

    [Test]
    public void Decode_PngWithManyChunks_IsRead()
    {
        byte[] file = Png;
        byte[] chunk = Chunk("teXt"u8, "a\0b"u8);
        byte[] crowded = [.. file[..33], .. Enumerable.Range(0, 100_000).SelectMany(_ => chunk), .. file[33..]];

        Assert.That(Decode(crowded), Is.EqualTo(Decode(file)));
    }

    [Test]
    public void Decode_PngWithLongCriticalChunk_IsRefused() =>
        Assert.That(() => Decode(WithChunk(Png, "PLTE"u8, new byte[3 << 20])), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("one of its chunks has 3,145,728 bytes"));

    [Test]
    public void Decode_PngThatPromisesALongChunk_IsRefusedAtOnce()
    {
        byte[] file = [.. Png[..33], .. Number(500_000_000), .. "teXt"u8, .. new byte[1 << 20]];

        Assert.That(() => Decode(file), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("cut off"));
    }

    [Test]
    public void Decode_PngTransparencyBesideLongChunks_IsKept()
    {
        byte[] file = PngFile.Create(Width, Height, 8, PngColour.Palette, (_, _, _) => 0, palette: [200, 0, 0], alpha: [0]);

        Assert.That(Decode(WithChunk(file, "iTXt"u8, new byte[200_000])), Is.All.EqualTo(255), "transparent parts are white");
    }

    [Test]
    public void Decode_PngOrientation_IsThatOfTheSameJpeg([Range(1, 8)] int orientation, [Values] bool bigEndian)
    {
        byte[] rgb = [.. Enumerable.Range(0, 32 * 32 * 3).Select(n => (byte)(n / 3 % 32 * 4 + n / 96 * 3))];
        byte[] png = TestImages.Encode(rgb, 32, 32, SKEncodedImageFormat.Png), jpeg = TestImages.WithOrientation(TestImages.Encode(rgb, 32, 32, SKEncodedImageFormat.Jpeg), orientation);
        byte[] exif = bigEndian
            ? [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)orientation, 0, 0, 0, 0, 0, 0]
            : [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, (byte)orientation, 0, 0, 0, 0, 0, 0, 0];

        byte[] upright = Decode(WithChunk(png, "eXIf"u8, exif));

        Assert.That(upright.Zip(Decode(jpeg), (a, b) => Math.Abs(a - b)).Average(), Is.LessThan(4), "but for JPEG's losses");
        Assert.That(upright, orientation == 1 ? Is.EqualTo(rgb) : Is.Not.EqualTo(rgb));
    }

    /// <summary>By WEBP's and PNG's standards EXIF data begin with their byte order; some programs leave JPEG's "Exif" before it.</summary>
    [Test]
    public void Decode_OrientationOfAnyFormatBehindJpegsHeader_IsRead([Range(1, 8)] int orientation, [Values] bool header)
    {
        byte[] rgb = [.. Enumerable.Range(0, 32 * 32 * 3).Select(n => (byte)(n / 3 % 32 * 4 + n / 96 * 3))], webp = TestImages.Encode(rgb, 32, 32, SKEncodedImageFormat.Webp);
        byte[] plain = [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)orientation, 0, 0, 0, 0, 0, 0], exif = header ? [.. "Exif\0\0"u8, .. plain] : plain;
        byte[] body = [.. "WEBPVP8X"u8, 10, 0, 0, 0, 8, 0, 0, 0, 31, 0, 0, 31, 0, 0, .. webp[12..], .. "EXIF"u8, .. BitConverter.GetBytes(exif.Length), .. exif];

        byte[] upright = Decode(WithChunk(TestImages.Encode(rgb, 32, 32, SKEncodedImageFormat.Png), "eXIf"u8, plain));

        Assert.That(Decode(WithChunk(TestImages.Encode(rgb, 32, 32, SKEncodedImageFormat.Png), "eXIf"u8, exif)), Is.EqualTo(upright));
        Assert.That(Decode([.. "RIFF"u8, .. BitConverter.GetBytes(body.Length), .. body]), Is.EqualTo(upright));
        Assert.That(upright, orientation == 1 ? Is.EqualTo(rgb) : Is.Not.EqualTo(rgb));
    }

    /// <summary>The pixels are whole then, and the picture lay on its side.</summary>
    [Test]
    public void Decode_WebpCutOffBeforeTheEndOfItsOrientation_IsRefused()
    {
        byte[] webp = TestImages.Encode([.. Enumerable.Range(0, 32 * 32 * 3).Select(n => (byte)n)], 32, 32, SKEncodedImageFormat.Webp);
        byte[] exif = [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
        byte[] body = [.. "WEBPVP8X"u8, 10, 0, 0, 0, 8, 0, 0, 0, 31, 0, 0, 31, 0, 0, .. webp[12..], .. "EXIF"u8, .. BitConverter.GetBytes(exif.Length), .. exif];
        byte[] file = [.. "RIFF"u8, .. BitConverter.GetBytes(body.Length), .. body];

        Assert.That(() => Decode(file), Throws.Nothing);
        Assert.Multiple(() =>
        {
            for (int missing = 1; missing <= 8 + exif.Length; missing++)
            {
                Assert.That(() => Decode(file[..^missing]), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("the file is cut off"), $"{missing} bytes");
            }
        });
    }

    /// <summary>As cameras write it, among other tags; what stands behind the directory (of the thumbnail), and what is no orientation, does not count.</summary>
    [TestCase("4D4D002A 00000008 0003 010F000200000001 00000000 0112000300000001 00060000 011A000300000001 00030000", 6, TestName = "Decode_PngOrientation_IsThatOfItsTag(among others)")]
    [TestCase("49492A00 08000000 0300 0F01020001000000 00000000 1A01030001000000 03000000 1201030001000000 06000000", 6, TestName = "Decode_PngOrientation_IsThatOfItsTag(the last one, little-endian)")]
    [TestCase("4D4D002A 00000008 0001 011A000300000001 00030000", 1, TestName = "Decode_PngOrientation_IsThatOfItsTag(another tag)")]
    [TestCase("4D4D002A 00000008 0000 0112000300000001 00060000", 1, TestName = "Decode_PngOrientation_IsThatOfItsTag(behind the directory)")]
    [TestCase("4D4D002A 00000008 0001 0112000300000001 00000000", 1, TestName = "Decode_PngOrientation_IsThatOfItsTag(0)")]
    [TestCase("4D4D002A 00000008 0001 0112000300000001 00090000", 1, TestName = "Decode_PngOrientation_IsThatOfItsTag(9)")]
    [TestCase("4D4D2A00 00000008 0001 0112000300000001 00060000", 1, TestName = "Decode_PngOrientation_IsThatOfItsTag(no EXIF)")]
    [TestCase("4D4D002A 00000008", 1, TestName = "Decode_PngOrientation_IsThatOfItsTag(a directory at the end)")]
    [TestCase("4D4D002A 00000008 00", 1, TestName = "Decode_PngOrientation_IsThatOfItsTag(a directory of one byte)")]
    public void Decode_PngOrientation_IsThatOfItsTag(string exif, int orientation)
    {
        byte[] rgb = [.. Enumerable.Range(0, 32 * 32 * 3).Select(n => (byte)(n / 3 % 32 * 4 + n / 96 * 3))], png = TestImages.Encode(rgb, 32, 32, SKEncodedImageFormat.Png);
        byte[] plain = [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)orientation, 0, 0, 0, 0, 0, 0];

        byte[] found = Decode(WithChunk(png, "eXIf"u8, Convert.FromHexString(exif.Replace(" ", "", StringComparison.Ordinal))));

        Assert.That(found, Is.EqualTo(Decode(WithChunk(png, "eXIf"u8, plain))).And.Not.EqualTo(orientation == 1 ? [] : rgb));
    }

    [Test]
    public void Decode_DamagedExif_CountsAsUpright([Range(0, 25)] int length) =>
        Assert.That(Decode(WithChunk(Png, "eXIf"u8, new byte[] { 0x4D, 0x4D, 0, 0x2A, 0xFF, 0xFF, 0xFF, 0xFF, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 99, 0, 0, 0, 0, 0, 0 }.AsSpan(0, length))), Is.EqualTo(Decode(Png)));

    [Test]
    public void Decode_JpegOfThousandsOfScans_IsRefused()
    {
        byte[] file = ImageCorpus.Files["jpeg progressive"];
        int scan = file.AsSpan().LastIndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA]);
        byte[] last = file[scan..^2];
        byte[] bomb = [.. file[..^2], .. Enumerable.Range(0, 2000).SelectMany(_ => last), 0xFF, 0xD9];

        Assert.That(() => Decode(bomb), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("101 scans"));
        Assert.That(() => Decode(file), Throws.Nothing);
    }

    [TestCase("ico")]
    [TestCase("wbmp")]
    [TestCase("dng")]
    public void Decode_FormatThatNoPagePromises_IsRefused(string kind) =>
        Assert.That(() => Decode(ImageCorpus.OtherFormats[kind]), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("Expected a JPEG, PNG, WEBP, BMP or GIF"));

    /// <summary>What <see cref="PictureParts"/> says of the other formats: no part costs more than its bytes.</summary>
    [TestCaseSource(nameof(Padded))]
    [CancelAfter(60_000)]
    public void Decode_OtherFormatWithTensOfMegabytesBesideThePixels_TakesNoLongerThanItsBytes(string kind)
    {
        byte[] file = Pad(kind, 20_000_000);
        var clock = Stopwatch.StartNew();

        try
        {
            Decode(file);
        }
        catch (Cifar3ImageException e)
        {
            TestContext.Out.WriteLine(e.Message); // refused is as good
        }

        TestContext.Out.WriteLine($"{kind}: {file.Length / 1e6:F0} MB in {clock.Elapsed.TotalSeconds:F2} s");
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)));
    }

    /// <summary>The kinds of <see cref="Pad"/>.</summary>
    internal static readonly string[] Padded =
        ["jpeg with segments", "gif with one long comment", "gif with many comments", "gif of many frames", "webp with a long chunk", "webp with many chunks", "webp of many frames", "bmp with its pixels far away"];

    /// <summary>A small picture with so many bytes beside its pixels.</summary>
    internal static byte[] Pad(string kind, int many)
    {
        byte[] gif = ImageCorpus.Files["gif"], webp = ImageCorpus.Files["webp lossless"], jpeg = ImageCorpus.Files["jpeg"], bmp = ImageCorpus.Files["bmp"];
        int gifFrame = 13 + 768; // behind header and palette
        return kind switch
        {
            "jpeg with segments" => [.. jpeg[..2], .. Repeated([0xFF, 0xE5, 0xFF, 0xFF, .. new byte[0xFFFD]], many), .. jpeg[2..]],
            "gif with one long comment" => [.. gif[..gifFrame], 0x21, 0xFE, .. Repeated([255, .. new byte[255]], many), 0, .. gif[gifFrame..]],
            "gif with many comments" => [.. gif[..gifFrame], .. Repeated([0x21, 0xFE, 1, 65, 0], many), .. gif[gifFrame..]],
            "gif of many frames" => [.. gif[..^1], .. Repeated(gif[gifFrame..^1], many), 0x3B],
            "webp with a long chunk" => Riff([.. webp[12..], .. "XYZ "u8, .. BitConverter.GetBytes(many), .. new byte[many]]),
            "webp with many chunks" => Riff([.. webp[12..], .. Repeated([.. "XYZ "u8, 2, 0, 0, 0, 1, 2], many)]),
            "webp of many frames" => Frames(ImageCorpus.Files["webp moving"], many),
            _ => [.. bmp[..10], .. BitConverter.GetBytes(BitConverter.ToInt32(bmp, 10) + many), .. bmp[14..BitConverter.ToInt32(bmp, 10)], .. new byte[many], .. bmp[BitConverter.ToInt32(bmp, 10)..]],
        };

        static byte[] Repeated(byte[] part, int bytes)
        {
            var all = new byte[bytes / part.Length * part.Length];
            for (int i = 0; i < all.Length; i += part.Length)
            {
                part.CopyTo(all, i);
            }

            return all;
        }

        static byte[] Riff(byte[] chunks) => [.. "RIFF"u8, .. BitConverter.GetBytes(chunks.Length + 4), .. "WEBP"u8, .. chunks];

        static byte[] Frames(byte[] moving, int bytes)
        {
            int last = moving.AsSpan().LastIndexOf("ANMF"u8);
            return Riff([.. moving[12..], .. Repeated(moving[last..], bytes)]);
        }
    }

    private static byte[] Decode(byte[] file)
    {
        var rgb = new byte[CnnArchitecture.ImageBytes];
        ImageDecoder.Decode(file, rgb, "test");
        return rgb;
    }

    /// <summary>A PNG file with one more chunk behind its header.</summary>
    private static byte[] WithChunk(byte[] png, ReadOnlySpan<byte> name, ReadOnlySpan<byte> content) => [.. png[..33], .. Chunk(name, content), .. png[33..]];

    private static byte[] Chunk(ReadOnlySpan<byte> name, ReadOnlySpan<byte> content)
    {
        byte[] body = [.. name, .. content];
        return [.. Number((uint)content.Length), .. body, .. Number(content.Length > 1 << 20 ? 0 : TestImages.Crc32(body))]; // nobody checks the sum of what is left out
    }

    private static byte[] Number(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }
}

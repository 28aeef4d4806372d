using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>Small pictures of every kind, made in code: what the fuzz tests damage.</summary>
internal static class ImageCorpus
{
    private const int Width = 41, Height = 35;

    /// <summary>The files by kind.</summary>
    public static IReadOnlyDictionary<string, byte[]> Files { get; } = Create();

    private static Dictionary<string, byte[]> Create()
    {
        byte[] rgb = [.. Enumerable.Range(0, Width * Height * 3).Select(n => (byte)Sample(n / 3 % Width, n / 3 / Width, n % 3))];
        byte[] palette = [.. Enumerable.Range(0, 256).SelectMany(i => new[] { (byte)i, (byte)(255 - i), (byte)(i * 7) })];
        byte[] jpeg = TestImages.Encode(rgb, Width, Height, SKEncodedImageFormat.Jpeg);
        return new Dictionary<string, byte[]>
        {
            ["jpeg"] = jpeg,
            ["jpeg turned by exif"] = TestImages.WithOrientation(jpeg, 6),
            ["jpeg grey"] = JpegFile.Create(Width, Height, 1, Sample),
            ["jpeg cmyk"] = JpegFile.Create(Width, Height, 4, Sample),
            ["jpeg progressive"] = JpegFile.Create(Width, Height, 3, Sample, progressive: true),
            ["png rgb"] = PngFile.Create(Width, Height, 8, PngColour.Rgb, Sample),
            ["png rgba interlaced"] = PngFile.Create(Width, Height, 8, PngColour.Rgba, Sample, interlaced: true),
            ["png grey of 1 bit"] = PngFile.Create(Width, Height, 1, PngColour.Grey, (x, y, _) => (x + y) / 9 & 1),
            ["png grey and alpha of 16 bits"] = PngFile.Create(Width, Height, 16, PngColour.GreyAlpha, (x, y, channel) => 257 * Sample(x, y, channel)),
            ["png rgb of 16 bits"] = PngFile.Create(Width, Height, 16, PngColour.Rgb, (x, y, channel) => 257 * Sample(x, y, channel)),
            ["png palette"] = PngFile.Create(Width, Height, 8, PngColour.Palette, Sample, palette, alpha: [0, 50, 100, 150]),
            ["gif"] = AnimatedFile.Gif(Width, Height, (10, 20, 30)),
            ["gif moving"] = AnimatedFile.Gif(Width, Height, (10, 20, 30), (200, 100, 50), (0, 0, 0)),
            ["webp lossless"] = TestImages.Encode(rgb, Width, Height, SKEncodedImageFormat.Webp),
            ["webp"] = Lossy(rgb),
            ["webp moving"] = AnimatedFile.Webp(Width, Height, (10, 20, 30), (200, 100, 50)),
            ["bmp"] = TestImages.Bmp(rgb.AsSpan(0, 40 * Height * 3), 40, Height),
        };
    }

    /// <summary>Pictures that the codec could read, of formats that no page promises.</summary>
    public static IReadOnlyDictionary<string, byte[]> OtherFormats { get; } = new Dictionary<string, byte[]>
    {
        ["ico"] = Icon(PngFile.Create(32, 32, 8, PngColour.Rgba, Sample)),
        ["wbmp"] = [0, 0, 32, 32, .. Enumerable.Range(0, 128).Select(i => (byte)(i * 37))],
        ["dng"] = [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 0xC6, 1, 0, 4, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0],
    };

    private static int Sample(int x, int y, int channel) => (x * 6 + y * 5 + channel * 80 + (x * y) % 7) & 255;

    private static byte[] Lossy(byte[] rgb)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(Width, Height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        using var pixels = bitmap.PeekPixels();
        TestImages.FourBytes(rgb, blueFirst: false, alpha: 200).CopyTo(pixels.GetPixelSpan<byte>());
        using var data = pixels.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossy, 70));
        return data!.ToArray();
    }

    /// <summary>An icon file around a PNG file of 32×32.</summary>
    private static byte[] Icon(byte[] png) => [0, 0, 1, 0, 1, 0, 32, 32, 0, 0, 1, 0, 32, 0, .. BitConverter.GetBytes(png.Length), .. BitConverter.GetBytes(22), .. png];
}

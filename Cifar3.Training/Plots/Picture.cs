using SkiaSharp;

namespace Cifar3.Training;

/// <summary>
/// A canvas that becomes a PNG file, and the few strokes that the pictures share. It calls what SkiaSharp 2.88 and 3 both have:
/// an application may bring either.
/// </summary>
internal sealed class Picture : IDisposable
{
    public static readonly SKColor Ink = new(0x1f, 0x23, 0x28), Grey = new(0x6e, 0x77, 0x81), Right = new(0x1a, 0x7f, 0x37), Wrong = new(0xcf, 0x22, 0x2e);

    private readonly SKSurface surface;

    public Picture(int width, int height)
    {
        surface = SkiaLibrary.ToDraw(() => SKSurface.Create(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Premul)))
            ?? throw new Cifar3Exception($"Cannot draw a picture of {width:N0} x {height:N0} pixels: there is not enough memory.");
        Canvas.Clear(SKColors.White);
    }

    public int Width => Canvas.DeviceClipBounds.Width;

    public SKCanvas Canvas => surface.Canvas;

    /// <summary>Writes text around, or from, a point on its baseline; text wider than <paramref name="maxWidth"/> is made smaller.</summary>
    public void Text(string text, float x, float y, float size, SKColor colour, SKTextAlign align = SKTextAlign.Left, float maxWidth = float.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(text);
        using var font = PlotFont.For(text, size);
        font.Size *= Math.Min(1, maxWidth / Math.Max(PlotFont.Width(font, text), 1));
        float share = align switch { SKTextAlign.Left => 0, SKTextAlign.Center => 0.5f, _ => 1 };
        using var paint = new SKPaint { Color = colour, IsAntialias = true };
        Canvas.DrawText(text, x - share * PlotFont.Width(font, text), y, font, paint);
    }

    public void Fill(SKRect rectangle, SKColor colour)
    {
        using var paint = new SKPaint { Color = colour, IsAntialias = true };
        Canvas.DrawRect(rectangle, paint);
    }

    public void Frame(SKRect rectangle, SKColor colour, float stroke)
    {
        using var paint = new SKPaint { Color = colour, IsStroke = true, StrokeWidth = stroke, IsAntialias = true };
        Canvas.DrawRect(rectangle, paint);
    }

    /// <summary>Draws a 32×32 image with its pixels visible.</summary>
    public void Image(ReadOnlySpan<byte> pixels, SKRect target)
    {
        const int size = CnnArchitecture.InputSize;
        var colours = new SKColor[size * size];
        for (int i = 0; i < colours.Length; i++)
        {
            colours[i] = new SKColor(pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]);
        }

        using var bitmap = new SKBitmap(size, size) { Pixels = colours };
        using var image = SKImage.FromBitmap(bitmap);
        Canvas.DrawImage(image, target); // without a paint, so without smoothing
    }

    /// <summary>The picture as the content of a PNG file.</summary>
    public byte[] ToPng()
    {
        using var image = surface.Snapshot();
        using var png = image.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }

    /// <summary>One 32×32 image as the content of a PNG file, pixel for pixel.</summary>
    public static byte[] ToPng(ReadOnlySpan<byte> pixels)
    {
        const int size = CnnArchitecture.InputSize;
        using var picture = new Picture(size, size);
        picture.Image(pixels, SKRect.Create(0, 0, size, size));
        return picture.ToPng();
    }

    public void Dispose() => surface.Dispose();
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.Data;
using SkiaSharp;

namespace Cifar3;

/// <summary>Reads and makes ML.NET's <see cref="MLImage"/>.</summary>
internal static class MLImagePixels
{
    private const int Channels = CnnArchitecture.InputChannels;

    private static volatile bool pixelsThrows;

    /// <summary>Reads a picture of any size, which stays the caller's to dispose.</summary>
    /// <param name="image">
    /// The picture. Its colours count as premultiplied by alpha, as ML.NET keeps decoded files;
    /// one whose alpha is 0 everywhere (a camera frame with an unused fourth byte) counts as opaque.
    /// </param>
    /// <param name="rgb">Receives [32, 32, 3].</param>
    /// <param name="name">What the error message calls the picture.</param>
    /// <exception cref="Cifar3ImageException">The picture is disposed or too large.</exception>
    public static void Read(MLImage image, Span<byte> rgb, string name)
    {
        ArgumentNullException.ThrowIfNull(image);
        byte[] pixels;
        int width, height;
        bool blueFirst;
        try
        {
            (width, height, blueFirst) = (image.Width, image.Height, image.PixelFormat == MLPixelFormat.Bgra32);
            ImageDecoder.CheckSize(width, height, name);
            pixels = CopyPixels(image);
        }
        catch (InvalidOperationException e)
        {
            throw new Cifar3ImageException($"Cannot read image '{name}': the MLImage is disposed. Keep it alive until the call returns.", e);
        }

        var (least, most) = AlphaRange(pixels);
        if (least < 255 && most > 0)
        {
            ImageDecoder.BlendOnWhite(pixels, premultiplied: true);
        }

        ImageDecoder.ToNetworkSize(pixels, width, height, rgb);
        if (blueFirst)
        {
            for (int i = 0; i < rgb.Length; i += Channels)
            {
                (rgb[i], rgb[i + 2]) = (rgb[i + 2], rgb[i]);
            }
        }
    }

    /// <summary>A new picture of 32×32 opaque pixels, the caller's to dispose.</summary>
    /// <param name="rgb">Pixels [32, 32, 3].</param>
    /// <exception cref="Cifar3Exception">SkiaSharp's native library is missing or does not fit.</exception>
    public static MLImage Create(ReadOnlySpan<byte> rgb)
    {
        Span<byte> rgba = stackalloc byte[CnnArchitecture.InputSize * CnnArchitecture.InputSize * 4];
        for (int from = 0, to = 0; to < rgba.Length; from += Channels, to += 4)
        {
            (rgba[to], rgba[to + 1], rgba[to + 2], rgba[to + 3]) = (rgb[from], rgb[from + 1], rgb[from + 2], 255);
        }

        try
        {
            return MLImage.CreateFromPixels(CnnArchitecture.InputSize, CnnArchitecture.InputSize, MLPixelFormat.Rgba32, rgba);
        }
        catch (Exception e) when (NativeLibraryFault.Is(e))
        {
            throw SkiaLibrary.Fault(e, "Cannot make an MLImage");
        }
    }

    /// <summary>
    /// ML.NET 5.0 is built for SkiaSharp 2.88, and under SkiaSharp 3 its <c>MLImage.Pixels</c> throws MissingMethodException
    /// (github.com/dotnet/machinelearning/issues/7413). A program that itself asks for SkiaSharp 3, say to draw with ScottPlot, has its images read from the bitmap inside.
    /// </summary>
    private static byte[] CopyPixels(MLImage image)
    {
        if (!pixelsThrows)
        {
            try
            {
                return image.Pixels.ToArray();
            }
            catch (MissingMethodException)
            {
                pixelsThrows = true;
            }
        }

        var bitmap = Bitmap(image);
        var pixels = new byte[bitmap.ByteCount];
        Marshal.Copy(bitmap.GetPixels(), pixels, 0, pixels.Length);
        GC.KeepAlive(image);
        return pixels;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_image")]
    private static extern ref SKBitmap Bitmap(MLImage image);

    private static (int Least, int Most) AlphaRange(ReadOnlySpan<byte> pixels)
    {
        int least = 255, most = 0;
        for (int i = 3; i < pixels.Length; i += 4)
        {
            least = Math.Min(least, pixels[i]);
            most = Math.Max(most, pixels[i]);
        }

        return (least, most);
    }
}

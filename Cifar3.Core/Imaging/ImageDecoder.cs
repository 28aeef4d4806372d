using System.Buffers;
using System.Runtime.InteropServices;
using SkiaSharp;

namespace Cifar3;

/// <summary>
/// Turns any picture into the network's input: 32×32 pixels, red, green, blue, uint8. Training data and pictures to score
/// come through here, so both are read alike.
/// </summary>
/// <remarks>
/// Formats: JPEG, PNG, WEBP, BMP, GIF (first frame), ICO, WBMP. The EXIF orientation is applied; embedded colour profiles are ignored, as in
/// Keras; transparent parts are blended on white; other sizes are resized by <see cref="ImageResizer"/>. JPEG files larger than
/// 512 pixels are read at a half, a quarter or an eighth of their size first, never below 256. Thread-safe.
/// </remarks>
internal static class ImageDecoder
{
    /// <summary>The most pixels a picture may have: 64 Mi (8,192×8,192).</summary>
    public const int MaxPixels = 1 << 26;

    /// <summary>The most bytes an encoded picture may have: 256 MiB.</summary>
    public const int MaxFileBytes = 1 << 28;

    private const int Size = CnnArchitecture.InputSize, Channels = CnnArchitecture.InputChannels;
    private const string Remedy = "Replace the file, or remove it from the data";

    /// <summary>Decodes an encoded picture.</summary>
    /// <param name="encoded">The content of a JPEG, PNG, … file.</param>
    /// <param name="rgb">Receives [32, 32, 3].</param>
    /// <param name="name">What the error message calls the picture: a path, or words such as <c>image 7</c>.</param>
    /// <exception cref="Cifar3ImageException">The bytes are no picture, are cut off, or the picture is empty or too large.</exception>
    public static void Decode(ReadOnlySpan<byte> encoded, Span<byte> rgb, string name)
    {
        using var data = SKData.CreateCopy(encoded);
        using var codec = SKCodec.Create(data);
        if (codec is null)
        {
            throw Failure(name, "it cannot be decoded", encoded);
        }

        var info = codec.Info;
        CheckSize(info.Width, info.Height, name);
        var size = ReducedSize(codec);
        var target = new SKImageInfo(size.Width, size.Height, SKColorType.Rgba8888, info.IsOpaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul);
        byte[] rented = Rent(target, name);
        var pinned = GCHandle.Alloc(rented, GCHandleType.Pinned);
        try
        {
            var result = codec.GetPixels(target, pinned.AddrOfPinnedObject());
            if (result != SKCodecResult.Success)
            {
                throw Failure(name, result == SKCodecResult.IncompleteInput ? "the file is cut off" : $"the file is damaged ({result})", encoded);
            }

            var rgba = rented.AsSpan(0, target.BytesSize);
            if (!info.IsOpaque)
            {
                BlendOnWhite(rgba, premultiplied: false);
            }

            ToNetworkSize(rgba, size.Width, size.Height, rgb);
        }
        finally
        {
            pinned.Free();
            ArrayPool<byte>.Shared.Return(rented);
        }

        Orient(rgb, codec.EncodedOrigin);
    }

    /// <summary>Decodes a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rgb">Receives [32, 32, 3].</param>
    /// <exception cref="Cifar3ImageException">The file is missing, unreadable, no picture, cut off, or the picture is empty or too large.</exception>
    public static void DecodeFile(string path, Span<byte> rgb)
    {
        byte[]? bytes;
        try
        {
            bytes = BoundedReader.ReadFile(path, MaxFileBytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new Cifar3ImageException($"Cannot read image '{path}': {e.Message.TrimEnd('.')}. Check the path and its permissions.", e);
        }

        Decode(bytes ?? throw TooManyBytes(path), rgb, path);
    }

    /// <summary>Decodes a stream from its current position to its end; the stream stays open.</summary>
    /// <param name="stream">An encoded picture.</param>
    /// <param name="rgb">Receives [32, 32, 3].</param>
    /// <param name="name">What the error message calls the picture.</param>
    /// <exception cref="Cifar3ImageException">The stream cannot be read or holds no picture, or the picture is empty or too large.</exception>
    public static void DecodeStream(Stream stream, Span<byte> rgb, string name)
    {
        byte[]? bytes;
        try
        {
            bytes = BoundedReader.ReadToEnd(stream, MaxFileBytes, stream.CanSeek ? stream.Length - stream.Position : 0);
        }
        catch (Exception e) when (e is IOException or NotSupportedException or ObjectDisposedException)
        {
            throw new Cifar3ImageException($"Cannot read image '{name}': {e.Message.TrimEnd('.')}. Pass an open, readable stream.", e);
        }

        Decode(bytes ?? throw TooManyBytes(name), rgb, name);
    }

    /// <summary>Refuses a picture that is empty or larger than <see cref="MaxPixels"/>.</summary>
    public static void CheckSize(int width, int height, string name)
    {
        if (width < 1 || height < 1)
        {
            throw new Cifar3ImageException($"Cannot read image '{name}': it has {width}x{height} pixels. Expected at least 1x1. {Remedy}.");
        }

        if ((long)width * height > MaxPixels)
        {
            throw new Cifar3ImageException($"Cannot read image '{name}': it has {width:N0}x{height:N0} pixels. Expected at most {MaxPixels:N0} in all. Make it smaller; the network sees {Size}x{Size}.");
        }
    }

    /// <summary>The size to decode at: JPEG can be decoded at 1/8 to 7/8, which saves time and averages pixels as resizing would.</summary>
    private static SKSizeI ReducedSize(SKCodec codec)
    {
        var size = codec.Info.Size;
        int shorter = Math.Min(size.Width, size.Height);
        int divisor = shorter >= 8 * 256 ? 8 : shorter >= 4 * 256 ? 4 : shorter >= 2 * 256 ? 2 : 1;
        return codec.EncodedFormat == SKEncodedImageFormat.Jpeg && divisor > 1 ? codec.GetScaledDimensions(1f / divisor) : size;
    }

    private static byte[] Rent(SKImageInfo info, string name)
    {
        try
        {
            return ArrayPool<byte>.Shared.Rent(info.BytesSize);
        }
        catch (OutOfMemoryException e)
        {
            throw new Cifar3ImageException($"Cannot read image '{name}': no memory for its {info.Width:N0}x{info.Height:N0} pixels. Make it smaller; the network sees {Size}x{Size}.", e);
        }
    }

    /// <summary>Blends pixels [.., 4] on white in place; the order of the colours does not matter.</summary>
    public static void BlendOnWhite(Span<byte> pixels, bool premultiplied)
    {
        for (int i = 0; i < pixels.Length; i += 4)
        {
            int alpha = pixels[i + 3], white = 255 - alpha;
            for (int c = i; c < i + 3; c++)
            {
                pixels[c] = premultiplied
                    ? (byte)Math.Min(pixels[c] + white, 255)
                    : (byte)((pixels[c] * alpha + 255 * white + 127) / 255);
            }
        }
    }

    /// <summary>Pixels [height, width, 4] to [32, 32, 3]; the colours keep their order, the fourth byte is dropped.</summary>
    public static void ToNetworkSize(ReadOnlySpan<byte> pixels, int width, int height, Span<byte> rgb)
    {
        if (width != Size || height != Size)
        {
            ImageResizer.Resize(pixels, width, height, rgb);
            return;
        }

        for (int from = 0, to = 0; from < pixels.Length; from += 4, to += Channels)
        {
            rgb[to] = pixels[from];
            rgb[to + 1] = pixels[from + 1];
            rgb[to + 2] = pixels[from + 2];
        }
    }

    /// <summary>Turns the stored picture upright. Resizing to a square first gives the same picture as turning first.</summary>
    private static void Orient(Span<byte> rgb, SKEncodedOrigin origin)
    {
        if (origin == SKEncodedOrigin.TopLeft)
        {
            return;
        }

        Span<byte> stored = stackalloc byte[CnnArchitecture.ImageBytes];
        rgb.CopyTo(stored);
        for (int y = 0; y < Size; y++)
        {
            for (int x = 0; x < Size; x++)
            {
                int right = Size - 1 - x, bottom = Size - 1 - y;
                var (row, column) = origin switch // where the upright pixel (y, x) is stored
                {
                    SKEncodedOrigin.TopRight => (y, right),
                    SKEncodedOrigin.BottomRight => (bottom, right),
                    SKEncodedOrigin.BottomLeft => (bottom, x),
                    SKEncodedOrigin.LeftTop => (x, y),
                    SKEncodedOrigin.RightTop => (right, y),
                    SKEncodedOrigin.RightBottom => (right, bottom),
                    SKEncodedOrigin.LeftBottom => (x, bottom),
                    _ => (y, x),
                };
                stored.Slice((row * Size + column) * Channels, Channels).CopyTo(rgb[((y * Size + x) * Channels)..]);
            }
        }
    }

    private static Cifar3ImageException Failure(string name, string cause, ReadOnlySpan<byte> encoded) =>
        new($"Cannot read image '{name}': {cause}. Expected a JPEG, PNG, WEBP, BMP or GIF picture of at least 1x1 pixels. Found {ImageSignature.Describe(encoded)}. {Remedy}.");

    private static Cifar3ImageException TooManyBytes(string name) =>
        new($"Cannot read image '{name}': it has more than {MaxFileBytes:N0} bytes. Expected an encoded picture. {Remedy}.");
}

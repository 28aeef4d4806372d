using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using SkiaSharp;

namespace Cifar3;

/// <summary>
/// Turns any picture into the network's input: 32×32 pixels, red, green, blue, uint8. Training data and pictures to score
/// come through here, so both are read alike.
/// </summary>
/// <remarks>
/// Formats: JPEG (grey, colour, CMYK), PNG (1 to 16 bits, palette, grey, interlaced), WEBP, BMP, GIF, and no others; of moving pictures the
/// first frame. The format is found from the content, not from the name. The EXIF orientation is applied (JPEG, WEBP, and PNG's <c>eXIf</c> chunk); embedded colour profiles are
/// ignored, as in Keras; 16 bits become 8; transparent parts are blended on white; other sizes are resized by <see cref="ImageResizer"/>.
/// JPEG files larger than 512 pixels are read at a half, a quarter or an eighth of their size first, never below 256. Thread-safe.
/// <para>
/// Memory of one picture: its encoded bytes (of a stream, of a PNG file with long chunks beside the pixels, or of a BMP file with alpha and a short header: twice), at most 8 MB, and, but for JPEG (not progressive) and BMP files, which are read row by
/// row, <see cref="BytesPerPixel"/> for each pixel: 4 for most, 12 for an interlaced PNG file of 16 bits. A picture of more pixels than
/// the limit is refused before its memory is taken.
/// </para>
/// </remarks>
internal static class ImageDecoder
{
    /// <summary>The most pixels a picture may have unless told otherwise: 64 Mi (8,192×8,192).</summary>
    public const int DefaultMaxPixels = 1 << 26;

    /// <summary>The most that a caller may allow: 512 Mi, whose pixels still fit one block of memory.</summary>
    public const int LargestMaxPixels = (1 << 29) - 1;

    /// <summary>How many times as many a JPEG file of one scan may have: its memory does not grow with them, and its time is that of other formats (read at an eighth, 500 megapixels in less than a second).</summary>
    public const int OneScanTimes = 8;

    /// <summary>The most pixels of a side, which is JPEG's limit too.</summary>
    public const int MaxSide = 65_535;

    /// <summary>The most bytes an encoded picture may have: 256 MiB.</summary>
    public const int MaxFileBytes = 1 << 28;

    /// <summary>The most memory that decoding takes for each pixel where a picture cannot be read row by row.</summary>
    public const int BytesPerPixel = 12;

    private const int Size = CnnArchitecture.InputSize, Channels = CnnArchitecture.InputChannels;
    private const int StripBytes = 4 << 20;
    private const string Remedy = "Give a sound picture in its place, or leave it out";

    /// <summary>Decodes an encoded picture.</summary>
    /// <param name="encoded">The content of a JPEG, PNG, … file.</param>
    /// <param name="rgb">Receives [32, 32, 3].</param>
    /// <param name="name">What the error message calls the picture: a path, or words such as <c>image 7</c>.</param>
    /// <param name="maxPixels">The most pixels it may have; <see cref="OneScanTimes"/> as many in a JPEG file of one scan.</param>
    /// <exception cref="Cifar3ImageException">The bytes are no picture, are cut off, or the picture is empty or too large.</exception>
    /// <exception cref="Cifar3Exception">SkiaSharp's native library is missing or does not fit.</exception>
    public static void Decode(ReadOnlySpan<byte> encoded, Span<byte> rgb, string name, int maxPixels = DefaultMaxPixels)
    {
        if (ImageSignature.Format(encoded) == PictureFormat.None)
        {
            throw NoPicture(name, encoded);
        }

        try
        {
            var parts = PictureParts.Inspect(encoded);
            if (parts.Problem is not null)
            {
                throw Failure(name, parts.Problem, encoded);
            }

            Decode(parts.Rewritten is null ? encoded : parts.Rewritten, parts.Orientation, rgb, name, parts.OneScan, maxPixels);
        }
        catch (OutOfMemoryException e)
        {
            throw new Cifar3ImageException($"Cannot read image '{Shown.Path(name)}': {(e is InsufficientMemoryException ? e.Message : "there is no memory to decode it")}. Found {ImageSignature.Describe(encoded)}. Make it smaller (the network sees {Size}x{Size}), or: {MemoryFault.Remedy}.", e);
        }
        catch (Exception e) when (NativeLibraryFault.Is(e))
        {
            throw SkiaLibrary.Fault(e);
        }
    }

    private static unsafe void Decode(ReadOnlySpan<byte> encoded, int orientation, Span<byte> rgb, string name, bool oneScan, int maxPixels)
    {
        fixed (byte* start = encoded)
        {
            // The codec reads the bytes where they are: both are gone before this block ends.
            using var data = SKData.Create((IntPtr)start, encoded.Length);
            using var codec = SKCodec.Create(data);
            if (codec is null)
            {
                throw Failure(name, "it cannot be decoded", encoded);
            }

            Decode(codec, encoded, rgb, name, oneScan, maxPixels);
            Orient(rgb, orientation > 0 ? (SKEncodedOrigin)orientation : codec.EncodedOrigin);
        }
    }

    private static void Decode(SKCodec codec, ReadOnlySpan<byte> encoded, Span<byte> rgb, string name, bool oneScan, int maxPixels)
    {
        var info = codec.Info;
        CheckSize(info.Width, info.Height, name, oneScan ? (long)OneScanTimes * maxPixels : maxPixels);
        long coefficients = (long)info.Width * info.Height * (info.ColorType == SKColorType.Gray8 ? 2 : 3); // of 16 bits, those of colours often at half the width and height
        if (codec.EncodedFormat == SKEncodedImageFormat.Jpeg && !oneScan && coefficients > StripBytes && !MemoryFault.HasRoom(coefficients))
        {
            throw NoMemory(info, coefficients); // the codec would call it damaged
        }

        var size = ReducedSize(codec);
        var target = new SKImageInfo(size.Width, size.Height, SKColorType.Rgba8888, info.IsOpaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul);
        string? problem = target.BytesSize64 <= StripBytes ? ReadSmall(codec, target, rgb)
            : codec.StartScanlineDecode(target) == SKCodecResult.Success ? ReadRows(codec, target, rgb)
            : ReadLarge(codec, target, rgb);
        if (problem is not null)
        {
            throw Failure(name, problem, encoded);
        }
    }

    /// <summary>A small picture as a whole; returns what is wrong with it.</summary>
    private static string? ReadSmall(SKCodec codec, SKImageInfo target, Span<byte> rgb)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(target.BytesSize);
        var pinned = GCHandle.Alloc(rented, GCHandleType.Pinned);
        try
        {
            return ReadWhole(codec, target, pinned.AddrOfPinnedObject(), rented.AsSpan(0, target.BytesSize), rgb);
        }
        finally
        {
            pinned.Free();
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>A large picture of a format without rows, in memory that is given back at once.</summary>
    private static string? ReadLarge(SKCodec codec, SKImageInfo target, Span<byte> rgb)
    {
        using var bitmap = new SKBitmap();
        if (!MemoryFault.HasRoom(target.BytesSize64) || !bitmap.TryAllocPixels(target))
        {
            throw NoMemory(target, target.BytesSize64);
        }

        using var pixels = bitmap.PeekPixels();
        return ReadWhole(codec, target, pixels.GetPixels(), pixels.GetPixelSpan<byte>(), rgb);
    }

    private static string? ReadWhole(SKCodec codec, SKImageInfo target, IntPtr address, Span<byte> rgba, Span<byte> rgb)
    {
        var result = codec.GetPixels(target, address);
        if (result != SKCodecResult.Success)
        {
            return result == SKCodecResult.IncompleteInput ? "the file is cut off" : $"the file is damaged ({result})";
        }

        BlendOnWhite(rgba, target);
        ToNetworkSize(rgba, target.Width, target.Height, rgb);
        return null;
    }

    /// <summary>A large picture some rows at a time; BMP files give the last rows first.</summary>
    private static string? ReadRows(SKCodec codec, SKImageInfo target, Span<byte> rgb)
    {
        var resizer = new ImageResizer(target.Width, target.Height);
        int stripRows = Math.Max(1, StripBytes / 4 / target.RowBytes);
        byte[] rented = ArrayPool<byte>.Shared.Rent(stripRows * target.RowBytes);
        var pinned = GCHandle.Alloc(rented, GCHandleType.Pinned);
        try
        {
            for (int done = 0; done < target.Height;)
            {
                int count = Math.Min(stripRows, target.Height - done);
                int read = codec.GetScanlines(pinned.AddrOfPinnedObject(), count, target.RowBytes);
                if (read != count)
                {
                    return string.Create(CultureInfo.InvariantCulture, $"the file is cut off or damaged after {done + Math.Max(read, 0):N0} of {target.Height:N0} rows");
                }

                var strip = rented.AsSpan(0, count * target.RowBytes);
                BlendOnWhite(strip, target);
                bool lastFirst = codec.ScanlineOrder == SKCodecScanlineOrder.BottomUp;
                for (int i = 0; i < count; i++)
                {
                    resizer.Add(strip.Slice(i * target.RowBytes, target.RowBytes), lastFirst ? target.Height - done - count + i : done + i);
                }

                done += count;
            }
        }
        finally
        {
            pinned.Free();
            ArrayPool<byte>.Shared.Return(rented);
        }

        resizer.Finish(rgb);
        return null;
    }

    /// <summary>Decodes a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rgb">Receives [32, 32, 3].</param>
    /// <param name="maxPixels">The most pixels it may have.</param>
    /// <exception cref="Cifar3ImageException">The file is missing, unreadable, no picture, cut off, or the picture is empty or too large.</exception>
    public static void DecodeFile(string path, Span<byte> rgb, int maxPixels = DefaultMaxPixels)
    {
        ArgumentNullException.ThrowIfNull(path);
        BorrowedBytes bytes;
        try
        {
            using var stream = BoundedReader.Open(path);
            bytes = ReadPicture(stream, path, stream.Length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            bool isMissing = e is FileNotFoundException or DirectoryNotFoundException or PathTooLongException or ArgumentException;
            string cause = path.Length <= Shown.MaxLength ? Shown.Path(e.Message.TrimEnd('.'))
                : isMissing ? $"there is no such file, and this is a long text ({path.Length.ToString("N0", CultureInfo.InvariantCulture)} characters)"
                : Shown.Path(e.Message.Replace(Path.GetFullPath(path), "…", StringComparison.Ordinal).TrimEnd('.'));
            throw new Cifar3ImageException($"Cannot read image '{Shown.Path(path)}': {cause}. {IoFault.ReadRemedy(e, path)}.", e);
        }

        using (bytes)
        {
            Decode(bytes.Span, rgb, path, maxPixels);
        }
    }

    /// <summary>Decodes a stream from its current position to its end; the stream stays open.</summary>
    /// <param name="stream">An encoded picture.</param>
    /// <param name="rgb">Receives [32, 32, 3].</param>
    /// <param name="name">What the error message calls the picture.</param>
    /// <param name="maxPixels">The most pixels it may have.</param>
    /// <exception cref="Cifar3ImageException">The stream cannot be read or holds no picture, or the picture is empty or too large.</exception>
    public static void DecodeStream(Stream stream, Span<byte> rgb, string name, int maxPixels = DefaultMaxPixels)
    {
        ArgumentNullException.ThrowIfNull(stream);
        BorrowedBytes bytes;
        try
        {
            long length = stream.CanSeek ? stream.Length : 0, position = stream.CanSeek ? stream.Position : 0;
            if (position > 0 && position >= length)
            {
                throw new Cifar3ImageException(string.Create(CultureInfo.InvariantCulture, $"Cannot read image '{Shown.Path(name)}': the stream is at its end, position {position:N0} of {length:N0}. Set its Position to where the picture begins."));
            }

            bytes = ReadPicture(stream, name, length - position);
        }
        catch (Exception e) when (e is IOException or NotSupportedException or InvalidOperationException or InvalidDataException or UnauthorizedAccessException)
        {
            // InvalidDataException: a damaged GZipStream or DeflateStream. InvalidOperationException: closed, or a request's body, which a server lets nobody wait for.
            string remedy = MemoryFault.Is(e) ? MemoryFault.Remedy : e is InvalidOperationException and not ObjectDisposedException
                ? "Copy the stream into memory first (await stream.CopyToAsync(memory)) and pass its bytes" : "Pass an open, readable stream whose content is sound";
            throw new Cifar3ImageException($"Cannot read image '{Shown.Path(name)}': {Shown.Text(e.Message.TrimEnd('.'))}. {remedy}.", e);
        }

        using (bytes)
        {
            Decode(bytes.Span, rgb, name, maxPixels);
        }
    }

    /// <summary>Reads a picture's bytes; what does not begin as a picture is refused before more than <see cref="BoundedReader.ReadAtOnce"/> of it is read.</summary>
    private static BorrowedBytes ReadPicture(Stream stream, string name, long length)
    {
        if (length is > 0 and <= BoundedReader.ReadAtOnce)
        {
            return BoundedReader.Borrow(stream, MaxFileBytes, length, []) ?? throw TooManyBytes(name); // Decode looks at how it begins
        }

        Span<byte> head = stackalloc byte[ImageSignature.Length];
        head = head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        if (ImageSignature.Format(head) == PictureFormat.None)
        {
            throw NoPicture(name, head, Math.Max(length, head.Length));
        }

        return BoundedReader.Borrow(stream, MaxFileBytes, Math.Max(0, length - head.Length), head) ?? throw TooManyBytes(name);
    }

    /// <summary>Refuses a picture that is empty or too large.</summary>
    public static void CheckSize(int width, int height, string name, long maxPixels = DefaultMaxPixels)
    {
        if (width < 1 || height < 1)
        {
            throw new Cifar3ImageException($"Cannot read image '{Shown.Path(name)}': it has {width}x{height} pixels. Expected at least 1x1. {Remedy}.") { Problem = ImageProblem.Damaged };
        }

        if ((long)width * height > maxPixels || Math.Max(width, height) > MaxSide)
        {
            throw new Cifar3ImageException(string.Create(CultureInfo.InvariantCulture, $"Cannot read image '{Shown.Path(name)}': it has {width:N0}x{height:N0} pixels. Expected at most {maxPixels:N0} in all and {MaxSide:N0} a side. Make it smaller; the network sees {Size}x{Size}.")) { Problem = ImageProblem.TooLarge };
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

    private static void BlendOnWhite(Span<byte> rgba, SKImageInfo info)
    {
        if (!info.IsOpaque)
        {
            BlendOnWhite(rgba, premultiplied: false);
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

    private static Cifar3ImageException Failure(string name, string cause, ReadOnlySpan<byte> encoded, long? length = null) =>
        new($"Cannot read image '{Shown.Path(name)}': {cause}. Expected a JPEG, PNG, WEBP, BMP or GIF picture of at least 1x1 pixels. Found {ImageSignature.Describe(encoded, length)}. {Remedy}.") { Problem = ImageSignature.Format(encoded) == PictureFormat.None ? ImageProblem.UnknownFormat : ImageProblem.Damaged };

    /// <summary>No format that is read; pixels given where a file belongs get the name of the method for them.</summary>
    private static Cifar3ImageException NoPicture(string name, ReadOnlySpan<byte> encoded, long? length = null) =>
        Failure(name, (length ?? encoded.Length) == CnnArchitecture.ImageBytes ? $"it cannot be decoded (for {Size}x{Size}x{Channels} bytes of pixels call PredictPixels)" : "it cannot be decoded", encoded, length);

    private static InsufficientMemoryException NoMemory(SKImageInfo info, long bytes) =>
        new(string.Create(CultureInfo.InvariantCulture, $"there is no memory for its {info.Width:N0}x{info.Height:N0} pixels, {bytes:N0} bytes or more"));

    private static Cifar3ImageException TooManyBytes(string name) =>
        new(string.Create(CultureInfo.InvariantCulture, $"Cannot read image '{Shown.Path(name)}': it has more than {MaxFileBytes:N0} bytes. Expected an encoded picture. {Remedy}.")) { Problem = ImageProblem.TooLarge };
}

using System.Buffers.Binary;
using System.Globalization;

namespace Cifar3;

/// <summary>
/// Looks through the parts of an encoded picture before the codec does, for what costs the codec far more than it is worth, and for what it does
/// not read. One pass over the parts' headers; nothing is decoded.
/// </summary>
/// <remarks>
/// PNG: Skia's codec hands libpng a kilobyte at a time, and libpng then copies what it has of an unfinished chunk again: a chunk costs the square of its
/// length (20 MB: 42 s). Ancillary chunks (texts, profiles, thumbnails) are therefore taken out where they are long or many; they do not change the pixels read here.
/// JPEG: each scan of a progressive file costs a pass over the whole picture, in a few bytes; see "Two issues with the JPEG standard", libjpeg-turbo.
/// GIF: each block costs Skia a microsecond, whatever its length (4 million comments in 20 MB: 4 s). Where many stand before the first frame, that frame goes on alone.
/// WEBP and BMP: Skia stops after the first frame, and reads no part twice. It takes no orientation from a WEBP file whose EXIF data begin as in a JPEG file, as some programs write them, and no alpha from a BMP
/// file with a header of 56 bytes, as GIMP writes them.
/// </remarks>
internal static class PictureParts
{
    /// <summary>The most bytes that a PNG chunk beside the pixels may have, and all such chunks together, before they are left out.</summary>
    public const int MaxPngChunk = 1 << 16;

    /// <summary>The most such chunks.</summary>
    public const int MaxPngChunks = 256;

    /// <summary>The most blocks of a GIF file before its first frame (comments, texts, settings), before they are left out.</summary>
    public const int MaxGifBlocks = 256;

    /// <summary>The most scans of a JPEG file; encoders write 1 to about 20.</summary>
    public const int MaxJpegScans = 100;

    /// <summary>The most pixels of a JPEG file times its scans: 16 scans of the largest picture allowed by default.</summary>
    public const long MaxJpegWork = 1L << 30;

    /// <summary>The most pixels of a JPEG file for each of its bytes: a block of 8×8 takes two bits or more.</summary>
    public const int MaxPixelsPerByte = 256;

    private const uint Idat = 0x49444154, Iend = 0x49454E44, Trns = 0x74524E53, Exif = 0x65584966; // "IDAT", "IEND", "tRNS", "eXIf"

    /// <summary>What EXIF data begin with in a JPEG file, and there alone by the standards of other formats.</summary>
    private static ReadOnlySpan<byte> JpegExif => "Exif\0\0"u8;

    /// <summary>What was found.</summary>
    /// <param name="Problem">Why the picture is refused; null = it is not.</param>
    /// <param name="Rewritten">The file without the parts that cost too much; null = as it is.</param>
    /// <param name="Orientation">EXIF orientation 1 to 8 where the codec does not read it (PNG, some WEBP); 0 = ask the codec.</param>
    /// <param name="OneScan">Whether it is a JPEG file whose first scan has the whole picture, so that the codec keeps none of it but some rows, and that is long enough to have it.</param>
    public readonly record struct Result(string? Problem, byte[]? Rewritten = null, int Orientation = 0, bool OneScan = false);

    /// <summary>Looks through a file.</summary>
    public static Result Inspect(ReadOnlySpan<byte> file) => ImageSignature.Format(file) switch
    {
        PictureFormat.Png => Png(file),
        PictureFormat.Jpeg => Jpeg(file),
        PictureFormat.Gif => Gif(file),
        PictureFormat.Webp => Webp(file),
        PictureFormat.Bmp => Bmp(file),
        _ => new Result(null),
    };

    private static Result Png(ReadOnlySpan<byte> file)
    {
        const int Frame = 12; // length, name, checksum
        int orientation = 1, extra = 0;
        long extraBytes = 0;
        for (int at = 8; at + 8 <= file.Length;)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file[at..]), name = BinaryPrimitives.ReadUInt32BigEndian(file[(at + 4)..]);
            bool ancillary = (name & 0x20000000) != 0;
            if (name is Idat or Iend)
            {
                if (name == Iend || length > file.Length - at - Frame)
                {
                    break; // the rest of the pixels is the codec's to miss
                }
            }
            else if (length > Math.Max(0, file.Length - at - Frame))
            {
                return new Result("the file is cut off");
            }
            else if (!ancillary && length > MaxPngChunk)
            {
                return new Result(string.Create(CultureInfo.InvariantCulture, $"one of its chunks has {length:N0} bytes, at most {MaxPngChunk:N0} are meant there"));
            }
            else if (ancillary)
            {
                extra++;
                extraBytes += length;
                orientation = name == Exif && length <= MaxPngChunk ? ExifOrientation(file.Slice(at + 8, (int)length)) : orientation;
            }

            at += Frame + (int)length;
        }

        return new Result(null, extra > MaxPngChunks || extraBytes > MaxPngChunk ? WithoutExtras(file) : null, orientation);
    }

    /// <summary>The critical chunks and the transparency, as they are.</summary>
    private static byte[] WithoutExtras(ReadOnlySpan<byte> file)
    {
        using var kept = new MemoryStream(Math.Min(file.Length, 1 << 24));
        kept.Write(file[..8]);
        for (int at = 8; at + 8 <= file.Length;)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file[at..]), name = BinaryPrimitives.ReadUInt32BigEndian(file[(at + 4)..]);
            int whole = (int)Math.Min(12L + length, file.Length - at);
            if ((name & 0x20000000) == 0 || (name == Trns && length <= MaxPngChunk))
            {
                kept.Write(file.Slice(at, whole));
            }

            at += whole;
            if (name == Iend)
            {
                break;
            }
        }

        return kept.ToArray();
    }

    /// <summary>Tag 0x0112 of the first directory of EXIF data; 1 (upright) where there is none.</summary>
    private static int ExifOrientation(ReadOnlySpan<byte> exif)
    {
        exif = exif.StartsWith(JpegExif) ? exif[JpegExif.Length..] : exif;
        bool little = exif.StartsWith("II*\0"u8);
        if (exif.Length < 8 || (!little && !exif.StartsWith("MM\0*"u8)))
        {
            return 1;
        }

        long directory = little ? BinaryPrimitives.ReadUInt32LittleEndian(exif[4..]) : BinaryPrimitives.ReadUInt32BigEndian(exif[4..]);
        if (directory > exif.Length - 2)
        {
            return 1;
        }

        int count = Number(exif[(int)directory..], little);
        for (long at = directory + 2, last = Math.Min(at + 12L * count, exif.Length); at + 12 <= last; at += 12)
        {
            if (Number(exif[(int)at..], little) == 0x0112)
            {
                int value = Number(exif[((int)at + 8)..], little);
                return value is >= 1 and <= 8 ? value : 1;
            }
        }

        return 1;

        static int Number(ReadOnlySpan<byte> bytes, bool little) => little ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);
    }

    /// <summary>Finds the EXIF data that the codec does not read; refuses a file that ends before they do, for they come last and without them the picture lies on its side.</summary>
    private static Result Webp(ReadOnlySpan<byte> file)
    {
        const int Header = 8, Flags = 20, HasExif = 8; // name, length; of the chunk VP8X, which comes first
        for (long at = 12; at + Header <= file.Length;)
        {
            var chunk = file[(int)at..];
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
            if (chunk.StartsWith("EXIF"u8) && length <= chunk.Length - Header)
            {
                var exif = chunk[Header..(Header + (int)length)];
                return new Result(null, Orientation: exif.StartsWith(JpegExif) ? ExifOrientation(exif) : 0);
            }

            at += Header + length + length % 2;
        }

        bool isCutOff = Header + (long)BinaryPrimitives.ReadUInt32LittleEndian(file[4..]) > file.Length;
        return new Result(isCutOff && file.Length > Flags && file[12..].StartsWith("VP8X"u8) && (file[Flags] & HasExif) != 0 ? "the file is cut off" : null);
    }

    /// <summary>Gives the longer header of 108 bytes, which the codec takes alpha from, to a file that tells alpha in one of 56 and has some: 0 everywhere is a fourth byte without a use.</summary>
    private static Result Bmp(ReadOnlySpan<byte> file)
    {
        const int Header = 14, Short = 56, Long = 108, BitFields = 3;
        if (file.Length < Header + Short || Number(file, Header) != Short || Number(file, Header + 16) != BitFields || Number(file, Header + 52) is not (not 0 and var alpha))
        {
            return new Result(null);
        }

        uint pixels = Number(file, 10), bits = BinaryPrimitives.ReadUInt16LittleEndian(file[(Header + 14)..]);
        bool isUsed = false;
        for (long at = pixels; bits is 16 or 32 && !isUsed && at + bits / 8 <= file.Length; at += bits / 8)
        {
            isUsed = ((bits == 16 ? BinaryPrimitives.ReadUInt16LittleEndian(file[(int)at..]) : Number(file, (int)at)) & alpha) != 0;
        }

        if (!isUsed || pixels < Header + Short)
        {
            return new Result(null);
        }

        byte[] rewritten = [.. file[..(Header + Short)], .. new byte[Long - Short], .. file[(Header + Short)..]];
        BinaryPrimitives.WriteUInt32LittleEndian(rewritten.AsSpan(10), pixels + Long - Short);
        BinaryPrimitives.WriteUInt32LittleEndian(rewritten.AsSpan(Header), Long);
        return new Result(null, rewritten);

        static uint Number(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
    }

    /// <summary>Finds the first frame; the file of it alone where too much stands before it.</summary>
    private static Result Gif(ReadOnlySpan<byte> file)
    {
        const int Header = 13;
        if (file.Length < Header)
        {
            return new Result(null);
        }

        int start = Header + Palette(file[10]), at = start, blocks = 0;
        Range control = default; // delay and transparency of the frame that follows
        while (at + 2 <= file.Length && file[at] == 0x21)
        {
            int next = AfterBlocks(file, at + 2);
            control = file[at + 1] == 0xF9 ? at..next : control;
            at = next;
            blocks++;
        }

        if (blocks <= MaxGifBlocks)
        {
            return new Result(null);
        }

        if (at + 10 > file.Length || file[at] != 0x2C)
        {
            return new Result(string.Create(CultureInfo.InvariantCulture, $"there is no frame behind {blocks:N0} blocks of comments and settings"));
        }

        int end = AfterBlocks(file, at + 10 + Palette(file[at + 9]) + 1);
        return new Result(null, [.. file[..start], .. file[control], .. file[at..end], 0x3B]);

        static int Palette(byte flags) => (flags & 0x80) == 0 ? 0 : 3 << ((flags & 7) + 1);
    }

    /// <summary>Where a chain of data blocks, each with its length in front, has ended; at most the end of the file.</summary>
    private static int AfterBlocks(ReadOnlySpan<byte> file, int at)
    {
        while (at < file.Length && file[at] != 0)
        {
            at += 1 + file[at];
        }

        return Math.Min(at + 1, file.Length);
    }

    /// <summary>Counts the scans; says what is wrong with their number, and whether the first is of all components of a sequential picture.</summary>
    private static Result Jpeg(ReadOnlySpan<byte> file)
    {
        long pixels = 0;
        int scans = 0, frames = 0, components = 0;
        bool sequential = false, oneScan = false;
        for (int at = 2; at + 4 <= file.Length;)
        {
            byte marker = file[at + 1];
            if (file[at] != 0xFF || marker is 0xFF or 0x00 or (>= 0xD0 and <= 0xD8) or 0x01)
            {
                at += file[at] == 0xFF && marker is 0x01 or (>= 0xD0 and <= 0xD8) ? 2 : 1; // fill bytes, or bytes that libjpeg skips with a warning
                continue;
            }

            if (marker == 0xD9)
            {
                break;
            }

            int length = BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]);
            bool frame = marker is >= 0xC0 and <= 0xCF && marker is not (0xC4 or 0xC8 or 0xCC);
            if (frame && at + 10 <= file.Length)
            {
                pixels = (long)BinaryPrimitives.ReadUInt16BigEndian(file[(at + 5)..]) * BinaryPrimitives.ReadUInt16BigEndian(file[(at + 7)..]);
                (frames, components, sequential) = (frames + 1, file[at + 9], marker is 0xC0 or 0xC1);
            }

            int next = at + 2 + Math.Max(length, 2);
            if (marker == 0xDA)
            {
                scans++;
                oneScan |= scans == 1 && sequential && at + 4 < file.Length && file[at + 4] == components;
                if (scans > MaxJpegScans || scans * pixels > MaxJpegWork && scans > 16)
                {
                    return new Result(string.Create(CultureInfo.InvariantCulture, $"it has {scans:N0} scans or more for {pixels:N0} pixels; at most {Math.Min(MaxJpegScans, Math.Max(16, MaxJpegWork / Math.Max(pixels, 1))):N0} are read"));
                }

                next = AfterScan(file, next);
            }

            at = next;
        }

        return new Result(null, OneScan: oneScan && frames == 1 && pixels <= MaxPixelsPerByte * (long)file.Length);
    }

    /// <summary>Where the next marker stands that ends a scan's data.</summary>
    private static int AfterScan(ReadOnlySpan<byte> file, int at)
    {
        while (at < file.Length)
        {
            int found = file[at..].IndexOf((byte)0xFF);
            if (found < 0 || at + found + 1 >= file.Length)
            {
                return file.Length;
            }

            at += found;
            if (file[at + 1] is not (0x00 or (>= 0xD0 and <= 0xD7)))
            {
                return at;
            }

            at += 2;
        }

        return file.Length;
    }
}

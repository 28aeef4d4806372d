using System.Buffers.Binary;
using System.Globalization;

namespace Cifar3;

/// <summary>The formats of pictures that are read.</summary>
internal enum PictureFormat
{
    /// <summary>Anything else.</summary>
    None,

    /// <summary>JPEG.</summary>
    Jpeg,

    /// <summary>PNG.</summary>
    Png,

    /// <summary>GIF.</summary>
    Gif,

    /// <summary>WEBP.</summary>
    Webp,

    /// <summary>BMP.</summary>
    Bmp,
}

/// <summary>Tells from its first bytes what a file is: a picture that is read, or, for the error message, what else.</summary>
internal static class ImageSignature
{
    /// <summary>How many bytes are enough to tell.</summary>
    public const int Length = 64;

    /// <summary>The endings of the names of pictures, in any letter case. The content decides how a file is read; the ending, whether a file in a folder is meant as a picture.</summary>
    private static readonly HashSet<string> Extensions = new(StringComparer.OrdinalIgnoreCase) { ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".dib" };

    private static readonly HashSet<string> OtherExtensions = new(StringComparer.OrdinalIgnoreCase)
    {
        ".heic", ".heif", ".avif", ".tif", ".tiff", ".jp2", ".j2k", ".jxl", ".svg", ".ico", ".psd", ".tga", ".pnm", ".ppm", ".pgm", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2",
    };

    /// <summary>The format of a file that is read; <see cref="PictureFormat.None"/> where it is none, whatever else the codec might know.</summary>
    public static PictureFormat Format(ReadOnlySpan<byte> b) =>
        b.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]) ? PictureFormat.Jpeg
        : b.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) ? PictureFormat.Png
        : b.StartsWith("GIF87a"u8) || b.StartsWith("GIF89a"u8) ? PictureFormat.Gif
        : b.Length >= 12 && b.StartsWith("RIFF"u8) && b[8..].StartsWith("WEBP"u8) ? PictureFormat.Webp
        : b.StartsWith("BM"u8) ? PictureFormat.Bmp
        : PictureFormat.None;

    /// <summary>Whether a file's name says that it is a picture.</summary>
    public static bool IsPictureName(string path) => Extensions.Contains(Path.GetExtension(path));

    /// <summary>Whether a file's name says that it is a picture of a format that is not read, as phones, scanners and cameras write them.</summary>
    public static bool IsOtherPictureName(string path) => OtherExtensions.Contains(Path.GetExtension(path));

    /// <summary>A few words such as <c>a PNG file, 0x0 pixels, of 57 bytes (first bytes 89 50 4E 47 0D 0A 1A 0A)</c>.</summary>
    /// <param name="bytes">The file, or its first <see cref="Length"/> bytes.</param>
    /// <param name="length">Its length where it is known; null = that of <paramref name="bytes"/>.</param>
    public static string Describe(ReadOnlySpan<byte> bytes, long? length = null) => bytes.IsEmpty
        ? "an empty file"
        : string.Create(CultureInfo.InvariantCulture, $"{Kind(bytes)} of {length ?? bytes.Length:N0} bytes (first bytes {BitConverter.ToString(bytes[..Math.Min(8, bytes.Length)].ToArray()).Replace('-', ' ')})");

    private static string Kind(ReadOnlySpan<byte> b)
    {
        if (b.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47]))
        {
            return b.Length >= 24 ? Sized("a PNG file", BinaryPrimitives.ReadUInt32BigEndian(b[16..]), BinaryPrimitives.ReadUInt32BigEndian(b[20..])) : "the beginning of a PNG file";
        }

        if (b.StartsWith("GIF8"u8))
        {
            return b.Length >= 10 ? Sized("a GIF file", BinaryPrimitives.ReadUInt16LittleEndian(b[6..]), BinaryPrimitives.ReadUInt16LittleEndian(b[8..])) : "the beginning of a GIF file";
        }

        if (b.StartsWith("BM"u8) && b.Length >= 26)
        {
            return Sized("a BMP file", (uint)Math.Abs((long)BinaryPrimitives.ReadInt32LittleEndian(b[18..])), (uint)Math.Abs((long)BinaryPrimitives.ReadInt32LittleEndian(b[22..])));
        }

        if (b.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]))
        {
            return "a JPEG file";
        }

        if (b.Length >= 12 && b.StartsWith("RIFF"u8) && b[8..].StartsWith("WEBP"u8))
        {
            return "a WEBP file";
        }

        if (b.Length >= 12 && b[4..].StartsWith("ftyp"u8))
        {
            return "a HEIC, AVIF or video file";
        }

        if (b.StartsWith("II*\0"u8) || b.StartsWith("MM\0*"u8))
        {
            return "a TIFF or raw camera file (DNG)";
        }

        if (b.StartsWith((ReadOnlySpan<byte>)[0, 0, 1, 0]))
        {
            return "an ICO file";
        }

        if (b.StartsWith("%PDF"u8))
        {
            return "a PDF file";
        }

        if (b.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]))
        {
            return "a gzip file";
        }

        if (b.StartsWith("PK\x03\x04"u8))
        {
            return "a ZIP file";
        }

        return b[..Math.Min(Length, b.Length)].IndexOfAnyExceptInRange((byte)9, (byte)126) < 0 ? "a text file" : "a file of unknown kind";
    }

    private static string Sized(string kind, uint width, uint height) => $"{kind}, {width}x{height} pixels,";
}

using System.Buffers.Binary;

namespace Cifar3;

/// <summary>Says in words what the first bytes of a file look like, for the error messages of <see cref="ImageDecoder"/>.</summary>
internal static class ImageSignature
{
    /// <summary>A few words such as <c>a PNG file, 0x0 pixels, of 57 bytes (first bytes 89 50 4E 47 0D 0A 1A 0A)</c>.</summary>
    public static string Describe(ReadOnlySpan<byte> bytes) => bytes.IsEmpty
        ? "an empty file"
        : $"{Kind(bytes)} of {bytes.Length:N0} bytes (first bytes {BitConverter.ToString(bytes[..Math.Min(8, bytes.Length)].ToArray()).Replace('-', ' ')})";

    /// <summary>Whether the first bytes are those of a JPEG, PNG, GIF, BMP or WEBP file.</summary>
    public static bool IsKnown(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47]) || bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])
        || bytes.StartsWith("GIF8"u8) || bytes.StartsWith("BM"u8) || (bytes.Length >= 12 && bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8));

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
            return "a TIFF file";
        }

        if (b.StartsWith("%PDF"u8))
        {
            return "a PDF file";
        }

        return b[..Math.Min(64, b.Length)].IndexOfAnyExceptInRange((byte)9, (byte)126) < 0 ? "a text file" : "a file of unknown kind";
    }

    private static string Sized(string kind, uint width, uint height) => $"{kind}, {width}x{height} pixels,";
}

using System.Buffers.Binary;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>Makes picture files for the tests.</summary>
internal static class TestImages
{
    /// <summary>Encodes pixels [height, width, 3]; PNG and WEBP without loss, JPEG at quality 95.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> rgb, int width, int height, SKEncodedImageFormat format)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        using var pixels = bitmap.PeekPixels();
        FourBytes(rgb, blueFirst: false, alpha: 255).CopyTo(pixels.GetPixelSpan<byte>());
        using var data = format switch
        {
            SKEncodedImageFormat.Png => pixels.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.AllFilters, 1)),
            SKEncodedImageFormat.Webp => pixels.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 20)),
            _ => pixels.Encode(format, 95),
        };
        return data!.ToArray();
    }

    /// <summary>Pixels with a fourth byte.</summary>
    public static byte[] FourBytes(ReadOnlySpan<byte> rgb, bool blueFirst, byte alpha)
    {
        var pixels = new byte[rgb.Length / 3 * 4];
        for (int from = 0, to = 0; from < rgb.Length; from += 3, to += 4)
        {
            (pixels[to], pixels[to + 1], pixels[to + 2], pixels[to + 3]) =
                (rgb[from + (blueFirst ? 2 : 0)], rgb[from + 1], rgb[from + (blueFirst ? 0 : 2)], alpha);
        }

        return pixels;
    }

    /// <summary>A BMP file of 24 bits a pixel, bottom row first; <paramref name="width"/> a multiple of 4.</summary>
    public static byte[] Bmp(ReadOnlySpan<byte> rgb, int width, int height)
    {
        var bmp = new byte[54 + width * height * 3];
        "BM"u8.CopyTo(bmp);
        foreach (var (offset, value) in new[] { (2, bmp.Length), (10, 54), (14, 40), (18, width), (22, height), (26, 1 | (24 << 16)), (34, bmp.Length - 54) })
        {
            BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(offset), value);
        }

        for (int i = 0; i < width * height; i++)
        {
            int to = 54 + ((height - 1 - i / width) * width + i % width) * 3;
            (bmp[to], bmp[to + 1], bmp[to + 2]) = (rgb[3 * i + 2], rgb[3 * i + 1], rgb[3 * i]);
        }

        return bmp;
    }

    /// <summary>A JPEG file with an EXIF block that holds nothing but the orientation, 1 to 8.</summary>
    public static byte[] WithOrientation(byte[] jpeg, int orientation)
    {
        byte[] exif = [0xFF, 0xE1, 0, 34, .. "Exif\0\0"u8, .. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)orientation, 0, 0, 0, 0, 0, 0];
        return [.. jpeg[..2], .. exif, .. jpeg[2..]];
    }

    /// <summary>A PNG file whose header claims another size.</summary>
    public static byte[] Resized(byte[] png, int width, int height)
    {
        var changed = (byte[])png.Clone();
        BinaryPrimitives.WriteInt32BigEndian(changed.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(changed.AsSpan(20), height);
        BinaryPrimitives.WriteUInt32BigEndian(changed.AsSpan(29), Crc32(changed.AsSpan(12, 17)));
        return changed;
    }

    /// <summary>The checksum of PNG chunks.</summary>
    public static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320);
            }
        }

        return ~crc;
    }
}

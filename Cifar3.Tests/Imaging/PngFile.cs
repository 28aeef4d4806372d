using System.Buffers.Binary;
using System.IO.Compression;

namespace Cifar3.Tests;

/// <summary>What a PNG file's samples are; the numbers are PNG's own.</summary>
internal enum PngColour
{
    Grey = 0,
    Rgb = 2,
    Palette = 3,
    GreyAlpha = 4,
    Rgba = 6,
}

/// <summary>Writes PNG files of every kind that the format knows, most of which encoders never make.</summary>
internal static class PngFile
{
    private static readonly (int X, int Y, int DX, int DY)[] Adam7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    /// <summary>Writes a file.</summary>
    /// <param name="width">Width.</param>
    /// <param name="height">Height.</param>
    /// <param name="bits">Bits a sample: 1, 2, 4, 8 or 16.</param>
    /// <param name="colour">What the samples are.</param>
    /// <param name="sample">The sample of column, row, channel; null for a picture of zeros of any size.</param>
    /// <param name="palette">Colours of a palette, red, green, blue.</param>
    /// <param name="alpha">Alphas of a palette.</param>
    /// <param name="interlaced">Whether the pixels come in Adam7's seven passes.</param>
    public static byte[] Create(int width, int height, int bits, PngColour colour, Func<int, int, int, int>? sample = null, byte[]? palette = null, byte[]? alpha = null, bool interlaced = false)
    {
        using var png = new MemoryStream();
        png.Write([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9], header[12]) = ((byte)bits, (byte)colour, (byte)(interlaced ? 1 : 0));
        Chunk(png, "IHDR"u8, header);
        if (palette is not null)
        {
            Chunk(png, "PLTE"u8, palette);
        }

        if (alpha is not null)
        {
            Chunk(png, "tRNS"u8, alpha);
        }

        using var data = new MemoryStream();
        using (var zip = new ZLibStream(data, CompressionLevel.Fastest, leaveOpen: true))
        {
            int channels = colour switch { PngColour.Rgb => 3, PngColour.GreyAlpha => 2, PngColour.Rgba => 4, _ => 1 };
            foreach (var (x, y, dx, dy) in interlaced ? Adam7 : [(0, 0, 1, 1)])
            {
                Rows(zip, width, height, bits, channels, sample, x, y, dx, dy);
            }
        }

        Chunk(png, "IDAT"u8, data.ToArray());
        Chunk(png, "IEND"u8, []);
        return png.ToArray();
    }

    /// <summary>The file with the checksums of all its chunks made right again, as far as it is made of chunks.</summary>
    public static byte[] WithChecksums(byte[] png)
    {
        byte[] repaired = [.. png];
        for (long at = 8; at + 12 <= png.Length;)
        {
            long length = BinaryPrimitives.ReadUInt32BigEndian(png.AsSpan((int)at));
            if (at + 12 + length > png.Length)
            {
                break;
            }

            BinaryPrimitives.WriteUInt32BigEndian(repaired.AsSpan((int)(at + 8 + length)), TestImages.Crc32(png.AsSpan((int)at + 4, (int)length + 4)));
            at += 12 + length;
        }

        return repaired;
    }

    /// <summary>The rows of a pass: each a filter byte (none) and packed samples.</summary>
    private static void Rows(Stream zip, int width, int height, int bits, int channels, Func<int, int, int, int>? sample, int firstX, int firstY, int dx, int dy)
    {
        int columns = (width - firstX + dx - 1) / dx;
        var row = new byte[1 + (columns * channels * bits + 7) / 8];
        for (int y = firstY; y < height && columns > 0; y += dy)
        {
            if (sample is not null)
            {
                Array.Clear(row);
                for (int n = 0; n < columns * channels; n++)
                {
                    int value = sample(firstX + n / channels * dx, y, n % channels);
                    if (bits == 16)
                    {
                        BinaryPrimitives.WriteUInt16BigEndian(row.AsSpan(1 + 2 * n), (ushort)value);
                    }
                    else
                    {
                        row[1 + n * bits / 8] |= (byte)(value << (8 - bits - n * bits % 8));
                    }
                }
            }

            zip.Write(row);
        }
    }

    private static void Chunk(MemoryStream png, ReadOnlySpan<byte> type, byte[] content)
    {
        byte[] named = [.. type, .. content];
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, content.Length);
        png.Write(number);
        png.Write(named);
        BinaryPrimitives.WriteUInt32BigEndian(number, TestImages.Crc32(named));
        png.Write(number);
    }
}

using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>Writes GIF and WEBP files of one or several frames, one colour each.</summary>
internal static class AnimatedFile
{
    /// <summary>A GIF file; every frame fills the picture with one colour of the palette.</summary>
    public static byte[] Gif(int width, int height, params (byte R, byte G, byte B)[] frames)
    {
        var gif = new List<byte>();
        gif.AddRange("GIF89a"u8);
        gif.AddRange([(byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8), 0xF7, 0, 0]);
        gif.AddRange(Enumerable.Range(0, 256).SelectMany(i => i < frames.Length ? new[] { frames[i].R, frames[i].G, frames[i].B } : [0, 0, 0]));
        for (int frame = 0; frame < frames.Length; frame++)
        {
            gif.AddRange([0x21, 0xF9, 4, 0, 10, 0, 0, 0]);
            gif.AddRange([0x2C, 0, 0, 0, 0, (byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8), 0, 8]);
            foreach (byte[] part in Lzw(frame, width * height).Chunk(255))
            {
                gif.Add((byte)part.Length);
                gif.AddRange(part);
            }

            gif.Add(0);
        }

        gif.Add(0x3B);
        return [.. gif];
    }

    /// <summary>A moving WEBP file of lossless frames.</summary>
    public static byte[] Webp(int width, int height, params (byte R, byte G, byte B)[] frames)
    {
        var body = new List<byte>();
        body.AddRange("WEBP"u8);
        Chunk("VP8X", [2, 0, 0, 0, .. Three(width - 1), .. Three(height - 1)]);
        Chunk("ANIM", [0, 0, 0, 0, 0, 0]);
        foreach (var (r, g, b) in frames)
        {
            byte[] still = TestImages.Encode([.. Enumerable.Range(0, width * height).SelectMany(_ => new[] { r, g, b })], width, height, SKEncodedImageFormat.Webp);
            Chunk("ANMF", [.. new byte[6], .. Three(width - 1), .. Three(height - 1), .. Three(100), 0, .. still[12..]]);
        }

        return [.. "RIFF"u8, .. BitConverter.GetBytes(body.Count), .. body];

        void Chunk(string name, byte[] content)
        {
            body.AddRange(name.Select(c => (byte)c));
            body.AddRange(BitConverter.GetBytes(content.Length));
            body.AddRange(content);
            body.AddRange(new byte[content.Length % 2]);
        }

        static byte[] Three(int value) => [(byte)value, (byte)(value >> 8), (byte)(value >> 16)];
    }

    /// <summary>Literals of 9 bits; the table is cleared before codes would grow.</summary>
    private static List<byte> Lzw(int index, int pixels)
    {
        const int clear = 256, end = 257;
        var bytes = new List<byte>();
        int bits = 0, count = 0;
        for (int n = 0; n < pixels; n++)
        {
            if (n % 200 == 0)
            {
                Code(clear);
            }

            Code(index);
        }

        Code(end);
        bytes.Add((byte)bits);
        return bytes;

        void Code(int code)
        {
            bits |= code << count;
            for (count += 9; count >= 8; count -= 8, bits >>= 8)
            {
                bytes.Add((byte)bits);
            }
        }
    }
}

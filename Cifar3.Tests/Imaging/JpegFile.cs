namespace Cifar3.Tests;

/// <summary>
/// Writes JPEG files whose blocks of 8×8 pixels have one colour each: enough for every kind of file (grey, YCbCr, CMYK, progressive),
/// most of which SkiaSharp reads but does not write.
/// </summary>
internal static class JpegFile
{
    /// <summary>Writes a file.</summary>
    /// <param name="width">Width.</param>
    /// <param name="height">Height.</param>
    /// <param name="components">1 = grey, 3 = YCbCr, 4 = CMYK as Adobe has it: 255 is no ink.</param>
    /// <param name="value">The value, 0 to 255, of a block by its column, row and component.</param>
    /// <param name="progressive">Whether the one scan is a progressive file's first.</param>
    /// <param name="scanned">How many of the components the one scan names; null = all. The data are those of all in any case.</param>
    public static byte[] Create(int width, int height, int components, Func<int, int, int, int> value, bool progressive = false, int? scanned = null)
    {
        var jpeg = new List<byte> { 0xFF, 0xD8 };
        if (components == 4)
        {
            Segment(0xEE, [.. "Adobe"u8, 0, 100, 0, 0, 0, 0, 0]); // no transform: CMYK
        }

        Segment(0xDB, [0, .. Enumerable.Repeat((byte)1, 64)]);
        Segment(progressive ? 0xC2 : 0xC0, [8, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, (byte)components, .. Each(c => [c, 0x11, 0])]);
        Segment(0xC4, [0x00, 0, 0, 0, 12, .. new byte[12], .. Enumerable.Range(0, 12).Select(i => (byte)i)]); // 12 categories, 4 bits each
        Segment(0xC4, [0x10, 1, .. new byte[15], 0]); // end of block, 1 bit
        Segment(0xDA, [(byte)(scanned ?? components), .. Each(c => [c, 0]).Take(2 * (scanned ?? components)), 0, (byte)(progressive ? 0 : 63), 0]);

        uint bits = 0;
        int count = 0;
        var last = new int[components];
        for (int block = 0; block < (width + 7) / 8 * ((height + 7) / 8); block++)
        {
            var (row, column) = Math.DivRem(block, (width + 7) / 8);
            for (int c = 0; c < components; c++)
            {
                int dc = 8 * (value(column, row, c) - 128), difference = dc - last[c], category = 32 - int.LeadingZeroCount(Math.Abs(difference));
                last[c] = dc;
                Bits((uint)category, 4);
                Bits((uint)(difference < 0 ? difference + (1 << category) - 1 : difference), category);
                Bits(0, progressive ? 0 : 1);
            }
        }

        Bits(0x7F, 7); // ones to the next byte
        jpeg.AddRange([0xFF, 0xD9]);
        return [.. jpeg];

        IEnumerable<byte> Each(Func<byte, byte[]> part) => Enumerable.Range(1, components).SelectMany(c => part((byte)c));

        void Segment(int marker, byte[] content) => jpeg.AddRange([0xFF, (byte)marker, (byte)((content.Length + 2) >> 8), (byte)(content.Length + 2), .. content]);

        void Bits(uint number, int length)
        {
            (bits, count) = ((bits << length) | number, count + length);
            for (; count >= 8; count -= 8)
            {
                byte b = (byte)(bits >> (count - 8));
                jpeg.Add(b);
                if (b == 0xFF)
                {
                    jpeg.Add(0);
                }
            }

            bits &= (1u << count) - 1;
        }
    }
}

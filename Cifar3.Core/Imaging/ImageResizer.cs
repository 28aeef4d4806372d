using System.Numerics;
using System.Runtime.InteropServices;

namespace Cifar3;

/// <summary>
/// Resizes any picture to 32×32 with an antialiased triangle filter: what Pillow and torchvision call bilinear and
/// TensorFlow <c>resize(method="bilinear", antialias=True)</c>. The aspect ratio is not kept, as in Keras' loaders.
/// </summary>
/// <remarks>
/// Integer arithmetic (coefficients of 22 bits, one rounding to 8 bits after each pass, rows first), so the result has the same
/// bits on every machine; a picture of 32×32 pixels comes out as it went in. Shrinking averages every source pixel:
/// output pixel i covers the sources within scale of (i + 0.5)·scale, weights falling linearly to 0.
/// Rows may come one by one and in any order, so that no whole picture need be in memory.
/// </remarks>
internal sealed class ImageResizer
{
    private const int Size = CnnArchitecture.InputSize, Channels = CnnArchitecture.InputChannels, Row = Size * Channels;

    /// <summary>Bits of the weights: 255·2²² fits an int.</summary>
    public const int Bits = 22;

    /// <summary>One half, in units of the weights.</summary>
    public const int Half = 1 << (Bits - 1);

    private readonly (int Start, int[] Weights)[] columns, rows;
    private readonly int[] narrow = new int[Row], sums = new int[Size * Row];

    /// <summary>Begins a picture.</summary>
    /// <param name="width">Width of the source, at least 1.</param>
    /// <param name="height">Height of the source, at least 1.</param>
    public ImageResizer(int width, int height)
    {
        (columns, rows) = (Coefficients(width), Coefficients(height));
        Array.Fill(sums, Half);
    }

    /// <summary>Resizes a whole picture.</summary>
    /// <param name="pixels">Pixels [height, width, 4] with colours in the first three bytes, in the order of the output; the fourth is not read.</param>
    /// <param name="width">Width of the source, at least 1.</param>
    /// <param name="height">Height of the source, at least 1.</param>
    /// <param name="rgb">Receives [32, 32, 3].</param>
    public static void Resize(ReadOnlySpan<byte> pixels, int width, int height, Span<byte> rgb)
    {
        var resizer = new ImageResizer(width, height);
        for (int y = 0; y < height; y++)
        {
            resizer.Add(pixels.Slice(y * width * 4, width * 4), y);
        }

        resizer.Finish(rgb);
    }

    /// <summary>Adds a row of the source; each is added once.</summary>
    /// <param name="pixels">Pixels [width, 4].</param>
    /// <param name="y">Which row.</param>
    public void Add(ReadOnlySpan<byte> pixels, int y)
    {
        for (int i = 0; i < Size; i++)
        {
            var (start, weights) = columns[i];
            int red = Half, green = Half, blue = Half, at = start * 4;
            foreach (int weight in weights)
            {
                red += weight * pixels[at];
                green += weight * pixels[at + 1];
                blue += weight * pixels[at + 2];
                at += 4;
            }

            (narrow[Channels * i], narrow[Channels * i + 1], narrow[Channels * i + 2]) = (Clip(red), Clip(green), Clip(blue));
        }

        for (int i = 0; i < Size; i++)
        {
            var (start, weights) = rows[i];
            if (y >= start && y - start < weights.Length)
            {
                AddScaled(narrow, weights[y - start], sums.AsSpan(i * Row, Row));
            }
        }
    }

    /// <summary>Writes the resized picture [32, 32, 3].</summary>
    public void Finish(Span<byte> rgb)
    {
        for (int i = 0; i < sums.Length; i++)
        {
            rgb[i] = (byte)Clip(sums[i]);
        }
    }

    /// <summary>The weights of one axis as a matrix [length, 32], for whoever computes the same elsewhere.</summary>
    public static double[] Matrix(int length)
    {
        var matrix = new double[length * Size];
        foreach (var (i, (start, weights)) in Coefficients(length).Index())
        {
            for (int k = 0; k < weights.Length; k++)
            {
                matrix[(start + k) * Size + i] = weights[k];
            }
        }

        return matrix;
    }

    private static int Clip(int sum) => Math.Clamp(sum >> Bits, 0, 255);

    /// <summary>to += weight·from; a row's 96 numbers are whole vectors.</summary>
    private static void AddScaled(ReadOnlySpan<int> from, int weight, Span<int> to)
    {
        var source = MemoryMarshal.Cast<int, Vector<int>>(from);
        var target = MemoryMarshal.Cast<int, Vector<int>>(to);
        for (int n = 0; n < target.Length; n++)
        {
            target[n] += source[n] * weight;
        }
    }

    /// <summary>For each of the 32 outputs of one axis: the first source index and the weights, which sum to 2²² but for rounding.</summary>
    private static (int Start, int[] Weights)[] Coefficients(int length)
    {
        double scale = (double)length / Size, support = Math.Max(scale, 1); // enlarging interpolates between two neighbours
        var coefficients = new (int, int[])[Size];
        for (int i = 0; i < Size; i++)
        {
            double centre = (i + 0.5) * scale;
            int first = Math.Max((int)(centre - support + 0.5), 0), end = Math.Min((int)(centre + support + 0.5), length);
            var real = new double[end - first];
            double sum = 0;
            for (int x = 0; x < real.Length; x++)
            {
                real[x] = Math.Max(0, 1 - Math.Abs((x + first - centre + 0.5) / support));
                sum += real[x];
            }

            coefficients[i] = (first, Array.ConvertAll(real, w => (int)(w / sum * (1 << Bits) + 0.5)));
        }

        return coefficients;
    }
}

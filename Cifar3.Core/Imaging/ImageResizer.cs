using System.Buffers;

namespace Cifar3;

/// <summary>
/// Resizes any picture to 32×32 with an antialiased triangle filter: what Pillow and torchvision call bilinear and
/// TensorFlow <c>resize(method="bilinear", antialias=True)</c>. The aspect ratio is not kept, as in Keras' loaders.
/// </summary>
/// <remarks>
/// Integer arithmetic (coefficients of 22 bits, one rounding to 8 bits after each pass, rows first), so the result has the same
/// bits on every machine; a picture of 32×32 pixels comes out as it went in. Shrinking averages every source pixel:
/// output pixel i covers the sources within scale of (i + 0.5)·scale, weights falling linearly to 0.
/// </remarks>
internal static class ImageResizer
{
    private const int Size = CnnArchitecture.InputSize, Channels = CnnArchitecture.InputChannels;

    /// <summary>Bits of the weights: 255·2²² fits an int.</summary>
    public const int Bits = 22;

    /// <summary>One half, in units of the weights.</summary>
    public const int Half = 1 << (Bits - 1);

    /// <summary>Resizes.</summary>
    /// <param name="pixels">Pixels [height, width, 4] with colours in the first three bytes, in the order of the output; the fourth is not read.</param>
    /// <param name="width">Width of the source, at least 1.</param>
    /// <param name="height">Height of the source, at least 1.</param>
    /// <param name="rgb">Receives [32, 32, 3].</param>
    public static void Resize(ReadOnlySpan<byte> pixels, int width, int height, Span<byte> rgb)
    {
        var (columnStarts, columnWeights) = Coefficients(width);
        var (rowStarts, rowWeights) = Coefficients(height);
        const int Row = Size * Channels;
        byte[] narrow = ArrayPool<byte>.Shared.Rent(height * Row); // [height, 32, 3]
        try
        {
            for (int y = 0; y < height; y++)
            {
                var source = pixels.Slice(y * width * 4, width * 4);
                for (int i = 0; i < Size; i++)
                {
                    int red = Half, green = Half, blue = Half, at = columnStarts[i] * 4;
                    foreach (int weight in columnWeights[i])
                    {
                        red += weight * source[at];
                        green += weight * source[at + 1];
                        blue += weight * source[at + 2];
                        at += 4;
                    }

                    int to = y * Row + i * Channels;
                    narrow[to] = Clip(red);
                    narrow[to + 1] = Clip(green);
                    narrow[to + 2] = Clip(blue);
                }
            }

            for (int i = 0; i < Size; i++)
            {
                for (int j = 0; j < Row; j++)
                {
                    int sum = Half, at = rowStarts[i] * Row + j;
                    foreach (int weight in rowWeights[i])
                    {
                        sum += weight * narrow[at];
                        at += Row;
                    }

                    rgb[i * Row + j] = Clip(sum);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(narrow);
        }
    }

    /// <summary>The weights of one axis as a matrix [length, 32], for whoever computes the same elsewhere.</summary>
    public static double[] Matrix(int length)
    {
        var (starts, weights) = Coefficients(length);
        var matrix = new double[length * Size];
        for (int i = 0; i < Size; i++)
        {
            for (int k = 0; k < weights[i].Length; k++)
            {
                matrix[(starts[i] + k) * Size + i] = weights[i][k];
            }
        }

        return matrix;
    }

    private static byte Clip(int sum) => (byte)Math.Clamp(sum >> Bits, 0, 255);

    /// <summary>For each of the 32 outputs of one axis: the first source index and the weights, which sum to 2²² but for rounding.</summary>
    private static (int[] Starts, int[][] Weights) Coefficients(int length)
    {
        double scale = (double)length / Size, support = Math.Max(scale, 1); // enlarging interpolates between two neighbours
        var starts = new int[Size];
        var weights = new int[Size][];
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

            starts[i] = first;
            weights[i] = Array.ConvertAll(real, w => (int)(w / sum * (1 << Bits) + 0.5));
        }

        return (starts, weights);
    }
}

using System.Numerics.Tensors;

namespace Cifar3.Training;

/// <summary>What an image shows, but for its light: [16, 16, 3], less its mean and divided by its standard deviation.</summary>
internal static class ImageOutline
{
    public const int Side = 16, Channels = CnnArchitecture.InputChannels, Cells = Side * Side * Channels;

    private const int Cell = CnnArchitecture.InputSize / Side;

    /// <summary>Of an image [32, 32, 3].</summary>
    public static float[] Of(ReadOnlySpan<byte> rgb) => Of(rgb, new float[Cells]);

    /// <summary>Into the caller's memory, which it returns: sums of 2×2 pixels.</summary>
    public static float[] Of(ReadOnlySpan<byte> rgb, float[] cells)
    {
        const int row = CnnArchitecture.InputSize * Channels;
        for (int i = 0; i < cells.Length; i++)
        {
            int corner = i / (Side * Channels) * Cell * row + i / Channels % Side * Cell * Channels + i % Channels;
            cells[i] = rgb[corner] + rgb[corner + Channels] + rgb[corner + row] + rgb[corner + row + Channels];
        }

        TensorPrimitives.Subtract(cells, TensorPrimitives.Average<float>(cells), cells);
        TensorPrimitives.Divide(cells, TensorPrimitives.Norm<float>(cells) / MathF.Sqrt(cells.Length) + 1, cells); // an image of one colour has no deviation
        return cells;
    }
}

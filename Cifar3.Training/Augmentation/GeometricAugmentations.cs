using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>Mirrors an image left to right, every other time: Keras' <c>RandomFlip("horizontal")</c> (Krizhevsky 2012, section 4.1).</summary>
/// <remarks>Not for classes that left and right tell apart, such as arrows or the letters b and d: it teaches that these are the same.</remarks>
public sealed class RandomFlip : Augmentation
{
    /// <inheritdoc/>
    public override void Apply(Span<byte> image, AugmentationRandom random)
    {
        ArgumentNullException.ThrowIfNull(random);
        if (random.Next(2) == 0)
        {
            return;
        }

        var pixels = MemoryMarshal.Cast<byte, Pixel>(image);
        for (int row = 0; row < CnnArchitecture.InputSize; row++)
        {
            pixels.Slice(row * CnnArchitecture.InputSize, CnnArchitecture.InputSize).Reverse();
        }
    }
}

/// <summary>
/// Moves an image by up to so many pixels each way, rows and columns that come in mirrored from the border: the crop from a padded image of
/// He et al. 2015 (<see href="https://arxiv.org/abs/1512.03385"/>, section 4.2), and Keras' <c>RandomTranslation(fill_mode="reflect")</c>.
/// </summary>
/// <param name="pixels">The largest move in pixels, 0 to 16. Default: 4.</param>
/// <exception cref="ArgumentOutOfRangeException">The number is outside its range.</exception>
public sealed class RandomTranslation(int pixels = 4) : Augmentation
{
    private const int Size = CnnArchitecture.InputSize;

    /// <summary>The largest move in pixels.</summary>
    public int Pixels { get; } = (int)InRange(pixels, 0, Size / 2, nameof(pixels));

    /// <inheritdoc/>
    public override void Apply(Span<byte> image, AugmentationRandom random)
    {
        ArgumentNullException.ThrowIfNull(random);
        int down = random.Next(2 * Pixels + 1) - Pixels, right = random.Next(2 * Pixels + 1) - Pixels;
        if (down == 0 && right == 0)
        {
            return;
        }

        Span<Pixel> before = stackalloc Pixel[Size * Size];
        var after = MemoryMarshal.Cast<byte, Pixel>(image);
        after.CopyTo(before);
        int inside = Size - Math.Abs(right), to = Math.Max(right, 0), from = Math.Max(-right, 0);
        for (int row = 0; row < Size; row++)
        {
            var source = before.Slice(Mirrored(row - down) * Size, Size);
            var target = after.Slice(row * Size, Size);
            source.Slice(from, inside).CopyTo(target[to..]);
            for (int column = 0; column < to; column++)
            {
                target[column] = source[to - column - 1];
            }

            for (int column = to + inside; column < Size; column++)
            {
                target[column] = source[Mirrored(column - right)];
            }
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"RandomTranslation({Pixels})";

    private static int Mirrored(int i) => i < 0 ? -i - 1 : i >= Size ? 2 * Size - 1 - i : i;
}

/// <summary>
/// Turns an image about its centre by up to so many degrees, bilinear, the border mirrored: Keras' <c>RandomRotation(fill_mode="reflect")</c>.
/// </summary>
/// <param name="degrees">The largest turn either way, 0 to 180. Default: 15.</param>
/// <exception cref="ArgumentOutOfRangeException">The number is outside its range.</exception>
public sealed class RandomRotation(double degrees = 15) : Augmentation
{
    private const int Size = CnnArchitecture.InputSize;

    /// <summary>The largest turn either way in degrees.</summary>
    public double Degrees { get; } = InRange(degrees, 0, 180, nameof(degrees));

    /// <inheritdoc/>
    public override void Apply(Span<byte> image, AugmentationRandom random)
    {
        ArgumentNullException.ThrowIfNull(random);
        double angle = (2 * random.NextSingle() - 1) * Degrees * Math.PI / 180;
        float cos = (float)Math.Cos(angle), sin = (float)Math.Sin(angle);
        Span<byte> before = stackalloc byte[CnnArchitecture.ImageBytes];
        image.CopyTo(before);
        const float centre = (Size - 1) / 2f;
        for (int row = 0, at = 0; row < Size; row++)
        {
            for (int column = 0; column < Size; column++)
            {
                float dx = column - centre, dy = row - centre;
                float x = centre + cos * dx - sin * dy, y = centre + sin * dx + cos * dy;
                int left = (int)MathF.Floor(x), top = (int)MathF.Floor(y);
                float right = x - left, below = y - top;
                int a = 3 * (Mirrored(top) * Size + Mirrored(left)), b = 3 * (Mirrored(top) * Size + Mirrored(left + 1));
                int c = 3 * (Mirrored(top + 1) * Size + Mirrored(left)), d = 3 * (Mirrored(top + 1) * Size + Mirrored(left + 1));
                for (int channel = 0; channel < 3; channel++, at++)
                {
                    float upper = before[a + channel] + right * (before[b + channel] - before[a + channel]);
                    float lower = before[c + channel] + right * (before[d + channel] - before[c + channel]);
                    image[at] = (byte)(upper + below * (lower - upper) + 0.5f);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"RandomRotation({Degrees})");

    /// <summary>Turned corners lie less than a whole image outside.</summary>
    private static int Mirrored(int i) => i < 0 ? Math.Min(-i - 1, Size - 1) : i >= Size ? Math.Max(2 * Size - 1 - i, 0) : i;
}

/// <summary>One pixel of an image: red, green, blue.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct Pixel
{
    public byte Red, Green, Blue;
}

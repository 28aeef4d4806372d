using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>
/// Covers a square of an image with the image's mean colour, at a random place that may hang over the border (DeVries and Taylor 2017,
/// <see href="https://arxiv.org/abs/1708.04552"/>); Keras' <c>RandomErasing</c> is alike.
/// </summary>
/// <remarks>
/// The paper covers with the mean of the data, which photographs are all near. On a drawing of thin lines, which 32×32 pixels leave pale on white, a grey square is the strongest thing there is, and the network
/// learns nothing else; the image's own mean hides the lines as well and adds no edges.
/// </remarks>
/// <param name="size">Rows and columns of the square, 1 to 32. Default: 12.</param>
/// <param name="probability">How often an image gets one, 0 to 1. Default: 1.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
public sealed class Cutout(int size = 12, double probability = 1) : Augmentation
{
    /// <summary>Rows and columns of the square.</summary>
    public int Size { get; } = (int)InRange(size, 1, CnnArchitecture.InputSize, nameof(size));

    /// <summary>How often an image gets one.</summary>
    public double Probability { get; } = InRange(probability, 0, 1, nameof(probability));

    /// <inheritdoc/>
    public override void Apply(Span<byte> image, AugmentationRandom random)
    {
        ArgumentNullException.ThrowIfNull(random);
        if (random.NextSingle() >= Probability)
        {
            return;
        }

        const int all = CnnArchitecture.InputSize;
        int top = random.Next(all) - Size / 2, left = random.Next(all) - Size / 2;
        int firstColumn = Math.Max(left, 0), endColumn = Math.Min(left + Size, all);
        var pixels = MemoryMarshal.Cast<byte, Pixel>(image);
        var mean = Mean(pixels);
        for (int row = Math.Max(top, 0); row < Math.Min(top + Size, all); row++)
        {
            pixels.Slice(row * all + firstColumn, endColumn - firstColumn).Fill(mean);
        }
    }

    private static Pixel Mean(ReadOnlySpan<Pixel> pixels)
    {
        int red = pixels.Length / 2, green = red, blue = red; // to the nearest
        foreach (var pixel in pixels)
        {
            red += pixel.Red;
            green += pixel.Green;
            blue += pixel.Blue;
        }

        return new Pixel { Red = (byte)(red / pixels.Length), Green = (byte)(green / pixels.Length), Blue = (byte)(blue / pixels.Length) };
    }

    /// <inheritdoc/>
    public override string ToString() => Probability == 1 ? $"Cutout({Size})" : FormattableString.Invariant($"Cutout({Size}, {Probability})");
}

/// <summary>
/// Changes brightness, contrast and saturation, each by a factor from 1 − share to 1 + share: torchvision's <c>ColorJitter</c>, Keras'
/// <c>RandomBrightness</c>, <c>RandomContrast</c> and <c>RandomSaturation</c> (Howard 2013, <see href="https://arxiv.org/abs/1312.5402"/>).
/// </summary>
/// <param name="brightness">Share of brightness, 0 to 1. Default: 0.2.</param>
/// <param name="contrast">Share of contrast, about the image's mean grey, 0 to 1. Default: 0.2.</param>
/// <param name="saturation">Share of saturation, about each pixel's grey, 0 to 1. Default: 0.2.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
public sealed class ColorJitter(double brightness = 0.2, double contrast = 0.2, double saturation = 0.2) : Augmentation
{
    /// <summary>Share of brightness.</summary>
    public double Brightness { get; } = InRange(brightness, 0, 1, nameof(brightness));

    /// <summary>Share of contrast.</summary>
    public double Contrast { get; } = InRange(contrast, 0, 1, nameof(contrast));

    /// <summary>Share of saturation.</summary>
    public double Saturation { get; } = InRange(saturation, 0, 1, nameof(saturation));

    /// <inheritdoc/>
    public override void Apply(Span<byte> image, AugmentationRandom random)
    {
        ArgumentNullException.ThrowIfNull(random);
        float light = Factor(Brightness), steep = Factor(Contrast), colour = Factor(Saturation);
        var pixels = MemoryMarshal.Cast<byte, Pixel>(image);
        float mean = 0;
        foreach (var pixel in pixels)
        {
            mean += Grey(pixel);
        }

        mean = light * mean / pixels.Length;

        // value → grey + colour·(value − grey), · light, then mean + steep·(… − mean): one multiplication and one addition a value.
        float own = colour * light * steep, shared = (1 - colour) * light * steep, added = mean * (1 - steep) + 0.5f;
        foreach (ref var pixel in pixels)
        {
            float rest = Grey(pixel) * shared + added;
            pixel.Red = Byte(pixel.Red * own + rest);
            pixel.Green = Byte(pixel.Green * own + rest);
            pixel.Blue = Byte(pixel.Blue * own + rest);
        }

        float Factor(double share) => 1 + (float)share * (2 * random.NextSingle() - 1);

        static float Grey(Pixel pixel) => 0.299f * pixel.Red + 0.587f * pixel.Green + 0.114f * pixel.Blue;

        static byte Byte(float value) => (byte)Math.Clamp(value, 0, 255);
    }

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"ColorJitter({Brightness}, {Contrast}, {Saturation})");
}

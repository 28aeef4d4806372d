using System.Collections.Immutable;

namespace Cifar3;

/// <summary>
/// Draws labelled pictures of aeroplanes, cars and birds from a seed, for use where no photographs can be had. Picture i of a seed is
/// the same on every machine, with any number of threads and in sets of any size.
/// </summary>
internal static class SyntheticImages
{
    /// <summary>The classes, in CIFAR-10's order.</summary>
    public static readonly ImmutableArray<string> ClassNames = ["aeroplane", "car", "bird"];

    /// <summary>The first picture of the test set: no training set reaches it.</summary>
    public const int FirstTestImage = 1 << 27;

    private const int Size = CnnArchitecture.InputSize;

    /// <summary>Draws pictures; labels go round: 0, 1, 2, 0, 1, 2, …</summary>
    /// <param name="first">Index of the first picture.</param>
    /// <param name="count">How many.</param>
    /// <param name="seed">The same seed gives the same bits.</param>
    public static ImageSet Create(int first, int count, int seed)
    {
        var pixels = new byte[checked(count * CnnArchitecture.ImageBytes)];
        var labels = new int[count];
        Parallel.For(0, count, () => new SyntheticCanvas(), (i, _, canvas) =>
        {
            labels[i] = i % ClassNames.Length;
            Draw(canvas, labels[i], seed, first + i, pixels.AsSpan(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes));
            return canvas;
        }, _ => { });
        return new ImageSet(pixels, labels, ClassNames);
    }

    private static void Draw(SyntheticCanvas canvas, int label, int seed, int index, Span<byte> rgb)
    {
        var dice = new Dice(seed, RandomStreams.Synthetic + (uint)index);
        SyntheticScenery.Paint(canvas, dice, label);
        SyntheticObjects.Draw(canvas, dice, label);
        SyntheticScenery.Occlude(canvas, dice);
        Span<Rgb> colours = new Rgb[Size * Size];
        canvas.Resolve(colours);
        Develop(colours, dice, rgb);
    }

    /// <summary>What a camera does to the picture: blur, contrast, brightness, faded colour, noise.</summary>
    private static void Develop(Span<Rgb> colours, Dice dice, Span<byte> rgb)
    {
        double blur = dice.Chance(0.4) ? dice.Between(0, 0.2) : 0, contrast = dice.Between(0.8, 1.1), light = dice.Between(0.45, 0.55);
        double fade = dice.Chance(0.1) ? dice.Between(0.3, 0.9) : 0, noise = dice.Between(0.005, 0.03);
        for (int i = 0; i < colours.Length; i++)
        {
            int up = i >= Size ? i - Size : i, down = i + Size < colours.Length ? i + Size : i, left = i % Size > 0 ? i - 1 : i, right = i % Size < Size - 1 ? i + 1 : i;
            var (a, b, c, d, own) = (colours[up], colours[down], colours[left], colours[right], 1 - 4 * blur);
            double red = own * colours[i].R + blur * (a.R + b.R + c.R + d.R);
            double green = own * colours[i].G + blur * (a.G + b.G + c.G + d.G);
            double blue = own * colours[i].B + blur * (a.B + b.B + c.B + d.B);
            double grey = (red + green + blue) / 3;
            rgb[3 * i] = ToByte(red);
            rgb[3 * i + 1] = ToByte(green);
            rgb[3 * i + 2] = ToByte(blue);

            byte ToByte(double value)
            {
                double exposed = light + contrast * (value + fade * (grey - value) - 0.5) + noise * dice.Normal();
                return (byte)Math.Clamp(exposed * 255 + 0.5, 0, 255);
            }
        }
    }
}

namespace Cifar3.Training;

/// <summary>An augmentation that takes a second training image in, and a part of its label with it.</summary>
public abstract class MixingAugmentation : Augmentation
{
    private protected MixingAugmentation(double alpha, double probability)
    {
        Alpha = InRange(alpha, 0.01, 100, nameof(alpha));
        Probability = InRange(probability, 0, 1, nameof(probability));
    }

    /// <summary>α of the Beta(α, α) distribution that the first image's share is drawn from: 1 = uniform, small = nearly one image alone.</summary>
    public double Alpha { get; }

    /// <summary>How often an image is mixed.</summary>
    public double Probability { get; }

    /// <summary>Not called: mixing needs a second image.</summary>
    /// <param name="image">An image.</param>
    /// <param name="random">Draws.</param>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override void Apply(Span<byte> image, AugmentationRandom random) => throw new NotSupportedException($"{GetType().Name} needs a second image; the trainer gives it one.");

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{GetType().Name}({Alpha}, {Probability})");

    /// <summary>Mixes; returns the first image's share in the target, 0.5 to 1.</summary>
    internal abstract float Mix(Span<byte> image, ReadOnlySpan<byte> other, float share, AugmentationRandom random);

    /// <summary>The first image's share, at least a half, so that an image's label stays the one it has most of; 1 where it is not mixed.</summary>
    internal float Share(AugmentationRandom random)
    {
        if (random.NextSingle() >= Probability)
        {
            return 1;
        }

        float share = Alpha == 1 ? random.NextSingle() : Beta(random);
        return Math.Max(share, 1 - share);
    }

    /// <summary>Jöhnk 1964: u^(1/α)/(u^(1/α) + v^(1/α)), where the sum is at most 1; a half, the mean, after 64 misses, which only a large α has.</summary>
    private float Beta(AugmentationRandom random)
    {
        for (int attempt = 0; attempt < 64; attempt++)
        {
            double x = Math.Pow(random.NextSingle(), 1 / Alpha), y = Math.Pow(random.NextSingle(), 1 / Alpha);
            if (x + y is > 0 and <= 1)
            {
                return (float)(x / (x + y));
            }
        }

        return 0.5f;
    }
}

/// <summary>
/// Lays two images over each other, x = λ·a + (1 − λ)·b, and their labels with the same shares (Zhang et al. 2018,
/// <see href="https://arxiv.org/abs/1710.09412"/>); Keras' <c>MixUp</c>.
/// </summary>
/// <param name="alpha">α of the shares' Beta distribution, 0.01 to 100. Default: 0.2.</param>
/// <param name="probability">How often an image is mixed, 0 to 1. Default: 1.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
public sealed class Mixup(double alpha = 0.2, double probability = 1) : MixingAugmentation(alpha, probability)
{
    internal override float Mix(Span<byte> image, ReadOnlySpan<byte> other, float share, AugmentationRandom random)
    {
        int own = (int)(share * 256 + 0.5f), rest = 256 - own; // fixed-point: the same on every processor
        for (int i = 0; i < image.Length; i++)
        {
            image[i] = (byte)((image[i] * own + other[i] * rest + 128) >> 8);
        }

        return share;
    }
}

/// <summary>
/// Puts a rectangle of a second image into the first, the labels shared by area (Yun et al. 2019,
/// <see href="https://arxiv.org/abs/1905.04899"/>); Keras' <c>CutMix</c>.
/// </summary>
/// <param name="alpha">α of the areas' Beta distribution, 0.01 to 100. Default: 1.</param>
/// <param name="probability">How often an image is mixed, 0 to 1. Default: 0.5.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
public sealed class CutMix(double alpha = 1, double probability = 0.5) : MixingAugmentation(alpha, probability)
{
    private const int MostSide = 22; // 23 rows and columns, to which half of the area would be rounded, are more than half

    internal override float Mix(Span<byte> image, ReadOnlySpan<byte> other, float share, AugmentationRandom random)
    {
        const int size = CnnArchitecture.InputSize;
        int side = Math.Min((int)(size * MathF.Sqrt(1 - share) + 0.5f), MostSide), top = random.Next(size) - side / 2, left = random.Next(size) - side / 2;
        int firstRow = Math.Max(top, 0), endRow = Math.Min(top + side, size), firstColumn = Math.Max(left, 0), endColumn = Math.Min(left + side, size);
        for (int row = firstRow; row < endRow; row++)
        {
            int start = 3 * (row * size + firstColumn), length = 3 * (endColumn - firstColumn);
            other.Slice(start, length).CopyTo(image[start..]);
        }

        return 1 - (float)((endRow - firstRow) * (endColumn - firstColumn)) / (size * size); // what hangs over the border is not taken
    }
}

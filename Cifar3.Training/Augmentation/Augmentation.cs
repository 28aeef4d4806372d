namespace Cifar3.Training;

/// <summary>
/// One change that a training image gets each time it is shown, so that the network learns what does not matter: <see cref="RandomFlip"/>,
/// <see cref="RandomTranslation"/>, <see cref="Cutout"/> and others, or one of your own. A list of them is applied in its order.
/// </summary>
/// <remarks>
/// Draws come from (seed, epoch, image, place in the list) alone: they depend neither on threads and batches nor on whether a training was
/// interrupted. The next batch is prepared beside the running step. Instances hold settings only and are called from another thread than Fit's.
/// <see cref="object.ToString"/> tells the settings: a resumed training is compared by it, and the model's metadata keep it.
/// </remarks>
/// <example><code>
/// sealed class Grey : Augmentation
/// {
///     public override void Apply(Span&lt;byte&gt; image, AugmentationRandom random)
///     {
///         for (int i = 0; i &lt; image.Length &amp;&amp; random.Seed % 2 == 0; i += 3)
///             image[i] = image[i + 2] = image[i + 1];
///     }
/// }
/// </code></example>
public abstract class Augmentation
{
    /// <summary>Changes one image in place.</summary>
    /// <param name="image">Pixels [32, 32, 3], uint8.</param>
    /// <param name="random">This image's draws in this epoch; the only source of chance to use.</param>
    public abstract void Apply(Span<byte> image, AugmentationRandom random);

    /// <summary>The name and the settings, such as <c>RandomTranslation(4)</c>.</summary>
    /// <returns>One line. Default: the name of the type.</returns>
    public override string ToString() => GetType().Name;

    /// <summary>A number that must lie within a range.</summary>
    internal static double InRange(double value, double least, double most, string name) => value >= least && value <= most
        ? value
        : throw new ArgumentOutOfRangeException(name, FormattableString.Invariant($"The number must be {least} to {most}. Received: {name}={value}."));
}

/// <summary>The draws of one image in one epoch: Philox keyed by (seed, epoch, image, place of the augmentation).</summary>
public sealed class AugmentationRandom
{
    private readonly uint image, epoch, place;
    private uint block;
    private (uint, uint, uint, uint) buffer;
    private int used = 4;

    internal AugmentationRandom(int seed, int epoch, int image, int place)
    {
        (Seed, this.image, this.epoch, this.place) = (seed, (uint)image, (uint)epoch, (uint)place);
    }

    /// <summary>The training's seed.</summary>
    public int Seed { get; }

    /// <summary>Uniform in [0, 1).</summary>
    /// <returns>A number with 24 random bits.</returns>
    public float NextSingle() => (Draw() >> 8) * (1f / (1 << 24));

    /// <summary>Uniform in [least, most); rounding may give <paramref name="most"/> itself, as it does between 1 and 2 once in 2²⁴ draws.</summary>
    /// <param name="least">The lower end.</param>
    /// <param name="most">The upper end.</param>
    /// <returns>The number.</returns>
    public float NextSingle(float least, float most) => least + (most - least) * NextSingle();

    /// <summary>Uniform in [0, limit).</summary>
    /// <param name="limit">1 or more.</param>
    /// <returns>A whole number.</returns>
    public int Next(int limit) => (int)(((ulong)Draw() * (ulong)limit) >> 32); // limits are tiny against 2³²: the bias is nothing

    private uint Draw()
    {
        if (used == 4)
        {
            buffer = Philox.Draw(block++, image, epoch, place, (uint)Seed, RandomStreams.Augmentation);
            used = 0;
        }

        return used++ switch { 0 => buffer.Item1, 1 => buffer.Item2, 2 => buffer.Item3, _ => buffer.Item4 };
    }
}

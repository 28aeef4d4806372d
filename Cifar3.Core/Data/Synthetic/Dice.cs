namespace Cifar3;

/// <summary>The random choices of one drawn picture, from its own Philox stream.</summary>
internal sealed class Dice(int seed, uint stream)
{
    private readonly PhiloxRandom random = new(seed, stream);

    /// <summary>Uniform between two numbers.</summary>
    public double Between(double low, double high) => low + (high - low) * random.NextSingle();

    /// <summary>True with a probability.</summary>
    public bool Chance(double probability) => random.NextSingle() < probability;

    /// <summary>0 to count − 1.</summary>
    public int Next(int count) => random.Next(count);

    /// <summary>About normal with mean 0 and deviation 1: the sum of four random bytes, which needs no logarithm.</summary>
    public double Normal()
    {
        uint bits = random.NextUInt32();
        const double Mean = 4 * 127.5, Deviation = 147.8; // √(4·(256² − 1)/12)
        return ((bits & 255) + ((bits >> 8) & 255) + ((bits >> 16) & 255) + (bits >> 24) - Mean) / Deviation;
    }

    /// <summary>One of several.</summary>
    public T Pick<T>(params ReadOnlySpan<T> choices) => choices[random.Next(choices.Length)];

    /// <summary>An index, each with its weight; weights sum to 1.</summary>
    public int Weighted(params ReadOnlySpan<double> weights)
    {
        double left = random.NextSingle();
        for (int i = 0; i < weights.Length - 1; i++)
        {
            left -= weights[i];
            if (left < 0)
            {
                return i;
            }
        }

        return weights.Length - 1;
    }

    /// <summary>A colour near another.</summary>
    public Rgb Near(double red, double green, double blue, double spread = 0.12) => new(
        Math.Clamp(red + Between(-spread, spread), 0, 1), Math.Clamp(green + Between(-spread, spread), 0, 1), Math.Clamp(blue + Between(-spread, spread), 0, 1));

    /// <summary>Any colour.</summary>
    public Rgb Colour() => new(random.NextSingle(), random.NextSingle(), random.NextSingle());
}

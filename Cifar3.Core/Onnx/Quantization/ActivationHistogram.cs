namespace Cifar3;

/// <summary>
/// How often which sizes of activations occur, in one pass over any number of values. Activations stand after ReLU: none is negative.
/// Bins are equally wide; when a value lies beyond the last, neighbours are added up in pairs and the width doubles.
/// </summary>
internal sealed class ActivationHistogram
{
    /// <summary>Bins; at any time more than half of them are below the largest value seen.</summary>
    public const int Bins = 4096;

    private readonly long[] counts = new long[Bins];
    private float width = 1f / (1 << 20); // below any activation that matters; doubling is exact

    /// <summary>The largest value seen.</summary>
    public float Max { get; private set; }

    /// <summary>Values in each bin.</summary>
    public ReadOnlySpan<long> Counts => counts;

    /// <summary>Width of a bin.</summary>
    public float Width => width;

    /// <summary>Counts values.</summary>
    public void Add(ReadOnlySpan<float> values)
    {
        float scale = 1 / width;
        foreach (float value in values)
        {
            if (value > Max)
            {
                Max = value;
                scale = Widen(value);
            }

            counts[Math.Min((int)(value * scale), Bins - 1)]++;
        }
    }

    /// <summary>Doubles the width until a value fits; gives bins per unit.</summary>
    private float Widen(float value)
    {
        while (value >= Bins * width)
        {
            for (int i = 0; i < Bins / 2; i++)
            {
                counts[i] = counts[2 * i] + counts[2 * i + 1];
            }

            Array.Clear(counts, Bins / 2, Bins / 2);
            width *= 2;
        }

        return 1 / width;
    }
}

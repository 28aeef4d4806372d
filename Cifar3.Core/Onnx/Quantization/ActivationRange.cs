namespace Cifar3;

/// <summary>Chooses from a histogram the activation that the largest of the 256 steps stands for.</summary>
internal static class ActivationRange
{
    private const int Steps = 256;

    /// <summary>The value of step 255; above 0.</summary>
    public static float Choose(ActivationHistogram histogram, CalibrationMethod method, double percentile)
    {
        float range = method switch
        {
            CalibrationMethod.MinMax => histogram.Max,
            CalibrationMethod.Percentile => Percentile(histogram, percentile / 100),
            _ => Entropy(histogram),
        };

        // A layer whose activations are all 0 needs some width; which one does not matter.
        return range > 0 && float.IsFinite(range) ? range : 1;
    }

    private static float Percentile(ActivationHistogram histogram, double share)
    {
        long total = 0, seen = 0;
        foreach (long count in histogram.Counts)
        {
            total += count;
        }

        int bin = 0;
        while (bin < ActivationHistogram.Bins && (seen += histogram.Counts[bin]) < share * total)
        {
            bin++;
        }

        return Math.Min((bin + 1) * histogram.Width, histogram.Max);
    }

    /// <summary>
    /// For each candidate range: the distribution clipped to it, P, against the same drawn with 256 steps, Q; the range of the smallest
    /// Σ P·ln(P/Q). The method of TensorRT (Migacz, "8-bit Inference with TensorRT", 2017). Bin 0 stays out: ReLU's zeros are exact with
    /// any width and would drown the rest.
    /// </summary>
    private static float Entropy(ActivationHistogram histogram)
    {
        var counts = histogram.Counts[1..];
        int used = counts.Length;
        while (used > 0 && counts[used - 1] == 0)
        {
            used--;
        }

        int best = used;
        double least = double.PositiveInfinity;
        const int Stride = 8;
        for (int candidate = Math.Min(Steps, used); candidate <= used; candidate += Stride)
        {
            double divergence = Divergence(counts[..used], candidate);
            if (divergence < least)
            {
                (least, best) = (divergence, candidate);
            }
        }

        return Math.Min((best + 1) * histogram.Width, histogram.Max);
    }

    private static double Divergence(ReadOnlySpan<long> counts, int candidate)
    {
        double total = 0, clipped = 0, kept = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            total += counts[i];
            clipped += i >= candidate ? counts[i] : 0;
        }

        kept = total - clipped;
        if (total == 0 || kept == 0)
        {
            return double.PositiveInfinity;
        }

        double divergence = 0;
        for (int step = 0; step < Steps; step++)
        {
            int first = (int)((long)step * candidate / Steps), end = (int)((long)(step + 1) * candidate / Steps);
            long sum = 0, filled = 0;
            for (int i = first; i < end; i++)
            {
                sum += counts[i];
                filled += counts[i] > 0 ? 1 : 0;
            }

            for (int i = first; i < end; i++)
            {
                double p = (counts[i] + (i == candidate - 1 ? clipped : 0)) / total;
                if (p > 0)
                {
                    // The last bin may hold nothing but what was clipped: Q then has next to nothing there, and the range is a bad one.
                    double q = counts[i] > 0 ? (double)sum / filled / kept : 1e-12;
                    divergence += p * Math.Log(p / q);
                }
            }
        }

        return divergence;
    }
}

namespace Cifar3;

/// <summary>
/// The temperature T for which softmax(logits / T) fits the labels best: one number, the same for all images and classes, so no prediction changes,
/// only how sure it is.
/// </summary>
/// <remarks>
/// Guo, Pleiss, Sun, Weinberger: "On Calibration of Modern Neural Networks", ICML 2017, <see href="https://arxiv.org/abs/1706.04599"/>, section 4.2.
/// The mean negative log-likelihood is convex in β = 1 / T; its derivative, the mean of Σ p_c z_c − z_label, rises with β, and bisection finds
/// where it is 0. Logits are taken from probabilities: ln p differs from them by a number that is the same for all classes, which softmax ignores.
/// </remarks>
internal static class TemperatureScaling
{
    /// <summary>Bounds of the temperature; trained networks have 0.5 to 5.</summary>
    public const double Lowest = 0.05, Highest = 20;

    private const int Halvings = 50;

    /// <summary>Fits the temperature.</summary>
    /// <param name="probabilities">[N, classes], at temperature 1, not of images that were trained on.</param>
    /// <param name="labels">[N].</param>
    /// <returns>
    /// The temperature, within the bounds; 1 where every image is right: then the likelihood grows without end as T falls, and the images tell
    /// nothing about how sure to be; and 1 where a probability is no number.
    /// </returns>
    public static double Fit(ReadOnlySpan<float> probabilities, ReadOnlySpan<int> labels)
    {
        int classes = probabilities.Length / Math.Max(1, labels.Length);
        var logits = new double[probabilities.Length];
        bool anyWrong = false;
        for (int i = 0; i < labels.Length; i++)
        {
            var row = probabilities.Slice(i * classes, classes);
            for (int c = 0; c < classes; c++)
            {
                logits[i * classes + c] = Math.Log(Math.Max(row[c], float.Epsilon));
                anyWrong |= row[c] > row[labels[i]];
            }
        }

        if (!anyWrong || Array.Exists(logits, double.IsNaN)) // NaN is on no side of 0: bisection would end at a bound
        {
            return 1;
        }

        double low = Math.Log(1 / Highest), high = Math.Log(1 / Lowest); // of ln β
        for (int k = 0; k < Halvings; k++)
        {
            double middle = (low + high) / 2;
            if (Slope(logits, labels, classes, Math.Exp(middle)) > 0)
            {
                high = middle;
            }
            else
            {
                low = middle;
            }
        }

        return Math.Exp(-(low + high) / 2);
    }

    /// <summary>The derivative of the summed negative log-likelihood by β.</summary>
    private static double Slope(double[] logits, ReadOnlySpan<int> labels, int classes, double beta)
    {
        double slope = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            var z = logits.AsSpan(i * classes, classes);
            double max = z[0], sum = 0, mean = 0;
            foreach (double value in z)
            {
                max = Math.Max(max, value);
            }

            foreach (double value in z)
            {
                double e = Math.Exp(beta * (value - max));
                sum += e;
                mean += e * value;
            }

            slope += mean / sum - z[labels[i]];
        }

        return slope;
    }
}

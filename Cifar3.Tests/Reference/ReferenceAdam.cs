namespace Cifar3.Tests;

/// <summary>
/// Adam in Keras' form, in double: m = 0.9·m + 0.1·g, v = 0.999·v + 0.001·g², w −= lr·√(1 − 0.999ᵗ)/(1 − 0.9ᵗ)·m/(√v + 1e-7).
/// </summary>
/// <remarks>
/// Kingma and Ba 2015, the efficient form of the end of their section 2. ε stands outside the root and is not bias-corrected.
/// <see href="https://keras.io/api/optimizers/adam/"/>
/// </remarks>
internal static class ReferenceAdam
{
    public const double Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-7;

    /// <summary>Updates w, m and v of one weight by its gradient; t is the step's number, from 1.</summary>
    public static void Step(double[] w, double[] m, double[] v, double[] g, double learningRate, long t)
    {
        for (int n = 0; n < w.Length; n++)
        {
            m[n] = Beta1 * m[n] + (1 - Beta1) * g[n];
            v[n] = Beta2 * v[n] + (1 - Beta2) * g[n] * g[n];
            w[n] -= Update(m[n], v[n], learningRate, t);
        }
    }

    /// <summary>AdamW's decay before the update, Keras 3's form: w −= lr·λ·w, kernels only (<see href="https://arxiv.org/abs/1711.05101"/>).</summary>
    public static void Decay(double[] w, double learningRate, double weightDecay)
    {
        for (int n = 0; n < w.Length; n++)
            w[n] -= learningRate * weightDecay * w[n];
    }

    /// <summary>What an element is changed by, from the moments after the step.</summary>
    public static double Update(double m, double v, double learningRate, long t) =>
        learningRate * Math.Sqrt(1 - Math.Pow(Beta2, t)) / (1 - Math.Pow(Beta1, t)) * m / (Math.Sqrt(v) + Epsilon);
}

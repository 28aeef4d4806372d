namespace Cifar3;

/// <summary>
/// The numbers of Adam (Kingma and Ba 2015) as Keras sets them, in the form that Keras computes: m += (g − m)·(1 − β₁);
/// v += (g² − v)·(1 − β₂); w −= α·m/(√v + ε), α = lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ), ε outside the root and not bias-corrected.
/// With weight decay (AdamW, Loshchilov and Hutter 2019) first w −= lr·λ·w, kernels only.
/// </summary>
/// <remarks>The one place of these numbers: engines compute with them, Keras files store and check them.</remarks>
internal static class AdamOptimizer
{
    public const double Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-7;

    /// <summary>α of step t, counted from 1.</summary>
    public static float StepSize(float learningRate, long t) =>
        (float)(learningRate * Math.Sqrt(1 - Math.Pow(Beta2, t)) / (1 - Math.Pow(Beta1, t)));

    /// <summary>Whether weight decay applies to a weight: to kernels of convolutions and dense layers, not to biases and normalization.</summary>
    public static bool Decays(WeightSpec weight) => weight.Name == "kernel";
}

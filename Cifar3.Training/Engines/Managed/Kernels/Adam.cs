using System.Runtime.CompilerServices;

namespace Cifar3.Training;

// m += (g − m)·(1 − β₁);  v += (g² − v)·(1 − β₂);  w −= α·m / (√v + ε)
// with α = lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ), β₁ 0.9, β₂ 0.999, ε 1e-7: Kingma and Ba 2015 in the form that Keras computes.
// g [count], read; w, m, v [count], updated. Padding stays zero: there g = m = v = 0.
// Element by element: threads share the elements, each from first to end. Reference: LayerKernelTests.
internal static unsafe class Adam
{
    public const double Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-7;

    /// <summary>α of step t.</summary>
    public static float StepSize(float learningRate, long t) =>
        (float)(learningRate * Math.Sqrt(1 - Math.Pow(Beta2, t)) / (1 - Math.Pow(Beta1, t)));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<V>(float* gradients, long first, long end, float* w, float* m, float* v, float stepSize)
        where V : struct, ISimd<V>
    {
        V alpha = V.Broadcast(-stepSize), epsilon = V.Broadcast((float)Epsilon);
        V rest1 = V.Broadcast((float)(1 - Beta1)), rest2 = V.Broadcast((float)(1 - Beta2));
        for (long i = first; i < end; i += V.Width)
        {
            V g = V.Load(gradients + i);
            V mean = V.Load(m + i), square = V.Load(v + i);
            mean = V.Fma(g - mean, rest1, mean);
            square = V.Fma(g * g - square, rest2, square);
            V.Store(m + i, mean);
            V.Store(v + i, square);
            V.Store(w + i, V.Fma(alpha, mean / (V.Sqrt(square) + epsilon), V.Load(w + i)));
        }
    }
}

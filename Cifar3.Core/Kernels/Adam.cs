using System.Runtime.CompilerServices;

namespace Cifar3;

// m += (g − m)·(1 − β₁);  v += (g² − v)·(1 − β₂);  w = w·keep − α·m / (√v + ε)
// with α and the numbers of AdamOptimizer, and keep = 1 − lr·λ for AdamW's decay (1 without: w·1 is w).
// g [count], read; w, m, v [count], updated. Padding stays zero: there g = m = v = 0.
// Element by element: threads share the elements, each from first to end. Reference: LayerKernelTests.
internal static unsafe class Adam
{
    [MethodImpl(Jit.Kernel)]
    public static void Run<V>(float* gradients, long first, long end, float* w, float* m, float* v, float stepSize, float keep = 1)
        where V : struct, ISimd<V>
    {
        V alpha = V.Broadcast(-stepSize), epsilon = V.Broadcast((float)AdamOptimizer.Epsilon), kept = V.Broadcast(keep);
        V rest1 = V.Broadcast((float)(1 - AdamOptimizer.Beta1)), rest2 = V.Broadcast((float)(1 - AdamOptimizer.Beta2));
        for (long i = first; i < end; i += V.Width)
        {
            V g = V.Load(gradients + i);
            V mean = V.Load(m + i), square = V.Load(v + i);
            mean = V.Fma(g - mean, rest1, mean);
            square = V.Fma(g * g - square, rest2, square);
            V.Store(m + i, mean);
            V.Store(v + i, square);
            V.Store(w + i, V.Fma(alpha, mean / (V.Sqrt(square) + epsilon), V.Load(w + i) * kept));
        }
    }
}

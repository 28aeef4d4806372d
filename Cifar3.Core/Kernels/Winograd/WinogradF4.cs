using System.Runtime.CompilerServices;

namespace Cifar3;

// F(4×4, 3×3): tiles of 6×6, 36 points, 4 times fewer multiplications than the direct sum (16·9 / 36).
// Interpolation points 0, ±1, ±2, ∞.
//
//        4  0 -5  0  1  0           1/4     0    0            1 1  1 1  1 0
//        0 -4 -4  1  1  0          -1/6  -1/6 -1/6            0 1 -1 2 -2 0
//   Bᵀ = 0  4 -4 -1  1  0      G = -1/6   1/6 -1/6       Aᵀ = 0 1  1 4  4 0
//        0 -2 -1  2  1  0          1/24  1/12  1/6            0 1 -1 8 -8 1
//        0  2 -1 -2  1  0          1/24 -1/12  1/6
//        0  4  0 -5  0  1             0     0    1
internal readonly unsafe struct WinogradF4 : IWinogradTile
{
    public static int Input => 6;

    public static int Output => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TransformInput<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>
    {
        V x0 = V.Load(x), x1 = V.Load(x + xStride), x2 = V.Load(x + 2 * xStride), x3 = V.Load(x + 3 * xStride);
        V x4 = V.Load(x + 4 * xStride), x5 = V.Load(x + 5 * xStride);
        V even1 = V.Fma(x2, V.Broadcast(-4f), x4), odd1 = V.Fma(x1, V.Broadcast(-4f), x3);
        V even2 = x4 - x2, half = x3 - x1, odd2 = half + half;
        V.Store(y, V.Fma(x0, V.Broadcast(4f), V.Fma(x2, V.Broadcast(-5f), x4)));
        V.Store(y + yStride, even1 + odd1);
        V.Store(y + 2 * yStride, even1 - odd1);
        V.Store(y + 3 * yStride, even2 + odd2);
        V.Store(y + 4 * yStride, even2 - odd2);
        V.Store(y + 5 * yStride, V.Fma(x1, V.Broadcast(4f), V.Fma(x3, V.Broadcast(-5f), x5)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TransformInputAdjoint<V, THead, TBody>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>
        where THead : struct, INumber
        where TBody : struct, INumber
    {
        V x0 = V.Load(x), x1 = V.Load(x + xStride), x2 = V.Load(x + 2 * xStride), x3 = V.Load(x + 3 * xStride);
        V x4 = V.Load(x + 4 * xStride), x5 = V.Load(x + 5 * xStride);
        V sum1 = x1 + x2, difference1 = x1 - x2;
        V sum2 = x3 + x4, difference2 = x3 - x4;
        WinogradMap.Put<V, THead>(y, x0 * V.Broadcast(4f));
        WinogradMap.Put<V, THead>(y + yStride, V.Fma(difference2, V.Broadcast(-2f), (x5 - difference1) * V.Broadcast(4f)));
        WinogradMap.Put<V, TBody>(y + 2 * yStride, V.Fma(sum1, V.Broadcast(-4f), x0 * V.Broadcast(-5f) - sum2));
        WinogradMap.Put<V, TBody>(y + 3 * yStride, V.Fma(x5, V.Broadcast(-5f), V.Fma(difference2, V.Broadcast(2f), difference1)));
        WinogradMap.Put<V, TBody>(y + 4 * yStride, x0 + sum1 + sum2);
        WinogradMap.Put<V, TBody>(y + 5 * yStride, x5);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TransformOutput<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>
    {
        V x0 = V.Load(x), x1 = V.Load(x + xStride), x2 = V.Load(x + 2 * xStride), x3 = V.Load(x + 3 * xStride);
        V x4 = V.Load(x + 4 * xStride), x5 = V.Load(x + 5 * xStride);
        V sum1 = x1 + x2, difference1 = x1 - x2;
        V sum2 = x3 + x4, difference2 = x3 - x4;
        V.Store(y, x0 + sum1 + sum2);
        V.Store(y + yStride, V.Fma(difference2, V.Broadcast(2f), difference1));
        V.Store(y + 2 * yStride, V.Fma(sum2, V.Broadcast(4f), sum1));
        V.Store(y + 3 * yStride, V.Fma(difference2, V.Broadcast(8f), difference1 + x5));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TransformOutputAdjoint<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>
    {
        V x0 = V.Load(x), x1 = V.Load(x + xStride), x2 = V.Load(x + 2 * xStride), x3 = V.Load(x + 3 * xStride);
        V even1 = x0 + x2, odd1 = x1 + x3;
        V even2 = V.Fma(x2, V.Broadcast(4f), x0), odd2 = V.Fma(x3, V.Broadcast(8f), x1 + x1);
        V.Store(y, x0);
        V.Store(y + yStride, even1 + odd1);
        V.Store(y + 2 * yStride, even1 - odd1);
        V.Store(y + 3 * yStride, even2 + odd2);
        V.Store(y + 4 * yStride, even2 - odd2);
        V.Store(y + 5 * yStride, x3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TransformWeights<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>
    {
        V x0 = V.Load(x), x1 = V.Load(x + xStride), x2 = V.Load(x + 2 * xStride);
        V even1 = (x0 + x2) * V.Broadcast(-1f / 6), odd1 = x1 * V.Broadcast(-1f / 6);
        V even2 = V.Fma(x2, V.Broadcast(1f / 6), x0 * V.Broadcast(1f / 24)), odd2 = x1 * V.Broadcast(1f / 12);
        V.Store(y, x0 * V.Broadcast(0.25f));
        V.Store(y + yStride, even1 + odd1);
        V.Store(y + 2 * yStride, even1 - odd1);
        V.Store(y + 3 * yStride, even2 + odd2);
        V.Store(y + 4 * yStride, even2 - odd2);
        V.Store(y + 5 * yStride, x2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TransformWeightsAdjoint<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>
    {
        V x0 = V.Load(x), x1 = V.Load(x + xStride), x2 = V.Load(x + 2 * xStride), x3 = V.Load(x + 3 * xStride);
        V x4 = V.Load(x + 4 * xStride), x5 = V.Load(x + 5 * xStride);
        V sum1 = x1 + x2, difference1 = x1 - x2;
        V sum2 = x3 + x4, difference2 = x3 - x4;
        V.Store(y, V.Fma(sum2, V.Broadcast(1f / 24), V.Fma(sum1, V.Broadcast(-1f / 6), x0 * V.Broadcast(0.25f))));
        V.Store(y + yStride, V.Fma(difference2, V.Broadcast(1f / 12), difference1 * V.Broadcast(-1f / 6)));
        V.Store(y + 2 * yStride, V.Fma(sum2, V.Broadcast(1f / 6), V.Fma(sum1, V.Broadcast(-1f / 6), x5)));
    }
}

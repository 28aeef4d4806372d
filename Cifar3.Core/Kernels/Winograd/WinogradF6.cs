using System.Runtime.CompilerServices;

namespace Cifar3;

// F(6×6, 3×3): tiles of 8×8, 64 points, 5.06 times fewer multiplications than the direct sum (36·9 / 64).
// Interpolation points 0, ±1, ±2, ±1/2, ∞: symmetric, so rows come in pairs even ± odd, and no entry is larger than 32.
//
//        1     0  -21/4     0   21/4     0  -1  0           1      0     0              1 1  1 1  1   1     1  0
//        0     1     1  -17/4 -17/4     1   1  0        -2/9  -2/9  -2/9              0 1 -1 2 -2  1/2  -1/2  0
//        0    -1     1   17/4 -17/4    -1   1  0        -2/9   2/9  -2/9              0 1  1 4  4  1/4   1/4  0
//   Bᵀ = 0   1/2   1/4   -5/2  -5/4     2   1  0    G =  1/90  1/45  2/45        Aᵀ = 0 1 -1 8 -8  1/8  -1/8  0
//        0  -1/2   1/4    5/2  -5/4    -2   1  0         1/90 -1/45  2/45             0 1  1 16 16 1/16 1/16  0
//        0     2     4   -5/2    -5   1/2   1  0        32/45 16/45  8/45             0 1 -1 32 -32 1/32 -1/32 1
//        0    -2     4    5/2    -5  -1/2   1  0        32/45 -16/45 8/45
//        0    -1     0   21/4     0 -21/4   0  1            0      0     1
//
// TransformInput loads its even half, then its odd: with eight loads first AVX2's 16 registers make it wait (1.05 times the time).
internal readonly unsafe struct WinogradF6 : IWinogradTile
{
    public static int Input => 8;

    public static int Output => 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TransformInput<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>
    {
        V x2 = V.Load(x + 2 * xStride), x4 = V.Load(x + 4 * xStride), x6 = V.Load(x + 6 * xStride);
        V even1 = V.Fma(x4, V.Broadcast(-4.25f), x2 + x6);
        V even2 = V.Fma(x2, V.Broadcast(0.25f), V.Fma(x4, V.Broadcast(-1.25f), x6));
        V even3 = V.Fma(x2, V.Broadcast(4f), V.Fma(x4, V.Broadcast(-5f), x6));
        V.Store(y, V.Fma(x4 - x2, V.Broadcast(5.25f), V.Load(x) - x6));
        V x1 = V.Load(x + xStride), x3 = V.Load(x + 3 * xStride), x5 = V.Load(x + 5 * xStride);
        V odd1 = V.Fma(x3, V.Broadcast(-4.25f), x1 + x5);
        V.Store(y + yStride, even1 + odd1);
        V.Store(y + 2 * yStride, even1 - odd1);
        V odd2 = V.Fma(x1, V.Broadcast(0.5f), V.Fma(x3, V.Broadcast(-2.5f), x5 + x5));
        V.Store(y + 3 * yStride, even2 + odd2);
        V.Store(y + 4 * yStride, even2 - odd2);
        V odd3 = V.Fma(x5, V.Broadcast(0.5f), V.Fma(x3, V.Broadcast(-2.5f), x1 + x1));
        V.Store(y + 5 * yStride, even3 + odd3);
        V.Store(y + 6 * yStride, even3 - odd3);
        V.Store(y + 7 * yStride, V.Fma(x3 - x5, V.Broadcast(5.25f), V.Load(x + 7 * xStride) - x1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TransformInputAdjoint<V, THead, TBody>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>
        where THead : struct, INumber
        where TBody : struct, INumber
    {
        V x0 = V.Load(x), x1 = V.Load(x + xStride), x2 = V.Load(x + 2 * xStride), x3 = V.Load(x + 3 * xStride);
        V x4 = V.Load(x + 4 * xStride), x5 = V.Load(x + 5 * xStride), x6 = V.Load(x + 6 * xStride), x7 = V.Load(x + 7 * xStride);
        V sum1 = x1 + x2, difference1 = x1 - x2;
        V sum2 = x3 + x4, difference2 = x3 - x4;
        V sum3 = x5 + x6, difference3 = x5 - x6;
        WinogradMap.Put<V, THead>(y, x0);
        WinogradMap.Put<V, THead>(y + yStride, V.Fma(difference3, V.Broadcast(2f), V.Fma(difference2, V.Broadcast(0.5f), difference1 - x7)));
        WinogradMap.Put<V, TBody>(y + 2 * yStride, V.Fma(x0, V.Broadcast(-5.25f), V.Fma(sum3, V.Broadcast(4f), V.Fma(sum2, V.Broadcast(0.25f), sum1))));
        WinogradMap.Put<V, TBody>(y + 3 * yStride, V.Fma(difference2 + difference3, V.Broadcast(-2.5f), V.Fma(difference1, V.Broadcast(-4.25f), x7 * V.Broadcast(5.25f))));
        WinogradMap.Put<V, TBody>(y + 4 * yStride, V.Fma(sum3, V.Broadcast(-5f), V.Fma(sum2, V.Broadcast(-1.25f), V.Fma(sum1, V.Broadcast(-4.25f), x0 * V.Broadcast(5.25f)))));
        WinogradMap.Put<V, TBody>(y + 5 * yStride, V.Fma(x7, V.Broadcast(-5.25f), V.Fma(difference3, V.Broadcast(0.5f), V.Fma(difference2, V.Broadcast(2f), difference1))));
        WinogradMap.Put<V, TBody>(y + 6 * yStride, sum1 + sum2 + (sum3 - x0));
        WinogradMap.Put<V, TBody>(y + 7 * yStride, x7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TransformOutput<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>
    {
        V x0 = V.Load(x), x1 = V.Load(x + xStride), x2 = V.Load(x + 2 * xStride), x3 = V.Load(x + 3 * xStride);
        V x4 = V.Load(x + 4 * xStride), x5 = V.Load(x + 5 * xStride), x6 = V.Load(x + 6 * xStride), x7 = V.Load(x + 7 * xStride);
        V sum1 = x1 + x2, difference1 = x1 - x2;
        V sum2 = x3 + x4, difference2 = x3 - x4;
        V sum3 = x5 + x6, difference3 = x5 - x6;
        V.Store(y, x0 + sum1 + (sum2 + sum3));
        V.Store(y + yStride, V.Fma(difference3, V.Broadcast(0.5f), V.Fma(difference2, V.Broadcast(2f), difference1)));
        V.Store(y + 2 * yStride, V.Fma(sum3, V.Broadcast(0.25f), V.Fma(sum2, V.Broadcast(4f), sum1)));
        V.Store(y + 3 * yStride, V.Fma(difference3, V.Broadcast(0.125f), V.Fma(difference2, V.Broadcast(8f), difference1)));
        V.Store(y + 4 * yStride, V.Fma(sum3, V.Broadcast(0.0625f), V.Fma(sum2, V.Broadcast(16f), sum1)));
        V.Store(y + 5 * yStride, V.Fma(difference3, V.Broadcast(0.03125f), V.Fma(difference2, V.Broadcast(32f), difference1 + x7)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TransformOutputAdjoint<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>
    {
        V x0 = V.Load(x), x1 = V.Load(x + xStride), x2 = V.Load(x + 2 * xStride), x3 = V.Load(x + 3 * xStride);
        V x4 = V.Load(x + 4 * xStride), x5 = V.Load(x + 5 * xStride);
        V even1 = x0 + x2 + x4, odd1 = x1 + x3 + x5;
        V even2 = V.Fma(x4, V.Broadcast(16f), V.Fma(x2, V.Broadcast(4f), x0));
        V odd2 = V.Fma(x5, V.Broadcast(32f), V.Fma(x3, V.Broadcast(8f), x1 + x1));
        V even3 = V.Fma(x4, V.Broadcast(0.0625f), V.Fma(x2, V.Broadcast(0.25f), x0));
        V odd3 = V.Fma(x5, V.Broadcast(0.03125f), V.Fma(x3, V.Broadcast(0.125f), x1 * V.Broadcast(0.5f)));
        V.Store(y, x0);
        V.Store(y + yStride, even1 + odd1);
        V.Store(y + 2 * yStride, even1 - odd1);
        V.Store(y + 3 * yStride, even2 + odd2);
        V.Store(y + 4 * yStride, even2 - odd2);
        V.Store(y + 5 * yStride, even3 + odd3);
        V.Store(y + 6 * yStride, even3 - odd3);
        V.Store(y + 7 * yStride, x5);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TransformWeights<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>
    {
        V x0 = V.Load(x), x1 = V.Load(x + xStride), x2 = V.Load(x + 2 * xStride);
        V even1 = (x0 + x2) * V.Broadcast(-2f / 9), odd1 = x1 * V.Broadcast(-2f / 9);
        V even2 = V.Fma(x2, V.Broadcast(4f / 90), x0 * V.Broadcast(1f / 90)), odd2 = x1 * V.Broadcast(2f / 90);
        V even3 = V.Fma(x2, V.Broadcast(8f / 45), x0 * V.Broadcast(32f / 45)), odd3 = x1 * V.Broadcast(16f / 45);
        V.Store(y, x0);
        V.Store(y + yStride, even1 + odd1);
        V.Store(y + 2 * yStride, even1 - odd1);
        V.Store(y + 3 * yStride, even2 + odd2);
        V.Store(y + 4 * yStride, even2 - odd2);
        V.Store(y + 5 * yStride, even3 + odd3);
        V.Store(y + 6 * yStride, even3 - odd3);
        V.Store(y + 7 * yStride, x2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TransformWeightsAdjoint<V>(float* x, nint xStride, float* y, nint yStride)
        where V : struct, ISimd<V>
    {
        V x0 = V.Load(x), x1 = V.Load(x + xStride), x2 = V.Load(x + 2 * xStride), x3 = V.Load(x + 3 * xStride);
        V x4 = V.Load(x + 4 * xStride), x5 = V.Load(x + 5 * xStride), x6 = V.Load(x + 6 * xStride), x7 = V.Load(x + 7 * xStride);
        V sum1 = x1 + x2, difference1 = x1 - x2;
        V sum2 = x3 + x4, difference2 = x3 - x4;
        V sum3 = x5 + x6, difference3 = x5 - x6;
        V.Store(y, V.Fma(sum3, V.Broadcast(32f / 45), V.Fma(sum2, V.Broadcast(1f / 90), V.Fma(sum1, V.Broadcast(-2f / 9), x0))));
        V.Store(y + yStride, V.Fma(difference3, V.Broadcast(16f / 45), V.Fma(difference2, V.Broadcast(2f / 90), difference1 * V.Broadcast(-2f / 9))));
        V.Store(y + 2 * yStride, V.Fma(sum3, V.Broadcast(8f / 45), V.Fma(sum2, V.Broadcast(4f / 90), V.Fma(sum1, V.Broadcast(-2f / 9), x7))));
    }
}

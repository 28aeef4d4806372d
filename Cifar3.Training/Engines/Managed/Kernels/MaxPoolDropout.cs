using System.Runtime.CompilerServices;

namespace Cifar3.Training;

// Max-pooling 2×2 with stride 2, then inverted dropout.
// Forward    p[i, j, c] = keep ? scale · max over the window of y : 0;  route = 0..3: the window's first largest, 4: no gradient
//            (dropped, or the largest is not above 0, where the ReLU that made y has gradient 0)
// Backward   dy[window(route)] = scale · dp, 0 elsewhere in the window: the gradient behind that ReLU
// y      [2H, 2W, C], read          p, dp [H, W, C]          dy [2H, 2W, C], written (=)
// route  [H·W, C] bytes a pooled image          keep [H·W, C] bytes 0 or 1, padded to C channels as all else
// Element by element. Reference: MaxPoolDropoutTests.
internal static unsafe class MaxPoolDropout
{
    private const float NoGradient = 4;

    /// <summary>Inference: pooling alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Infer<V>(in Plane y, int yImage, in Plane p, int image)
        where V : struct, ISimd<V>
    {
        int channels = p.Channels;
        for (int row = 0; row < p.Height; row++)
        {
            for (int column = 0; column < p.Width; column++)
            {
                float* top = y.At(yImage, 2 * row, 2 * column), bottom = top + y.RowStride, target = p.At(image, row, column);
                for (int c = 0; c < channels; c += V.Width)
                {
                    V upper = V.Max(V.Load(top + c), V.Load(top + channels + c));
                    V lower = V.Max(V.Load(bottom + c), V.Load(bottom + channels + c));
                    V.Store(target + c, V.Max(upper, lower));
                }
            }
        }
    }

    /// <summary>Training: pooling and dropout.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward<V>(in Plane y, int yImage, in Plane p, int image, byte* keep, float scale, byte* route)
        where V : struct, ISimd<V>
    {
        int channels = p.Channels;
        V zero = V.Broadcast(0), one = V.Broadcast(1), two = V.Broadcast(2), three = V.Broadcast(3), four = V.Broadcast(NoGradient), factor = V.Broadcast(scale);
        for (int row = 0; row < p.Height; row++)
        {
            for (int column = 0; column < p.Width; column++, keep += channels, route += channels)
            {
                float* top = y.At(yImage, 2 * row, 2 * column), bottom = top + y.RowStride, target = p.At(image, row, column);
                for (int c = 0; c < channels; c += V.Width)
                {
                    V largest = V.Load(top + c), next = V.Load(top + channels + c), at = zero;
                    (at, largest) = (V.IfGreater(next, largest, one, at), V.Max(largest, next));
                    next = V.Load(bottom + c);
                    (at, largest) = (V.IfGreater(next, largest, two, at), V.Max(largest, next));
                    next = V.Load(bottom + channels + c);
                    (at, largest) = (V.IfGreater(next, largest, three, at), V.Max(largest, next));
                    V kept = V.LoadBytes(keep + c);
                    V.Store(target + c, V.IfGreater(kept, zero, largest * factor, zero));
                    V.StoreBytes(route + c, V.IfGreater(kept * largest, zero, at, four));
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward<V>(in Plane dp, int image, byte* route, float scale, in Plane dy, int dyImage)
        where V : struct, ISimd<V>
    {
        int channels = dp.Channels;
        V zero = V.Broadcast(0), one = V.Broadcast(1), two = V.Broadcast(2), three = V.Broadcast(3), factor = V.Broadcast(scale);
        for (int row = 0; row < dp.Height; row++)
        {
            for (int column = 0; column < dp.Width; column++, route += channels)
            {
                float* top = dy.At(dyImage, 2 * row, 2 * column), bottom = top + dy.RowStride, source = dp.At(image, row, column);
                for (int c = 0; c < channels; c += V.Width)
                {
                    V at = V.LoadBytes(route + c), gradient = V.Load(source + c) * factor;
                    V.Store(top + c, V.IfEqual(at, zero, gradient, zero));
                    V.Store(top + channels + c, V.IfEqual(at, one, gradient, zero));
                    V.Store(bottom + c, V.IfEqual(at, two, gradient, zero));
                    V.Store(bottom + channels + c, V.IfEqual(at, three, gradient, zero));
                }
            }
        }
    }
}

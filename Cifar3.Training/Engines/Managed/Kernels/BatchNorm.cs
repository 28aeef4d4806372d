using System.Runtime.CompilerServices;

namespace Cifar3.Training;

// Forward    z = scale·y + shift                            scale = γ/√(σ² + ε), shift = β − μ·scale
// Backward   dy = y > 0 ? a·dz + b·(y − μ) + c : 0          a = γ/√(σ² + ε), b = −a·dγ/(N·√(σ² + ε)), c = −a·dβ/N
//            with dβ = Σ dz and dγ = Σ dz·x̂; the condition is the gradient of the ReLU that made y.
// y, dz [H, W, C], read; z, dy [H, W, C], written (=); coefficients [C], read. Element by element. Reference: BatchNormTests.
internal static unsafe class BatchNorm
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward<V>(in Plane y, in Plane z, int image, float* scale, float* shift)
        where V : struct, ISimd<V>
    {
        int channels = y.Channels;
        for (int row = 0; row < y.Height; row++)
        {
            float* source = y.At(image, row), target = z.At(image, row);
            for (int column = 0; column < y.Width; column++, source += channels, target += channels)
            {
                for (int c = 0; c < channels; c += V.Width)
                {
                    V.Store(target + c, V.Fma(V.Load(source + c), V.Load(scale + c), V.Load(shift + c)));
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward<V>(in Plane y, in Plane dz, int image, in Plane dy, int dyImage, float* mean, float* a, float* b, float* c)
        where V : struct, ISimd<V>
    {
        int channels = y.Channels;
        V zero = V.Broadcast(0);
        for (int row = 0; row < y.Height; row++)
        {
            float* yPixel = y.At(image, row), dzPixel = dz.At(image, row), dyPixel = dy.At(dyImage, row);
            for (int column = 0; column < y.Width; column++, yPixel += channels, dzPixel += channels, dyPixel += channels)
            {
                for (int i = 0; i < channels; i += V.Width)
                {
                    V value = V.Load(yPixel + i);
                    V centred = V.Fma(V.Load(b + i), value - V.Load(mean + i), V.Load(c + i));
                    V gradient = V.Fma(V.Load(a + i), V.Load(dzPixel + i), centred);
                    V.Store(dyPixel + i, V.IfGreater(value, zero, gradient, zero));
                }
            }
        }
    }
}

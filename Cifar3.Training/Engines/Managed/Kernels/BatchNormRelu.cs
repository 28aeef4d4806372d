using System.Runtime.CompilerServices;

namespace Cifar3.Training;

// Backward of BatchNorm and of the ReLU before it:  dy = y > 0 ? dz + b·y + c : 0       (b, c and dz: WinogradBatchNormBackward)
// y, dz [H, W, C], read; dy [H, W, C], written (=); b, c [C], read. Element by element.
// What BatchNormReluSource does for Winograd's tiles, here for the direct convolution. Reference: LayerKernelTests.
internal static unsafe class BatchNormRelu
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward<V>(in Plane y, in Plane dz, int image, in Plane dy, int dyImage, float* b, float* c)
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
                    V gradient = V.Fma(V.Load(b + i), value, V.Load(dzPixel + i) + V.Load(c + i));
                    V.Store(dyPixel + i, V.IfGreater(value, zero, gradient, zero));
                }
            }
        }
    }
}

using System.Runtime.CompilerServices;

namespace Cifar3;

// x[i, j, c] = pixel[i, j, c] / 255
// pixels [32, 32, 3] uint8, read          x [32, 32, 3] with a border, written (=)
internal static unsafe class PixelsToFloat
{
    [MethodImpl(Jit.Kernel)]
    public static void Run<V>(byte* pixels, in Plane x, int image)
        where V : struct, ISimd<V>
    {
        V white = V.Broadcast(255);
        int rowBytes = x.Width * x.Channels; // 96, a multiple of every vector width
        for (int row = 0; row < x.Height; row++, pixels += rowBytes)
        {
            float* target = x.At(image, row);
            for (int i = 0; i < rowBytes; i += V.Width)
            {
                V.Store(target + i, V.LoadBytes(pixels + i) / white);
            }
        }
    }
}

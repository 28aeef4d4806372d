using System.Runtime.CompilerServices;

namespace Cifar3.Training;

// Sums over all pixels of one image, a channel each, accumulated (+=) in double: sums[c] += Σ over i, j of x[i, j, c], and for the
// pair forms sums[Channels + c] += Σ over i, j of x[i, j, c] · y[i, j, c], the products in double as well.
// float32 sums here are what puts other frameworks' BatchNorm gradients off by 1e-3 to 1e-2.
// x, y [H, W, C], read. Order of summation: rows, columns. Reference: ChannelSumsTests.
internal static unsafe class ChannelSums
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<V>(in Plane x, int image, double* sums)
        where V : struct, ISimd<V>
    {
        int channels = x.Channels;
        for (int row = 0; row < x.Height; row++)
        {
            float* pixel = x.At(image, row);
            for (int column = 0; column < x.Width; column++, pixel += channels)
            {
                for (int c = 0; c < channels; c += V.Width)
                {
                    V.AddTo(sums + c, V.Load(pixel + c));
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RunWithProducts<V>(in Plane x, int xImage, in Plane y, int yImage, double* sums)
        where V : struct, ISimd<V>
    {
        int channels = x.Channels;
        for (int row = 0; row < x.Height; row++)
        {
            float* xPixel = x.At(xImage, row), yPixel = y.At(yImage, row);
            for (int column = 0; column < x.Width; column++, xPixel += channels, yPixel += channels)
            {
                for (int c = 0; c < channels; c += V.Width)
                {
                    V a = V.Load(xPixel + c);
                    V.AddTo(sums + c, a);
                    V.AddProductTo(sums + channels + c, a, V.Load(yPixel + c));
                }
            }
        }
    }
}

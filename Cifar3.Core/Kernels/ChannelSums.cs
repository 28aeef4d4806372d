using System.Runtime.CompilerServices;

namespace Cifar3;

// Sums over all pixels of one image, a channel each, accumulated (+=) in double:
//   Run              sums[c] += Σ over i, j of x[i, j, c]
//   RunWithSquares   and sums[Channels + c] += Σ over i, j of x[i, j, c]²
// A row of pixels is summed in float, the rows' sums in double: rounding stays below float32's last bit of mean and variance.
// One float32 sum over a batch is what puts other frameworks' BatchNorm gradients off by 1e-3 to 1e-2.
// x [H, W, C], read. Order of summation: rows, columns. Reference: LayerKernelTests.
internal static unsafe class ChannelSums
{
    [MethodImpl(Jit.Kernel)]
    public static void Run<V>(in Plane x, int image, double* sums)
        where V : struct, ISimd<V>
    {
        for (int row = 0; row < x.Height; row++)
        {
            for (int c = 0; c < x.Channels; c += V.Width)
            {
                V sum = V.Broadcast(0);
                float* pixel = x.At(image, row) + c;
                for (int column = 0; column < x.Width; column++, pixel += x.Channels)
                {
                    sum += V.Load(pixel);
                }

                V.AddTo(sums + c, sum);
            }
        }
    }

    [MethodImpl(Jit.Kernel)]
    public static void RunWithSquares<V>(in Plane x, int image, double* sums)
        where V : struct, ISimd<V>
    {
        for (int row = 0; row < x.Height; row++)
        {
            for (int c = 0; c < x.Channels; c += V.Width)
            {
                V sum = V.Broadcast(0), squares = sum;
                float* pixel = x.At(image, row) + c;
                for (int column = 0; column < x.Width; column++, pixel += x.Channels)
                {
                    V value = V.Load(pixel);
                    sum += value;
                    squares = V.Fma(value, value, squares);
                }

                V.AddTo(sums + c, sum);
                V.AddTo(sums + x.Channels + c, squares);
            }
        }
    }
}

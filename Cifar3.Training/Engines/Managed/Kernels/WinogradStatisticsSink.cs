using System.Runtime.CompilerServices;

namespace Cifar3.Training;

// y = max(0, Y + bias);  sums[c] += Σ y, sums[Channels + c] += Σ y² over the pixels, for the BatchNorm that follows.
// A tile (at most 36 pixels) is summed in float, row by row; the tile sums in double, in the order of the tiles. Rounding stays
// below float32's last bit of mean and variance; one float sum over a batch is off by 1e-3 and more in the gradients.
internal readonly unsafe struct ReluStatisticsSink(Plane y, float* bias, double* sums) : IWinogradSink
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<V, TTile>(float* tile, in WinogradPlace place, int channel)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        V shift = V.Load(bias + channel), zero = V.Broadcast(0), sum = zero, squares = zero;
        float* target = y.At(place.Image, place.Row, place.Column) + channel;
        for (int i = 0; i < place.Rows; i++, target += y.RowStride, tile += TTile.Output * V.Width)
        {
            for (int j = 0; j < place.Columns; j++)
            {
                V value = V.Max(zero, V.Load(tile + j * V.Width) + shift);
                V.Store(target + j * y.Channels, value);
                sum += value;
                squares = V.Fma(value, value, squares);
            }
        }

        V.AddTo(sums + channel, sum);
        V.AddTo(sums + y.Channels + channel, squares);
    }
}

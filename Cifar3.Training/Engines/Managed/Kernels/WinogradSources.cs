using System.Runtime.CompilerServices;

namespace Cifar3.Training;

/// <summary>Begins a layer's backward pass while loading the tiles of its output's gradient.</summary>
internal unsafe interface IWinogradSource
{
    /// <summary>Fills one vector of channels, from <paramref name="channel"/> on, of a tile [m, m]; pixels outside the output are zero already.</summary>
    void Read<V, TTile>(float* tile, in WinogradPlace place, int channel)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile;
}

/// <summary>dY = dy as it is.</summary>
internal readonly unsafe struct PlainSource(Plane dy) : IWinogradSource
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Read<V, TTile>(float* tile, in WinogradPlace place, int channel)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        float* source = dy.At(place.Image, place.Row, place.Column) + channel;
        for (int i = 0; i < place.Rows; i++, source += dy.RowStride, tile += TTile.Output * V.Width)
        {
            for (int j = 0; j < place.Columns; j++)
            {
                V.Store(tile + j * V.Width, V.Load(source + j * dy.Channels));
            }
        }
    }
}

// Backward of BatchNorm and of the ReLU before it:  dY = y > 0 ? dz + b·y + c : 0     (b, c: WinogradBatchNormBackward)
// dz  gradient of BatchNorm's input through its scale alone, as the next convolution's backward pass leaves it     y  the ReLU's output
internal readonly unsafe struct BatchNormReluSource(Plane dz, Plane y, float* b, float* c) : IWinogradSource
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Read<V, TTile>(float* tile, in WinogradPlace place, int channel)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        V slope = V.Load(b + channel), shift = V.Load(c + channel), zero = V.Broadcast(0);
        float* gradient = dz.At(place.Image, place.Row, place.Column) + channel;
        float* output = y.At(place.Image, place.Row, place.Column) + channel;
        for (int i = 0; i < place.Rows; i++, gradient += dz.RowStride, output += y.RowStride, tile += TTile.Output * V.Width)
        {
            for (int j = 0; j < place.Columns; j++)
            {
                V value = V.Load(output + j * y.Channels);
                V sum = V.Fma(slope, value, V.Load(gradient + j * dz.Channels) + shift);
                V.Store(tile + j * V.Width, V.IfGreater(value, zero, sum, zero));
            }
        }
    }
}

// Backward of dropout, max-pooling and ReLU:  dY[window(route)] = scale · dp, 0 elsewhere in the window     (route: ReluPoolSink)
internal readonly unsafe struct UnpoolSource(Plane dp, int pooledHeight, int pooledWidth, byte* route, float scale) : IWinogradSource
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Read<V, TTile>(float* tile, in WinogradPlace place, int channel)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        int row = place.Row / 2, column = place.Column / 2, line = TTile.Output * V.Width;
        V zero = V.Broadcast(0), one = V.Broadcast(1), two = V.Broadcast(2), three = V.Broadcast(3), factor = V.Broadcast(scale);
        for (int i = 0; i < place.Rows / 2; i++, tile += 2 * line)
        {
            float* source = dp.At(place.Image, row + i, column) + channel;
            nint code = (((nint)place.Image * pooledHeight + row + i) * pooledWidth + column) * dp.Channels + channel;
            for (int j = 0; j < place.Columns / 2; j++, source += dp.Channels, code += dp.Channels)
            {
                V at = V.LoadBytes(route + code), gradient = V.Load(source) * factor;
                float* window = tile + 2 * j * V.Width;
                V.Store(window, V.IfEqual(at, zero, gradient, zero));
                V.Store(window + V.Width, V.IfEqual(at, one, gradient, zero));
                V.Store(window + line, V.IfEqual(at, two, gradient, zero));
                V.Store(window + line + V.Width, V.IfEqual(at, three, gradient, zero));
            }
        }
    }
}

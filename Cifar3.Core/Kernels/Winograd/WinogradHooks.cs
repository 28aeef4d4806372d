using System.Runtime.CompilerServices;

namespace Cifar3;

/// <summary>Finishes a layer from its output tiles, while they are in L1: bias, ReLU and what follows.</summary>
internal unsafe interface IWinogradSink
{
    /// <summary>Takes one vector of channels, from <paramref name="channel"/> on, of a tile [m, m].</summary>
    void Write<V, TTile>(float* tile, in WinogradPlace place, int channel)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile;

    /// <summary>Names the memory that <see cref="Write"/> will touch of those images.</summary>
    void AskFor(in ImagesAhead images, ref MemoryAhead ahead);
}

/// <summary>y = max(floor, Y + bias): floor 0 for ReLU, −∞ for none.</summary>
internal readonly unsafe struct PlainSink(Plane y, float* bias, float floor) : IWinogradSink
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<V, TTile>(float* tile, in WinogradPlace place, int channel)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        V shift = V.Load(bias + channel), smallest = V.Broadcast(floor);
        float* target = y.At(place.Image, place.Row, place.Column) + channel;
        nint row = y.RowStride, column = y.Channels;
        int columns = place.Columns;
        for (int i = place.Rows; i > 0; i--, target += row, tile += TTile.Output * V.Width)
        {
            float* pixel = target, value = tile;
            for (int j = columns; j > 0; j--, pixel += column, value += V.Width)
            {
                V.Store(pixel, V.Max(smallest, V.Load(value) + shift));
            }
        }
    }

    public void AskFor(in ImagesAhead images, ref MemoryAhead ahead) => y.AskFor(in images, ref ahead);
}

// ReLU, max-pooling 2×2 with stride 2 (windows that do not fit are dropped), inverted dropout; only the pooled pixels are written.
//   p = keep ? scale · max(0, window of Y + bias) : 0
//   route = 0..3: the window's first largest, 4: no gradient (dropped, or the ReLU is closed)
// p  Plane [images, ⌊H/2⌋, ⌊W/2⌋, C]     keep, route  bytes [images, ⌊H/2⌋, ⌊W/2⌋, C] without border, may be one buffer; keep = null: inference
internal readonly unsafe struct ReluPoolSink(Plane p, float* bias, int pooledHeight, int pooledWidth, byte* keep, float scale, byte* route) : IWinogradSink
{
    private const float NoGradient = 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<V, TTile>(float* tile, in WinogradPlace place, int channel)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        int row = place.Row / 2, column = place.Column / 2, line = TTile.Output * V.Width;
        V zero = V.Broadcast(0), one = V.Broadcast(1), two = V.Broadcast(2), three = V.Broadcast(3), closed = V.Broadcast(NoGradient);
        V shift = V.Load(bias + channel), factor = V.Broadcast(scale);
        nint pixel = p.Channels;
        int columns = place.Columns / 2;
        byte* kept = keep;
        for (int i = 0; i < place.Rows / 2; i++, tile += 2 * line)
        {
            float* target = p.At(place.Image, row + i, column) + channel, window = tile;
            nint code = (((nint)place.Image * pooledHeight + row + i) * pooledWidth + column) * pixel + channel;
            for (int j = columns; j > 0; j--, target += pixel, code += pixel, window += 2 * V.Width)
            {
                V largest = V.Load(window), next = V.Load(window + V.Width);
                V at = V.IfGreater(next, largest, one, zero);
                largest = V.Max(largest, next);
                next = V.Load(window + line);
                at = V.IfGreater(next, largest, two, at);
                largest = V.Max(largest, next);
                next = V.Load(window + line + V.Width);
                at = V.IfGreater(next, largest, three, at);
                largest = V.Max(zero, V.Max(largest, next) + shift);
                if (kept == null)
                {
                    V.Store(target, largest);
                    continue;
                }

                V value = largest * V.LoadBytes(kept + code);
                V.Store(target, value * factor);
                V.StoreBytes(route + code, V.IfGreater(value, zero, at, closed));
            }
        }
    }

    public void AskFor(in ImagesAhead images, ref MemoryAhead ahead)
    {
        p.AskFor(in images, ref ahead);
        ahead.Add(in images, route, (nint)pooledHeight * pooledWidth * p.Channels);
    }
}

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
        nint row = y.RowStride, column = y.Channels;
        int columns = place.Columns;
        for (int i = place.Rows; i > 0; i--, target += row, tile += TTile.Output * V.Width)
        {
            float* pixel = target, source = tile;
            for (int j = columns; j > 0; j--, pixel += column, source += V.Width)
            {
                V value = V.Max(zero, V.Load(source) + shift);
                V.Store(pixel, value);
                sum += value;
                squares = V.Fma(value, value, squares);
            }
        }

        V.AddTo(sums + channel, sum);
        V.AddTo(sums + y.Channels + channel, squares);
    }

    public void AskFor(in ImagesAhead images, ref MemoryAhead ahead) => y.AskFor(in images, ref ahead);
}

/// <summary>Begins a layer's backward pass while loading the tiles of its output's gradient.</summary>
internal unsafe interface IWinogradSource
{
    /// <summary>Fills one vector of channels, from <paramref name="channel"/> on, of a tile [m, m]; pixels outside the output are zero already.</summary>
    void Read<V, TTile>(float* tile, in WinogradPlace place, int channel)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile;

    /// <summary>Names the memory that <see cref="Read"/> will touch of those images.</summary>
    void AskFor(in ImagesAhead images, ref MemoryAhead ahead);
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
        nint row = dy.RowStride, column = dy.Channels;
        int columns = place.Columns;
        for (int i = place.Rows; i > 0; i--, source += row, tile += TTile.Output * V.Width)
        {
            float* pixel = source, target = tile;
            for (int j = columns; j > 0; j--, pixel += column, target += V.Width)
            {
                V.Store(target, V.Load(pixel));
            }
        }
    }

    public void AskFor(in ImagesAhead images, ref MemoryAhead ahead) => dy.AskFor(in images, ref ahead);
}

// Backward of BatchNorm and of the ReLU before it:  dY = y > 0 ? dz + b·y + c : 0     (b, c: BatchNormFold)
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
        nint gradientRow = dz.RowStride, outputRow = y.RowStride, column = y.Channels;
        int columns = place.Columns;
        for (int i = place.Rows; i > 0; i--, gradient += gradientRow, output += outputRow, tile += TTile.Output * V.Width)
        {
            float* arriving = gradient, pixel = output, target = tile;
            for (int j = columns; j > 0; j--, arriving += column, pixel += column, target += V.Width)
            {
                V value = V.Load(pixel);
                V sum = V.Fma(slope, value, V.Load(arriving) + shift);
                V.Store(target, V.IfGreater(value, zero, sum, zero));
            }
        }
    }

    public void AskFor(in ImagesAhead images, ref MemoryAhead ahead)
    {
        dz.AskFor(in images, ref ahead);
        y.AskFor(in images, ref ahead);
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
        nint pixel = dp.Channels;
        int columns = place.Columns / 2;
        for (int i = 0; i < place.Rows / 2; i++, tile += 2 * line)
        {
            float* source = dp.At(place.Image, row + i, column) + channel, window = tile;
            byte* code = route + (((nint)place.Image * pooledHeight + row + i) * pooledWidth + column) * pixel + channel;
            for (int j = columns; j > 0; j--, source += pixel, code += pixel, window += 2 * V.Width)
            {
                V at = V.LoadBytes(code), gradient = V.Load(source) * factor;
                V.Store(window, V.IfEqual(at, zero, gradient, zero));
                V.Store(window + V.Width, V.IfEqual(at, one, gradient, zero));
                V.Store(window + line, V.IfEqual(at, two, gradient, zero));
                V.Store(window + line + V.Width, V.IfEqual(at, three, gradient, zero));
            }
        }
    }

    public void AskFor(in ImagesAhead images, ref MemoryAhead ahead)
    {
        dp.AskFor(in images, ref ahead);
        ahead.Add(in images, route, (nint)pooledHeight * pooledWidth * dp.Channels);
    }
}

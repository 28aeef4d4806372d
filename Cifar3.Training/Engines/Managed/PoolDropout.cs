namespace Cifar3.Training;

/// <summary>Max-pooling 2×2 and dropout, done by the convolution in front of them: the masks, and the routes that the gradients take back.</summary>
internal sealed unsafe class PoolDropout
{
    private readonly int seed, layer, size, channels, paddedChannels;
    private readonly double rate;
    private readonly float scale;
    private readonly byte* routes;  // [images, size, size, paddedChannels]: the mask, until the forward pass puts the routes in its place
    private readonly byte*[] drawn; // a worker: one image's mask without padded channels

    /// <summary>Creates the layer.</summary>
    /// <param name="context">What the layers share.</param>
    /// <param name="dropout">The dropout layer's description.</param>
    /// <param name="index">Which dropout layer: 0, 1 or 2.</param>
    public PoolDropout(LayerContext context, DropoutLayer dropout, int index)
    {
        (seed, layer, rate) = (context.Options.Seed, index, dropout.Rate);
        scale = (float)(1 / (1 - rate));
        (size, channels) = (dropout.OutputShape[0], dropout.OutputShape[2]);
        paddedChannels = Padding.Up(channels);
        routes = context.Arena.Allocate($"{dropout.Name} routes", context.Images * Elements(paddedChannels));
        drawn = new byte*[context.Pool.Threads];
        for (int worker = 0; worker < drawn.Length; worker++)
        {
            drawn[worker] = context.Arena.Allocate($"{dropout.Name} mask {worker}", Elements(channels) + 8);
        }
    }

    /// <summary>Convolution → p without dropout.</summary>
    public ReluPoolSink WithoutDropout(in Plane p, float* bias) => new(p, bias, size, size, null, 1, null);

    /// <summary>Training: convolution → p, with the masks of that step for a shard's images.</summary>
    public ReluPoolSink Train(in Plane p, float* bias, long step, in ImageRange range)
    {
        DrawMasks(step, range);
        return new ReluPoolSink(p, bias, size, size, routes, scale, routes);
    }

    /// <summary>dp → the convolution's output gradient.</summary>
    public UnpoolSource Backward(in Plane dp) => new(dp, size, size, routes, scale);

    /// <summary>The routes that the last training step left for its first images (codes: <see cref="ReluPoolSink"/>), [images, size, size, channels].</summary>
    public byte[] Routes(int images)
    {
        var found = new byte[images * Elements(channels)];
        for (int pixel = 0; pixel < images * size * size; pixel++)
        {
            new ReadOnlySpan<byte>(routes + (long)pixel * paddedChannels, channels).CopyTo(found.AsSpan(pixel * channels));
        }

        return found;
    }

    private long Elements(int channels) => (long)size * size * channels;

    private void DrawMasks(long step, in ImageRange range)
    {
        for (int image = range.First; image < range.End; image++)
        {
            byte* keep = routes + image * Elements(paddedChannels);
            int count = (int)Elements(channels);
            long first = (long)image * count, aligned = first / 8 * 8; // masks are drawn 8 elements at a time
            if (channels == paddedChannels)
            {
                DropoutMaskFill.Keep(seed, step, layer, rate, first, new Span<byte>(keep, count));
                continue;
            }

            byte* mask = drawn[range.Worker];
            DropoutMaskFill.Keep(seed, step, layer, rate, aligned, new Span<byte>(mask, (int)(first - aligned) + count));
            mask += first - aligned;
            for (int pixel = 0; pixel < size * size; pixel++)
            {
                new ReadOnlySpan<byte>(mask + pixel * channels, channels).CopyTo(new Span<byte>(keep + pixel * paddedChannels, channels));
            }
        }
    }
}

namespace Cifar3.Training;

/// <summary>Max-pooling 2×2 and dropout: the routes that the gradients take back, and the masks.</summary>
internal sealed unsafe class PoolDropoutLayer<V>
    where V : struct, ISimd<V>
{
    private readonly int seed, layer, channels, pixels, paddedChannels;
    private readonly double rate;
    private readonly float scale;
    private readonly long routeBytes;
    private readonly byte* routes;   // [images, pixels, paddedChannels]
    private readonly byte*[] masks, keeps; // a worker: one image's mask as drawn, and with padded channels

    /// <summary>Creates the layer.</summary>
    /// <param name="arena">Owner of the memory.</param>
    /// <param name="dropout">The dropout layer's description.</param>
    /// <param name="index">Which dropout layer: 0, 1 or 2.</param>
    /// <param name="seed">The masks' seed.</param>
    /// <param name="images">Images to keep routes of.</param>
    /// <param name="workers">Number of threads.</param>
    public PoolDropoutLayer(Arena arena, DropoutLayer dropout, int index, int seed, int images, int workers)
    {
        (this.seed, layer, rate) = (seed, index, dropout.Rate);
        scale = (float)(1 / (1 - rate));
        (pixels, channels) = (dropout.OutputShape[0] * dropout.OutputShape[1], dropout.OutputShape[2]);
        paddedChannels = Padding.Up(channels);
        routeBytes = (long)pixels * paddedChannels;
        routes = arena.Allocate($"{dropout.Name} routes", images * routeBytes);
        masks = new byte*[workers];
        keeps = new byte*[workers];
        for (int worker = 0; worker < workers; worker++)
        {
            masks[worker] = arena.Allocate($"{dropout.Name} drawn mask {worker}", routeBytes + 8);
            keeps[worker] = arena.Allocate($"{dropout.Name} mask {worker}", routeBytes);
        }
    }

    /// <summary>p of one image; in training with that step's dropout.</summary>
    public void Forward(in Plane y, in Plane p, int image, bool training, long step, int worker)
    {
        if (!training)
        {
            MaxPoolDropout.Infer<V>(y, 0, p, image);
            return;
        }

        DrawMask(image, step, worker);
        MaxPoolDropout.Forward<V>(y, 0, p, image, keeps[worker], scale, routes + image * routeBytes);
    }

    /// <summary>dy of one image, behind the ReLU that made y.</summary>
    public void Backward(in Plane dp, int image, in Plane dy, int dyImage) =>
        MaxPoolDropout.Backward<V>(dp, image, routes + image * routeBytes, scale, dy, dyImage);

    private void DrawMask(int image, long step, int worker)
    {
        int count = pixels * channels;
        long first = (long)image * count, aligned = first / 8 * 8; // masks are drawn 8 elements at a time
        byte* mask = masks[worker];
        DropoutMask.Fill(seed, step, layer, rate, aligned, new Span<byte>(mask, (int)(first - aligned) + count));
        mask += first - aligned;
        for (int pixel = 0; pixel < pixels; pixel++)
        {
            new ReadOnlySpan<byte>(mask + pixel * channels, channels).CopyTo(new Span<byte>(keeps[worker] + pixel * paddedChannels, channels));
        }
    }
}

namespace Cifar3.Training;

/// <summary>
/// One of the network's three blocks: convolution ("same"), batch normalization, convolution ("valid"), max-pooling, dropout.
/// Batch normalization needs the whole batch, so each pass has two halves with a sum over all images between them.
/// </summary>
/// <remarks>
/// Names: x → conv → y → norm → z → conv → u → pool, dropout → p, and a d before a name is the gradient. u, du and dy live only for a
/// few images in each thread's scratch memory. Of u only the even number of rows and columns that the pooling reads is computed.
/// </remarks>
internal sealed unsafe class ConvBlock<V>
    where V : struct, ISimd<V>
{
    private const int GroupFloats = 1 << 16; // scratch of about 256 KB an array, so that a group stays in L2

    private readonly ConvLayer<V> same, valid;
    private readonly BatchNormLayer<V> norm;
    private readonly PoolDropoutLayer<V> pool;
    private readonly Plane y, z, dz;
    private readonly Plane[] u, du, dy; // one a worker
    private readonly int group;         // images that a thread takes through the backward pass together

    /// <summary>Creates the block.</summary>
    /// <param name="arena">Owner of the memory.</param>
    /// <param name="parameters">Where the weights lie.</param>
    /// <param name="layers">The block's five layers.</param>
    /// <param name="index">0, 1 or 2.</param>
    /// <param name="seed">The dropout masks' seed.</param>
    /// <param name="images">Largest batch.</param>
    /// <param name="workers">Number of threads.</param>
    public ConvBlock(Arena arena, ParameterTable parameters, ReadOnlySpan<CnnLayer> layers, int index, int seed, int images, int workers)
    {
        var (conv, conv2, dropout) = ((Conv2DLayer)layers[0], (Conv2DLayer)layers[2], (DropoutLayer)layers[4]);
        same = new ConvLayer<V>(arena, parameters, conv, hasInputGradient: index > 0);
        norm = new BatchNormLayer<V>(arena, parameters, layers[1].Name);
        valid = new ConvLayer<V>(arena, parameters, conv2, hasInputGradient: true);
        pool = new PoolDropoutLayer<V>(arena, dropout, index, seed, images, workers);

        int size = conv.OutputShape[0], pooled = dropout.OutputShape[0], channels = Padding.Up(conv.Filters);
        bool isLast = index == CnnArchitecture.Blocks - 1;
        y = new Plane(arena, $"{conv.Name} y", images, size, size, channels, 0);
        z = new Plane(arena, $"{layers[1].Name} z", images, size, size, channels, 0);
        dz = new Plane(arena, $"{layers[1].Name} dz", images, size, size, channels, 0);
        Output = new Plane(arena, $"{dropout.Name} p", images, pooled, pooled, channels, isLast ? 0 : 1);
        OutputGradient = new Plane(arena, $"{dropout.Name} dp", images, pooled, pooled, channels, 0);

        group = Math.Clamp(GroupFloats / (size * size * channels), 1, 8);
        (u, du, dy) = (new Plane[workers], new Plane[workers], new Plane[workers]);
        for (int worker = 0; worker < workers; worker++)
        {
            u[worker] = new Plane(arena, $"{conv2.Name} u {worker}", 1, 2 * pooled, 2 * pooled, channels, 0);
            du[worker] = new Plane(arena, $"{conv2.Name} du {worker}", group, 2 * pooled, 2 * pooled, channels, 2);
            dy[worker] = new Plane(arena, $"{conv.Name} dy {worker}", group, size, size, channels, 1);
        }
    }

    /// <summary>p, with the border of 1 that the next block's convolution reads; without border in the last block.</summary>
    public Plane Output { get; }

    /// <summary>dp: the next layer writes it.</summary>
    public Plane OutputGradient { get; }

    private double PixelsPerImage => y.Height * y.Width;

    /// <summary>Takes over changed weights: first convolution (part 0) or second (part 1).</summary>
    public void Pack(int part) => (part == 0 ? same : valid).Pack();

    /// <summary>x → y, and in training the sums for the batch's statistics.</summary>
    public void ForwardToNorm(in Plane x, in ImageRange range, bool training)
    {
        for (int image = range.First; image < range.End; image++)
        {
            same.Forward(x, image, y, image);
        }

        if (training)
        {
            norm.Sum(y, range);
        }
    }

    /// <summary>Between the halves: the statistics to normalize with.</summary>
    public void FinishNorm(int images, bool training)
    {
        if (training)
        {
            norm.UseBatchStatistics(Shards.Count(images), images * PixelsPerImage);
        }
        else
        {
            norm.UseMovingStatistics();
        }
    }

    /// <summary>y → z → u → p.</summary>
    public void ForwardFromNorm(in ImageRange range, bool training, long step)
    {
        for (int image = range.First; image < range.End; image++)
        {
            norm.Forward(y, z, image);
            valid.Forward(z, image, u[range.Worker], 0);
            pool.Forward(u[range.Worker], Output, image, training, step, range.Worker);
        }
    }

    /// <summary>dp → du → dz with the gradients of the second convolution, and the sums for the normalization's gradients.</summary>
    public void BackwardToNorm(in ImageRange range)
    {
        ref readonly Plane gradient = ref du[range.Worker];
        for (int first = range.First; first < range.End; first += group)
        {
            int images = Math.Min(group, range.End - first);
            for (int i = 0; i < images; i++)
            {
                pool.Backward(OutputGradient, first + i, gradient, i);
                valid.BackwardInput(gradient, i, dz, first + i);
            }

            valid.BackwardWeights(z, first, gradient, images, range.Shard, isFirst: first == range.First);
        }

        norm.SumGradients(y, dz, range);
    }

    /// <summary>Between the halves: the normalization's gradients, and the second convolution's bias.</summary>
    public void FinishNormGradients(int images)
    {
        valid.FinishGradients(Shards.Count(images));
        norm.FinishGradients(Shards.Count(images), images * PixelsPerImage);
    }

    /// <summary>dz → dy, with the gradients of the first convolution, and → dx except in the first block.</summary>
    /// <param name="x">The block's input.</param>
    /// <param name="dx">Receives its gradient; null in the first block.</param>
    /// <param name="range">The images.</param>
    public void BackwardFromNorm(in Plane x, in Plane? dx, in ImageRange range)
    {
        ref readonly Plane gradient = ref dy[range.Worker];
        for (int first = range.First; first < range.End; first += group)
        {
            int images = Math.Min(group, range.End - first);
            for (int i = 0; i < images; i++)
            {
                norm.Backward(y, dz, first + i, gradient, i);
                if (dx is { } inputGradient)
                {
                    same.BackwardInput(gradient, i, inputGradient, first + i);
                }
            }

            same.BackwardWeights(x, first, gradient, images, range.Shard, isFirst: first == range.First);
        }
    }

    /// <summary>After the last half: the first convolution's bias.</summary>
    public void FinishGradients(int images) => same.FinishGradients(Shards.Count(images));
}

namespace Cifar3.Training;

/// <summary>
/// Batch normalization of a ReLU's output, folded into the convolution behind it (<see cref="BatchNormFold"/>): all that is left
/// of it here are numbers a channel.
/// </summary>
internal sealed unsafe class BatchNormLayer
{
    private readonly BatchNormalizationLayer layer;
    private readonly int channels;
    private readonly float* gamma, beta, movingMean, movingVariance;
    private readonly double* mean, deviation;
    private readonly float* scale, shift;
    private readonly ShardSums sums; // Σ y, Σ y² of each shard

    public BatchNormLayer(LayerContext context, BatchNormalizationLayer layer)
    {
        this.layer = layer;
        string name = layer.Name;
        var (arena, parameters) = (context.Arena, context.Parameters);
        channels = parameters[$"{name}/gamma"].PaddedColumns;
        IsFrozen = context.Options.FrozenLayers.Contains(name);
        gamma = parameters.Value($"{name}/gamma");
        beta = parameters.Value($"{name}/beta");
        movingMean = parameters.Value($"{name}/moving_mean");
        movingVariance = parameters.Value($"{name}/moving_variance");
        GammaGradient = parameters.Gradient($"{name}/gamma");
        BetaGradient = parameters.Gradient($"{name}/beta");
        mean = arena.Doubles($"{name} mean", channels);
        deviation = arena.Doubles($"{name} deviation", channels);
        scale = arena.Floats($"{name} scale", channels);
        shift = arena.Floats($"{name} shift", channels);
        Slope = arena.Floats($"{name} slope", channels);
        Offset = arena.Floats($"{name} offset", channels);
        sums = new ShardSums(arena, $"{name} sums", 2 * channels);
    }

    /// <summary>μ, σ, s, t of the last <see cref="UseBatchStatistics"/> or <see cref="UseMovingStatistics"/>.</summary>
    public NormStatistics Statistics => new() { Mean = mean, Deviation = deviation, Scale = scale, Shift = shift };

    /// <summary>Whether training, too, normalizes with the moving statistics and leaves them alone.</summary>
    public bool IsFrozen { get; }

    /// <summary>Pixels of the batch statistics, batch·height·width.</summary>
    public long Count { get; private set; }

    /// <summary>dγ [channels].</summary>
    public float* GammaGradient { get; }

    /// <summary>dβ [channels].</summary>
    public float* BetaGradient { get; }

    /// <summary>b of <see cref="BatchNormFold.Backward"/> [channels].</summary>
    public float* Slope { get; }

    /// <summary>c of <see cref="BatchNormFold.Backward"/> [channels].</summary>
    public float* Offset { get; }

    /// <summary>Where a shard sums Σ y and Σ y²; zero where the range begins.</summary>
    public double* Sums(in ImageRange range) => sums.Of(in range);

    /// <summary>Batch statistics over all shards' images: normalization with them, and moving statistics (biased variance).</summary>
    /// <param name="shards">Number of shards summed.</param>
    /// <param name="count">Pixels summed, batch·height·width.</param>
    /// <param name="momentum">Share of the moving statistics that is kept; null = the layer's.</param>
    public void UseBatchStatistics(int shards, long count, double? momentum)
    {
        double rest = 1 - (momentum ?? layer.Momentum);
        Count = count;
        for (int i = 0; i < channels; i++)
        {
            double average = sums.Total(shards, i) / count;
            double variance = Math.Max(0, sums.Total(shards, channels + i) / count - average * average);
            Use(i, average, variance);
            movingMean[i] = (float)(movingMean[i] + rest * (average - movingMean[i]));
            movingVariance[i] = (float)(movingVariance[i] + rest * (variance - movingVariance[i]));
        }
    }

    /// <summary>Normalization with the moving statistics, where the layer is frozen.</summary>
    public void UseMovingStatistics()
    {
        for (int i = 0; i < channels; i++)
        {
            Use(i, movingMean[i], movingVariance[i]);
        }
    }

    /// <summary>dy = dz where the statistics are constants: frozen.</summary>
    public void HoldStatistics()
    {
        new Span<float>(Slope, channels).Clear();
        new Span<float>(Offset, channels).Clear();
    }

    /// <summary>The layer's output, which is computed nowhere else: y·s + t in place.</summary>
    public float[] Normalized(float[] y, int channels)
    {
        for (int n = 0; n < y.Length; n++)
        {
            y[n] = y[n] * scale[n % channels] + shift[n % channels];
        }

        return y;
    }

    private void Use(int i, double average, double variance) =>
        (mean[i], (deviation[i], scale[i], shift[i])) = (average, BatchNormFold.Fold(gamma[i], beta[i], average, variance, layer.Epsilon));
}

namespace Cifar3.Training;

/// <summary>Batch normalization of a ReLU's output: sums of each shard, and between the passes the coefficients that all images share.</summary>
internal sealed unsafe class BatchNormLayer<V>
    where V : struct, ISimd<V>
{
    private readonly int channels;
    private readonly float* gamma, beta, movingMean, movingVariance, gammaGradient, betaGradient;
    private readonly float* scale, shift, mean, a, b, c; // coefficients of the kernels, see BatchNorm
    private readonly double[] batchMean, inverseDeviation;
    private readonly GradientSums forwardSums, backwardSums; // Σ y, Σ y²; Σ dz, Σ dz·y

    public BatchNormLayer(Arena arena, ParameterTable parameters, string name)
    {
        channels = parameters[$"{name}/gamma"].PaddedColumns;
        gamma = parameters.Value($"{name}/gamma");
        beta = parameters.Value($"{name}/beta");
        movingMean = parameters.Value($"{name}/moving_mean");
        movingVariance = parameters.Value($"{name}/moving_variance");
        gammaGradient = parameters.Gradient($"{name}/gamma");
        betaGradient = parameters.Gradient($"{name}/beta");
        scale = arena.Floats($"{name} coefficients", 6L * channels);
        shift = scale + channels;
        mean = shift + channels;
        a = mean + channels;
        b = a + channels;
        c = b + channels;
        (batchMean, inverseDeviation) = (new double[channels], new double[channels]);
        forwardSums = new GradientSums(arena, $"{name} sums", 2 * channels, null);
        backwardSums = new GradientSums(arena, $"{name} gradient sums", 2 * channels, null);
    }

    /// <summary>Sums y over a shard's images.</summary>
    public void Sum(in Plane y, in ImageRange range)
    {
        double* sums = forwardSums.Of(range.Shard, start: true);
        for (int image = range.First; image < range.End; image++)
        {
            ChannelSums.RunWithProducts<V>(y, image, y, image, sums);
        }
    }

    /// <summary>Batch statistics over all shards' images: normalization with them, and moving statistics (momentum 0.99, biased variance).</summary>
    /// <param name="shards">Number of shards summed.</param>
    /// <param name="count">Pixels summed, batch·height·width.</param>
    public void UseBatchStatistics(int shards, double count)
    {
        const double rest = 1 - BatchNormalizationLayer.Momentum;
        for (int i = 0; i < channels; i++)
        {
            double average = forwardSums.Total(shards, i) / count;
            double variance = Math.Max(0, forwardSums.Total(shards, channels + i) / count - average * average);
            SetForward(i, average, variance);
            movingMean[i] = (float)(movingMean[i] + rest * (average - movingMean[i]));
            movingVariance[i] = (float)(movingVariance[i] + rest * (variance - movingVariance[i]));
        }
    }

    /// <summary>Normalization with the moving statistics, for inference.</summary>
    public void UseMovingStatistics()
    {
        for (int i = 0; i < channels; i++)
        {
            SetForward(i, movingMean[i], movingVariance[i]);
        }
    }

    /// <summary>z of one image.</summary>
    public void Forward(in Plane y, in Plane z, int image) => BatchNorm.Forward<V>(y, z, image, scale, shift);

    /// <summary>Sums dz and dz·y over a shard's images.</summary>
    public void SumGradients(in Plane y, in Plane dz, in ImageRange range)
    {
        double* sums = backwardSums.Of(range.Shard, start: true);
        for (int image = range.First; image < range.End; image++)
        {
            ChannelSums.RunWithProducts<V>(dz, image, y, image, sums);
        }
    }

    /// <summary>Gradients of gamma and beta, and the coefficients of <see cref="Backward"/>.</summary>
    /// <param name="shards">Number of shards summed.</param>
    /// <param name="count">Pixels summed, batch·height·width.</param>
    public void FinishGradients(int shards, double count)
    {
        for (int i = 0; i < channels; i++)
        {
            double sum = backwardSums.Total(shards, i), products = backwardSums.Total(shards, channels + i);
            double gradient = (products - batchMean[i] * sum) * inverseDeviation[i]; // Σ dz·x̂
            double factor = gamma[i] * inverseDeviation[i];
            (gammaGradient[i], betaGradient[i]) = ((float)gradient, (float)sum);
            a[i] = (float)factor;
            b[i] = (float)(-factor * gradient * inverseDeviation[i] / count);
            c[i] = (float)(-factor * sum / count);
        }
    }

    /// <summary>dy of one image, behind the ReLU that made y.</summary>
    public void Backward(in Plane y, in Plane dz, int image, in Plane dy, int dyImage) => BatchNorm.Backward<V>(y, dz, image, dy, dyImage, mean, a, b, c);

    private void SetForward(int i, double average, double variance)
    {
        double inverse = 1 / Math.Sqrt(variance + BatchNormalizationLayer.Epsilon);
        (batchMean[i], inverseDeviation[i]) = (average, inverse);
        mean[i] = (float)average;
        scale[i] = (float)(gamma[i] * inverse);
        shift[i] = (float)(beta[i] - average * gamma[i] * inverse);
    }
}

namespace Cifar3.Tests;

/// <summary>The network's inference in plain loops and double precision: what every scorer is compared with.</summary>
internal static class PlainForward
{
    /// <summary>Probabilities [classes] of one image [32, 32, 3].</summary>
    public static double[] Predict(CnnModel model, ReadOnlySpan<byte> pixels)
    {
        double[] x = [.. pixels.ToArray().Select(pixel => pixel / 255.0)];
        foreach (var layer in model.Layers)
        {
            x = layer switch
            {
                Conv2DLayer conv => Convolve(conv, x, Weight(layer, "kernel"), Weight(layer, "bias")),
                BatchNormalizationLayer => Normalize(x, Weight(layer, "gamma"), Weight(layer, "beta"), Weight(layer, "moving_mean"), Weight(layer, "moving_variance")),
                MaxPooling2DLayer => Pool(layer, x),
                DenseLayer => Softmax(Multiply(x, Weight(layer, "kernel"), Weight(layer, "bias"))),
                _ => x,
            };
        }

        return x;

        float[] Weight(CnnLayer layer, string name) => model[$"{layer.Name}/{name}"].ToArray();
    }

    private static double[] Convolve(Conv2DLayer layer, double[] x, float[] kernel, float[] bias)
    {
        int height = layer.InputShape[0], width = layer.InputShape[1], inputs = layer.InputShape[2], filters = layer.Filters;
        int border = layer.Padding == ConvPadding.Same ? 1 : 0, outWidth = layer.OutputShape[1];
        var y = new double[layer.OutputShape[0] * outWidth * filters];
        for (int i = 0; i < layer.OutputShape[0]; i++)
        for (int j = 0; j < outWidth; j++)
        for (int o = 0; o < filters; o++)
        {
            double sum = bias[o];
            for (int di = 0; di < 3; di++)
            for (int dj = 0; dj < 3; dj++)
            {
                int row = i + di - border, column = j + dj - border;
                if (row < 0 || row >= height || column < 0 || column >= width)
                    continue;
                for (int c = 0; c < inputs; c++)
                    sum += x[(row * width + column) * inputs + c] * kernel[((di * 3 + dj) * inputs + c) * filters + o];
            }

            y[(i * outWidth + j) * filters + o] = Math.Max(0, sum);
        }

        return y;
    }

    private static double[] Normalize(double[] x, float[] gamma, float[] beta, float[] mean, float[] variance) =>
        [.. x.Select((value, i) => gamma[i % gamma.Length] * (value - mean[i % gamma.Length]) / Math.Sqrt(variance[i % gamma.Length] + BatchNormalizationLayer.Epsilon) + beta[i % gamma.Length])];

    private static double[] Pool(CnnLayer layer, double[] x)
    {
        int width = layer.InputShape[1], channels = layer.InputShape[2], outWidth = layer.OutputShape[1];
        var y = new double[layer.OutputShape[0] * outWidth * channels];
        for (int n = 0; n < y.Length; n++)
        {
            int i = n / channels / outWidth, j = n / channels % outWidth, at = (2 * i * width + 2 * j) * channels + n % channels;
            y[n] = Math.Max(Math.Max(x[at], x[at + channels]), Math.Max(x[at + width * channels], x[at + (width + 1) * channels]));
        }

        return y;
    }

    private static double[] Multiply(double[] x, float[] kernel, float[] bias) =>
        [.. bias.Select((b, o) => b + x.Select((value, i) => value * kernel[i * bias.Length + o]).Sum())];

    private static double[] Softmax(double[] z)
    {
        double[] e = [.. z.Select(value => Math.Exp(value - z.Max()))];
        return [.. e.Select(value => value / e.Sum())];
    }
}

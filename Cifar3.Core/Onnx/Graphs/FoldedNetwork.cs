namespace Cifar3;

/// <summary>A convolution with bias and ReLU, and whether a 2×2 maximum follows it.</summary>
/// <param name="Name">Keras' name of the layer.</param>
/// <param name="Inputs">Input channels.</param>
/// <param name="Outputs">Output channels.</param>
/// <param name="Border">Zero pixels around the input: 1 for padding 'same', 0 for 'valid'.</param>
/// <param name="OutputSize">Height and width of the convolution's output.</param>
/// <param name="Kernel">[out, in, 3, 3].</param>
/// <param name="Bias">[out].</param>
internal sealed record FoldedConvolution(string Name, int Inputs, int Outputs, int Border, int OutputSize, float[] Kernel, float[] Bias)
{
    /// <summary>Name of the pooling layer that follows; null where none does.</summary>
    public string? Pooling { get; init; }
}

/// <summary>
/// The network as inference needs it: six convolutions and a dense layer. Each batch normalization goes forward into the
/// convolution after it; dropout is gone.
/// </summary>
/// <remarks>
/// With moving statistics the normalization is y = s·x + t for each channel, s = γ/√(σ² + ε), t = β − s·μ. The convolution after it sees
/// no border (padding 'valid'), so every output sums the same t: kernel' = s·kernel, bias' = bias + Σ t·kernel is exact algebra.
/// (Under padding 'same' it would not be: the border's zeros are not normalized. Backward into the convolution before it cannot go either,
/// since ReLU stands between.) Computed in double precision, rounded once.
/// </remarks>
internal sealed class FoldedNetwork
{
    private const int Taps = Conv2DLayer.KernelSize * Conv2DLayer.KernelSize;

    private FoldedNetwork(IReadOnlyList<FoldedConvolution> convolutions, DenseLayer dense, float[] kernel, float[] bias) =>
        (Convolutions, Dense, DenseKernel, DenseBias) = (convolutions, dense, kernel, bias);

    /// <summary>The convolutions, first to last.</summary>
    public IReadOnlyList<FoldedConvolution> Convolutions { get; }

    /// <summary>The last layer.</summary>
    public DenseLayer Dense { get; }

    /// <summary>[classes, features in NHWC order], as the graph has it.</summary>
    public float[] DenseKernel { get; }

    /// <summary>[classes].</summary>
    public float[] DenseBias { get; }

    /// <summary>Folds a model's normalizations.</summary>
    public static FoldedNetwork Create(CnnModel model)
    {
        var convolutions = new List<FoldedConvolution>();
        (double[] Scale, double[] Shift)? pending = null;
        foreach (var layer in model.Layers)
        {
            switch (layer)
            {
                case Conv2DLayer conv:
                    convolutions.Add(Fold(conv, model, pending));
                    pending = null;
                    break;
                case BatchNormalizationLayer norm:
                    pending = Affine(norm, model);
                    break;
                case MaxPooling2DLayer:
                    convolutions[^1] = convolutions[^1] with { Pooling = layer.Name };
                    break;
            }
        }

        var dense = model.Layers.OfType<DenseLayer>().Single();
        return new FoldedNetwork(convolutions, dense, OnnxWeights(model, $"{dense.Name}/kernel"), model[$"{dense.Name}/bias"].ToArray());
    }

    /// <summary>The largest weight, without sign, that takes each channel of a convolution's output.</summary>
    public float[] LargestWeights(int convolution)
    {
        int channels = Convolutions[convolution].Outputs;
        var largest = new float[channels];
        var next = convolution + 1 < Convolutions.Count ? Convolutions[convolution + 1] : null;
        var weights = next?.Kernel ?? DenseKernel;
        for (int i = 0; i < weights.Length; i++)
        {
            ref float most = ref largest[next is null ? i % channels : i / Taps % channels];
            most = Math.Max(most, Math.Abs(weights[i]));
        }

        return largest;
    }

    /// <summary>The same function with each convolution's output channels divided by positive factors, which the weights after it make up for.</summary>
    public FoldedNetwork Rescale(IReadOnlyList<float[]> factors)
    {
        var convolutions = new List<FoldedConvolution>();
        for (int i = 0; i < Convolutions.Count; i++)
        {
            var conv = Convolutions[i];
            int each = conv.Inputs * Taps;
            convolutions.Add(conv with
            {
                Kernel = [.. conv.Kernel.Select((weight, at) => (i > 0 ? weight * factors[i - 1][at / Taps % conv.Inputs] : weight) / factors[i][at / each])],
                Bias = [.. conv.Bias.Zip(factors[i], (bias, factor) => bias / factor)],
            });
        }

        float[] last = factors[^1];
        return new FoldedNetwork(convolutions, Dense, [.. DenseKernel.Select((weight, at) => weight * last[at % last.Length])], DenseBias);
    }

    private static (double[] Scale, double[] Shift) Affine(BatchNormalizationLayer layer, CnnModel model)
    {
        string name = layer.Name;
        ReadOnlySpan<float> gamma = model[$"{name}/gamma"].Values, beta = model[$"{name}/beta"].Values;
        ReadOnlySpan<float> mean = model[$"{name}/moving_mean"].Values, variance = model[$"{name}/moving_variance"].Values;
        double[] scale = new double[gamma.Length], shift = new double[gamma.Length];
        for (int c = 0; c < scale.Length; c++)
        {
            scale[c] = gamma[c] / Math.Sqrt(variance[c] + layer.Epsilon);
            shift[c] = beta[c] - scale[c] * mean[c];
        }

        return (scale, shift);
    }

    private static float[] OnnxWeights(CnnModel model, string name) => TensorData.ToOnnx(model[name].Values, model[name].Shape.AsSpan());

    private static FoldedConvolution Fold(Conv2DLayer conv, CnnModel model, (double[] Scale, double[] Shift)? before)
    {
        int inputs = conv.InputShape[2], outputs = conv.Filters;
        float[] kernel = OnnxWeights(model, $"{conv.Name}/kernel"), bias = model[$"{conv.Name}/bias"].ToArray();
        if (before is var (scale, shift))
        {
            if (conv.Padding != ConvPadding.Valid)
            {
                throw new InvalidOperationException($"The normalization before '{conv.Name}' cannot be folded into it: its padding is not 'valid'.");
            }

            for (int co = 0; co < outputs; co++)
            {
                double sum = bias[co];
                for (int i = 0; i < inputs * Taps; i++)
                {
                    ref float weight = ref kernel[co * inputs * Taps + i];
                    sum += shift[i / Taps] * weight;
                    weight = (float)(scale[i / Taps] * weight);
                }

                bias[co] = (float)sum;
            }
        }

        return new FoldedConvolution(conv.Name, inputs, outputs, conv.Padding == ConvPadding.Same ? 1 : 0, conv.OutputShape[0], kernel, bias);
    }
}

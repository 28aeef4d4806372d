namespace Cifar3;

/// <summary>
/// Keras' default initial weights: kernels glorot-uniform, biases 0, gamma 1, beta 0, moving mean 0, moving variance 1.
/// </summary>
/// <remarks>
/// Glorot and Bengio 2010: uniform in ±√(6 / (fan_in + fan_out)); a 3×3 convolution's fans are 9·Cin and 9·Cout.
/// <see href="https://keras.io/api/layers/initializers/#glorotuniform-class"/>
/// </remarks>
internal static class GlorotUniform
{
    /// <summary>Half the width of the interval that a kernel's initial values fill.</summary>
    public static double Limit(IReadOnlyList<int> shape)
    {
        int receptive = shape.Count == 4 ? shape[0] * shape[1] : 1;
        return Math.Sqrt(6.0 / (receptive * (shape[^2] + shape[^1])));
    }

    /// <summary>Initial weights of all layers, in order; the same seed gives the same bits everywhere.</summary>
    public static List<WeightTensor> CreateWeights(IEnumerable<CnnLayer> layers, int seed)
    {
        var weights = new List<WeightTensor>();
        foreach (var layer in layers)
        {
            foreach (var spec in layer.Weights)
            {
                weights.Add(new WeightTensor($"{layer.Name}/{spec.Name}", spec.Shape, Initialize(spec, seed, (uint)weights.Count)));
            }
        }

        return weights;
    }

    private static float[] Initialize(WeightSpec spec, int seed, uint index)
    {
        var values = new float[spec.Count];
        switch (spec.Name)
        {
            case "kernel":
                var random = new PhiloxRandom(seed, RandomStreams.Initializer + index);
                float limit = (float)Limit(spec.Shape);
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] = (2 * random.NextSingle() - 1) * limit;
                }

                break;
            case "gamma" or "moving_variance":
                Array.Fill(values, 1f);
                break;
        }

        return values;
    }
}

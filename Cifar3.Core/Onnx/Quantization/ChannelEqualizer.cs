namespace Cifar3;

/// <summary>
/// Gives the channels of an activation like ranges, so that the one scale of all of them serves each: channel c is divided by s, and the weights that
/// take it are multiplied by s. ReLU and maximum commute with positive factors, so the network computes what it did.
/// </summary>
/// <remarks>
/// s = √(r / w), r the channel's largest activation, w the largest weight that takes it, which shares the spread between the two: Nagel et al. 2019,
/// "Data-Free Quantization Through Weight Equalization and Bias Correction", equation 11. Here it matters more than elsewhere: batch normalization,
/// folded into the weights, had been evening the channels out.
/// </remarks>
internal static class ChannelEqualizer
{
    /// <summary>The same network with evened channels.</summary>
    /// <param name="network">The network.</param>
    /// <param name="maxima">The largest activation of each channel of each convolution's output.</param>
    public static FoldedNetwork Apply(FoldedNetwork network, IReadOnlyList<float[]> maxima)
    {
        var factors = new List<float[]>();
        for (int i = 0; i < maxima.Count; i++)
        {
            float[] weights = network.LargestWeights(i);
            factors.Add([.. maxima[i].Zip(weights, (range, weight) => range > 0 && weight > 0 ? MathF.Sqrt(range / weight) : 1)]);
        }

        return network.Rescale(factors);
    }
}

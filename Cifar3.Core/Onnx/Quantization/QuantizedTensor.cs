namespace Cifar3;

/// <summary>Weights of 8 bits, symmetric for each output channel: weight = value · scale, values −127 to 127, or −64 to 64.</summary>
internal static class QuantizedTensor
{
    /// <summary>The largest value; −128 is not used, so that the range is symmetric.</summary>
    private const int Most = 127;

    /// <summary>
    /// The largest value of which two products with a byte fit into 16 bits, 2·255·64 = 32,640: x86 processors without VNNI add such pairs there
    /// (<c>vpmaddubsw</c>), and cut what is above 32,767.
    /// </summary>
    private const int MostOfSevenBits = 64;

    /// <summary>2⁻¹²⁶: smaller scales are not exact.</summary>
    private const float SmallestNormal = 1.17549435E-38f;

    /// <summary>Quantizes.</summary>
    /// <param name="weights">The weights, of which <paramref name="channelOf"/> tells the output channel.</param>
    /// <param name="channels">Output channels.</param>
    /// <param name="channelOf">Output channel of an element.</param>
    /// <param name="sevenBits">Whether values go from −64 to 64 only.</param>
    /// <returns>Two's complement bytes in the order of the weights, and each channel's scale.</returns>
    public static (byte[] Values, float[] Scales) Weights(ReadOnlySpan<float> weights, int channels, Func<int, int> channelOf, bool sevenBits)
    {
        int most = sevenBits ? MostOfSevenBits : Most;
        var scales = new float[channels];
        for (int i = 0; i < weights.Length; i++)
        {
            ref float largest = ref scales[channelOf(i)];
            largest = Math.Max(largest, Math.Abs(weights[i]));
        }

        // A channel of zeros needs a scale too; QuantizeLinear's must be above 0.
        scales = Array.ConvertAll(scales, largest => largest > 0 ? Math.Max(largest / most, SmallestNormal) : 1);
        var values = new byte[weights.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (byte)(sbyte)Math.Clamp(MathF.Round(weights[i] / scales[channelOf(i)]), -most, most);
        }

        return (values, scales);
    }

    /// <summary>Biases as the sums of products have them: int32 of scale = activation's scale · weights' scale.</summary>
    public static (int[] Values, float[] Scales) Bias(ReadOnlySpan<float> bias, float activationScale, ReadOnlySpan<float> weightScales)
    {
        int[] values = new int[bias.Length];
        float[] scales = new float[bias.Length];
        for (int i = 0; i < values.Length; i++)
        {
            scales[i] = activationScale * weightScales[i];
            values[i] = (int)Math.Clamp(Math.Round((double)bias[i] / scales[i]), int.MinValue, int.MaxValue);
        }

        return (values, scales);
    }
}

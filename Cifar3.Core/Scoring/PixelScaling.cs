namespace Cifar3;

/// <summary>Pixels as the network takes them: float32 of uint8 / 255, the bits that Keras' <c>x / 255</c> gives.</summary>
internal static class PixelScaling
{
    private static readonly float[] Table = [.. Enumerable.Range(0, 256).Select(pixel => pixel / 255f)];

    /// <summary>The same layout on both sides.</summary>
    public static void Scale(ReadOnlySpan<byte> pixels, Span<float> scaled)
    {
        float[] table = Table;
        scaled = scaled[..pixels.Length];
        for (int i = 0; i < pixels.Length; i++)
        {
            scaled[i] = table[pixels[i]];
        }
    }

    /// <summary>[N, 32, 32, 3] to [N, 3, 32, 32]: each image's red, green and blue planes one after the other.</summary>
    public static void ScaleChannelsFirst(ReadOnlySpan<byte> pixels, Span<float> scaled)
    {
        const int plane = CnnArchitecture.InputSize * CnnArchitecture.InputSize, channels = CnnArchitecture.InputChannels;
        float[] table = Table;
        for (int image = 0; image < pixels.Length; image += CnnArchitecture.ImageBytes)
        {
            for (int i = 0; i < CnnArchitecture.ImageBytes; i++)
            {
                scaled[image + i % channels * plane + i / channels] = table[pixels[image + i]];
            }
        }
    }
}

namespace Cifar3;

/// <summary>Pixels as the network takes them: float32 of uint8 / 255, the bits that Keras' <c>x / 255</c> gives.</summary>
internal static class PixelScaling
{
    private static readonly float[] Table = [.. Enumerable.Range(0, 256).Select(pixel => pixel / 255f)];

    public static void Scale(ReadOnlySpan<byte> pixels, Span<float> scaled)
    {
        float[] table = Table;
        scaled = scaled[..pixels.Length];
        for (int i = 0; i < pixels.Length; i++)
        {
            scaled[i] = table[pixels[i]];
        }
    }
}

using System.Numerics;

namespace Cifar3;

/// <summary>Pixels as the network takes them: float32 of uint8 / 255, the bits that Keras' <c>x / 255</c> gives.</summary>
internal static class PixelScaling
{
    private static readonly float[] Table = [.. Enumerable.Range(0, 256).Select(pixel => pixel / 255f)];

    /// <summary>The same layout on both sides.</summary>
    public static void Scale(ReadOnlySpan<byte> pixels, Span<float> scaled)
    {
        scaled = scaled[..pixels.Length];
        int i = 0;
        for (int step = Vector<byte>.Count, quarter = Vector<float>.Count; i <= pixels.Length - step; i += step)
        {
            Vector.Widen(new Vector<byte>(pixels[i..]), out var low, out var high);
            Vector.Widen(low, out var first, out var second);
            Vector.Widen(high, out var third, out var fourth);
            Quotient(first).CopyTo(scaled[i..]);
            Quotient(second).CopyTo(scaled[(i + quarter)..]);
            Quotient(third).CopyTo(scaled[(i + 2 * quarter)..]);
            Quotient(fourth).CopyTo(scaled[(i + 3 * quarter)..]);
        }

        for (; i < pixels.Length; i++)
        {
            scaled[i] = pixels[i] / 255f;
        }

        static Vector<float> Quotient(Vector<uint> pixels) => Vector.ConvertToSingle(Vector.AsVectorInt32(pixels)) / new Vector<float>(255f);
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

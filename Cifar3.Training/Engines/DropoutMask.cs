namespace Cifar3.Training;

/// <summary>
/// The dropout masks that every engine and every thread count draws: a pure function of (seed, step, layer, element).
/// </summary>
/// <remarks>
/// Element e of a layer's activation [B, H, W, C] (e = row-major index over the whole batch, image first) takes 16 random bits:
/// half-word e mod 8 (low half of word 0 first) of Philox4x32-10 with counter (e / 8 low, e / 8 high, step low, step high) and
/// key (seed, layer). It is kept when those bits, as a number 0 to 65,535, are at least <see cref="Threshold"/>(rate).
/// </remarks>
public static class DropoutMask
{
    /// <summary>The number of 65,536 that an element's random bits must reach to be kept: round(rate · 65,536).</summary>
    /// <param name="rate">Dropout rate in [0, 1).</param>
    /// <returns>0 (keep all) to 65,535.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The rate is outside its range.</exception>
    public static int Threshold(double rate) => rate is >= 0 and < 1
        ? Math.Min((int)Math.Round(rate * 65536), 65535)
        : throw new ArgumentOutOfRangeException(nameof(rate), rate, FormattableString.Invariant($"The dropout rate must be at least 0 and below 1. Received: rate={rate}."));

    /// <summary>Draws the mask of consecutive elements.</summary>
    /// <param name="seed">The training's seed.</param>
    /// <param name="step">Number of the step, from 1.</param>
    /// <param name="layer">Which dropout layer: 0, 1 or 2.</param>
    /// <param name="rate">Dropout rate in [0, 1).</param>
    /// <param name="first">Row-major index of the first element over the whole batch; a multiple of 8.</param>
    /// <param name="keep">Receives 1 where the element is kept, 0 where it is dropped.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rate is outside its range, or the first element no multiple of 8.</exception>
    public static void Fill(int seed, long step, int layer, double rate, long first, Span<byte> keep)
    {
        if (first % 8 != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(first), first, "The first element must be a multiple of 8.");
        }

        int threshold = Threshold(rate);
        Span<uint> words = stackalloc uint[4];
        for (int i = 0; i < keep.Length; i += 8)
        {
            long block = (first + i) / 8;
            (words[0], words[1], words[2], words[3]) = Philox.Draw((uint)block, (uint)(block >> 32), (uint)step, (uint)(step >> 32), (uint)seed, (uint)layer);
            for (int j = 0; j < Math.Min(8, keep.Length - i); j++)
            {
                uint bits = (words[j / 2] >> (16 * (j % 2))) & 0xFFFF;
                keep[i + j] = bits >= threshold ? (byte)1 : (byte)0;
            }
        }
    }
}

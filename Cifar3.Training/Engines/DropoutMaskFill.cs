using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cifar3.Training;

/// <summary>
/// The masks of <see cref="DropoutMask"/> as factors, for engines that multiply by them: 1/(1 − rate) where the element is kept, 0 where it is
/// dropped. The same bits, drawn four counters at a time where the processor has AVX2, which makes a batch's masks cost about 1 % of a step.
/// </summary>
internal static class DropoutMaskFill
{
    /// <summary>The whole mask of a layer's batch.</summary>
    /// <param name="seed">The training's seed.</param>
    /// <param name="step">Number of the step, from 1.</param>
    /// <param name="layer">Which dropout layer.</param>
    /// <param name="rate">Dropout rate in [0, 1).</param>
    /// <param name="factors">Receives one factor an element; element 0 of the mask first. At most 2³¹ elements.</param>
    public static void Scaled(int seed, long step, int layer, double rate, Span<float> factors)
    {
        float scale = (float)(1 / (1 - rate));
        ushort threshold = (ushort)DropoutMask.Threshold(rate);
        int done = Avx2.IsSupported ? Vectorized(seed, step, layer, threshold, scale, factors) : 0;
        Span<byte> keep = stackalloc byte[256];
        for (; done < factors.Length; done += keep.Length)
        {
            var rest = factors[done..];
            var part = keep[..Math.Min(keep.Length, rest.Length)];
            DropoutMask.Fill(seed, step, layer, rate, done, part);
            for (int i = 0; i < part.Length; i++)
            {
                rest[i] = part[i] * scale;
            }
        }
    }

    /// <summary>32 elements (4 counters) at a time; returns how many were drawn, a multiple of 32.</summary>
    /// <remarks>
    /// A lane of 64 bits holds one 32-bit word of one counter; only its lower half counts. The multiplication reads just that half, so the
    /// upper one need not be cleared. Lanes hold counters 0, 2, 1, 3: then the two interleavings at the end give the elements in order.
    /// </remarks>
    private static int Vectorized(int seed, long step, int layer, ushort threshold, float scale, Span<float> factors)
    {
        var m0 = Vector256.Create((ulong)Philox.M0).AsUInt32();
        var m1 = Vector256.Create((ulong)Philox.M1).AsUInt32();
        var counter = Vector256.Create(0UL, 2, 1, 3);
        var stepLow = Vector256.Create((ulong)(uint)step);
        var stepHigh = Vector256.Create((ulong)(uint)(step >> 32));
        var low = Vector256.Create(0xFFFF_FFFFUL);
        var limit = Vector256.Create(threshold);
        var scales = Vector256.Create(scale).AsInt32();
        int end = factors.Length - factors.Length % 32;
        for (int at = 0; at < end; at += 32)
        {
            Vector256<ulong> c0 = counter, c1 = Vector256<ulong>.Zero, c2 = stepLow, c3 = stepHigh;
            uint k0 = (uint)seed, k1 = (uint)layer;
            for (int round = 0; round < 10; round++)
            {
                var p0 = Avx2.Multiply(m0, c0.AsUInt32());
                var p1 = Avx2.Multiply(m1, c2.AsUInt32());
                c0 = (p1 >>> 32) ^ c1 ^ Vector256.Create((ulong)k0);
                c1 = p1;
                c2 = (p0 >>> 32) ^ c3 ^ Vector256.Create((ulong)k1);
                c3 = p0;
                k0 += Philox.W0;
                k1 += Philox.W1;
            }

            counter += Vector256.Create(4UL);
            var words01 = (c0 & low) | (c1 << 32); // half-words 0-3 of counters 0, 2, 1, 3
            var words23 = (c2 & low) | (c3 << 32); // half-words 4-7
            Store(Avx2.UnpackLow(words01, words23), factors.Slice(at, 16));
            Store(Avx2.UnpackHigh(words01, words23), factors.Slice(at + 16, 16));
        }

        return end;

        void Store(Vector256<ulong> bits, Span<float> part)
        {
            var keep = Vector256.GreaterThanOrEqual(bits.AsUInt16(), limit).AsInt16(); // all ones where kept
            var (first, second) = Vector256.Widen(keep);
            (first & scales).AsSingle().CopyTo(part);
            (second & scales).AsSingle().CopyTo(part[8..]);
        }
    }
}

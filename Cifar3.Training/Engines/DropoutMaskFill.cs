using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cifar3.Training;

/// <summary>
/// The masks of <see cref="DropoutMask"/>, the same bits, drawn four counters at a time where the processor has AVX2, which makes a
/// batch's masks cost about 1 % of a step.
/// </summary>
internal static class DropoutMaskFill
{
    /// <summary>The whole mask of a layer's batch as factors: 1/(1 − rate) where the element is kept, 0 where it is dropped.</summary>
    /// <param name="seed">The training's seed.</param>
    /// <param name="step">Number of the step, from 1.</param>
    /// <param name="layer">Which dropout layer.</param>
    /// <param name="rate">Dropout rate in [0, 1).</param>
    /// <param name="factors">Receives one factor an element; element 0 of the mask first. At most 2³¹ elements.</param>
    public static void Scaled(int seed, long step, int layer, double rate, Span<float> factors)
    {
        float scale = (float)(1 / (1 - rate));
        int done = 0;
        if (Avx2.IsSupported)
        {
            var draws = new MaskDraws(seed, step, layer, rate, 0);
            var scales = Vector256.Create(scale).AsInt32();
            for (; factors.Length - done >= MaskDraws.Elements; done += MaskDraws.Elements)
            {
                var (first, second) = draws.Next();
                Store(first, scales, factors.Slice(done, 16));
                Store(second, scales, factors.Slice(done + 16, 16));
            }
        }

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

        static void Store(Vector256<short> keep, Vector256<int> scales, Span<float> part)
        {
            var (low, high) = Vector256.Widen(keep);
            (low & scales).AsSingle().CopyTo(part);
            (high & scales).AsSingle().CopyTo(part[8..]);
        }
    }

    /// <summary>Consecutive elements of a mask as bytes, 1 or 0: what <see cref="DropoutMask.Fill"/> writes.</summary>
    /// <param name="seed">The training's seed.</param>
    /// <param name="step">Number of the step, from 1.</param>
    /// <param name="layer">Which dropout layer.</param>
    /// <param name="rate">Dropout rate in [0, 1).</param>
    /// <param name="first">Index of the first element over the whole batch; a multiple of 8.</param>
    /// <param name="keep">Receives 1 where the element is kept, 0 where it is dropped.</param>
    public static void Keep(int seed, long step, int layer, double rate, long first, Span<byte> keep)
    {
        int done = 0;
        if (Avx2.IsSupported)
        {
            var draws = new MaskDraws(seed, step, layer, rate, first);
            for (; keep.Length - done >= MaskDraws.Elements; done += MaskDraws.Elements)
            {
                var (low, high) = draws.Next();
                (Vector256.Narrow(low, high).AsByte() & Vector256.Create((byte)1)).CopyTo(keep[done..]);
            }
        }

        DropoutMask.Fill(seed, step, layer, rate, first + done, keep[done..]);
    }

    /// <summary>Draws a mask 32 elements (4 counters) at a time.</summary>
    /// <remarks>
    /// A lane of 64 bits holds one 32-bit word of one counter; only its lower half counts. The multiplication reads just that half, so the
    /// upper one need not be cleared. Lanes hold counters 0, 2, 1, 3: then the two interleavings at the end give the elements in order.
    /// </remarks>
    private ref struct MaskDraws(int seed, long step, int layer, double rate, long first)
    {
        public const int Elements = 32;

        private readonly Vector256<ulong> stepLow = Vector256.Create((ulong)(uint)step), stepHigh = Vector256.Create((ulong)(uint)(step >> 32));
        private readonly Vector256<ushort> limit = Vector256.Create((ushort)DropoutMask.Threshold(rate));
        private Vector256<ulong> counter = Vector256.Create(0UL, 2, 1, 3) + Vector256.Create((ulong)(first / 8));

        /// <summary>The next 32 elements: all ones where kept.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public (Vector256<short> First, Vector256<short> Second) Next()
        {
            var m0 = Vector256.Create((ulong)Philox.M0).AsUInt32();
            var m1 = Vector256.Create((ulong)Philox.M1).AsUInt32();
            Vector256<ulong> c0 = counter, c1 = counter >>> 32, c2 = stepLow, c3 = stepHigh;
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
            var low = Vector256.Create(0xFFFF_FFFFUL);
            var words01 = (c0 & low) | (c1 << 32); // half-words 0-3 of counters 0, 2, 1, 3
            var words23 = (c2 & low) | (c3 << 32); // half-words 4-7
            return (
                Vector256.GreaterThanOrEqual(Avx2.UnpackLow(words01, words23).AsUInt16(), limit).AsInt16(),
                Vector256.GreaterThanOrEqual(Avx2.UnpackHigh(words01, words23).AsUInt16(), limit).AsInt16());
        }
    }
}

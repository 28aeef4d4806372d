using System.Runtime.CompilerServices;

namespace Cifar3;

/// <summary>
/// Philox4x32-10, a counter-based random generator: a pure function from (key, counter) to 128 random bits. Any thread can draw
/// any element of a sequence without drawing those before it, so results do not depend on who draws what when.
/// </summary>
/// <remarks>
/// Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011. TensorFlow, JAX and cuRAND use the same function.
/// </remarks>
internal static class Philox
{
    public const uint M0 = 0xD2511F53, M1 = 0xCD9E8D57; // multipliers
    public const uint W0 = 0x9E3779B9, W1 = 0xBB67AE85; // Weyl increments of the key

    /// <summary>Ten rounds: 128 random bits for one counter.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (uint R0, uint R1, uint R2, uint R3) Draw(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = (ulong)M0 * c0, p1 = (ulong)M1 * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += W0;
            k1 += W1;
        }

        return (c0, c1, c2, c3);
    }
}

/// <summary>A sequential reader of one Philox stream, keyed by (seed, stream): for initial weights, shuffling and drawing.</summary>
internal sealed class PhiloxRandom(int seed, uint stream)
{
    private ulong block;
    private (uint, uint, uint, uint) buffer;
    private int used = 4;

    /// <summary>32 random bits.</summary>
    public uint NextUInt32()
    {
        if (used == 4)
        {
            buffer = Philox.Draw((uint)block, (uint)(block >> 32), 0, 0, (uint)seed, stream);
            block++;
            used = 0;
        }

        return used++ switch { 0 => buffer.Item1, 1 => buffer.Item2, 2 => buffer.Item3, _ => buffer.Item4 };
    }

    /// <summary>Uniform in [0, 1) with 24 random bits, so that every value is exact in float32.</summary>
    public float NextSingle() => (NextUInt32() >> 8) * (1f / (1 << 24));

    /// <summary>Uniform in [0, limit), without bias (Lemire 2019).</summary>
    public int Next(int limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        uint range = (uint)limit, threshold = (0u - range) % range;
        ulong product;
        do
        {
            product = (ulong)NextUInt32() * range;
        }
        while ((uint)product < threshold);
        return (int)(product >> 32);
    }

    /// <summary>The numbers 0 to count − 1 in random order (Fisher and Yates).</summary>
    public int[] Permutation(int count)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        for (int i = count - 1; i > 0; i--)
        {
            int j = Next(i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }
}

/// <summary>Which Philox stream serves which purpose: one list, so that no two draw the same numbers. Dropout layers use their own counters (see <c>DropoutMask</c>).</summary>
internal static class RandomStreams
{
    public const uint Shuffle = 0x1000_0000;         // + epoch
    public const uint DataShuffle = 0x2000_0000;
    public const uint Initializer = 0x3000_0000;     // + index of the weight
    public const uint Synthetic = 0x4000_0000;       // + index of the image
    public const uint Split = 0x5000_0000;
    public const uint Examples = 0x6000_0000;
    public const uint Statistics = 0x8000_0000;
    public const uint Augmentation = 0x9000_0000;
}

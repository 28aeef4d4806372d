using System.Buffers.Binary;

namespace Cifar3.Tests;

/// <summary>Random damage to the bytes of a file.</summary>
internal static class ByteMutation
{
    private static readonly uint[] Numbers = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF];

    /// <summary>One to four changes: bits and bytes, numbers made extreme, pieces cut out, doubled or taken from another file, the end cut off.</summary>
    public static byte[] Damage(byte[] file, byte[] other, Random random)
    {
        byte[] damaged = [.. file];
        for (int n = random.Next(1, 5); n > 0 && damaged.Length > 8; n--)
        {
            // Half of the changes are in the first bytes: there the headers are.
            int limit = random.Next(2) == 0 ? Math.Min(damaged.Length, 64) : damaged.Length, at = random.Next(limit - 4);
            int length = random.Next(1, Math.Min(64, damaged.Length - at));
            switch (random.Next(8))
            {
                case 0 or 1:
                    damaged[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2 or 3:
                    damaged[at] = (byte)random.Next(256);
                    break;
                case 4:
                    WriteNumber(damaged.AsSpan(at), Numbers[random.Next(Numbers.Length)], random.Next(4));
                    break;
                case 5:
                    damaged = [.. damaged[..at], .. damaged[(at + length)..]];
                    break;
                case 6:
                    byte[] source = random.Next(2) == 0 ? damaged : other;
                    int from = random.Next(source.Length);
                    damaged = [.. damaged[..at], .. source[from..Math.Min(source.Length, from + length)], .. damaged[at..]];
                    break;
                default:
                    damaged = damaged[..random.Next(damaged.Length)];
                    break;
            }
        }

        return damaged;
    }

    private static void WriteNumber(Span<byte> at, uint number, int kind)
    {
        switch (kind)
        {
            case 0:
                BinaryPrimitives.WriteUInt16LittleEndian(at, (ushort)number);
                break;
            case 1:
                BinaryPrimitives.WriteUInt16BigEndian(at, (ushort)number);
                break;
            case 2:
                BinaryPrimitives.WriteUInt32LittleEndian(at, number);
                break;
            default:
                BinaryPrimitives.WriteUInt32BigEndian(at, number);
                break;
        }
    }
}

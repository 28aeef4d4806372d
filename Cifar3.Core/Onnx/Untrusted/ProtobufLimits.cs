using System.Globalization;
using Google.Protobuf;

namespace Cifar3;

/// <summary>
/// Counts what a protobuf file is made of before it is parsed: a file of millions of empty nodes would need fifty times its size in memory.
/// </summary>
/// <remarks>
/// What the parser might read in another way than this count does is refused: groups (no schema here has any), tags longer than they need be or of no
/// field, lengths beyond their message, messages nested deeper than the parser goes. So nothing passes uncounted. Fields that the schema does
/// not know count as one entry each and are not kept.
/// </remarks>
internal static class ProtobufLimits
{
    /// <summary>The most entries, where a message or text counts as ten: this network's file has some hundreds, weights written one by one some 300,000.</summary>
    public const int MaxEntries = 1_000_000;

    private const int PartCost = 10, MaxDepth = 90; // the parser's own limit is 100

    /// <summary>Counts a message and what is in it.</summary>
    /// <param name="bytes">The message.</param>
    /// <param name="type">Its place in the schema.</param>
    /// <param name="most">The most entries. Default: those of a model.</param>
    /// <param name="expected">What is expected in place of more, in words.</param>
    /// <exception cref="FormatException">It has more entries.</exception>
    /// <exception cref="InvalidDataException">The bytes are no protobuf message.</exception>
    public static void Check(ReadOnlySpan<byte> bytes, ProtobufMessage type, int most = MaxEntries, string expected = "some hundred nodes and weights")
    {
        int left = most;
        if (!Count(bytes, type, MaxDepth, ref left))
        {
            throw left < 0
                ? new FormatException(string.Create(CultureInfo.InvariantCulture, $"expected {expected}, found millions of entries (more than {most:N0}, where a message or text counts as ten)"))
                : new InvalidDataException("these bytes are no protobuf message");
        }
    }

    /// <summary>Counts a message's entries; false where they are malformed or too many.</summary>
    private static bool Count(ReadOnlySpan<byte> bytes, ProtobufMessage type, int depth, ref int left)
    {
        while (!bytes.IsEmpty)
        {
            // A tag: field number and kind, in 32 bits and as few bytes as they need.
            if (!Number(ref bytes, out ulong tag, out int tagLength) || tag is < 8 or > uint.MaxValue || (tagLength > 1 && tag >> (7 * (tagLength - 1)) == 0) || --left < 0)
            {
                return false;
            }

            int field = (int)(tag >> 3);
            ulong size;
            switch ((WireFormat.WireType)(tag & 7))
            {
                case WireFormat.WireType.Varint:
                    if (!Number(ref bytes, out _, out _))
                    {
                        return false;
                    }

                    continue;
                case WireFormat.WireType.Fixed64:
                    size = 8;
                    break;
                case WireFormat.WireType.Fixed32:
                    size = 4;
                    break;
                case WireFormat.WireType.LengthDelimited:
                    left -= PartCost;
                    if (!Number(ref bytes, out size, out _))
                    {
                        return false;
                    }

                    break;
                default:
                    return false;
            }

            if (size > (ulong)bytes.Length)
            {
                return false;
            }

            var part = bytes[..(int)size];
            bytes = bytes[(int)size..];
            if ((tag & 7) == (ulong)WireFormat.WireType.LengthDelimited)
            {
                if (type.MessageOf(field) is { } message)
                {
                    if (depth == 0 || !Count(part, message, depth - 1, ref left))
                    {
                        return false;
                    }
                }
                else if (type.IsListOfWholeNumbers(field))
                {
                    // Packed whole numbers, which the parser takes for every list of them: one where a byte ends one; in memory each takes eight bytes.
                    left -= Math.Min(left + 1, part.Length - CountContinued(part));
                    if (left < 0)
                    {
                        return false;
                    }
                }
            }
        }

        return left >= 0;
    }

    /// <summary>Bytes that a number goes on after.</summary>
    private static int CountContinued(ReadOnlySpan<byte> numbers)
    {
        int count = 0;
        foreach (byte b in numbers)
        {
            count += b >> 7;
        }

        return count;
    }

    /// <summary>A number of 7 bits a byte, the lowest first.</summary>
    private static bool Number(ref ReadOnlySpan<byte> bytes, out ulong value, out int length)
    {
        value = 0;
        for (length = 1; length <= Math.Min(bytes.Length, 10); length++)
        {
            byte b = bytes[length - 1];
            value |= (ulong)(b & 0x7F) << (7 * (length - 1));
            if (b < 0x80)
            {
                bytes = bytes[length..];
                return true;
            }
        }

        return false;
    }
}

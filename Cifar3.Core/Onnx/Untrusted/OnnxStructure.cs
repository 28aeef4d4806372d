using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Cifar3;

/// <summary>
/// Counts what an ONNX file is made of before it is parsed: a file of millions of empty nodes would need fifty times its size in memory.
/// </summary>
internal static class OnnxStructure
{
    /// <summary>The most entries, where a message or text counts as ten: this network's file has some hundreds, weights written one by one some 300,000.</summary>
    private const int MaxEntries = 1_000_000;

    private const int PartCost = 10, MaxDepth = 100; // as deep as the parser goes

    /// <summary>Whether the file has no more entries than a model may have. Of malformed bytes only the beginning is counted: the parser refuses them.</summary>
    public static bool IsModest(ReadOnlySpan<byte> bytes, MessageDescriptor type)
    {
        int left = MaxEntries;
        Count(bytes, type, MaxDepth, ref left);
        return left >= 0;
    }

    /// <summary>Counts a message's entries; false where they are malformed or too many.</summary>
    private static bool Count(ReadOnlySpan<byte> bytes, MessageDescriptor? type, int depth, ref int left)
    {
        while (!bytes.IsEmpty)
        {
            if (!Number(ref bytes, out ulong tag) || --left < 0)
            {
                return false;
            }

            ulong size;
            switch ((WireFormat.WireType)(tag & 7))
            {
                case WireFormat.WireType.Varint:
                    if (!Number(ref bytes, out _))
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
                    if (!Number(ref bytes, out size))
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
            if ((tag & 7) == (ulong)WireFormat.WireType.LengthDelimited && type?.FindFieldByNumber((int)(tag >> 3)) is { FieldType: FieldType.Message } field
                && (depth == 0 || !Count(part, field.MessageType, depth - 1, ref left)))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A number of 7 bits a byte, the lowest first.</summary>
    private static bool Number(ref ReadOnlySpan<byte> bytes, out ulong value)
    {
        value = 0;
        for (int i = 0; i < Math.Min(bytes.Length, 10); i++)
        {
            value |= (ulong)(bytes[i] & 0x7F) << (7 * i);
            if (bytes[i] < 0x80)
            {
                bytes = bytes[(i + 1)..];
                return true;
            }
        }

        return false;
    }
}

using System.Buffers.Binary;

namespace Cifar3.Tests;

/// <summary>Damage that knows what a picture is made of: chunks, segments and blocks left out, doubled, exchanged, taken from another picture, or damaged inside.</summary>
internal static class PictureMutation
{
    /// <summary>One to four changes of a file's parts.</summary>
    public static byte[] Damage(byte[] file, byte[] other, Random random)
    {
        List<byte[]> parts = Parts(file), foreign = Parts(other);
        for (int n = random.Next(1, 5); n > 0 && parts.Count > 1; n--)
        {
            int at = random.Next(1, parts.Count), to = random.Next(1, parts.Count);
            switch (random.Next(6))
            {
                case 0:
                    parts.RemoveAt(at);
                    break;
                case 1:
                    parts.InsertRange(to, Enumerable.Repeat(parts[at], random.Next(1, 40)));
                    break;
                case 2:
                    (parts[at], parts[to]) = (parts[to], parts[at]);
                    break;
                case 3:
                    parts.Insert(to, foreign[random.Next(foreign.Count)]);
                    break;
                default:
                    parts[at] = parts[at].Length > 8 ? ByteMutation.Damage(parts[at], other, random) : parts[at];
                    break;
            }
        }

        return [.. parts.SelectMany(part => part)];
    }

    /// <summary>The signature, and then every part with its length and name; a format without parts in pieces of 16 bytes.</summary>
    public static List<byte[]> Parts(byte[] file) =>
        file.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x89, 0x50]) ? Cut(file, 8, at => 12L + BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at)))
        : file.AsSpan().StartsWith("RIFF"u8) ? Cut(file, 12, at => 8L + BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 4)))
        : file.AsSpan().StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8]) ? Cut(file, 2, at => file[at] == 0xFF && file[at + 1] is not 0xDA ? 2L + BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(at + 2)) : file.Length)
        : file.AsSpan().StartsWith("GIF8"u8) ? Cut(file, 13 + 768, at => Block(file, at))
        : Cut(file, 14, _ => 16);

    private static long Block(byte[] file, int at)
    {
        int end = at + (file[at] == 0x2C ? 11 : 2);
        while (end < file.Length && file[end] != 0)
        {
            end += 1 + file[end];
        }

        return end + 1 - at;
    }

    private static List<byte[]> Cut(byte[] file, int first, Func<int, long> length)
    {
        first = Math.Min(first, file.Length);
        var parts = new List<byte[]> { file[..first] };
        for (int at = first; at < file.Length;)
        {
            int end = at + 12 > file.Length ? file.Length : (int)Math.Clamp(at + length(at), at + 1, file.Length);
            parts.Add(file[at..end]);
            at = end;
        }

        return parts;
    }
}

using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Cifar3.Training;

/// <summary>HDF5's filters: what a chunk passed when it was written.</summary>
internal static class Hdf5Filters
{
    private const int Deflate = 1, Shuffle = 2, Fletcher32 = 3, ChecksumBytes = 4;

    /// <summary>Reads a filter message: numbers and names, in the order of writing.</summary>
    public static List<(int Id, string Name)> Read(Hdf5Cursor body)
    {
        int version = body.Byte(), count = body.Byte();
        body.Take(version == 1 ? 6 : 0);
        var filters = new List<(int, string)>();
        for (int i = 0; i < count; i++)
        {
            int id = body.UInt16(), nameSize = version == 1 || id >= 256 ? body.UInt16() : 0;
            body.UInt16();
            int values = body.UInt16();
            string name = Encoding.UTF8.GetString(body.Take(nameSize)).TrimEnd('\0');
            body.Take(4 * values + (version == 1 && values % 2 == 1 ? 4 : 0));
            filters.Add((id, name.Length > 0 ? name : id switch { Deflate => "deflate", Shuffle => "shuffle", Fletcher32 => "fletcher32", 4 => "szip", 32000 => "lzf", _ => $"filter {id}" }));
        }

        return filters;
    }

    /// <summary>The filter that is not known here; null where all are.</summary>
    public static string? Unknown(IEnumerable<(int Id, string Name)> filters) => filters.Where(filter => filter.Id is < Deflate or > Fletcher32).Select(filter => filter.Name).FirstOrDefault();

    /// <summary>Takes the filters back, last first.</summary>
    /// <param name="filters">The dataset's filters.</param>
    /// <param name="skipped">A bit for each filter that this chunk did not pass.</param>
    /// <param name="stored">The chunk in the file.</param>
    /// <param name="size">Bytes of the chunk's elements.</param>
    /// <param name="elementSize">Bytes of one element.</param>
    /// <param name="path">What messages call the dataset.</param>
    /// <exception cref="Cifar3ModelException">A checksum is wrong.</exception>
    public static byte[] Undo(IReadOnlyList<(int Id, string Name)> filters, uint skipped, ReadOnlyMemory<byte> stored, int size, int elementSize, string path)
    {
        byte[] bytes = stored.ToArray();
        for (int i = filters.Count - 1; i >= 0; i--)
        {
            if ((skipped >> i & 1) != 0)
            {
                continue;
            }

            bytes = filters[i].Id switch
            {
                Deflate => Inflate(bytes, size + ChecksumBytes), // which may follow
                Shuffle => Unshuffle(bytes, elementSize),
                _ => Verified(bytes, path),
            };
        }

        return bytes;
    }

    private static byte[] Inflate(byte[] compressed, int most)
    {
        using var stream = new ZLibStream(new MemoryStream(compressed), CompressionMode.Decompress);
        byte[] bytes = new byte[most];
        int length = stream.ReadAtLeast(bytes, most, throwOnEndOfStream: false);
        return bytes[..length];
    }

    /// <summary>All first bytes, then all second ones, …: back into elements.</summary>
    private static byte[] Unshuffle(byte[] shuffled, int elementSize)
    {
        byte[] bytes = [.. shuffled];
        int count = shuffled.Length / elementSize;
        for (int i = 0; i < count; i++)
        {
            for (int b = 0; b < elementSize; b++)
            {
                bytes[i * elementSize + b] = shuffled[b * count + i];
            }
        }

        return bytes;
    }

    /// <summary>The bytes before their checksum, which must be theirs. HDF5 before 1.6.3 stored it with the bytes of each half exchanged.</summary>
    private static byte[] Verified(byte[] bytes, string path)
    {
        if (bytes.Length < ChecksumBytes)
        {
            throw Hdf5Error.Damaged($"A chunk of the HDF5 dataset '{path}' has {bytes.Length} bytes, too few for its checksum");
        }

        var content = bytes.AsSpan(0, bytes.Length - ChecksumBytes);
        uint found = Checksum(content), stored = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(content.Length));
        uint exchanged = (found & 0x00FF00FF) << 8 | (found >> 8 & 0x00FF00FF);
        return stored == found || stored == exchanged
            ? content.ToArray()
            : throw Hdf5Error.Damaged($"A chunk of the HDF5 dataset '{path}' has the checksum (Fletcher-32) {found:X8}. Expected {stored:X8}");
    }

    /// <summary>
    /// Fletcher's checksum as HDF5 takes it: over 16-bit numbers, the first byte the higher one, the sum of all and the sum of the sums so far, both in one's
    /// complement arithmetic. An odd last byte counts as a higher one.
    /// </summary>
    /// <remarks><see href="https://www.rfc-editor.org/rfc/rfc1146"/> tells the algorithm, <see href="https://github.com/HDFGroup/hdf5/blob/develop/src/H5checksum.c"/> this form of it.</remarks>
    public static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        ulong sum = 0, sums = 0;
        for (int i = 0; i < bytes.Length; i += 2)
        {
            sum += (ulong)bytes[i] << 8 | (i + 1 < bytes.Length ? bytes[i + 1] : 0u);
            sums += sum;
            if ((i & 0xFFFF) == 0)
            {
                (sum, sums) = (Folded(sum), Folded(sums)); // long before they overflow
            }
        }

        return (uint)(Folded(sums) << 16 | Folded(sum));

        // What is carried out of 16 bits is added at their other end.
        static ulong Folded(ulong value)
        {
            while (value > ushort.MaxValue)
            {
                value = (value & ushort.MaxValue) + (value >> 16);
            }

            return value;
        }
    }
}

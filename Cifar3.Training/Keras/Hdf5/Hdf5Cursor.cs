using System.Buffers.Binary;
using System.Numerics;

namespace Cifar3.Training;

/// <summary>What goes wrong with an HDF5 file: it is damaged, or it is whole and uses something that is not read here.</summary>
internal static class Hdf5Error
{
    /// <summary>Something in the file cannot be as it is.</summary>
    public static Cifar3ModelException Damaged(string what) => new($"{what}. The file is damaged; save it again or fetch a fresh copy.");

    /// <summary>The file may be in order, but holds what this library does not read. One line of Python makes a file that it does.</summary>
    public static Cifar3ModelException Unsupported(string what) =>
        new($"{what}, which is not supported here. The file is not damaged: convert it with Python, keras.models.load_model(\"in.h5\").save(\"out.keras\"), or for weights alone model.load_weights(\"in.h5\"); model.save(\"out.keras\").");
}

/// <summary>Reads little-endian numbers from a block and never beyond it.</summary>
internal sealed class Hdf5Cursor(ReadOnlyMemory<byte> block)
{
    public int Position { get; set; }

    public int Remaining => block.Length - Position;

    public int Byte() => Take(1)[0];

    public int UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    /// <summary>An address or a length: both have 8 bytes in every file that is read.</summary>
    public ulong Address() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>An unsigned number of 0 to 8 bytes.</summary>
    public ulong Number(int bytes)
    {
        ulong value = 0;
        var taken = Take(bytes);
        for (int i = bytes - 1; i >= 0; i--)
        {
            value = value << 8 | taken[i];
        }

        return value;
    }

    /// <summary>A length that must fit into the file's memory.</summary>
    public int Length() => Checked(Address());

    public ReadOnlySpan<byte> Take(int count) => Slice(count).Span;

    public ReadOnlyMemory<byte> Slice(int count)
    {
        if (count < 0 || count > Remaining)
        {
            throw Hdf5Error.Damaged($"An HDF5 structure of {block.Length:N0} bytes is read beyond its end");
        }

        Position += count;
        return block.Slice(Position - count, count);
    }

    public void Expect(string signature)
    {
        var found = Take(4);
        for (int i = 0; i < 4; i++)
        {
            if (found[i] != signature[i])
            {
                throw Hdf5Error.Damaged($"Expected the HDF5 structure '{signature}'. Found {Convert.ToHexString(found)}");
            }
        }
    }

    public static int Checked(ulong value) => value <= int.MaxValue ? (int)value : throw Hdf5Error.Damaged($"The HDF5 file announces {value:N0} bytes where a few are expected");

    /// <summary>Bytes that HDF5 takes to store numbers up to a limit.</summary>
    public static int BytesFor(ulong limit) => BitOperations.Log2(limit) / 8 + 1;
}

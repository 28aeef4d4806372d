using System.Buffers.Binary;

namespace Cifar3.Training;

/// <summary>What one element of a dataset or attribute is.</summary>
internal enum Hdf5Kind
{
    Other,
    Float16,
    BFloat16,
    Float32,
    Float64,
    Integer,
    FixedText,
    VariableText,
}

/// <summary>A datatype: numbers of either byte order, and text.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Size">Bytes of one element.</param>
/// <param name="IsBigEndian">Whether the first byte is the most significant.</param>
/// <param name="Name">What messages call it, such as <c>float16</c>.</param>
internal sealed record Hdf5Type(Hdf5Kind Kind, int Size, bool IsBigEndian, string Name)
{
    /// <summary>Reads a datatype message. Types that are not read here become <see cref="Hdf5Kind.Other"/>: only who needs the values minds.</summary>
    public static Hdf5Type Read(Hdf5Cursor body)
    {
        int kind = body.Byte() & 15, bits = body.Byte();
        body.Take(2);
        uint size = body.UInt32();
        bool big = (bits & 1) != 0;
        switch (kind)
        {
            case 0 when size is 1 or 2 or 4 or 8:
                return new Hdf5Type(Hdf5Kind.Integer, (int)size, big, $"int{8 * size}");
            case 1 when size is 2 or 4 or 8 && (bits & 0x40) == 0:
                body.Take(5);
                int exponent = body.Byte();
                return (size, exponent) switch
                {
                    (2, 5) => new Hdf5Type(Hdf5Kind.Float16, 2, big, "float16"),
                    (2, 8) => new Hdf5Type(Hdf5Kind.BFloat16, 2, big, "bfloat16"),
                    (4, 8) => new Hdf5Type(Hdf5Kind.Float32, 4, big, big ? "big-endian float32" : "float32"),
                    (8, 11) => new Hdf5Type(Hdf5Kind.Float64, 8, big, "float64"),
                    _ => Unread($"floats of {size} bytes with {exponent} bits of exponent"),
                };
            case 3 when size is > 0 and <= ushort.MaxValue:
                return new Hdf5Type(Hdf5Kind.FixedText, (int)size, false, "text");
            case 5 when size == 2: // h5py knows no bfloat16 and stores NumPy's as two bytes without meaning
                return new Hdf5Type(Hdf5Kind.BFloat16, 2, false, "bfloat16");
            case 9 when size == 16 && (bits & 15) == 1:
                return new Hdf5Type(Hdf5Kind.VariableText, 16, false, "text");
            default:
                return Unread(kind switch { 5 => $"opaque bytes, {size} each", 6 => "compound records", 7 => "references", 8 => "enumerations", 9 => "lists", 10 => "arrays", _ => $"data of class {kind}, {size} bytes each" });
        }

        Hdf5Type Unread(string name) => new(Hdf5Kind.Other, Hdf5Cursor.Checked(size), big, name);
    }

    /// <summary>Converts elements to float32.</summary>
    /// <param name="bytes">The elements, one after another.</param>
    /// <param name="what">What messages call the dataset.</param>
    /// <exception cref="Cifar3ModelException">They are no floating-point numbers.</exception>
    public float[] ToFloats(ReadOnlySpan<byte> bytes, string what)
    {
        if (Kind is not (Hdf5Kind.Float16 or Hdf5Kind.BFloat16 or Hdf5Kind.Float32 or Hdf5Kind.Float64))
        {
            string message = $"'{what}' holds {Name}. Expected float32, float16, bfloat16 or float64";
            throw Kind == Hdf5Kind.Other ? Hdf5Error.Unsupported(message) : new Cifar3ModelException($"{message}.");
        }

        var values = new float[bytes.Length / Size];
        for (int i = 0; i < values.Length; i++)
        {
            var one = bytes[(i * Size)..];
            values[i] = Kind switch
            {
                Hdf5Kind.Float16 => (float)(IsBigEndian ? BinaryPrimitives.ReadHalfBigEndian(one) : BinaryPrimitives.ReadHalfLittleEndian(one)),
                Hdf5Kind.BFloat16 => BitConverter.Int32BitsToSingle((IsBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(one) : BinaryPrimitives.ReadUInt16LittleEndian(one)) << 16),
                Hdf5Kind.Float32 => IsBigEndian ? BinaryPrimitives.ReadSingleBigEndian(one) : BinaryPrimitives.ReadSingleLittleEndian(one),
                _ => (float)(IsBigEndian ? BinaryPrimitives.ReadDoubleBigEndian(one) : BinaryPrimitives.ReadDoubleLittleEndian(one)),
            };
        }

        return values;
    }

    /// <summary>One integer, signed where it has 8 bytes.</summary>
    public long ToInteger(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int i = 0; i < Size; i++)
        {
            value = value << 8 | bytes[IsBigEndian ? i : Size - 1 - i];
        }

        return (long)value;
    }
}

using System.Buffers.Binary;
using Onnx;

namespace Cifar3;

/// <summary>Checks one weight of a graph: in the file, complete, finite.</summary>
internal static class GraphTensor
{
    private const int MaxRank = 5;
    private const long MaxElements = OnnxFile.MaxBytes / sizeof(float);

    /// <summary>Checks a weight.</summary>
    /// <exception cref="FormatException">It is none that can be computed with.</exception>
    public static void Check(TensorProto tensor)
    {
        string name = Shown.Text(tensor.Name);
        if (tensor.DataLocation != TensorProto.Types.DataLocation.Default || tensor.ExternalData.Count > 0)
        {
            throw new FormatException($"expected all weights in the file, found '{name}' in another file");
        }

        double count = tensor.Dims.Aggregate(1.0, (product, size) => product * size);
        if (tensor.Name.Length == 0 || tensor.Dims.Count > MaxRank || tensor.Dims.Any(size => size < 1) || count > MaxElements || tensor.Segment is not null)
        {
            throw new FormatException($"weight '{name}' has an impossible shape: {GraphCheck.Print(tensor.Dims)}");
        }

        var (size, listed) = tensor.DataType switch
        {
            (int)TensorProto.Types.DataType.Float => (sizeof(float), tensor.FloatData.Count),
            (int)TensorProto.Types.DataType.Int64 => (sizeof(long), tensor.Int64Data.Count),
            (int)TensorProto.Types.DataType.Int32 => (sizeof(int), tensor.Int32Data.Count),
            (int)TensorProto.Types.DataType.Int8 or (int)TensorProto.Types.DataType.Uint8 => (sizeof(byte), tensor.Int32Data.Count),
            var type => throw new FormatException($"expected weights of float32, of 8 bits, or whole numbers, found '{name}' of data type {type}"),
        };
        int lists = tensor.FloatData.Count + tensor.Int64Data.Count + tensor.Int32Data.Count + tensor.StringData.Count + tensor.DoubleData.Count + tensor.Uint64Data.Count;
        if (lists != listed || (tensor.HasRawData ? lists > 0 || tensor.RawData.Length != (long)count * size : listed != (long)count))
        {
            throw new FormatException($"weight '{name}' is incomplete: expected {count:N0} numbers for its shape {GraphCheck.Print(tensor.Dims)}, found {(tensor.HasRawData ? $"{tensor.RawData.Length:N0} bytes and {lists:N0}" : $"{lists:N0}")} numbers");
        }

        if (tensor.DataType == (int)TensorProto.Types.DataType.Float && !IsFinite(tensor))
        {
            throw new FormatException($"weight '{name}' has values that are not finite");
        }
    }

    /// <summary>The numbers of a tensor of int64, such as a shape.</summary>
    public static long[] Integers(TensorProto tensor)
    {
        if (!tensor.HasRawData)
        {
            return [.. tensor.Int64Data];
        }

        var values = new long[tensor.RawData.Length / sizeof(long)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = BinaryPrimitives.ReadInt64LittleEndian(tensor.RawData.Span[(i * sizeof(long))..]);
        }

        return values;
    }

    private static bool IsFinite(TensorProto tensor)
    {
        var raw = tensor.RawData.Span;
        for (int i = 0; i < raw.Length; i += sizeof(float))
        {
            if (!float.IsFinite(BinaryPrimitives.ReadSingleLittleEndian(raw[i..])))
            {
                return false;
            }
        }

        return tensor.FloatData.All(float.IsFinite);
    }
}

using Onnx;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3;

/// <summary>Checks one weight of a graph: there, complete, finite.</summary>
internal static class GraphTensor
{
    private const int MaxRank = 5;
    private const long MaxElements = OnnxFile.MaxBytes / sizeof(float);

    /// <summary>Checks a weight.</summary>
    /// <exception cref="FormatException">It is none that can be computed with.</exception>
    public static void Check(TensorProto tensor)
    {
        string name = Shown.Text(tensor.Name);
        if (IsExternal(tensor))
        {
            throw new FormatException($"expected all weights in the file, found '{name}' in another file");
        }

        if (tensor.Name.Length == 0)
        {
            throw new FormatException("expected weights with names, found one without");
        }

        var (count, size) = Size(tensor);
        var type = (DataType)tensor.DataType;
        int listed = type switch
        {
            DataType.Float => tensor.FloatData.Count,
            DataType.Int64 => tensor.Int64Data.Count,
            _ => tensor.Int32Data.Count,
        };
        int lists = tensor.FloatData.Count + tensor.Int64Data.Count + tensor.Int32Data.Count + tensor.StringData.Count + tensor.DoubleData.Count + tensor.Uint64Data.Count;
        if (lists != listed || (tensor.HasRawData ? lists > 0 || tensor.RawData.Length != count * size : listed != count))
        {
            string found = tensor.HasRawData ? FormattableString.Invariant($"{tensor.RawData.Length:N0} bytes and {lists:N0}") : FormattableString.Invariant($"{lists:N0}");
            throw new FormatException(FormattableString.Invariant($"weight '{name}' is incomplete: expected {count:N0} numbers for its shape {GraphCheck.Print(tensor.Dims)}, found {found} numbers"));
        }

        if (type is DataType.Float or DataType.Float16 && TensorData.Floats(tensor).AsSpan().IndexOfAnyExceptInRange(float.MinValue, float.MaxValue) >= 0)
        {
            throw new FormatException($"weight '{name}' has values that are not finite");
        }
    }

    /// <summary>Whether a weight's numbers are in another file.</summary>
    public static bool IsExternal(TensorProto tensor) => tensor.DataLocation != TensorProto.Types.DataLocation.Default || tensor.ExternalData.Count > 0;

    /// <summary>How many numbers a weight has, and how many bytes each takes.</summary>
    /// <exception cref="FormatException">Its shape or type is none that can be computed with.</exception>
    public static (long Count, int Size) Size(TensorProto tensor)
    {
        string name = Shown.Text(tensor.Name);
        double count = tensor.Dims.Aggregate(1.0, (product, size) => product * size);
        if (tensor.Dims.Count > MaxRank || tensor.Dims.Any(size => size < 1) || count > MaxElements || tensor.Segment is not null)
        {
            throw new FormatException($"weight '{name}' has an impossible shape: {GraphCheck.Print(tensor.Dims)}");
        }

        return ((long)count, (DataType)tensor.DataType switch
        {
            DataType.Float or DataType.Int32 => sizeof(int),
            DataType.Float16 => 2,
            DataType.Int64 => sizeof(long),
            DataType.Int8 or DataType.Uint8 => sizeof(byte),
            var type => throw new FormatException($"expected weights of float32, float16, of 8 bits, or whole numbers, found '{name}' of data type {(int)type}"),
        });
    }
}

using System.Buffers.Binary;
using Google.Protobuf;
using Onnx;

namespace Cifar3;

/// <summary>The pieces that ONNX graphs are made of: shapes, attributes, constants.</summary>
internal static class OnnxParts
{
    /// <summary>A tensor of any number of images, [N, <paramref name="shape"/>].</summary>
    public static ValueInfoProto Tensor(string name, string doc, TensorProto.Types.DataType type, params ReadOnlySpan<int> shape)
    {
        var dims = new TensorShapeProto { Dim = { new TensorShapeProto.Types.Dimension { DimParam = OnnxGraph.BatchName } } };
        foreach (int size in shape)
        {
            dims.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = size });
        }

        var info = new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = dims } } };
        if (doc.Length > 0)
        {
            info.DocString = doc;
        }

        return info;
    }

    /// <summary>An attribute of one whole number.</summary>
    public static AttributeProto Int(string name, long value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = value };

    /// <summary>An attribute of several whole numbers.</summary>
    public static AttributeProto Ints(string name, params ReadOnlySpan<long> values) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Ints, Ints = { values.ToArray() } };

    /// <summary>An attribute of one float.</summary>
    public static AttributeProto Float(string name, float value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Float, F = value };

    /// <summary>A constant of float32; no dims make a scalar.</summary>
    public static TensorProto Constant(string name, ReadOnlySpan<float> values, params ReadOnlySpan<int> dims)
    {
        var bytes = new byte[values.Length * sizeof(float)];
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), values[i]);
        }

        return Constant(name, TensorProto.Types.DataType.Float, bytes, dims);
    }

    /// <summary>A constant of int32.</summary>
    public static TensorProto Constant(string name, ReadOnlySpan<int> values, params ReadOnlySpan<int> dims)
    {
        var bytes = new byte[values.Length * sizeof(int)];
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(i * sizeof(int)), values[i]);
        }

        return Constant(name, TensorProto.Types.DataType.Int32, bytes, dims);
    }

    /// <summary>A constant of bytes as they lie in the file: ONNX's raw data is little-endian on every machine.</summary>
    public static TensorProto Constant(string name, TensorProto.Types.DataType type, byte[] bytes, params ReadOnlySpan<int> dims)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)type, RawData = UnsafeByteOperations.UnsafeWrap(bytes) };
        foreach (int size in dims)
        {
            tensor.Dims.Add(size);
        }

        return tensor;
    }
}

using System.Runtime.InteropServices;
using Google.Protobuf;
using Onnx;

namespace Cifar3;

/// <summary>Collects the nodes and constants of <see cref="StockGraph"/>.</summary>
internal sealed class StockGraphBuilder
{
    private const string Prefix = "mlnet/";

    /// <summary>The nodes in the order of computation.</summary>
    public List<NodeProto> Nodes { get; } = [];

    /// <summary>The constants.</summary>
    public List<TensorProto> Constants { get; } = [];

    /// <summary>Adds a node with one output.</summary>
    /// <param name="op">Operator.</param>
    /// <param name="output">Name of the output; null = a name of its own.</param>
    /// <param name="inputs">Names of the inputs.</param>
    /// <param name="attributes">Attributes.</param>
    /// <returns>The output's name.</returns>
    public string Add(string op, string? output, string[] inputs, params AttributeProto[] attributes)
    {
        output ??= $"{Prefix}{Nodes.Count}_{op}";
        var node = new NodeProto { Name = $"{Prefix}{Nodes.Count}", OpType = op };
        node.Input.AddRange(inputs);
        node.Output.Add(output);
        node.Attribute.AddRange(attributes);
        Nodes.Add(node);
        return output;
    }

    /// <inheritdoc cref="Add(string, string, string[], AttributeProto[])"/>
    public string Add(string op, string? output, string input, params AttributeProto[] attributes) => Add(op, output, [input], attributes);

    /// <inheritdoc cref="Add(string, string, string[], AttributeProto[])"/>
    public string Add(string op, string? output, params string[] inputs) => Add(op, output, inputs, []);

    /// <summary>Adds a scalar (one value) or a vector.</summary>
    public string Constant(string name, params float[] values) => Constant<float>(name, TensorProto.Types.DataType.Float, values, values.Length == 1 ? [] : [values.Length]);

    /// <summary>Adds a vector.</summary>
    public string Constant(string name, long[] values) => Constant<long>(name, TensorProto.Types.DataType.Int64, values, [values.Length]);

    /// <summary>Adds a tensor of the given shape; without one, a vector.</summary>
    public string Constant(string name, double[] values, params long[] shape) => Constant<double>(name, TensorProto.Types.DataType.Double, values, shape);

    /// <summary>Adds a vector of one text.</summary>
    public string Text(string name, string value)
    {
        Constants.Add(new TensorProto { Name = name, DataType = (int)TensorProto.Types.DataType.String, Dims = { 1 }, StringData = { ByteString.CopyFromUtf8(value) } });
        return name;
    }

    /// <summary>An input or output of fixed shape.</summary>
    public static ValueInfoProto Value(string name, TensorProto.Types.DataType type, params long[] shape)
    {
        var dims = new TensorShapeProto();
        dims.Dim.AddRange(shape.Select(size => new TensorShapeProto.Types.Dimension { DimValue = size }));
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = dims } } };
    }

    public static AttributeProto Int(string name, long value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = value };

    public static AttributeProto Ints(string name, params long[] values) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Ints, Ints = { values } };

    public static AttributeProto Type(string name, TensorProto.Types.DataType type) => Int(name, (long)type);

    private string Constant<T>(string name, TensorProto.Types.DataType type, T[] values, long[] shape)
        where T : unmanaged
    {
        name = Prefix + name;
        var tensor = new TensorProto { Name = name, DataType = (int)type, RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(values.AsSpan())) };
        tensor.Dims.AddRange(shape);
        Constants.Add(tensor);
        return name;
    }
}

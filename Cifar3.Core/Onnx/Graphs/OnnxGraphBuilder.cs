using Google.Protobuf;
using Onnx;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3;

/// <summary>
/// An ONNX graph under construction: nodes in the order of computation, constants, and the layers of this network. Every graph that the library
/// makes is made with it; the files beside this one each hold one flavour.
/// </summary>
/// <remarks>Operators: <see href="https://onnx.ai/onnx/operators/"/>.</remarks>
internal sealed class OnnxGraphBuilder
{
    /// <summary>Operator set 17 (2022): the newest that every runtime of the last years reads; the network needs nothing of later ones.</summary>
    public const int OpsetVersion = 17;

    /// <summary>Name of the output: float [N, classes], rows sum to 1.</summary>
    public const string OutputName = "probabilities";

    /// <summary>Name of the batch dimension.</summary>
    private const string BatchName = "N";

    public OnnxGraphBuilder(string name) => Proto = new GraphProto { Name = name };

    /// <summary>The graph so far.</summary>
    public GraphProto Proto { get; }

    /// <summary>The tensor that the next layer takes.</summary>
    public string Current { get; private set; } = "";

    /// <summary>Its shape without N.</summary>
    public int[] Shape { get; private set; } = [];

    /// <summary>Starts with images [N, 32, 32, 3].</summary>
    public void Images(string name, DataType type, string doc)
    {
        (Current, Shape) = (name, [CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels]);
        Proto.Input.Add(Value(name, type, doc, anyNumber: true, Shape));
    }

    /// <summary>Starts with a tensor that the caller made, of the shape of images.</summary>
    public void StartFrom(string tensor) => (Current, Shape) = (tensor, [CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels]);

    /// <summary>Promises the probabilities [N, classes] of the last layer as the graph's output.</summary>
    public void Probabilities(int classes) =>
        Proto.Output.Add(Value(OutputName, DataType.Float, "The classes' probabilities; each row sums to 1. The metadata's class_names names the columns.", anyNumber: true, classes));

    /// <summary>Adds a node over the current tensor and constants; its output is the next current tensor.</summary>
    public void Then(string name, string op, string doc, DataType type, int[] shape, string[] constants, params ReadOnlySpan<AttributeProto> attributes)
    {
        bool last = op == "Softmax";
        string output = last ? OutputName : $"{name}/output";
        AddNode(name, op, output, [Current, .. constants], attributes).DocString = doc;
        if (!last)
        {
            Proto.ValueInfo.Add(Value(output, type, "", anyNumber: true, shape));
        }

        (Current, Shape) = (output, shape);
    }

    /// <summary>Adds a node over any tensors.</summary>
    public NodeProto AddNode(string name, string op, string output, ReadOnlySpan<string> inputs, params ReadOnlySpan<AttributeProto> attributes)
    {
        var node = new NodeProto { Name = name, OpType = op, Output = { output } };
        node.Input.AddRange(inputs.ToArray());
        node.Attribute.AddRange(attributes.ToArray());
        Proto.Node.Add(node);
        return node;
    }

    /// <summary>To channels first, which ONNX convolutions take.</summary>
    public void ToChannelsFirst(DataType type) =>
        Then("to_channels_first", "Transpose", "ONNX convolutions take channels first: NHWC to NCHW.", type, [Shape[2], Shape[0], Shape[1]], [], Ints("perm", 0, 3, 1, 2));

    /// <summary>Convolution 3×3 and ReLU with constants of the names given.</summary>
    public void Convolution(string name, int outputs, int size, int border, string kernel, string bias, string doc)
    {
        int[] shape = [outputs, size, size];
        Then(name, "Conv", doc, DataType.Float, shape, [kernel, bias], Ints("kernel_shape", 3, 3), Ints("pads", border, border, border, border), Ints("strides", 1, 1));
        Then($"{name}/relu", "Relu", "activation='relu' of the convolution before.", DataType.Float, shape, []);
    }

    /// <summary>The maximum of 2×2; it may work on quantized bytes, whose order is that of the numbers.</summary>
    public void MaxPooling(string name, DataType type) => Then(
        name, "MaxPool", "Keras MaxPooling2D: 2x2, stride 2; an odd last row or column is left out.", type, [Shape[0], Shape[1] / 2, Shape[2] / 2], [], Ints("kernel_shape", 2, 2), Ints("strides", 2, 2));

    /// <summary>Back to NHWC, whose order the dense kernel depends on, as one vector.</summary>
    public void Flatten(string name, DataType type)
    {
        Then("to_channels_last", "Transpose", "Keras flattens height, width, channels: NCHW back to NHWC.", type, [Shape[1], Shape[2], Shape[0]], [], Ints("perm", 0, 2, 3, 1));
        Then(name, "Flatten", "Keras Flatten, in NHWC order.", type, [Shape[0] * Shape[1] * Shape[2]], [], Int("axis", 1));
    }

    /// <summary>
    /// The dense layer with constants of the names given, and softmax. The kernel is [classes, features], as PyTorch's exporter writes it too:
    /// OpenCV 4.6 takes no other.
    /// </summary>
    public void Dense(string name, int classes, string kernel, string bias, string doc)
    {
        Then(name, "Gemm", doc, DataType.Float, [classes], [kernel, bias], Int("transB", 1));
        Softmax(name, classes);
    }

    /// <summary>Softmax over the classes: the last node.</summary>
    public void Softmax(string dense, int classes) =>
        Then($"{dense}/softmax", "Softmax", "activation='softmax' of the dense layer before.", DataType.Float, [classes], [], Int("axis", -1));

    /// <summary>Adds a constant of float32.</summary>
    /// <returns>Its name.</returns>
    public string Constant(string name, ReadOnlySpan<float> values, params ReadOnlySpan<int> dims) => Constant(TensorData.Create(name, DataType.Float, values, dims));

    /// <summary>Adds a constant.</summary>
    /// <returns>Its name.</returns>
    public string Constant(TensorProto tensor)
    {
        Proto.Initializer.Add(tensor);
        return tensor.Name;
    }

    /// <summary>An input or output, of any number of images [N, <paramref name="shape"/>] or of just this shape.</summary>
    public static ValueInfoProto Value(string name, DataType type, string doc, bool anyNumber, params ReadOnlySpan<int> shape)
    {
        var dims = new TensorShapeProto();
        if (anyNumber)
        {
            dims.Dim.Add(new TensorShapeProto.Types.Dimension { DimParam = BatchName });
        }

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

    /// <summary>An attribute of texts.</summary>
    public static AttributeProto Strings(string name, IEnumerable<string> values) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Strings, Strings = { values.Select(ByteString.CopyFromUtf8) } };
}

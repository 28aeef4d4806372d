using Onnx;
using static Cifar3.OnnxParts;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3;

/// <summary>A graph under construction in which each node takes the output of the one before: what the optimized and the int8 graph share.</summary>
/// <remarks>Operators: <see href="https://onnx.ai/onnx/operators/"/>.</remarks>
internal sealed class ScoringGraph
{
    /// <summary>Name of the input: uint8 [N, 32, 32, 3].</summary>
    public const string InputName = "pixels";

    private readonly int classes;

    public ScoringGraph(string name, int classes)
    {
        this.classes = classes;
        Proto = new GraphProto { Name = name };
        Proto.Input.Add(Tensor(InputName, "Images, red, green, blue, each value a pixel's byte.", DataType.Uint8, CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels));
        Proto.Output.Add(Tensor(OnnxGraph.OutputName, "The classes' probabilities; each row sums to 1. The metadata's class_names names the columns.", DataType.Float, classes));
        Add("to_channels_first", "Transpose", "ONNX convolutions take channels first: NHWC to NCHW.", DataType.Uint8, [CnnArchitecture.InputChannels, CnnArchitecture.InputSize, CnnArchitecture.InputSize], [], Ints("perm", 0, 3, 1, 2));
    }

    public GraphProto Proto { get; }

    /// <summary>The tensor that the next node takes.</summary>
    public string Current { get; private set; } = InputName;

    /// <summary>Its shape without N.</summary>
    public int[] CurrentShape { get; private set; } = [CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels];

    /// <summary>Adds a node over the current tensor and constants.</summary>
    public void Add(string name, string op, string doc, DataType type, int[] shape, string[] constants, params ReadOnlySpan<AttributeProto> attributes)
    {
        bool last = op == "Softmax";
        string output = last ? OnnxGraph.OutputName : $"{name}/output";
        var node = new NodeProto { Name = name, OpType = op, DocString = doc, Input = { Current }, Output = { output } };
        node.Input.AddRange(constants);
        foreach (var attribute in attributes)
        {
            node.Attribute.Add(attribute);
        }

        Proto.Node.Add(node);
        if (!last)
        {
            Proto.ValueInfo.Add(Tensor(output, "", type, shape));
        }

        (Current, CurrentShape) = (output, shape);
    }

    /// <summary>Convolution and ReLU over the current tensor, with constants of the names given.</summary>
    public void AddConvolution(FoldedConvolution conv, string kernel, string bias, string doc)
    {
        int[] shape = [conv.Outputs, conv.OutputSize, conv.OutputSize];
        Add(conv.Name, "Conv", doc, DataType.Float, shape, [kernel, bias], Ints("kernel_shape", 3, 3), Ints("pads", conv.Border, conv.Border, conv.Border, conv.Border), Ints("strides", 1, 1));
        Add($"{conv.Name}/relu", "Relu", "activation='relu' of the convolution before.", DataType.Float, shape, []);
    }

    /// <summary>The same in float32.</summary>
    public void AddFloatConvolution(FoldedConvolution conv, string doc) => AddConvolution(
        conv,
        Constant(OnnxParts.Constant($"{conv.Name}/kernel", conv.Kernel, conv.Outputs, conv.Inputs, Conv2DLayer.KernelSize, Conv2DLayer.KernelSize)),
        Constant(OnnxParts.Constant($"{conv.Name}/bias", conv.Bias, conv.Outputs)),
        doc);

    /// <summary>The first convolution in float32, over bytes: its kernel divides by 255. The border's zeros are zeros in both.</summary>
    public void AddFirstFloatConvolution(FoldedConvolution conv)
    {
        Add("to_float", "Cast", "Bytes to float; the division by 255 is in the next kernel.", DataType.Float, CurrentShape, [], Int("to", (long)DataType.Float));
        AddFloatConvolution(conv with { Kernel = Array.ConvertAll(conv.Kernel, weight => (float)(weight / 255.0)) }, "Keras Conv2D in float32; kernel / 255.");
    }

    /// <summary>The maximum of 2×2, where the layer has one; it may work on the quantized bytes, whose order is that of the numbers.</summary>
    public void AddPooling(FoldedConvolution conv, DataType type)
    {
        if (conv.Pooling is { } name)
        {
            Add(name, "MaxPool", "Keras MaxPooling2D: 2x2, stride 2; an odd last row or column is left out.", type, [conv.Outputs, conv.OutputSize / 2, conv.OutputSize / 2], [], Ints("kernel_shape", 2, 2), Ints("strides", 2, 2));
        }
    }

    /// <summary>Back to NHWC, whose order the dense kernel depends on, as one vector.</summary>
    public void AddFlatten(FoldedConvolution last, DataType type)
    {
        int size = last.OutputSize / 2;
        Add("to_channels_last", "Transpose", "Keras flattens height, width, channels: NCHW back to NHWC.", type, [size, size, last.Outputs], [], Ints("perm", 0, 2, 3, 1));
        Add("flatten", "Flatten", "Keras Flatten, in NHWC order.", type, [size * size * last.Outputs], [], Int("axis", 1));
    }

    /// <summary>The dense layer with constants of the names given, and softmax.</summary>
    public void AddDense(DenseLayer dense, string kernel, string bias, string doc)
    {
        Add(dense.Name, "Gemm", doc, DataType.Float, [classes], [kernel, bias]);
        Add($"{dense.Name}/softmax", "Softmax", "activation='softmax' of the dense layer before.", DataType.Float, [classes], [], Int("axis", -1));
    }

    /// <summary>The same in float32.</summary>
    public void AddFloatDense(FoldedNetwork network, string doc)
    {
        var dense = network.Dense;
        AddDense(
            dense,
            Constant(OnnxParts.Constant($"{dense.Name}/kernel", network.DenseKernel, dense.InputShape[0], dense.Units)),
            Constant(OnnxParts.Constant($"{dense.Name}/bias", network.DenseBias, dense.Units)),
            doc);
    }

    /// <summary>Adds a constant and gives its name.</summary>
    public string Constant(TensorProto tensor)
    {
        Proto.Initializer.Add(tensor);
        return tensor.Name;
    }
}

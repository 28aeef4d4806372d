using Onnx;
using static Cifar3.OnnxParts;

namespace Cifar3;

/// <summary>
/// The network as an ONNX graph without its weights: nodes, input, output and the shapes between them. The exporter adds the
/// weights; the reader compares a file's graph with this one, so a file that computes anything else is refused.
/// </summary>
/// <remarks>
/// Keras-faithful: one node for each step of each Keras layer, under the layer's name. ONNX convolutions want channels first, so the
/// image is transposed once at the start and back once before flatten, whose order (NHWC) the dense kernel depends on.
/// Dropout computes nothing in inference and has no node; its rates are in the metadata.
/// Operators: <see href="https://onnx.ai/onnx/operators/"/>.
/// </remarks>
internal static class OnnxGraph
{
    /// <summary>Operator set 17 (2022): the newest that every runtime of the last years reads; the network needs nothing of later ones.</summary>
    public const int OpsetVersion = 17;

    /// <summary>Name of the input: float [N, 32, 32, 3] in [0, 1].</summary>
    public const string InputName = "input";

    /// <summary>Name of the output: float [N, classes], rows sum to 1.</summary>
    public const string OutputName = "probabilities";

    /// <summary>Name of the batch dimension.</summary>
    public const string BatchName = "N";

    /// <summary>Nodes, input, output and value infos for a network; the same architecture gives the same graph.</summary>
    public static GraphProto Create(CnnArchitecture architecture, IReadOnlyList<CnnLayer> layers)
    {
        var graph = new GraphProto { Name = "cifar3_cnn" };
        graph.Input.Add(Tensor(InputName, "Images, red, green, blue, each value a pixel's uint8 / 255.", CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels));
        graph.Output.Add(Tensor(OutputName, "The classes' probabilities; each row sums to 1. The metadata's class_names names the columns.", architecture.Classes));

        string current = InputName;
        Add("to_channels_first", "Transpose", "ONNX convolutions take channels first: NHWC to NCHW.", [CnnArchitecture.InputChannels, CnnArchitecture.InputSize, CnnArchitecture.InputSize], [], Ints("perm", 0, 3, 1, 2));
        foreach (var layer in layers)
        {
            int[] output = [.. layer.OutputShape];
            int[] channelsFirst = output is [int h, int w, int c] ? [c, h, w] : output;
            switch (layer)
            {
                case Conv2DLayer conv:
                    int border = conv.Padding == ConvPadding.Same ? 1 : 0;
                    Add(layer.Name, "Conv", $"Keras Conv2D: {conv.Filters} filters of 3x3, padding '{conv.Padding.ToString().ToLowerInvariant()}'; {layer.ParameterCount:N0} parameters.", channelsFirst, ["kernel", "bias"], Ints("kernel_shape", 3, 3), Ints("pads", border, border, border, border), Ints("strides", 1, 1));
                    Add($"{layer.Name}/relu", "Relu", "activation='relu' of the convolution before.", channelsFirst, []);
                    break;
                case BatchNormalizationLayer norm:
                    Add(layer.Name, "BatchNormalization", $"Keras BatchNormalization with its moving statistics; {layer.ParameterCount:N0} parameters.", channelsFirst, ["gamma", "beta", "moving_mean", "moving_variance"], Float("epsilon", (float)norm.Epsilon));
                    break;
                case MaxPooling2DLayer:
                    Add(layer.Name, "MaxPool", "Keras MaxPooling2D: 2x2, stride 2; an odd last row or column is left out.", channelsFirst, [], Ints("kernel_shape", 2, 2), Ints("strides", 2, 2));
                    break;
                case DropoutLayer:
                    break;
                case FlattenLayer:
                    Add("to_channels_last", "Transpose", "Keras flattens height, width, channels: NCHW back to NHWC.", [.. layer.InputShape], [], Ints("perm", 0, 2, 3, 1));
                    Add(layer.Name, "Flatten", "Keras Flatten, in NHWC order.", output, [], Int("axis", 1));
                    break;
                case DenseLayer:
                    Add(layer.Name, "Gemm", $"Keras Dense: {layer.InputShape[0]} inputs, {output[0]} classes; {layer.ParameterCount:N0} parameters.", output, ["kernel", "bias"]);
                    Add($"{layer.Name}/softmax", "Softmax", "activation='softmax' of the dense layer before.", output, [], Int("axis", -1));
                    break;
                default:
                    throw new InvalidOperationException($"No ONNX node for layer '{layer.Name}' ({layer.Kind}).");
            }
        }

        return graph;

        void Add(string name, string op, string doc, int[] outputShape, string[] weights, params AttributeProto[] attributes)
        {
            bool last = op == "Softmax";
            string output = last ? OutputName : $"{name}/output";
            var node = new NodeProto { Name = name, OpType = op, DocString = doc };
            node.Input.Add(current);
            node.Input.AddRange(weights.Select(weight => $"{name}/{weight}"));
            node.Output.Add(output);
            node.Attribute.AddRange(attributes);
            graph.Node.Add(node);
            if (!last)
            {
                graph.ValueInfo.Add(Tensor(output, "", outputShape));
            }

            current = output;
        }
    }

    private static ValueInfoProto Tensor(string name, string doc, params ReadOnlySpan<int> shape) => OnnxParts.Tensor(name, doc, TensorProto.Types.DataType.Float, shape);
}

using Onnx;
using static Cifar3.OnnxGraphBuilder;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3;

/// <summary>
/// The network as Keras has it, one node for each step of each layer, under the layer's name. The exporter adds the weights; the reader compares
/// a file's graph with this one, so a file that computes anything else is refused.
/// </summary>
/// <remarks>
/// ONNX convolutions want channels first, so the image is transposed once at the start and back once before flatten, whose order (NHWC) the dense
/// kernel depends on. Dropout computes nothing in inference and has no node; its rates are in the metadata.
/// </remarks>
internal static class KerasGraph
{
    /// <summary>Name of the input: float [N, 32, 32, 3] in [0, 1].</summary>
    public const string InputName = "input";

    /// <summary>Nodes, input, output and value infos without weights; the same architecture gives the same graph.</summary>
    /// <param name="architecture">Classes.</param>
    /// <param name="layers">The layers.</param>
    /// <param name="denseInKerasLayout">Whether the dense kernel is [features, classes], as files of format 1 have it.</param>
    public static GraphProto Create(CnnArchitecture architecture, IReadOnlyList<CnnLayer> layers, bool denseInKerasLayout = false)
    {
        var graph = new OnnxGraphBuilder("cifar3_cnn");
        graph.Images(InputName, DataType.Float, "Images, red, green, blue, each value a pixel's uint8 / 255.");
        graph.Probabilities(architecture.Classes);
        AddLayers(graph, layers, denseInKerasLayout);
        return graph.Proto;
    }

    /// <summary>The graph with a model's weights.</summary>
    public static GraphProto Create(CnnModel model)
    {
        var graph = Create(model.Architecture, model.Layers);
        graph.Initializer.AddRange(model.Weights.Select(Initializer));
        return graph;
    }

    /// <summary>Adds all layers over the builder's current tensor, images [N, 32, 32, 3] in [0, 1].</summary>
    public static void AddLayers(OnnxGraphBuilder graph, IReadOnlyList<CnnLayer> layers, bool denseInKerasLayout = false)
    {
        graph.ToChannelsFirst(DataType.Float);
        foreach (var layer in layers)
        {
            string name = layer.Name;
            switch (layer)
            {
                case Conv2DLayer conv:
                    graph.Convolution(name, conv.Filters, conv.OutputShape[0], conv.Padding == ConvPadding.Same ? 1 : 0, $"{name}/kernel", $"{name}/bias", FormattableString.Invariant($"Keras Conv2D: {conv.Filters} filters of 3x3, padding '{conv.Padding.ToString().ToLowerInvariant()}'; {layer.ParameterCount:N0} parameters."));
                    break;
                case BatchNormalizationLayer norm:
                    graph.Then(name, "BatchNormalization", FormattableString.Invariant($"Keras BatchNormalization with its moving statistics; {layer.ParameterCount:N0} parameters."), DataType.Float, graph.Shape, [$"{name}/gamma", $"{name}/beta", $"{name}/moving_mean", $"{name}/moving_variance"], Float("epsilon", (float)norm.Epsilon));
                    break;
                case MaxPooling2DLayer:
                    graph.MaxPooling(name, DataType.Float);
                    break;
                case DropoutLayer:
                    break;
                case FlattenLayer:
                    graph.Flatten(name, DataType.Float);
                    break;
                case DenseLayer dense:
                    string doc = FormattableString.Invariant($"Keras Dense: {layer.InputShape[0]} inputs, {dense.Units} classes; {layer.ParameterCount:N0} parameters.");
                    if (denseInKerasLayout)
                    {
                        graph.Then(name, "Gemm", doc, DataType.Float, [dense.Units], [$"{name}/kernel", $"{name}/bias"]);
                        graph.Softmax(name, dense.Units);
                    }
                    else
                    {
                        graph.Dense(name, dense.Units, $"{name}/kernel", $"{name}/bias", doc);
                    }

                    break;
                default:
                    throw new InvalidOperationException($"No ONNX node for layer '{name}' ({layer.Kind}).");
            }
        }
    }

    /// <summary>A weight as the graph has it.</summary>
    public static TensorProto Initializer(WeightTensor weight)
    {
        int[] shape = [.. weight.Shape];
        var tensor = TensorData.Create<float>(weight.Name, DataType.Float, TensorData.ToOnnx(weight.Values, shape), TensorData.OnnxShape(shape));
        if (shape.Length > 1)
        {
            string order = shape.Length == 4 ? "height, width, in, out" : "in, out";
            tensor.DocString = $"Keras' [{string.Join(", ", shape)}] ({order}) as ONNX has it: [{(shape.Length == 4 ? "out, in, height, width" : "out, in")}].";
        }

        return tensor;
    }
}

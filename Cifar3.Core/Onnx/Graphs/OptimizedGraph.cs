using Onnx;
using static Cifar3.OnnxGraphBuilder;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3;

/// <summary>The network in float32 with nothing left to do but convolve: bytes in, division by 255 in the first kernel, normalizations folded.</summary>
internal static class OptimizedGraph
{
    /// <summary>Name of the input of all flavours for scoring: uint8 [N, 32, 32, 3].</summary>
    public const string InputName = "pixels";

    /// <summary>The whole graph, weights included.</summary>
    /// <param name="network">The folded network.</param>
    /// <param name="activations">Receives the names of the convolutions' outputs after ReLU, which then are outputs of the graph too; null for a graph to save.</param>
    public static GraphProto Create(FoldedNetwork network, List<string>? activations = null)
    {
        var graph = Start("cifar3_cnn_optimized", network);
        foreach (var conv in network.Convolutions)
        {
            if (conv == network.Convolutions[0])
            {
                AddFirstConvolution(graph, conv);
            }
            else
            {
                AddConvolution(graph, conv, conv.Border == 0 ? "Keras Conv2D with the batch normalization before it folded in." : "Keras Conv2D.");
            }

            if (activations is not null)
            {
                activations.Add(graph.Current);
                graph.Proto.Output.Add(graph.Proto.ValueInfo[^1]);
                graph.Proto.ValueInfo.RemoveAt(graph.Proto.ValueInfo.Count - 1);
            }

            if (conv.Pooling is not null)
            {
                graph.MaxPooling(conv.Pooling, DataType.Float);
            }
        }

        graph.Flatten("flatten", DataType.Float);
        AddDense(graph, network, "Keras Dense.");
        return graph.Proto;
    }

    /// <summary>A graph over bytes, transposed to channels first.</summary>
    public static OnnxGraphBuilder Start(string name, FoldedNetwork network)
    {
        var graph = new OnnxGraphBuilder(name);
        graph.Images(InputName, DataType.Uint8, "Images, red, green, blue, each value a pixel's byte.");
        graph.Probabilities(network.Dense.Units);
        graph.ToChannelsFirst(DataType.Uint8);
        return graph;
    }

    /// <summary>The first convolution in float32, over bytes: its kernel divides by 255. The border's zeros are zeros in both.</summary>
    public static void AddFirstConvolution(OnnxGraphBuilder graph, FoldedConvolution conv)
    {
        graph.Then("to_float", "Cast", "Bytes to float; the division by 255 is in the next kernel.", DataType.Float, graph.Shape, [], Int("to", (long)DataType.Float));
        AddConvolution(graph, conv with { Kernel = Array.ConvertAll(conv.Kernel, weight => (float)(weight / 255.0)) }, "Keras Conv2D in float32; kernel / 255.");
    }

    /// <summary>The dense layer in float32.</summary>
    public static void AddDense(OnnxGraphBuilder graph, FoldedNetwork network, string doc)
    {
        var dense = network.Dense;
        graph.Dense(
            dense.Name,
            dense.Units,
            graph.Constant($"{dense.Name}/kernel", network.DenseKernel, dense.Units, dense.InputShape[0]),
            graph.Constant($"{dense.Name}/bias", network.DenseBias, dense.Units),
            doc);
    }

    private static void AddConvolution(OnnxGraphBuilder graph, FoldedConvolution conv, string doc) => graph.Convolution(
        conv.Name,
        conv.Outputs,
        conv.OutputSize,
        conv.Border,
        graph.Constant($"{conv.Name}/kernel", conv.Kernel, conv.Outputs, conv.Inputs, Conv2DLayer.KernelSize, Conv2DLayer.KernelSize),
        graph.Constant($"{conv.Name}/bias", conv.Bias, conv.Outputs),
        doc);
}

using Onnx;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3;

/// <summary>The network in float32 with nothing left to do but convolve: bytes in, division by 255 in the first kernel, normalizations folded.</summary>
internal static class OptimizedGraph
{
    /// <summary>The whole graph, weights included.</summary>
    /// <param name="network">The folded network.</param>
    /// <param name="activations">Receives the names of the convolutions' outputs after ReLU, which then are outputs of the graph too; null for a graph to save.</param>
    public static GraphProto Create(FoldedNetwork network, List<string>? activations = null)
    {
        var graph = new ScoringGraph("cifar3_cnn_optimized", network.Dense.Units);
        foreach (var conv in network.Convolutions)
        {
            if (conv == network.Convolutions[0])
            {
                graph.AddFirstFloatConvolution(conv);
            }
            else
            {
                graph.AddFloatConvolution(conv, conv.Border == 0 ? "Keras Conv2D with the batch normalization before it folded in." : "Keras Conv2D.");
            }

            if (activations is not null)
            {
                activations.Add(graph.Current);
                graph.Proto.Output.Add(graph.Proto.ValueInfo[^1]);
                graph.Proto.ValueInfo.RemoveAt(graph.Proto.ValueInfo.Count - 1);
            }

            graph.AddPooling(conv, DataType.Float);
        }

        graph.AddFlatten(network.Convolutions[^1], DataType.Float);
        graph.AddFloatDense(network, "Keras Dense.");
        return graph.Proto;
    }
}

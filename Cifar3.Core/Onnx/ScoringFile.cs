using System.Security.Cryptography;
using Google.Protobuf;
using Onnx;

namespace Cifar3;

/// <summary>
/// Reads files of the flavours made for scoring (optimized, int8). The hash that was written with the graph tells damage,
/// <see cref="GraphCheck"/> whether a runtime may have it.
/// </summary>
internal static class ScoringFile
{
    /// <summary>Reads metadata, input and output.</summary>
    /// <exception cref="Cifar3ModelException">The file is damaged or was changed.</exception>
    public static ScorableGraph Inspect(OnnxFile file, ClassifierOptions options)
    {
        try
        {
            var (architecture, metadata, _) = OnnxMetadata.Read(file.Properties);
            if (file.Properties.GetValueOrDefault(OnnxMetadata.Keys.GraphHash) is not { } expected || Hash(file.Model.Graph) != expected)
            {
                throw new FormatException("its graph is not the one that was written with its metadata");
            }

            var signature = new OnnxSignature(OptimizedGraph.InputName, OnnxGraphBuilder.OutputName, architecture.Classes) { TakesBytes = true };
            var cost = GraphCheck.Check(file.Model, signature, Limit(file.Model.Graph, architecture, options));
            return new ScorableGraph(metadata, signature with { Cost = cost.Multiple }, file.Model);
        }
        catch (FormatException e)
        {
            throw OnnxFile.Unreadable(file.Name, e.Message.TrimEnd('.'), e is TooCostlyException ? GraphCheck.CostRemedy : OnnxFile.Damaged, e);
        }
    }

    /// <summary>A network with more filters may cost more, if the file holds the weights of so many.</summary>
    private static NetworkCost Limit(GraphProto graph, CnnArchitecture architecture, ClassifierOptions options)
    {
        double weights = graph.Initializer.Sum(tensor => tensor.Dims.Aggregate(1.0, (product, size) => product * size));
        int kernels = architecture.CreateLayers().SelectMany(layer => layer.Weights).Where(weight => weight.Name == "kernel").Sum(weight => weight.Count);
        double factor = weights >= kernels ? NetworkCost.Of(architecture).Multiple : 1;
        return NetworkCost.Default.Times(options.MaxModelCost * factor);
    }

    /// <summary>SHA-256 over the graph as this library's serializer writes it, whoever wrote the file.</summary>
    public static string Hash(GraphProto graph) => Convert.ToHexStringLower(SHA256.HashData(graph.ToByteArray()));
}

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
    public static (ModelMetadata Metadata, OnnxSignature Signature) Inspect(OnnxFile file)
    {
        try
        {
            var (architecture, metadata, _) = OnnxMetadata.Read(file.Properties);
            if (file.Properties.GetValueOrDefault(OnnxMetadata.Keys.GraphHash) is not { } expected || Hash(file.Model.Graph) != expected)
            {
                throw new FormatException("its graph is not the one that was written with its metadata");
            }

            var signature = new OnnxSignature(OptimizedGraph.InputName, OnnxGraphBuilder.OutputName, architecture.Classes) { TakesBytes = true };
            GraphCheck.Check(file.Model, signature);
            return (metadata, signature);
        }
        catch (FormatException e)
        {
            throw OnnxFile.Unreadable(file.Name, e.Message.TrimEnd('.'), OnnxFile.Damaged, e);
        }
    }

    /// <summary>SHA-256 over the graph as this library's serializer writes it, whoever wrote the file.</summary>
    public static string Hash(GraphProto graph) => Convert.ToHexStringLower(SHA256.HashData(graph.ToByteArray()));
}

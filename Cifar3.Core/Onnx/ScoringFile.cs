using System.Security.Cryptography;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Onnx;

namespace Cifar3;

/// <summary>
/// Files of the flavours made for scoring (optimized, int8): their metadata, and the reading of what a classifier needs of them.
/// The hash that was written with the graph tells damage, <see cref="GraphCheck"/> whether a runtime may have it.
/// </summary>
internal static class ScoringFile
{
    /// <summary>The value of <see cref="OnnxMetadata.Keys.Format"/>.</summary>
    public const string Format = "cifar3-scoring 1";

    private const string FlavorKey = "flavor", CalibrationKey = "calibration", GraphHashKey = "graph_sha256";

    public static void WriteMetadata(CnnModel model, OnnxExportOptions options, GraphProto graph, RepeatedField<StringStringEntryProto> props)
    {
        OnnxMetadata.Write(model, Format, props);
        Add(FlavorKey, options.Flavor.ToString().ToLowerInvariant());
        if (options.Flavor == OnnxFlavor.Int8)
        {
            string method = options.CalibrationMethod == CalibrationMethod.Percentile ? FormattableString.Invariant($"percentile {options.CalibrationPercentile}") : options.CalibrationMethod.ToString().ToLowerInvariant();
            Add(CalibrationKey, FormattableString.Invariant($"{method} over {Math.Min(options.CalibrationCount, options.CalibrationImages!.Count)} images"));
        }

        Add(GraphHashKey, Hash(graph));

        void Add(string key, string value) => props.Add(new StringStringEntryProto { Key = key, Value = value });
    }

    /// <summary>Whether a file says that it is of such a flavour.</summary>
    /// <exception cref="Cifar3ModelException">The bytes are no ONNX model.</exception>
    public static bool IsOne(byte[] bytes, string name) => OnnxFile.Parse(bytes, name).MetadataProps.Any(entry => entry is { Key: OnnxMetadata.Keys.Format, Value: Format });

    /// <summary>Reads metadata, input and output.</summary>
    /// <exception cref="Cifar3ModelException">The file is damaged or was changed.</exception>
    public static (ModelMetadata Metadata, OnnxSignature Signature) Inspect(byte[] bytes, string name)
    {
        var model = OnnxFile.Parse(bytes, name);
        try
        {
            var props = OnnxMetadata.ToDictionary(model.MetadataProps);
            var (architecture, metadata, _) = OnnxMetadata.Read(props);
            if (props.GetValueOrDefault(GraphHashKey) is not { } expected || Hash(model.Graph) is var found && found != expected)
            {
                throw new FormatException("its graph is not the one that was written with its metadata");
            }

            var signature = new OnnxSignature(ScoringGraph.InputName, OnnxGraph.OutputName, architecture.Classes) { TakesBytes = true };
            GraphCheck.Check(model, signature);
            return (metadata, signature);
        }
        catch (FormatException e)
        {
            throw OnnxFile.Unreadable(name, e.Message.TrimEnd('.'), OnnxReader.Damaged, e);
        }
    }

    /// <summary>SHA-256 over the graph as this library's serializer writes it, whoever wrote the file.</summary>
    private static string Hash(GraphProto graph) => Convert.ToHexStringLower(SHA256.HashData(graph.ToByteArray()));
}

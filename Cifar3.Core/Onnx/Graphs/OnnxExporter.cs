using System.Globalization;
using Google.Protobuf;
using Onnx;

namespace Cifar3;

/// <summary>Writes a <see cref="CnnModel"/> as an ONNX model: graph, weights, documentation for Netron, metadata. The same model gives the same bytes.</summary>
internal static class OnnxExporter
{
    /// <summary>IR version 8, which came with operator set 17.</summary>
    private const long IrVersion = 8;

    /// <summary>The bytes of a file of the flavour asked for.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">Checked options.</param>
    public static byte[] Export(CnnModel model, OnnxExportOptions options)
    {
        var graph = options.Flavor switch
        {
            OnnxFlavor.Keras => KerasGraph.Create(model),
            OnnxFlavor.Optimized => OptimizedGraph.Create(FoldedNetwork.Create(model)),
            _ => Quantize(FoldedNetwork.Create(model), options),
        };
        graph.DocString = FormattableString.Invariant($"CNN of {model.Architecture}; {model.Weights.Sum(w => w.Count):N0} parameters.");
        var proto = Wrap(graph);
        proto.DocString = Describe(model, graph);
        if (options.Flavor == OnnxFlavor.Keras)
        {
            OnnxMetadata.Write(model, OnnxMetadata.Format, proto.MetadataProps);
        }
        else
        {
            OnnxMetadata.WriteScoring(model, options, ScoringFile.Hash(graph), proto.MetadataProps);
        }

        OnnxMetadata.Seal(proto.MetadataProps);
        return proto.ToByteArray();
    }

    /// <summary>A model around a graph, without metadata.</summary>
    public static ModelProto Wrap(GraphProto graph) => new()
    {
        IrVersion = IrVersion,
        OpsetImport = { new OperatorSetIdProto { Domain = "", Version = OnnxGraphBuilder.OpsetVersion } },
        ProducerName = "Cifar3",
        ProducerVersion = ModelMetadata.CurrentVersion,
        ModelVersion = 1,
        Graph = graph,
    };

    private static GraphProto Quantize(FoldedNetwork network, OnnxExportOptions options)
    {
        network = ChannelEqualizer.Apply(network, Calibrator.ChannelMaxima(network, options));
        var histograms = Calibrator.Histograms(network, options);
        return Int8Graph.Create(network, [.. histograms.Select(h => ActivationRange.Choose(h, options.CalibrationMethod, options.CalibrationPercentile))], options);
    }

    private static string Describe(CnnModel model, GraphProto graph)
    {
        var metadata = model.Metadata;
        var lines = new List<string>
        {
            $"Image classifier for {string.Join(", ", metadata.ClassNames)}.",
            graph.Input[0].Name == KerasGraph.InputName
                ? $"{KerasGraph.InputName}: float [N, 32, 32, 3], red, green, blue, uint8 / 255. {OnnxGraphBuilder.OutputName}: float [N, {model.Architecture.Classes}]."
                : $"{OptimizedGraph.InputName}: uint8 [N, 32, 32, 3], red, green, blue. {OnnxGraphBuilder.OutputName}: float [N, {model.Architecture.Classes}].",
        };
        if (metadata.TrainedOn is not null)
        {
            lines.Add($"Trained on: {metadata.TrainedOn}.");
        }

        if (metadata.Recipe is not null)
        {
            lines.Add(FormattableString.Invariant($"Recipe: {metadata.Recipe}; seed {metadata.Seed}, epoch {metadata.Epoch}."));
        }

        if (metadata.ValAccuracy is double accuracy)
        {
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"Validation accuracy: {accuracy:F4}."));
        }

        return string.Join('\n', lines);
    }
}

using System.Buffers.Binary;
using System.Globalization;
using Google.Protobuf;
using Onnx;

namespace Cifar3;

/// <summary>Writes a <see cref="CnnModel"/> as an ONNX model: graph, weights, documentation for Netron, metadata. The same model gives the same bytes.</summary>
internal static class OnnxExporter
{
    /// <summary>IR version 8, which came with operator set 17.</summary>
    private const long IrVersion = 8;

    public static byte[] Export(CnnModel model)
    {
        var graph = OnnxGraph.Create(model.Architecture, model.Layers);
        graph.DocString = $"CNN of {model.Architecture}; {model.Weights.Sum(w => w.Count):N0} parameters.";
        graph.Initializer.AddRange(model.Weights.Select(Initializer));
        var proto = new ModelProto
        {
            IrVersion = IrVersion,
            OpsetImport = { new OperatorSetIdProto { Domain = "", Version = OnnxGraph.OpsetVersion } },
            ProducerName = "Cifar3",
            ProducerVersion = ModelMetadata.CurrentVersion,
            ModelVersion = 1,
            DocString = Describe(model),
            Graph = graph,
        };
        OnnxMetadata.Write(model, proto.MetadataProps);
        return proto.ToByteArray();
    }

    private static TensorProto Initializer(WeightTensor weight)
    {
        var tensor = new TensorProto { Name = weight.Name, DataType = (int)TensorProto.Types.DataType.Float };
        if (weight.Shape is [int height, int width, int inputs, int outputs])
        {
            tensor.Dims.AddRange([outputs, inputs, height, width]);
            tensor.DocString = $"Keras' [{string.Join(", ", weight.Shape)}] (height, width, in, out) as ONNX has it: [out, in, height, width].";
            tensor.RawData = RawData(OnnxKernelLayout.ToOnnx(weight.Values, inputs, outputs));
        }
        else
        {
            tensor.Dims.AddRange(weight.Shape.Select(size => (long)size));
            tensor.RawData = RawData(weight.Values);
        }

        return tensor;
    }

    /// <summary>ONNX's raw data is little-endian on every machine.</summary>
    private static ByteString RawData(ReadOnlySpan<float> values)
    {
        var bytes = new byte[values.Length * sizeof(float)];
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), values[i]);
        }

        return UnsafeByteOperations.UnsafeWrap(bytes);
    }

    private static string Describe(CnnModel model)
    {
        var metadata = model.Metadata;
        var lines = new List<string>
        {
            $"Image classifier for {string.Join(", ", metadata.ClassNames)}.",
            $"{OnnxGraph.InputName}: float [N, 32, 32, 3], red, green, blue, uint8 / 255. {OnnxGraph.OutputName}: float [N, {model.Architecture.Classes}].",
        };
        if (metadata.TrainedOn is not null)
        {
            lines.Add($"Trained on: {metadata.TrainedOn}.");
        }

        if (metadata.Recipe is not null)
        {
            lines.Add($"Recipe: {metadata.Recipe}; seed {metadata.Seed}, epoch {metadata.Epoch}.");
        }

        if (metadata.ValAccuracy is double accuracy)
        {
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"Validation accuracy: {accuracy:F4}."));
        }

        return string.Join('\n', lines);
    }
}

using System.Buffers.Binary;
using Google.Protobuf.Collections;
using Onnx;

namespace Cifar3;

/// <summary>
/// Reads back what <see cref="OnnxExporter"/> wrote, weights bit for bit. A file is taken only if its graph is node for node
/// this network's and its weights have the hash that was written with them; everything else is refused with the first difference.
/// </summary>
internal static class OnnxReader
{
    /// <summary>What errors call a model that has no file.</summary>
    public const string InMemory = "bytes in memory";

    /// <summary>What to do about a file that is not as it was written.</summary>
    public const string Damaged = "The file is damaged or was changed; take a fresh copy or save the model again";

    /// <summary>Reads a model; <paramref name="name"/> is what errors call it.</summary>
    /// <exception cref="Cifar3ModelException">The bytes are no ONNX model, damaged, or hold another network.</exception>
    public static CnnModel Read(byte[] bytes, string name)
    {
        var proto = OnnxFile.Parse(bytes, name);
        Dictionary<string, string> props;
        try
        {
            props = OnnxMetadata.ToDictionary(proto.MetadataProps);
        }
        catch (FormatException e)
        {
            throw OnnxFile.Unreadable(name, e.Message, Damaged, e);
        }

        string? format = props.GetValueOrDefault(OnnxMetadata.Keys.Format);
        if (format == ScoringFile.Format)
        {
            throw OnnxFile.Unreadable(name, "expected a model with Keras' layers one by one, found one of a flavour for scoring (OnnxFlavor.Optimized or Int8), whose weights are folded", "Score it with Cifar3Classifier.Load, or read the file that SaveOnnx wrote without options");
        }

        if (format != OnnxMetadata.Format)
        {
            string found = format is null ? $"a model made by '{Shorten($"{proto.ProducerName} {proto.ProducerVersion}")}' without it" : $"'{Shorten(format)}'";
            throw OnnxFile.Unreadable(name, $"expected metadata '{OnnxMetadata.Keys.Format}' = '{OnnxMetadata.Format}', found {found}", "Choose a model that this library saved, update the library if a newer version wrote it, or, to score another tool's model, name its classes (ClassifierOptions.ClassNames)");
        }

        try
        {
            var (architecture, metadata, hash) = OnnxMetadata.Read(props);
            var layers = architecture.CreateLayers();
            CheckGraph(proto, OnnxGraph.Create(architecture, layers));
            var model = CnnModel.FromWeights(architecture, ReadWeights(proto.Graph, layers), metadata);
            string foundHash = model.WeightHash();
            return foundHash == hash ? model : throw new FormatException($"expected weights of SHA-256 {Shorten(hash)}, found {foundHash}: their values changed after the file was written");
        }
        catch (Exception e) when (e is FormatException or Cifar3ModelException)
        {
            throw OnnxFile.Unreadable(name, e.Message.TrimEnd('.'), Damaged, e);
        }
    }

    /// <summary>Whether a file says that this library wrote it.</summary>
    /// <exception cref="Cifar3ModelException">The bytes are no ONNX model.</exception>
    public static bool IsOwn(byte[] bytes, string name) => OnnxFile.Parse(bytes, name).MetadataProps.Any(entry => entry.Key == OnnxMetadata.Keys.Format);

    /// <summary>Compares what computes: operator set, functions, nodes, input and output. Documentation may differ.</summary>
    private static void CheckGraph(ModelProto model, GraphProto expected)
    {
        if (model.OpsetImport is not [{ Domain: "", Version: OnnxGraph.OpsetVersion }] || model.Functions.Count != 0)
        {
            throw new FormatException($"expected operator set {OnnxGraph.OpsetVersion} and no functions, found operator sets ({Shorten(string.Join(", ", model.OpsetImport.Take(4).Select(o => $"{o.Domain} {o.Version}")))}) and {model.Functions.Count} functions");
        }

        var graph = model.Graph;
        for (int i = 0; i < expected.Node.Count; i++)
        {
            var found = i < graph.Node.Count ? new NodeProto(graph.Node[i]) { DocString = expected.Node[i].DocString } : null;
            if (!expected.Node[i].Equals(found))
            {
                throw new FormatException($"node {i + 1} differs: expected {Print(expected.Node[i])}, found {(found is null ? "the end of the graph" : Print(found))}");
            }
        }

        if (graph.Node.Count > expected.Node.Count || graph.SparseInitializer.Count > 0)
        {
            throw new FormatException($"expected {expected.Node.Count} nodes and no sparse weights, found {graph.Node.Count} and {graph.SparseInitializer.Count}");
        }

        CheckValue("input", expected.Input[0], graph.Input);
        CheckValue("output", expected.Output[0], graph.Output);
    }

    private static void CheckValue(string what, ValueInfoProto expected, RepeatedField<ValueInfoProto> found)
    {
        if (found.Count != 1 || !expected.Equals(new ValueInfoProto(found[0]) { DocString = expected.DocString }))
        {
            throw new FormatException($"expected one {what} {Print(expected)}, found {(found.Count == 1 ? Print(found[0]) : $"{found.Count}")}");
        }
    }

    private static List<WeightTensor> ReadWeights(GraphProto graph, IReadOnlyList<CnnLayer> layers)
    {
        var specs = layers.SelectMany(layer => layer.Weights.Select(spec => (Name: $"{layer.Name}/{spec.Name}", Spec: spec))).ToDictionary(weight => weight.Name, weight => weight.Spec);
        var weights = new List<WeightTensor>();
        foreach (var tensor in graph.Initializer)
        {
            if (!specs.Remove(tensor.Name, out var spec))
            {
                throw new FormatException($"weight '{Shorten(tensor.Name)}' is given twice or does not belong to this network");
            }

            weights.Add(ReadWeight(tensor, spec));
        }

        return weights;
    }

    private static WeightTensor ReadWeight(TensorProto tensor, WeightSpec spec)
    {
        int[] shape = spec.Shape is [int h, int w, int i, int o] ? [o, i, h, w] : [.. spec.Shape];
        if (!tensor.Dims.SequenceEqual(shape.Select(size => (long)size)))
        {
            throw new FormatException($"weight '{tensor.Name}' has another shape: expected [{string.Join(", ", shape)}], found [{string.Join(", ", tensor.Dims.Take(8))}]");
        }

        int size = spec.Count * sizeof(float);
        if (tensor.DataType != (int)TensorProto.Types.DataType.Float || tensor.RawData.Length != size || tensor.ExternalData.Count != 0)
        {
            throw new FormatException($"weight '{tensor.Name}' is stored in another way: expected {size:N0} bytes of float32 in the file, found {tensor.RawData.Length:N0} bytes of data type {tensor.DataType}{(tensor.ExternalData.Count > 0 ? ", the values in another file" : "")}");
        }

        var values = new float[spec.Count];
        for (int n = 0; n < values.Length; n++)
        {
            values[n] = BinaryPrimitives.ReadSingleLittleEndian(tensor.RawData.Span[(n * sizeof(float))..]);
        }

        return new WeightTensor(tensor.Name, spec.Shape, spec.Shape.Length == 4 ? OnnxKernelLayout.ToKeras(values, spec.Shape[2], spec.Shape[3]) : values);
    }

    private static string Print(NodeProto node)
    {
        var attributes = node.Attribute.Take(8).Select(a => $"{a.Name}={(a.Ints.Count > 0 ? string.Join(" ", a.Ints.Take(8)) : a.HasF ? $"{a.F}" : $"{a.I}")}");
        return $"'{Shorten($"{node.Name}: {node.OpType}({string.Join(", ", node.Input.Take(8))}) {string.Join(", ", attributes)} -> {string.Join(", ", node.Output.Take(8))}")}'";
    }

    private static string Print(ValueInfoProto value)
    {
        var tensor = value.Type?.TensorType;
        var dims = tensor?.Shape?.Dim.Take(8).Select(d => d.HasDimValue ? $"{d.DimValue}" : d.DimParam);
        return $"'{Shorten($"{value.Name}: type {tensor?.ElemType} [{string.Join(", ", dims ?? [])}]")}'";
    }

    /// <summary>Text from a file, cut to what an error can show.</summary>
    private static string Shorten(string text) => text.Length <= 200 ? text : text[..200] + "…";
}

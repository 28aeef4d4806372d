using Google.Protobuf.Collections;
using Onnx;

namespace Cifar3;

/// <summary>
/// Reads back what <see cref="OnnxExporter"/> wrote, weights bit for bit. A file is taken only if its graph is node for node
/// this network's and its weights have the hash that was written with them; everything else is refused with the first difference.
/// </summary>
internal static class OnnxReader
{
    /// <summary>Reads the network of a file.</summary>
    /// <exception cref="Cifar3ModelException">The file is of another kind, damaged, or was changed.</exception>
    public static CnnModel Read(OnnxFile file)
    {
        switch (file.Kind)
        {
            case OnnxKind.Optimized or OnnxKind.EightBit:
                throw OnnxFile.Unreadable(file.Name, "expected a model with Keras' layers one by one, found one of a flavour for scoring (OnnxFlavor.Optimized or Int8), whose weights are folded", "Score it with Cifar3Classifier.Load, or read the file that SaveOnnx wrote without options");
            case OnnxKind.Foreign:
                string found = file.Properties.TryGetValue(OnnxMetadata.Keys.Format, out string? other) ? $"with '{Shown.Text(other)}'" : "without it";
                throw OnnxFile.Unreadable(file.Name, $"expected metadata '{OnnxMetadata.Keys.Format}' = '{OnnxMetadata.Format}', found {file.MadeBy} {found}", "Choose a model that this library saved, or, to score another tool's model, name its classes (ClassifierOptions.ClassNames)");
        }

        try
        {
            bool first = file.Properties[OnnxMetadata.Keys.Format] == OnnxMetadata.FirstFormat;
            var (architecture, metadata, hash) = OnnxMetadata.Read(file.Properties);
            var layers = architecture.CreateLayers();
            CheckGraph(file.Model, KerasGraph.Create(architecture, layers, denseInKerasLayout: first));
            var model = CnnModel.FromWeights(architecture, ReadWeights(file.Model.Graph, layers, first), metadata);
            string foundHash = model.WeightHash();
            return foundHash == hash ? model : throw new FormatException($"expected weights of SHA-256 {Shown.Text(hash)}, found {foundHash}: their values changed after the file was written");
        }
        catch (Exception e) when (e is FormatException or Cifar3ModelException)
        {
            throw OnnxFile.Unreadable(file.Name, e.Message.TrimEnd('.'), OnnxFile.Damaged, e);
        }
    }

    /// <summary>Compares what computes: operator set, functions, nodes, input and output. Documentation and notes of other tools may differ.</summary>
    private static void CheckGraph(ModelProto model, GraphProto expected)
    {
        if (model.OpsetImport is not [{ Domain: "", Version: OnnxGraphBuilder.OpsetVersion }] || model.Functions.Count != 0)
        {
            throw new FormatException($"expected operator set {OnnxGraphBuilder.OpsetVersion} and no functions, found operator sets ({Shown.Text(string.Join(", ", model.OpsetImport.Take(4).Select(o => $"{(o.Domain.Length == 0 ? "ai.onnx" : o.Domain)} {o.Version}")))}) and {model.Functions.Count} functions");
        }

        var graph = model.Graph;
        for (int i = 0; i < expected.Node.Count; i++)
        {
            var found = i < graph.Node.Count ? new NodeProto(graph.Node[i]) { DocString = expected.Node[i].DocString } : null;
            found?.MetadataProps.Clear();
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
        var value = found.Count == 1 ? new ValueInfoProto(found[0]) { DocString = expected.DocString } : null;
        value?.MetadataProps.Clear();
        if (!expected.Equals(value))
        {
            throw new FormatException($"expected one {what} {Print(expected)}, found {(found.Count == 1 ? Print(found[0]) : $"{found.Count}")}");
        }
    }

    private static List<WeightTensor> ReadWeights(GraphProto graph, IReadOnlyList<CnnLayer> layers, bool denseInKerasLayout)
    {
        var specs = layers.SelectMany(layer => layer.Weights.Select(spec => (Name: $"{layer.Name}/{spec.Name}", Spec: spec))).ToDictionary(weight => weight.Name, weight => weight.Spec);
        var weights = new List<WeightTensor>();
        foreach (var tensor in graph.Initializer)
        {
            if (!specs.Remove(tensor.Name, out var spec))
            {
                throw new FormatException($"weight '{Shown.Text(tensor.Name)}' is given twice or does not belong to this network");
            }

            weights.Add(ReadWeight(tensor, spec, denseInKerasLayout && spec.Shape.Length == 2));
        }

        return weights;
    }

    private static WeightTensor ReadWeight(TensorProto tensor, WeightSpec spec, bool inKerasLayout)
    {
        int[] keras = [.. spec.Shape], shape = inKerasLayout ? keras : TensorData.OnnxShape(keras);
        if (!tensor.Dims.SequenceEqual(shape.Select(size => (long)size)))
        {
            throw new FormatException($"weight '{tensor.Name}' has another shape: expected [{string.Join(", ", shape)}], found {GraphCheck.Print(tensor.Dims)}");
        }

        int size = spec.Count * sizeof(float);
        if (tensor.DataType != (int)TensorProto.Types.DataType.Float || tensor.RawData.Length != size || tensor.ExternalData.Count != 0)
        {
            throw new FormatException(FormattableString.Invariant($"weight '{tensor.Name}' is stored in another way: expected {size:N0} bytes of float32 in the file, found {tensor.RawData.Length:N0} bytes of data type {tensor.DataType}{(tensor.ExternalData.Count > 0 ? ", the values in another file" : "")}"));
        }

        float[] values = TensorData.Floats(tensor);
        return new WeightTensor(tensor.Name, spec.Shape, inKerasLayout ? values : TensorData.ToKeras(values, keras));
    }

    private static string Print(NodeProto node)
    {
        var attributes = node.Attribute.Take(8).Select(a => $"{a.Name}={(a.Ints.Count > 0 ? string.Join(" ", a.Ints.Take(8)) : a.HasF ? $"{a.F.ToString(System.Globalization.CultureInfo.InvariantCulture)}" : $"{a.I}")}");
        return $"'{Shown.Text($"{node.Name}: {node.OpType}({string.Join(", ", node.Input.Take(8))}) {string.Join(", ", attributes)} -> {string.Join(", ", node.Output.Take(8))}")}'";
    }

    private static string Print(ValueInfoProto value)
    {
        var tensor = value.Type?.TensorType;
        var dims = tensor?.Shape?.Dim.Take(8).Select(d => d.HasDimValue ? $"{d.DimValue}" : d.DimParam);
        return $"'{Shown.Text($"{value.Name}: type {tensor?.ElemType} [{string.Join(", ", dims ?? [])}]")}'";
    }
}

using Onnx;

namespace Cifar3;

/// <summary>
/// Finds from the graph of an ONNX model that another tool wrote, such as tf2onnx, how it takes images and gives classes.
/// Nothing is assumed: what the graph does not tell, or what does not fit, is refused with what was found.
/// </summary>
internal static class ForeignOnnx
{
    private const string Remedy = "Export the Keras model with tf2onnx, input (None, 32, 32, 3) of pixels / 255, or load it with CnnModel.LoadKeras and save it with SaveOnnx";

    /// <summary>Reads input, output and producer.</summary>
    /// <exception cref="Cifar3ModelException">The graph is none that classifies 32×32 colour images into as many classes as there are names.</exception>
    public static (ModelMetadata Metadata, OnnxSignature Signature) Inspect(OnnxFile file, IReadOnlyList<string>? classNames)
    {
        var model = file.Model;
        if (classNames is null)
        {
            throw OnnxFile.Unreadable(file.Name, $"expected the names of its classes, found a model made by '{Shown.Text($"{model.ProducerName} {model.ProducerVersion}")}', which has none", "Name them in ClassifierOptions.ClassNames, or in a text file beside it, model.classes.txt for model.onnx, one name a line");
        }

        try
        {
            var graph = model.Graph;
            var constants = graph.Initializer.Select(tensor => tensor.Name).ToHashSet();
            var input = Single(graph.Input.Where(value => !constants.Contains(value.Name)), "input");
            var output = Single(graph.Output, "output");
            var (batch, channelsFirst) = Layout(input);
            var signature = new OnnxSignature(input.Name, output.Name, Classes(output, classNames)) { ChannelsFirst = channelsFirst, OneImageOnly = batch == 1, IsLogits = IsLogits(graph, output.Name) };
            GraphCheck.Check(model, signature);
            string producer = Shown.Text($"{model.ProducerName} {model.ProducerVersion}".Trim());
            return (new ModelMetadata { ClassNames = [.. classNames], LibraryVersion = producer.Length > 0 ? producer : "unknown" }, signature);
        }
        catch (FormatException e)
        {
            throw OnnxFile.Unreadable(file.Name, e.Message, Remedy, e);
        }
    }

    private static ValueInfoProto Single(IEnumerable<ValueInfoProto> values, string what)
    {
        var list = values.ToList();
        return list.Count == 1 ? list[0] : throw new FormatException($"expected one {what}, found {list.Count} ({Shown.Text(string.Join(", ", list.Select(v => v.Name)))})");
    }

    /// <summary>The number of images (0 = any) and whether channels come before height and width.</summary>
    private static (long Batch, bool ChannelsFirst) Layout(ValueInfoProto input)
    {
        const int size = CnnArchitecture.InputSize, channels = CnnArchitecture.InputChannels;
        long[] shape = Shape(input);
        bool channelsFirst = shape is [_, channels, size, size];
        if (!IsFloat(input) || !(channelsFirst || shape is [_, size, size, channels]) || shape[0] > 1)
        {
            throw new FormatException($"expected a float32 input [N, {size}, {size}, {channels}] or [N, {channels}, {size}, {size}] of any number of images, found {Print(input)}");
        }

        return (shape[0], channelsFirst);
    }

    private static int Classes(ValueInfoProto output, IReadOnlyList<string> classNames)
    {
        long[] shape = Shape(output);
        if (!IsFloat(output) || shape.Length != 2 || shape[1] is < CnnArchitecture.MinClasses or > CnnArchitecture.MaxClasses)
        {
            throw new FormatException($"expected a float32 output [N, classes] of {CnnArchitecture.MinClasses} to {CnnArchitecture.MaxClasses} classes, found {Print(output)}");
        }

        return shape[1] == classNames.Count ? classNames.Count : throw new FormatException($"expected one name for each of its {shape[1]} classes, found {classNames.Count} names ({Shown.Text(string.Join(", ", classNames))})");
    }

    /// <summary>Walks back from the output: a softmax gives probabilities, a dense layer without one gives logits.</summary>
    private static bool IsLogits(GraphProto graph, string output)
    {
        string current = output;
        for (int i = 0; i <= graph.Node.Count; i++)
        {
            var node = graph.Node.FirstOrDefault(n => n.Output.Contains(current)) ?? throw new FormatException($"expected a node that computes the output '{Shown.Text(output)}', found none");
            switch (node.OpType)
            {
                case "Identity":
                    current = node.Input.FirstOrDefault() ?? "";
                    continue;
                case "Softmax" when node.Attribute.FirstOrDefault(a => a.Name == "axis")?.I is null or 1 or -1:
                    return false;
                case "Add" or "MatMul" or "Gemm":
                    return true;
                default:
                    throw new FormatException($"expected the graph to end in Softmax or in a dense layer (MatMul, Add, Gemm), found {Shown.Text(node.OpType)}");
            }
        }

        throw new FormatException("expected a graph without cycles");
    }

    private static bool IsFloat(ValueInfoProto value) => value.Type?.TensorType?.ElemType == (int)TensorProto.Types.DataType.Float;

    /// <summary>Sizes; 0 where any size goes.</summary>
    private static long[] Shape(ValueInfoProto value) => [.. (value.Type?.TensorType?.Shape?.Dim ?? []).Select(dim => dim.HasDimValue ? dim.DimValue : 0)];

    private static string Print(ValueInfoProto value) => $"'{Shown.Text(value.Name)}' of type {value.Type?.TensorType?.ElemType} [{string.Join(", ", Shape(value).Take(8).Select(size => size == 0 ? "any" : $"{size}"))}]";
}

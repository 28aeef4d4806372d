using Google.Protobuf;
using Onnx;

namespace Cifar3;

/// <summary>
/// The network as ML.NET's own ONNX transformer can run it within a pipeline: the exported graph for one image, with the preparation of the pixels
/// in front (transparency, resizing, division by 255, each as this library does it, bit for bit) and the choice of the class behind.
/// </summary>
/// <remarks>
/// ML.NET 5 takes the names of a vector's slots from a node named <c>mlnet.COLUMN.SlotNames</c> that nothing depends on.
/// Operators: <see href="https://onnx.ai/onnx/operators/"/>.
/// </remarks>
internal static class StockGraph
{
    /// <summary>Names of input and outputs: columns that the chain drops in the end.</summary>
    public const string Pixels = "Cifar3.Pixels", Scores = "Cifar3.Scores", Choice = "Cifar3.Choice";

    private const int Size = CnnArchitecture.InputSize, Channels = CnnArchitecture.InputChannels;

    /// <summary>Writes the model.</summary>
    /// <param name="model">The network.</param>
    /// <param name="images">How the pixels come.</param>
    /// <param name="height">Height of the picture; 32 for columns of pixels.</param>
    /// <param name="width">Width of the picture; 32 for columns of pixels.</param>
    /// <returns>An ONNX model of one input and two outputs, <see cref="Scores"/> [classes] and <see cref="Choice"/> [classes], 1 at the most probable class.</returns>
    public static byte[] Create(CnnModel model, ImageColumn images, int height, int width)
    {
        var proto = ModelProto.Parser.ParseFrom(model.ToOnnxBytes());
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "ai.onnx.ml", Version = 2 });
        var network = proto.Graph;
        var graph = new StockGraphBuilder();
        string pixels = images.Kind == ImageColumnKind.Image ? Picture(graph, height, width) : Vector(graph, images);
        graph.Add("Div", OnnxGraph.InputName, pixels, graph.Constant("levels", 255f));
        graph.Nodes.AddRange(network.Node);
        graph.Add("Reshape", Scores, OnnxGraph.OutputName, graph.Constant("scores_shape", [(long)model.ClassNames.Length]));
        string best = graph.Add("ArgMax", null, Scores, StockGraphBuilder.Int("axis", 0));
        string isBest = graph.Add("Equal", null, best, graph.Constant("classes", [.. Enumerable.Range(0, model.ClassNames.Length).Select(i => (long)i)]));
        graph.Add("Cast", Choice, isBest, StockGraphBuilder.Type("to", TensorProto.Types.DataType.Float));
        graph.Nodes.Add(SlotNames(graph, model));

        network.Node.Clear();
        network.Node.AddRange(graph.Nodes);
        network.Initializer.AddRange(graph.Constants);
        network.ValueInfo.Clear();
        network.Input.Clear();
        network.Input.Add(images.Kind switch
        {
            ImageColumnKind.Image => StockGraphBuilder.Value(Pixels, TensorProto.Types.DataType.Float, 1, height, width, 4),
            ImageColumnKind.Singles => StockGraphBuilder.Value(Pixels, TensorProto.Types.DataType.Float, 1, CnnArchitecture.ImageBytes),
            _ => StockGraphBuilder.Value(Pixels, TensorProto.Types.DataType.Uint8, 1, CnnArchitecture.ImageBytes),
        });
        network.Output.Clear();
        network.Output.Add(StockGraphBuilder.Value(Scores, TensorProto.Types.DataType.Float, model.ClassNames.Length));
        network.Output.Add(StockGraphBuilder.Value(Choice, TensorProto.Types.DataType.Float, model.ClassNames.Length));
        return proto.ToByteArray();
    }

    /// <summary>A column of pixels: to float, and channels last.</summary>
    private static string Vector(StockGraphBuilder graph, ImageColumn images)
    {
        string pixels = images.Kind == ImageColumnKind.Singles ? Pixels : graph.Add("Cast", null, Pixels, StockGraphBuilder.Type("to", TensorProto.Types.DataType.Float));
        return images.ChannelsFirst
            ? graph.Add("Transpose", null, graph.Add("Reshape", null, pixels, graph.Constant("planes", [1, Channels, Size, Size])), StockGraphBuilder.Ints("perm", 0, 2, 3, 1))
            : graph.Add("Reshape", null, pixels, graph.Constant("picture", [1, Size, Size, Channels]));
    }

    /// <summary>A picture [1, height, width, 4], alpha first, as <see cref="MLImagePixels"/> reads it: premultiplied colours on white, then resized.</summary>
    private static string Picture(StockGraphBuilder graph, int height, int width)
    {
        string alpha = graph.Add("Slice", null, Pixels, graph.Constant("alpha_from", [0L]), graph.Constant("alpha_to", [1L]), graph.Constant("channel_axis", [3L]));
        string colours = graph.Add("Slice", null, Pixels, graph.Constant("colours_from", [1L]), graph.Constant("colours_to", [4L]), graph.Constant("channel_axis_2", [3L]));
        string most = graph.Add("ReduceMax", null, alpha, StockGraphBuilder.Ints("axes", 1, 2, 3));
        string unused = graph.Add("Equal", null, most, graph.Constant("nothing", 0f)); // an alpha of 0 everywhere is a fourth byte that nobody set
        string white = graph.Add("Where", null, unused, graph.Constant("no_white", 0f), graph.Add("Sub", null, graph.Constant("opaque", 255f), alpha));
        string blended = graph.Add("Min", null, graph.Add("Add", null, colours, white), graph.Constant("brightest", 255f));
        return (height, width) == (Size, Size) ? blended : Resized(graph, blended, height, width);
    }

    /// <summary>What <see cref="ImageResizer"/> computes in integers, in doubles, which hold these integers exactly.</summary>
    private static string Resized(StockGraphBuilder graph, string picture, int height, int width)
    {
        string exact = graph.Add("Cast", null, picture, StockGraphBuilder.Type("to", TensorProto.Types.DataType.Double));
        string rows = graph.Add("Transpose", null, exact, StockGraphBuilder.Ints("perm", 0, 1, 3, 2)); // [1, height, 3, width]
        string narrow = Pass(rows, "width", width); // [1, height, 3, 32]
        string columns = graph.Add("Transpose", null, narrow, StockGraphBuilder.Ints("perm", 0, 3, 2, 1)); // [1, 32, 3, height]
        string small = Pass(columns, "height", height); // [1, 32 (x), 3, 32 (y)]
        return graph.Add("Cast", null, graph.Add("Transpose", null, small, StockGraphBuilder.Ints("perm", 0, 3, 1, 2)), StockGraphBuilder.Type("to", TensorProto.Types.DataType.Float));

        string Pass(string input, string axis, int length)
        {
            string sum = graph.Add("Add", null, graph.Add("MatMul", null, input, graph.Constant($"{axis}_weights", ImageResizer.Matrix(length), length, Size)), graph.Constant($"{axis}_half", [(double)ImageResizer.Half]));
            string level = graph.Add("Floor", null, graph.Add("Div", null, sum, graph.Constant($"{axis}_one", [(double)(1 << ImageResizer.Bits)])));
            return graph.Add("Clip", null, level, graph.Constant($"{axis}_darkest", [0.0], []), graph.Constant($"{axis}_brightest", [255.0], []));
        }
    }

    private static NodeProto SlotNames(StockGraphBuilder graph, CnnModel model)
    {
        var node = new NodeProto { Name = $"mlnet.{Scores}.{AnnotationNames.SlotNames}", OpType = "LabelEncoder", Domain = "ai.onnx.ml" };
        node.Input.Add(graph.Text($"mlnet.{Scores}.unusedInput", ""));
        node.Output.Add($"mlnet.{Scores}.unusedOutput");
        var keys = new AttributeProto { Name = "keys_strings", Type = AttributeProto.Types.AttributeType.Strings };
        keys.Strings.AddRange(model.ClassNames.Select(ByteString.CopyFromUtf8));
        node.Attribute.Add(keys);
        node.Attribute.Add(StockGraphBuilder.Ints("values_int64s", [.. Enumerable.Range(0, model.ClassNames.Length).Select(i => (long)i)]));
        return node;
    }
}

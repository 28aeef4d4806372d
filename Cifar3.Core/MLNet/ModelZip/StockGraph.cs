using Google.Protobuf;
using Onnx;
using static Cifar3.OnnxGraphBuilder;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3;

/// <summary>
/// The network as ML.NET's own ONNX transformer can run it within a pipeline: the exported graph for one image, with the preparation of the pixels
/// in front (transparency, resizing, division by 255, each as this library does it, bit for bit) and the choice of the class behind.
/// </summary>
/// <remarks>
/// ML.NET 5 takes the names of a vector's slots from a node named <c>mlnet.COLUMN.SlotNames</c> that nothing depends on.
/// Operators: <see href="https://onnx.ai/onnx/operators/"/>.
/// </remarks>
internal sealed class StockGraph
{
    /// <summary>Names of input and outputs: columns that the chain drops in the end.</summary>
    public const string Pixels = "Cifar3.Pixels", Scores = "Cifar3.Scores", Choice = "Cifar3.Choice";

    private const int Size = CnnArchitecture.InputSize, Channels = CnnArchitecture.InputChannels;
    private const string Prefix = "mlnet/", MLDomain = "ai.onnx.ml";

    private readonly OnnxGraphBuilder graph;

    private StockGraph(OnnxGraphBuilder graph) => this.graph = graph;

    /// <summary>Writes the model.</summary>
    /// <param name="model">The network.</param>
    /// <param name="images">How the pixels come.</param>
    /// <param name="height">Height of the picture; 32 for columns of pixels.</param>
    /// <param name="width">Width of the picture; 32 for columns of pixels.</param>
    /// <returns>An ONNX model of one input and two outputs, <see cref="Scores"/> [classes] and <see cref="Choice"/> [classes], 1 at the most probable class.</returns>
    public static byte[] Create(CnnModel model, ImageColumn images, int height, int width)
    {
        int classes = model.ClassNames.Length;
        var parts = new StockGraph(new OnnxGraphBuilder("cifar3_cnn_mlnet"));
        var graph = parts.graph;
        graph.Proto.Input.Add(images.Kind switch
        {
            ImageColumnKind.Image => Value(Pixels, DataType.Float, "", anyNumber: false, 1, height, width, 4),
            ImageColumnKind.Singles => Value(Pixels, DataType.Float, "", anyNumber: false, 1, CnnArchitecture.ImageBytes),
            _ => Value(Pixels, DataType.Uint8, "", anyNumber: false, 1, CnnArchitecture.ImageBytes),
        });
        graph.Proto.Output.Add(Value(Scores, DataType.Float, "", anyNumber: false, classes));
        graph.Proto.Output.Add(Value(Choice, DataType.Float, "", anyNumber: false, classes));

        string pixels = images.Kind == ImageColumnKind.Image ? parts.Picture(height, width) : parts.Vector(images);
        string levels = images.Kind switch
        {
            ImageColumnKind.Image => parts.LevelsOfAPicture(),
            ImageColumnKind.Singles => parts.LevelsOfSingles(),
            _ => parts.Scalar("levels", 255f),
        };
        graph.StartFrom(parts.Add("Div", [pixels, levels]));
        KerasGraph.AddLayers(graph, model.Layers);
        parts.Add("Reshape", [OnnxGraphBuilder.OutputName, parts.Integers("scores_shape", classes)], output: Scores);
        string best = parts.Add("ArgMax", [Scores], [Int("axis", 0)]);
        string isBest = parts.Add("Equal", [best, parts.Integers("classes", [.. Enumerable.Range(0, classes).Select(i => (long)i)])]);
        parts.Add("Cast", [isBest], [Int("to", (long)DataType.Float)], Choice);
        parts.AddSlotNames(model);

        graph.Proto.Initializer.AddRange(model.Weights.Select(KerasGraph.Initializer));
        graph.Proto.ValueInfo.Clear(); // of any number of images; here it is one
        var proto = OnnxExporter.Wrap(graph.Proto);
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = MLDomain, Version = 2 });
        return proto.ToByteArray();
    }

    /// <summary>A column of pixels: to float, and channels last.</summary>
    private string Vector(ImageColumn images)
    {
        string pixels = images.Kind == ImageColumnKind.Singles ? Pixels : Add("Cast", [Pixels], [Int("to", (long)DataType.Float)]);
        return images.ChannelsFirst
            ? Add("Transpose", [Add("Reshape", [pixels, Integers("planes", 1, Channels, Size, Size)])], [Ints("perm", 0, 2, 3, 1)])
            : Add("Reshape", [pixels, Integers("picture", 1, Size, Size, Channels)]);
    }

    /// <summary>A picture [1, height, width, 4], alpha first, as <see cref="MLImagePixels"/> reads it: premultiplied colours on white, then resized.</summary>
    private string Picture(int height, int width)
    {
        string alpha = Add("Slice", [Pixels, Integers("alpha_from", 0), Integers("alpha_to", 1), Integers("channel_axis", 3)]);
        string colours = Add("Slice", [Pixels, Integers("colours_from", 1), Integers("colours_to", 4), Integers("channel_axis_2", 3)]);
        string most = Add("ReduceMax", [alpha], [Ints("axes", 1, 2, 3)]);
        string unused = Add("Equal", [most, Scalar("nothing", 0f)]); // an alpha of 0 everywhere is a fourth byte that nobody set
        string white = Add("Where", [unused, Scalar("no_white", 0f), Add("Sub", [Scalar("opaque", 255f), alpha])]);
        string blended = Add("Min", [Add("Add", [colours, white]), Scalar("brightest", 255f)]);
        return (height, width) == (Size, Size) ? blended : Resized(blended, height, width);
    }

    /// <summary>
    /// 255; where all bytes of the picture are 0, alpha too, an error: ML.NET's loader passes a row without a path or picture on, and its pixel extractor makes zeros of it, which would be scored.
    /// </summary>
    private string LevelsOfAPicture()
    {
        string most = Add("ReduceMax", [Pixels], [Ints("axes", 1, 2, 3), Int("keepdims", 0)]);
        return LevelsUnless(Add("Equal", [most, Scalar("no_level", 0f)]), "Cifar3: the row has no picture, or one that is transparent everywhere");
    }

    /// <summary>255; where a pixel is scaled or shifted, an error, as <see cref="ImageColumnReader"/> has it: it would be scored as nearly black.</summary>
    private string LevelsOfSingles()
    {
        string level = Add("Clip", [Add("Round", [Pixels]), Scalar("darkest", 0f), Scalar("brightest", 255f)]);
        string whole = Add("Cast", [Add("Equal", [Pixels, level])], [Int("to", (long)DataType.Float)]);
        string least = Add("ReduceMin", [whole], [Ints("axes", 1), Int("keepdims", 0)]);
        return LevelsUnless(Add("Equal", [least, Scalar("not_whole", 0f)]), "Cifar3: a pixel is no whole number from 0 to 255");
    }

    /// <summary>255, or an error: ONNX has no node that fails on purpose, and ONNX Runtime names the node whose index is beyond its data.</summary>
    /// <param name="isWrong">A boolean [1].</param>
    /// <param name="problem">The node's name.</param>
    private string LevelsUnless(string isWrong, string problem)
    {
        const string Levels = Prefix + "levels";
        string index = Add("Cast", [isWrong], [Int("to", (long)DataType.Int64)]);
        graph.AddNode(problem, "Gather", Levels, [graph.Constant(TensorData.Create<float>($"{Levels}_of_a_picture", DataType.Float, [255f], 1)), index]);
        return Levels;
    }

    /// <summary>What <see cref="ImageResizer"/> computes in integers, in doubles, which hold these integers exactly.</summary>
    private string Resized(string picture, int height, int width)
    {
        string exact = Add("Cast", [picture], [Int("to", (long)DataType.Double)]);
        string rows = Add("Transpose", [exact], [Ints("perm", 0, 1, 3, 2)]); // [1, height, 3, width]
        string narrow = Pass(rows, "width", width); // [1, height, 3, 32]
        string columns = Add("Transpose", [narrow], [Ints("perm", 0, 3, 2, 1)]); // [1, 32, 3, height]
        string small = Pass(columns, "height", height); // [1, 32 (x), 3, 32 (y)]
        return Add("Cast", [Add("Transpose", [small], [Ints("perm", 0, 3, 1, 2)])], [Int("to", (long)DataType.Float)]);

        string Pass(string input, string axis, int length)
        {
            string sum = Add("Add", [Add("MatMul", [input, Doubles($"{axis}_weights", ImageResizer.Matrix(length), length, Size)]), Doubles($"{axis}_half", [ImageResizer.Half], 1)]);
            string level = Add("Floor", [Add("Div", [sum, Doubles($"{axis}_one", [1 << ImageResizer.Bits], 1)])]);
            return Add("Clip", [level, Doubles($"{axis}_darkest", [0]), Doubles($"{axis}_brightest", [255])]);
        }
    }

    private void AddSlotNames(CnnModel model)
    {
        string unused = graph.Constant(new TensorProto { Name = $"{Prefix}mlnet.{Scores}.unusedInput", DataType = (int)DataType.String, Dims = { 1 }, StringData = { ByteString.Empty } });
        var node = graph.AddNode(
            $"mlnet.{Scores}.{AnnotationNames.SlotNames}", "LabelEncoder", $"mlnet.{Scores}.unusedOutput", [unused], Strings("keys_strings", model.ClassNames), Ints("values_int64s", [.. Enumerable.Range(0, model.ClassNames.Length).Select(i => (long)i)]));
        node.Domain = MLDomain;
    }

    /// <summary>Adds a node with one output, named after its number.</summary>
    private string Add(string op, string[] inputs, AttributeProto[]? attributes = null, string? output = null)
    {
        string name = $"{Prefix}{graph.Proto.Node.Count}";
        graph.AddNode(name, op, output ??= $"{name}_{op}", inputs, attributes ?? []);
        return output;
    }

    private string Scalar(string name, float value) => graph.Constant(Prefix + name, [value]);

    private string Integers(string name, params ReadOnlySpan<long> values) => graph.Constant(TensorData.Create(Prefix + name, DataType.Int64, values, values.Length));

    private string Doubles(string name, ReadOnlySpan<double> values, params ReadOnlySpan<int> dims) => graph.Constant(TensorData.Create(Prefix + name, DataType.Double, values, dims));
}

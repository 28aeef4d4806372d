using Onnx;

namespace Cifar3;

/// <summary>
/// Checks a graph that this library did not just make before ONNX Runtime sees it: weights that are complete, operators of a convolutional
/// network with settings in their range, shapes that fit each other all the way from the image to the classes.
/// </summary>
/// <remarks>
/// ONNX Runtime trusts a model in places (a convolution in 0 groups ends the process), reads files that a model names, and takes the
/// memory that a graph asks for. After this check it computes a network whose every size is known.
/// </remarks>
internal sealed class GraphCheck
{
    private const int MaxNodes = 1_000, MaxRank = 5;
    private const long MaxElements = 1 << 24; // of one image's activation; this network's largest has 32,768

    private static readonly TensorProto FloatWeight = new() { DataType = (int)TensorProto.Types.DataType.Float };

    private readonly Dictionary<string, TensorProto> constants = [];
    private readonly Dictionary<string, long[]> shapes = [];

    private GraphCheck(GraphProto graph)
    {
        foreach (var tensor in graph.Initializer)
        {
            GraphTensor.Check(tensor);
            if (!constants.TryAdd(tensor.Name, tensor))
            {
                throw new FormatException($"expected one weight '{Shown.Text(tensor.Name)}', found two");
            }

            shapes.Add(tensor.Name, [.. tensor.Dims]);
        }
    }

    /// <summary>Checks a whole model.</summary>
    /// <param name="model">The model; its input and output are known to be of the right type and shape.</param>
    /// <param name="signature">What was found of them.</param>
    /// <exception cref="FormatException">Something does not fit: says where, what was expected and what was found.</exception>
    public static void Check(ModelProto model, OnnxSignature signature)
    {
        var graph = model.Graph;
        if (model.Functions.Count + model.TrainingInfo.Count + graph.SparseInitializer.Count > 0 || graph.Node.Count > MaxNodes)
        {
            throw new FormatException($"expected at most {MaxNodes:N0} nodes and no functions, training graphs or sparse weights, found {graph.Node.Count:N0}, {model.Functions.Count}, {model.TrainingInfo.Count} and {graph.SparseInitializer.Count}");
        }

        // Twice, so that a graph that works for one number of images only is found out.
        foreach (int images in signature.OneImageOnly ? [1] : new[] { 1, 7 })
        {
            var check = new GraphCheck(graph);
            check.shapes[signature.InputName] = [images, .. signature.ImageShape];
            foreach (var node in graph.Node)
            {
                check.Add(node, images);
            }

            long[] expected = [images, signature.Classes], found = check.shapes.GetValueOrDefault(signature.OutputName, []);
            if (!found.SequenceEqual(expected))
            {
                throw new FormatException($"expected probabilities {Print(expected)} of {images} images, found {Print(found)}");
            }
        }
    }

    private void Add(NodeProto proto, int images)
    {
        var node = new GraphNode(proto);
        if (proto.Domain is not ("" or "ai.onnx") || proto.Output.Count != 1)
        {
            throw node.Wrong("an operator of ONNX itself with one output", $"one of domain '{Shown.Text(proto.Domain)}' with {proto.Output.Count}");
        }

        var inputs = proto.Input.Select(name => shapes.GetValueOrDefault(name) ?? throw node.Wrong("inputs that come before it", $"'{Shown.Text(name)}'")).ToList();
        long[] shape = GraphShapes.Of(node, inputs, index => constants.GetValueOrDefault(proto.Input[index]));
        node.CheckAllRead();
        if (shape.Length is 0 or > MaxRank || shape.Any(size => size < 1) || shape.Aggregate(1.0, (product, size) => product * size) > images * MaxElements)
        {
            throw node.Wrong($"an output of 1 to {MaxElements:N0} numbers an image", Print(shape));
        }

        if (proto.Output[0].Length == 0 || !shapes.TryAdd(proto.Output[0], shape))
        {
            throw node.Wrong("an output that no other node has", $"'{Shown.Text(proto.Output[0])}'");
        }

        if (proto.OpType == "DequantizeLinear" && proto.Input.All(constants.ContainsKey))
        {
            constants[proto.Output[0]] = FloatWeight; // weights of 8 bits
        }
    }

    /// <summary>A shape in brackets.</summary>
    public static string Print(IEnumerable<long> shape) => $"[{string.Join(", ", shape.Take(8))}]";
}

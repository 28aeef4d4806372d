using Onnx;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3;

/// <summary>
/// Checks a graph that this library did not just make before ONNX Runtime sees it: weights that are complete, operators of a convolutional
/// network with settings in their range, shapes and types that fit each other all the way from the image to the classes, and work and memory
/// of the whole graph within a limit.
/// </summary>
/// <remarks>
/// ONNX Runtime trusts a model in places (a convolution in 0 groups ends the process), reads files that a model names, and takes the
/// memory and the time that a graph asks for. After this check it computes a network whose every size is known.
/// </remarks>
internal sealed class GraphCheck
{
    /// <summary>What to do about a graph that is refused for its cost.</summary>
    public const string CostRemedy = "If you trust the file and want to wait for it, raise ClassifierOptions.MaxModelCost";

    /// <summary>The most nodes of a graph; this network's flavours have 17 to 44.</summary>
    public const int MaxNodes = 1_000;

    /// <summary>The most dimensions of an array, and weights of a graph.</summary>
    public const int MaxRank = 5, MaxWeights = 4_000;

    private readonly Dictionary<string, TensorProto> constants = [];
    private readonly Dictionary<string, GraphValue> values = [];
    private readonly NetworkCost limit;
    private readonly double constantLimit;
    private double constantNumbers; // that nodes make of constants
    private NetworkCost cost;

    private GraphCheck(GraphProto graph, NetworkCost limit)
    {
        this.limit = limit;
        foreach (var tensor in graph.Initializer)
        {
            if (!constants.TryAdd(tensor.Name, tensor))
            {
                throw new FormatException($"expected one weight '{Shown.Text(tensor.Name)}', found two");
            }

            values.Add(tensor.Name, new GraphValue([.. tensor.Dims], (DataType)tensor.DataType, IsConstant: true));
            constantLimit += tensor.Dims.Aggregate(1.0, (product, size) => product * size);
        }

        constantLimit = 2 * constantLimit + limit.Activations;
    }

    /// <summary>Checks counts that later steps take for granted: before anything that costs.</summary>
    /// <exception cref="FormatException">There is more than a model has.</exception>
    public static void CheckCounts(ModelProto model)
    {
        var graph = model.Graph;
        long[] versions = [.. model.OpsetImport.Where(set => set.Domain is "" or "ai.onnx").Select(set => set.Version).Distinct().Take(5)];
        if (versions.Length > 1)
        {
            throw new FormatException($"expected one operator set of ONNX, found several ({string.Join(", ", versions)}), which compute some operators in different ways");
        }

        if (model.Functions.Count > 0)
        {
            throw new FormatException(FormattableString.Invariant($"expected ONNX's own operators alone, found {model.Functions.Count:N0} function(s), as torch.onnx.dynamo_export writes: put them in place in Python, onnx.save(onnx.inliner.inline_local_functions(onnx.load(\"in.onnx\")), \"out.onnx\")"));
        }

        if (model.TrainingInfo.Count + graph.SparseInitializer.Count > 0 || graph.Node.Count > MaxNodes || graph.Initializer.Count > MaxWeights)
        {
            throw new FormatException(FormattableString.Invariant($"expected at most {MaxNodes:N0} nodes, {MaxWeights:N0} weights and no training graphs or sparse weights, found {graph.Node.Count:N0}, {graph.Initializer.Count:N0}, {model.TrainingInfo.Count} and {graph.SparseInitializer.Count}"));
        }
    }

    /// <summary>Refuses a graph that was written in training mode: its nodes say so, or have the outputs that only training has, or an input of which the file does not say that it is not.</summary>
    /// <exception cref="FormatException">A node normalizes over the images of a step, or drops numbers.</exception>
    public static void CheckIsForInference(GraphProto graph)
    {
        var training = graph.Node.FirstOrDefault(node => node.OpType switch
        {
            "BatchNormalization" => node.Output.Count > 1 || node.Attribute.Any(attribute => attribute is { Name: "training_mode", I: not 0 }),
            "Dropout" => node.Input.Count > 2 && graph.Initializer.FirstOrDefault(tensor => tensor.Name == node.Input[2]) is not ({ DataType: (int)DataType.Bool, HasRawData: true, RawData: [0] } or { DataType: (int)DataType.Bool, Int32Data: [0] }),
            _ => false,
        });
        if (training is not null)
        {
            throw new GraphNode(training).Wrong("a network for inference", "one exported in training mode: call model.eval() in PyTorch before the export, and leave its option 'training' out");
        }
    }

    /// <summary>Checks a whole model.</summary>
    /// <param name="model">The model; its input and output are known to be of the right type and shape.</param>
    /// <param name="signature">What was found of them.</param>
    /// <param name="limit">The most that an image may cost.</param>
    /// <returns>What an image costs.</returns>
    /// <exception cref="FormatException">Something does not fit: says where, what was expected and what was found.</exception>
    public static NetworkCost Check(ModelProto model, OnnxSignature signature, NetworkCost limit)
    {
        CheckCounts(model);
        foreach (var tensor in model.Graph.Initializer)
        {
            GraphTensor.Check(tensor);
        }

        // Twice, so that a graph that works for one number of images only is found out.
        NetworkCost cost = default;
        foreach (int images in signature.OneImageOnly ? [1] : new[] { 1, 7 })
        {
            var check = new GraphCheck(model.Graph, limit);
            check.values[signature.InputName] = new GraphValue([images, .. signature.ImageShape], signature.TakesBytes ? DataType.Uint8 : DataType.Float, IsConstant: false);
            foreach (var node in model.Graph.Node)
            {
                check.Add(node, images);
            }

            long[] expected = [images, signature.Classes];
            var found = check.values.GetValueOrDefault(signature.OutputName);
            if (found is not { Type: DataType.Float, IsConstant: false } || !found.Shape.SequenceEqual(expected))
            {
                throw new FormatException($"expected float32 probabilities {Print(expected)} of {images} images, found {(found is null ? "[]" : $"{Print(found.Shape)} of {(found.IsConstant ? "nothing but constants" : $"{found.Type}")}")}");
            }

            cost = images == 1 ? check.cost : cost;
        }

        return cost;
    }

    /// <summary>A shape in brackets.</summary>
    public static string Print(IEnumerable<long> shape) => $"[{string.Join(", ", shape.Take(8))}]";

    private void Add(NodeProto proto, int images)
    {
        var node = new GraphNode(proto);
        if (proto.Domain is not ("" or "ai.onnx") || proto.Output.Count != 1)
        {
            throw node.Wrong("an operator of ONNX itself with one output", $"one of domain '{Shown.Text(proto.Domain)}' with {proto.Output.Count}");
        }

        var names = proto.Input.Where((name, i) => i == 0 || name.Length > 0 || proto.OpType != "Clip"); // which may lack its lower bound
        var inputs = names.Select(name => values.GetValueOrDefault(name) ?? throw node.Wrong("inputs that come before it", $"'{Shown.Text(name)}'")).ToList();
        var (shape, type, operations) = GraphShapes.Of(node, inputs, index => constants.GetValueOrDefault(proto.Input[index]));
        node.CheckAllRead();
        double size = shape.Aggregate(1.0, (product, dim) => product * dim);
        bool isConstant = inputs.TrueForAll(input => input.IsConstant);
        if (!isConstant && shape.Length > 0 && shape[0] % images != 0)
        {
            throw node.Wrong($"a shape that keeps each image by itself ({images} of them here)", Print(shape));
        }

        if (shape.Length > MaxRank || (shape.Length == 0 && !isConstant) || shape.Any(dim => dim < 1))
        {
            throw node.Wrong($"an output of 1 to {MaxRank} dimensions, none of them empty", Print(shape));
        }

        if (isConstant && (constantNumbers += size) > constantLimit)
        {
            throw node.Wrong(FormattableString.Invariant($"at most {constantLimit:N0} numbers made of constants"), FormattableString.Invariant($"{constantNumbers:N0}"));
        }

        cost = isConstant ? cost.Plus(operations, 0) : cost.Plus(operations, size);
        if (!cost.IsWithin(limit.Times(images)))
        {
            throw new TooCostlyException($"it asks for more work or memory than allowed, at {node.Wrong($"at most {limit} an image ({FormattableString.Invariant($"{limit.Multiple:N0}")} times this network's)", $"{cost.Times(1.0 / images)} up to here").Message}");
        }

        if (proto.Output[0].Length == 0 || !values.TryAdd(proto.Output[0], new GraphValue(shape, type, isConstant)))
        {
            throw node.Wrong("an output that no other node has", $"'{Shown.Text(proto.Output[0])}'");
        }
    }
}

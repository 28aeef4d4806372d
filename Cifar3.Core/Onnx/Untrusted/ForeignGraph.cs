using Google.Protobuf;
using Onnx;
using static Cifar3.OnnxGraphBuilder;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3;

/// <summary>Rewrites the graph of another tool into an equal one of fewer forms. The number of its nodes is known to be modest.</summary>
internal static class ForeignGraph
{
    private const string Prefix = "cifar3/";

    /// <summary>Nodes without inputs that give a constant become weights, and inputs at the end that have no name, which are left out, go.</summary>
    public static void Simplify(GraphProto graph)
    {
        foreach (var node in graph.Node)
        {
            while (node.Input.Count > 1 && node.Input[^1].Length == 0)
            {
                node.Input.RemoveAt(node.Input.Count - 1);
            }
        }

        for (int i = graph.Node.Count - 1; i >= 0; i--)
        {
            if (graph.Node[i] is not { OpType: "Constant", Domain: "" or "ai.onnx", Input.Count: 0, Output.Count: 1, Attribute: [var value] } node)
            {
                continue;
            }

            TensorProto? tensor = value switch
            {
                { Name: "value", T: { } given } => given,
                { Name: "value_float", HasF: true } => TensorData.Create<float>("", DataType.Float, [value.F]),
                { Name: "value_int", HasI: true } => TensorData.Create<long>("", DataType.Int64, [value.I]),
                { Name: "value_floats", Floats.Count: > 0 } => TensorData.Create<float>("", DataType.Float, [.. value.Floats], value.Floats.Count),
                { Name: "value_ints", Ints.Count: > 0 } => TensorData.Create<long>("", DataType.Int64, [.. value.Ints], value.Ints.Count),
                _ => null,
            };
            if (tensor is not null)
            {
                graph.Initializer.Add(new TensorProto(tensor) { Name = node.Output[0] });
                graph.Node.RemoveAt(i);
            }
        }
    }

    /// <summary>Dropout in inference passes everything on: its rate and whether it trains, inputs from operator set 12 on, go, and so does a mask that nobody takes.</summary>
    public static void SimplifyDropout(GraphProto graph)
    {
        var taken = graph.Node.SelectMany(node => node.Input).Concat(graph.Output.Select(value => value.Name)).ToHashSet();
        foreach (var node in graph.Node.Where(node => node is { OpType: "Dropout", Domain: "" or "ai.onnx" }))
        {
            while (node.Input.Count > 1)
            {
                node.Input.RemoveAt(node.Input.Count - 1);
            }

            if (node.Output.Count == 2 && !taken.Contains(node.Output[1]))
            {
                node.Output.RemoveAt(1);
            }
        }

        taken = [.. graph.Node.SelectMany(node => node.Input)];
        foreach (var flag in graph.Initializer.Where(tensor => tensor.DataType == (int)DataType.Bool && !taken.Contains(tensor.Name)).ToList())
        {
            graph.Initializer.Remove(flag); // of a type that no weight has
        }
    }

    /// <summary>
    /// The output that has the classes: of floats, computed by a softmax or a dense layer at its end; of two such the probabilities. All others,
    /// such as a label, are taken out with the nodes that only they need.
    /// </summary>
    /// <returns>The output, and whether softmax is still to be computed. (It is for logarithms of probabilities too: softmax of them is the probabilities.)</returns>
    /// <exception cref="FormatException">There is none, or more than one.</exception>
    public static (ValueInfoProto Output, bool IsLogits) ChooseOutput(GraphProto graph)
    {
        var producers = new Dictionary<string, NodeProto>();
        foreach (var node in graph.Node)
        {
            foreach (string name in node.Output)
            {
                producers.TryAdd(name, node);
            }
        }

        var found = new List<(ValueInfoProto Output, bool IsLogits)>();
        FormatException? problem = null;
        foreach (var output in graph.Output.Take(20))
        {
            if ((DataType)(output.Type?.TensorType?.ElemType ?? 0) is DataType.Float or DataType.Float16)
            {
                try
                {
                    found.Add((output, IsLogits(producers, graph.Node.Count, output.Name)));
                }
                catch (FormatException e)
                {
                    problem ??= e;
                }
            }
        }

        var probabilities = found.Where(candidate => !candidate.IsLogits).ToList();
        var chosen = found.Count == 1 ? found : probabilities;
        if (chosen.Count != 1)
        {
            throw found.Count == 0 && problem is not null ? problem : new FormatException(found.Count == 0
                ? $"expected a float32 output [N, classes], found {graph.Output.Count} of other types ({Shown.Names(graph.Output.Select(value => value.Name), 5)})"
                : $"expected one output with the classes, found {found.Count} that could be it ({Shown.Names(found.Select(candidate => candidate.Output.Name), 5)}): keep one");
        }

        graph.Output.Clear();
        graph.Output.Add(chosen[0].Output);
        graph.ValueInfo.Clear();
        Prune(graph, producers);
        return chosen[0];
    }

    /// <summary>A graph that takes float32, with a cast in front where it took another type.</summary>
    /// <returns>The input's name.</returns>
    public static string FloatInput(GraphProto graph, ValueInfoProto input)
    {
        var type = (DataType)input.Type.TensorType.ElemType;
        if (type == DataType.Float)
        {
            return input.Name;
        }

        graph.Node.Insert(0, new NodeProto { Name = Prefix + "cast_input", OpType = "Cast", Input = { Prefix + "input" }, Output = { input.Name }, Attribute = { Int("to", (long)type) } });
        graph.Input[0] = new ValueInfoProto(input) { Name = Prefix + "input" };
        graph.Input[0].Type.TensorType.ElemType = (int)DataType.Float;
        return Prefix + "input";
    }

    /// <summary>A graph that gives float32, with a cast behind where it gave another type.</summary>
    /// <returns>The output's name.</returns>
    public static string FloatOutput(GraphProto graph, ValueInfoProto output)
    {
        if ((DataType)output.Type.TensorType.ElemType == DataType.Float)
        {
            return output.Name;
        }

        graph.Node.Add(new NodeProto { Name = Prefix + "cast_output", OpType = "Cast", Input = { output.Name }, Output = { Prefix + "output" }, Attribute = { Int("to", (long)DataType.Float) } });
        graph.Output[0] = new ValueInfoProto(output) { Name = Prefix + "output" };
        graph.Output[0].Type.TensorType.ElemType = (int)DataType.Float;
        return Prefix + "output";
    }

    /// <summary>A graph for <paramref name="batch"/> images as one for any number: input, output, and the shapes of Reshape nodes that begin with that number.</summary>
    public static void FreeBatch(GraphProto graph, long batch)
    {
        foreach (var value in graph.Input.Concat(graph.Output))
        {
            if (value.Type.TensorType.Shape?.Dim is [var first, ..])
            {
                first.DimParam = "N";
            }
        }

        var constants = new Dictionary<string, TensorProto>();
        foreach (var tensor in graph.Initializer)
        {
            constants.TryAdd(tensor.Name, tensor);
        }

        for (int i = 0; i < graph.Node.Count; i++)
        {
            var node = graph.Node[i];
            if (node is { OpType: "Reshape", Input.Count: 2 } && constants.TryGetValue(node.Input[1], out var tensor) && tensor is { DataType: (int)DataType.Int64, Dims.Count: 1 }
                && TensorData.Integers(tensor) is [var first, ..] shape && first == batch)
            {
                shape[0] = 0; // as many as the input has
                node.Input[1] = $"{Prefix}shape_{i}";
                graph.Initializer.Add(TensorData.Create<long>(node.Input[1], DataType.Int64, shape, shape.Length));
            }
        }
    }

    /// <summary>Walks back from the output: a softmax gives probabilities, a dense layer without one gives logits.</summary>
    private static bool IsLogits(Dictionary<string, NodeProto> producers, int nodes, string output)
    {
        string current = output;
        bool reshaped = false;
        for (int i = 0; i <= nodes; i++)
        {
            if (!producers.TryGetValue(current, out var node))
            {
                throw new FormatException($"expected a node that computes the output '{Shown.Text(output)}', found none");
            }

            switch (node.OpType)
            {
                case "Flatten" or "Reshape" or "Squeeze":
                    reshaped = true;
                    current = node.Input.FirstOrDefault() ?? "";
                    continue;
                case "Identity" or "Cast" or "Dropout" or "QuantizeLinear" or "DequantizeLinear":
                    current = node.Input.FirstOrDefault() ?? "";
                    continue;
                case "Softmax" or "LogSoftmax" when IsOverClasses(node, reshaped):
                    return node.OpType == "LogSoftmax";
                case "Add" or "GlobalAveragePool" or "ReduceMean" when SumsProbabilities(producers, node):
                    throw new FormatException($"expected the graph to end in Softmax or in a dense layer (MatMul, Add, Gemm), found a sum of what Softmax gives ({node.OpType}): let it end in the softmax of the summed logits, or score each network by itself");
                case "Add" or "MatMul" or "Gemm" or "GlobalAveragePool" or "ReduceMean":
                    return true;
                default:
                    throw new FormatException($"expected the graph to end in Softmax or in a dense layer (MatMul, Add, Gemm), found {Shown.Text(node.OpType)}{(node.OpType is "Softmax" or "LogSoftmax" ? " over another axis than the classes'" : "")}");
            }
        }

        throw new FormatException("expected a graph without cycles");
    }

    /// <summary>Whether a sum or mean at the end is of probabilities, as an ensemble's is: softmax of them would give others.</summary>
    private static bool SumsProbabilities(Dictionary<string, NodeProto> producers, NodeProto end)
    {
        var seen = new HashSet<NodeProto>(ReferenceEqualityComparer.Instance);
        var left = new Stack<NodeProto>([end]);
        while (left.TryPop(out var node))
        {
            if (node.OpType == "Softmax")
            {
                return true;
            }

            NodeProto[] inputs = [.. node.Input.Select(producers.GetValueOrDefault).OfType<NodeProto>()];
            bool passesOn = node.OpType is "Add" or "GlobalAveragePool" or "ReduceMean" or "Identity" or "Cast" or "Dropout" or "Flatten" or "Reshape" or "Squeeze" or "QuantizeLinear" or "DequantizeLinear"
                || (node.OpType is "Mul" or "Div" && inputs.Length == 1); // by a constant
            foreach (var input in inputs.Where(input => passesOn && seen.Add(input)))
            {
                left.Push(input);
            }
        }

        return false;
    }

    /// <summary>Whether a softmax is over the classes: the last axis, or axis 1 where the result still changes its shape.</summary>
    private static bool IsOverClasses(NodeProto softmax, bool reshaped) => softmax.Attribute.FirstOrDefault(a => a.Name == "axis")?.I switch
    {
        1 => true,
        null or -1 => !reshaped,
        _ => false,
    };

    /// <summary>Keeps the nodes and weights that the output needs.</summary>
    private static void Prune(GraphProto graph, Dictionary<string, NodeProto> producers)
    {
        var names = new HashSet<string>();
        var needed = new HashSet<NodeProto>(ReferenceEqualityComparer.Instance);
        var left = new Stack<string>([graph.Output[0].Name]);
        while (left.TryPop(out string? name))
        {
            if (names.Add(name) && producers.TryGetValue(name, out var node) && needed.Add(node))
            {
                foreach (string input in node.Input)
                {
                    left.Push(input);
                }
            }
        }

        for (int i = graph.Node.Count - 1; i >= 0; i--)
        {
            if (!needed.Contains(graph.Node[i]) && !graph.Node[i].Output.Any(names.Contains))
            {
                graph.Node.RemoveAt(i);
            }
        }

        for (int i = graph.Initializer.Count - 1; i >= 0; i--)
        {
            if (!names.Contains(graph.Initializer[i].Name))
            {
                graph.Initializer.RemoveAt(i);
            }
        }
    }
}

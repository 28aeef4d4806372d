namespace Cifar3.Training;

/// <summary>One weight of the model, or one of Adam's moments, as a resource variable of the graph.</summary>
/// <param name="Name">The weight's full name, such as <c>conv2d/kernel</c>; moments have it too.</param>
/// <param name="Shape">Shape in Keras layout, which is TensorFlow's.</param>
/// <param name="Handle">The variable itself, as operators that change it take it.</param>
/// <param name="Read">Its value; one reading operator is shared by all.</param>
/// <param name="ImportValue">Placeholder of the value to import.</param>
/// <param name="Import">Sets the variable to that value.</param>
/// <param name="Decays">Whether weight decay applies to it.</param>
internal sealed record GraphVariable(string Name, IReadOnlyList<int> Shape, Output Handle, Output Read, Output ImportValue, Operation Import, bool Decays);

/// <summary>
/// All variables of the network: weights (moving statistics included) and Adam's two moments of each trainable weight.
/// There is no initializer: importing a state is the initialization.
/// </summary>
internal sealed class GraphVariables
{
    private readonly Dictionary<string, GraphVariable> weightsByName;

    public GraphVariables(GraphBuilder graph, IReadOnlyList<CnnLayer> layers)
    {
        var all = layers.SelectMany(layer => layer.Weights.Select(spec => (Name: $"{layer.Name}/{spec.Name}", Spec: spec))).ToList();
        var trainable = all.Where(weight => weight.Spec.Trainable).ToList();
        Weights = [.. all.Select(weight => Create(graph, "weights", weight.Name, weight.Spec))];
        AdamM = [.. trainable.Select(weight => Create(graph, "adam_m", weight.Name, weight.Spec))];
        AdamV = [.. trainable.Select(weight => Create(graph, "adam_v", weight.Name, weight.Spec))];
        weightsByName = Weights.ToDictionary(variable => variable.Name);
    }

    /// <summary>All weights in Keras' order.</summary>
    public IReadOnlyList<GraphVariable> Weights { get; }

    /// <summary>First moments of the trainable weights, in Keras' order.</summary>
    public IReadOnlyList<GraphVariable> AdamM { get; }

    /// <summary>Second moments of the trainable weights, in Keras' order.</summary>
    public IReadOnlyList<GraphVariable> AdamV { get; }

    /// <summary>Weights, first moments, second moments.</summary>
    public IEnumerable<GraphVariable> All => [.. Weights, .. AdamM, .. AdamV];

    /// <summary>The variable of a weight, such as <c>conv2d/kernel</c>.</summary>
    public GraphVariable this[string name] => weightsByName[name];

    private static GraphVariable Create(GraphBuilder graph, string group, string weight, WeightSpec spec)
    {
        string name = $"{group}/{weight}";
        long[] shape = [.. spec.Shape.Select(dim => (long)dim)];

        // Without shared_name all variables of a graph would be one and the same.
        Output handle = graph.Begin("VarHandleOp", name).Type("dtype", DataType.Float).Shape("shape", shape).Text("shared_name", name).Finish();
        Output read = graph.Begin("ReadVariableOp", $"{name}/read", handle).Type("dtype", DataType.Float).Finish();
        Output value = graph.Placeholder($"{name}/value", DataType.Float, shape);
        return new GraphVariable(weight, spec.Shape, handle, read, value, graph.Assign($"{name}/import", handle, value).Finish(), AdamOptimizer.Decays(spec));
    }
}

/// <summary>Assignments to variables.</summary>
internal static class GraphBuilderVariableExtensions
{
    /// <summary>Sets a variable; without validate_shape TensorFlow would take any shape silently.</summary>
    public static OperationBuilder Assign(this GraphBuilder graph, string name, Output handle, Output value) =>
        graph.Begin("AssignVariableOp", name, handle, value).Type("dtype", DataType.Float).Bool("validate_shape", true);
}

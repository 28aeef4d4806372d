namespace Cifar3.Training;

/// <summary>What the layers of one pass through the network share.</summary>
/// <param name="Graph">The graph under construction.</param>
/// <param name="Variables">The weights.</param>
/// <param name="Scope">First part of the operators' names: <c>train</c>, <c>train/parts_8</c>, <c>inference</c>.</param>
/// <param name="Parts">The batch's parts.</param>
internal sealed record Pass(GraphBuilder Graph, GraphVariables Variables, string Scope, BatchParts Parts)
{
    /// <summary>Name of an operator: <c>SCOPE/WHAT</c>.</summary>
    public string Name(string what) => $"{Scope}/{what}";

    /// <summary>Name of one part's operator: <c>SCOPE/WHAT/PART</c>, and <c>SCOPE/WHAT</c> where the batch is whole.</summary>
    public string Name(string what, int part) => Parts.Count == 1 ? Name(what) : Name($"{what}/{part}");
}

/// <summary>
/// The operators of one layer in one pass: inference, or training forward and backward. The batch comes as its parts (see
/// <see cref="BatchParts"/>). Forward keeps the outputs that Backward needs, and Backward leaves the gradients of the layer's weights in
/// <see cref="Gradients"/>.
/// </summary>
/// <remarks>
/// Gradients are explicit operators, one a layer's pass, as TensorFlow's own Python gradients make them: its C function for it
/// (<c>TF_AddGradients</c>) knows no sparse cross-entropy and cannot use the exact batch statistics.
/// Operators are named <c>SCOPE/LAYER/WHAT</c>, and <c>SCOPE/LAYER/WHAT/PART</c> where there are parts.
/// </remarks>
internal abstract class LayerGraph(Pass pass, CnnLayer layer)
{
    private readonly Dictionary<string, Output> gradients = [];

    /// <summary>Gradients of the loss by the layer's weights, by full weight name.</summary>
    public IReadOnlyDictionary<string, Output> Gradients => gradients;

    /// <summary>
    /// The layer's output as the model describes it, where the pass computes something else that costs less and leads to the same result.
    /// Operators that only a look at the activations runs. Null where the pass itself computes the output.
    /// </summary>
    public Output[]? DescribedOutput { get; protected set; }

    protected GraphBuilder Graph => pass.Graph;

    protected BatchParts Parts => pass.Parts;

    /// <summary>y in inference mode.</summary>
    /// <param name="x">Input [B, …] in NHWC, by parts.</param>
    public virtual Output[] Inference(Output[] x) => Forward(x);

    /// <summary>y in training mode.</summary>
    /// <param name="x">Input [B, …] in NHWC, by parts.</param>
    public abstract Output[] Forward(Output[] x);

    /// <summary>dL/dx from dL/dy; also makes the gradients of the layer's weights.</summary>
    /// <param name="dy">Gradient by the output, by parts.</param>
    /// <param name="isFirst">Whether this is the first layer, whose input needs no gradient: the result is then without meaning.</param>
    public abstract Output[] Backward(Output[] dy, bool isFirst);

    /// <summary>Name of an operator.</summary>
    protected string Name(string what) => pass.Name($"{layer.Name}/{what}");

    /// <summary>Name of one part's operator.</summary>
    protected string Name(string what, int part) => pass.Name($"{layer.Name}/{what}", part);

    /// <summary>One operator, or chain of operators, for every part.</summary>
    protected static Output[] Each(Output[] parts, Func<Output, int, Output> add) => [.. parts.Select(add)];

    /// <summary>Σ over the parts of what each gives, such as its share in a gradient.</summary>
    protected Output Sum(string what, Output[] parts) => Parts.Sum($"{layer.Name}/{what}", parts);

    /// <summary>Full name of one of the layer's weights.</summary>
    protected string Weight(string name) => $"{layer.Name}/{name}";

    /// <summary>One of the layer's weights.</summary>
    protected GraphVariable Variable(string name) => pass.Variables[Weight(name)];

    protected Output Reshape(string name, Output x, params ReadOnlySpan<int> shape) => Graph.Add("Reshape", name, x, Graph.Const($"{name}_shape", shape));

    protected void SetGradient(string weight, Output gradient) => gradients.Add(Weight(weight), gradient);
}

namespace Cifar3.Training;

/// <summary>
/// The operators of one layer: in inference, and forward and backward in training. Forward keeps the outputs that Backward needs,
/// and Backward leaves the gradients of the layer's weights in <see cref="Gradients"/>.
/// </summary>
/// <remarks>
/// Gradients are explicit operators, one a layer's pass, as TensorFlow's own Python gradients make them: its C function for it
/// (<c>TF_AddGradients</c>) knows no sparse cross-entropy and cannot use the exact batch statistics.
/// Operators are named <c>train/LAYER/WHAT</c> and <c>inference/LAYER/WHAT</c>.
/// </remarks>
internal abstract class LayerGraph(GraphBuilder graph, CnnLayer layer)
{
    private readonly Dictionary<string, Output> gradients = [];

    /// <summary>Gradients of the loss by the layer's weights, by full weight name.</summary>
    public IReadOnlyDictionary<string, Output> Gradients => gradients;

    /// <summary>
    /// The layer's output as the model describes it, where the pass that was built last computes something else that costs less and leads
    /// to the same result. Operators that only a look at the activations runs. Null where the pass itself computes the output.
    /// </summary>
    public Output? DescribedOutput { get; protected set; }

    protected GraphBuilder Graph => graph;

    /// <summary>y in inference mode.</summary>
    /// <param name="x">Input [B, …] in NHWC.</param>
    public abstract Output Inference(Output x);

    /// <summary>y in training mode.</summary>
    /// <param name="x">Input [B, …] in NHWC.</param>
    public abstract Output Forward(Output x);

    /// <summary>dL/dx from dL/dy; also makes the gradients of the layer's weights.</summary>
    /// <param name="dy">Gradient by the output.</param>
    /// <param name="isFirst">Whether this is the first layer, whose input needs no gradient: the result is then without meaning.</param>
    public abstract Output Backward(Output dy, bool isFirst);

    /// <summary>Name of an operator of the training graph.</summary>
    protected string Train(string what) => $"train/{layer.Name}/{what}";

    /// <summary>Name of an operator of the inference graph.</summary>
    protected string Infer(string what) => $"inference/{layer.Name}/{what}";

    /// <summary>Full name of one of the layer's weights.</summary>
    protected string Weight(string name) => $"{layer.Name}/{name}";

    protected void SetGradient(string weight, Output gradient) => gradients.Add(Weight(weight), gradient);
}

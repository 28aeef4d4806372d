namespace Cifar3.Training;

/// <summary>Inverted dropout by a mask that each step feeds (0, or 1/(1 − rate)), so that all engines drop the same elements; nothing where the rate is 0.</summary>
internal sealed class DropoutGraph(GraphBuilder graph, DropoutLayer layer) : LayerGraph(graph, layer)
{
    /// <summary>The layer, for its rate and shape.</summary>
    public DropoutLayer Layer => layer;

    /// <summary>Placeholder of the mask [B, H, W, C]; null where nothing is dropped.</summary>
    public Output? Mask { get; private set; }

    public override Output Inference(Output x) => x;

    public override Output Forward(Output x)
    {
        if (layer.Rate == 0)
        {
            return x;
        }

        var mask = Graph.Placeholder(Train("mask"), DataType.Float, [-1, .. layer.OutputShape.Select(dim => (long)dim)]);
        Mask = mask;
        return Graph.Add("Mul", Train("Mul"), x, mask);
    }

    public override Output Backward(Output dy, bool isFirst) => Mask is { } mask ? Graph.Add("Mul", Train("gradient"), dy, mask) : dy;
}

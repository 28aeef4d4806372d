namespace Cifar3.Training;

/// <summary>Inverted dropout by a mask that each step feeds (0, or 1/(1 − rate)), so that all engines drop the same elements; nothing where the rate is 0.</summary>
/// <param name="pass">The pass.</param>
/// <param name="layer">The layer.</param>
/// <param name="mask">The mask of the whole batch [B, H, W, C]; null where nothing is dropped.</param>
internal sealed class DropoutGraph(Pass pass, DropoutLayer layer, Output? mask) : LayerGraph(pass, layer)
{
    private Output[] masks = [];

    public override Output[] Inference(Output[] x) => x;

    public override Output[] Forward(Output[] x)
    {
        if (mask is not { } whole)
        {
            return x;
        }

        masks = Parts.Split($"{layer.Name}/masks", whole);
        return Each(x, (part, i) => Graph.Add("Mul", Name("Mul", i), part, masks[i]));
    }

    public override Output[] Backward(Output[] dy, bool isFirst) =>
        mask is null ? dy : Each(dy, (part, i) => Graph.Add("Mul", Name("gradient", i), part, masks[i]));
}

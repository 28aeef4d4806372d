namespace Cifar3.Training;

/// <summary>One training step: the network in training mode, its gradients, and the updates of all variables.</summary>
internal sealed class TrainingGraph
{
    /// <param name="network">The pass.</param>
    /// <param name="adam">The optimizer.</param>
    /// <param name="targets">Placeholder of the targets; null for a step towards the labels.</param>
    public TrainingGraph(NetworkPass network, AdamGraph adam, Output? targets)
    {
        var pass = network.Pass;
        (var logits, Outputs) = network.Run((layer, x) => layer.Forward(x));
        Loss = new LossGraph(pass, logits, network.Labels, targets is { } whole ? pass.Parts.Split("targets", whole) : null);
        var gradient = Loss.Gradient();
        for (int i = network.Layers.Count - 1; i >= 0; i--)
        {
            gradient = network.Layers[i].Backward(gradient, isFirst: i == 0);
        }

        // A gate before every update: a step that fails anywhere on the way (a label, memory) has changed nothing.
        var gradients = network.Gradients;
        var computed = pass.Graph.Begin("NoOp", pass.Name("computed"))
            .After(gradients.Values.Select(output => output.Operation).Distinct())
            .After([Loss.Sum.Operation, Loss.Correct.Operation])
            .Finish();
        var updates = pass.Variables.AdamM.Zip(pass.Variables.AdamV)
            .Where(moments => gradients.ContainsKey(moments.First.Name))
            .Select(moments => adam.Update(pass, pass.Variables[moments.First.Name], moments.First, moments.Second, gradients[moments.First.Name], computed))
            .Concat(network.Layers.OfType<BatchNormalizationGraph>().SelectMany(layer => layer.Updates(computed)))
            .ToList();
        Step = pass.Graph.Begin("NoOp", pass.Name("step")).After(updates).Finish();
    }

    /// <summary>Each layer's output; of the dense layer the logits.</summary>
    public IReadOnlyList<Output> Outputs { get; }

    /// <summary>Loss and correct count.</summary>
    public LossGraph Loss { get; }

    /// <summary>Runs the whole step: all updates.</summary>
    public Operation Step { get; }
}

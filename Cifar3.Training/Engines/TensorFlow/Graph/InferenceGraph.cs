namespace Cifar3.Training;

/// <summary>The network in inference mode: probabilities, and loss and correct count.</summary>
internal sealed class InferenceGraph
{
    public InferenceGraph(NetworkPass network)
    {
        (var logits, Outputs) = network.Run((layer, x) => layer.Inference(x));
        Probabilities = network.Pass.Graph.Add("Softmax", network.Pass.Name("probabilities"), logits[0]);
        Loss = new LossGraph(network.Pass, logits, network.Labels);
    }

    /// <summary>Each layer's output; of the dense layer the logits.</summary>
    public IReadOnlyList<Output> Outputs { get; }

    /// <summary>Class probabilities [B, classes].</summary>
    public Output Probabilities { get; }

    /// <summary>Loss and correct count.</summary>
    public LossGraph Loss { get; }
}

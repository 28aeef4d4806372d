namespace Cifar3.Training;

/// <summary>The whole network as a TensorFlow graph, built from the layer list: variables, inference, and training steps for batches in so many parts.</summary>
internal sealed class CnnGraph
{
    private readonly GraphBuilder graph;
    private readonly IReadOnlyList<CnnLayer> layers;
    private readonly BatchStatistics statistics;
    private readonly AdamGraph adam;
    private readonly Dictionary<int, TrainingGraph> training = [];

    public CnnGraph(GraphBuilder graph, IReadOnlyList<CnnLayer> layers, BatchStatistics statistics)
    {
        (this.graph, this.layers, this.statistics) = (graph, layers, statistics);
        Variables = new GraphVariables(graph, layers);
        Inputs = new NetworkInputs(graph, layers);
        adam = new AdamGraph(graph, Inputs.StepSize);
        Inference = new InferenceGraph(NewPass("inference", parts: 1));
    }

    /// <summary>Weights and moments.</summary>
    public GraphVariables Variables { get; }

    /// <summary>What runs feed.</summary>
    public NetworkInputs Inputs { get; }

    /// <summary>The network in inference mode.</summary>
    public InferenceGraph Inference { get; }

    /// <summary>The training step for a batch of this size; its operators are added when the first batch of so many parts comes.</summary>
    public TrainingGraph Training(int batch)
    {
        int parts = statistics == BatchStatistics.TwoStage ? BatchParts.CountFor(batch) : 1;
        if (!training.TryGetValue(parts, out var step))
        {
            string scope = parts == 1 ? "train" : $"train/parts_{parts}";
            step = new TrainingGraph(NewPass(scope, parts), adam);
            training.Add(parts, step);
        }

        return step;
    }

    private NetworkPass NewPass(string scope, int parts) =>
        new(new Pass(graph, Variables, scope, new BatchParts(graph, scope, parts, Inputs.Labels)), Inputs, layers, statistics);
}

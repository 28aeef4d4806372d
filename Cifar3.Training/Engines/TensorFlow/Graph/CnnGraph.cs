namespace Cifar3.Training;

/// <summary>The whole network as a TensorFlow graph, built from the layer list: variables, inference, and training steps for batches in so many parts.</summary>
internal sealed class CnnGraph
{
    private readonly GraphBuilder graph;
    private readonly IReadOnlyList<CnnLayer> layers;
    private readonly BatchStatistics statistics;
    private readonly AdamGraph adam;
    private readonly IReadOnlyList<string> frozen;
    private readonly Dictionary<(int Parts, bool Targets), TrainingGraph> training = [];
    private readonly Dictionary<int, StatisticsGraph> statisticsUpdates = [];

    public CnnGraph(GraphBuilder graph, IReadOnlyList<CnnLayer> layers, BatchStatistics statistics, EngineOptions options)
    {
        (this.graph, this.layers, this.statistics, frozen) = (graph, layers, statistics, options.FrozenLayers);
        Variables = new GraphVariables(graph, layers);
        Inputs = new NetworkInputs(graph, layers);
        adam = new AdamGraph(graph, Inputs.StepSize, options.WeightDecay > 0 ? Inputs.Decay : null);
        Inference = new InferenceGraph(NewPass("inference", parts: 1));
    }

    /// <summary>Weights and moments.</summary>
    public GraphVariables Variables { get; }

    /// <summary>What runs feed.</summary>
    public NetworkInputs Inputs { get; }

    /// <summary>The network in inference mode.</summary>
    public InferenceGraph Inference { get; }

    /// <summary>The training step for a batch of this size; its operators are added when the first batch of so many parts comes.</summary>
    /// <param name="batch">Number of images.</param>
    /// <param name="targets">Whether the step is towards targets, not labels.</param>
    public TrainingGraph Training(int batch, bool targets = false)
    {
        int parts = PartsFor(batch);
        if (!training.TryGetValue((parts, targets), out var step))
        {
            step = new TrainingGraph(NewPass(Scope(targets ? "train_to_targets" : "train", parts), parts), adam, targets ? Inputs.Targets : null);
            training.Add((parts, targets), step);
        }

        return step;
    }

    /// <summary>The update of the moving statistics alone, for a batch of this size.</summary>
    public StatisticsGraph StatisticsUpdate(int batch)
    {
        int parts = PartsFor(batch);
        if (!statisticsUpdates.TryGetValue(parts, out var update))
        {
            update = new StatisticsGraph(NewPass(Scope("statistics", parts), parts), Inputs);
            statisticsUpdates.Add(parts, update);
        }

        return update;
    }

    private static string Scope(string name, int parts) => parts == 1 ? name : $"{name}/parts_{parts}";

    private int PartsFor(int batch) => statistics == BatchStatistics.TwoStage ? BatchParts.CountFor(batch) : 1;

    private NetworkPass NewPass(string scope, int parts) =>
        new(new Pass(graph, Variables, scope, new BatchParts(graph, scope, parts, Inputs.Labels)), Inputs, layers, statistics, frozen);
}

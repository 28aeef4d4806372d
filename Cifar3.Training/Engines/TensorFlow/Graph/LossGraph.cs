namespace Cifar3.Training;

/// <summary>Softmax cross-entropy and the count of correct images, from logits [B, classes] and labels [B].</summary>
internal sealed class LossGraph
{
    private readonly GraphBuilder graph;
    private readonly string scope;
    private readonly Operation crossEntropy;
    private readonly Output labels;

    /// <param name="graph">The graph.</param>
    /// <param name="scope">First part of the operators' names.</param>
    /// <param name="logits">Logits [B, classes].</param>
    /// <param name="labels">Labels int32 [B].</param>
    public LossGraph(GraphBuilder graph, string scope, Output logits, Output labels)
    {
        this.graph = graph;
        this.scope = scope;
        this.labels = labels;
        crossEntropy = graph.Add("SparseSoftmaxCrossEntropyWithLogits", $"{scope}/cross_entropy", logits, labels);
        var batchAxis = graph.Const($"{scope}/batch_axis", 0);
        Sum = graph.Add("Sum", $"{scope}/loss", crossEntropy, batchAxis);

        Output predicted = graph.Begin("ArgMax", $"{scope}/ArgMax", logits, graph.Scalar($"{scope}/class_axis", 1)).Type("output_type", DataType.Int32).Finish();
        Output hits = graph.Begin("Cast", $"{scope}/hits", graph.Add("Equal", $"{scope}/Equal", predicted, labels)).Type("DstT", DataType.Int32).Finish();
        Correct = graph.Add("Sum", $"{scope}/correct", hits, batchAxis);
    }

    /// <summary>Sum of the batch's cross-entropies, float32 scalar.</summary>
    public Output Sum { get; }

    /// <summary>Number of correct images, int32 scalar.</summary>
    public Output Correct { get; }

    /// <summary>Gradient of the MEAN cross-entropy by the logits [B, classes].</summary>
    public Output Gradient()
    {
        Output count = graph.Begin("Cast", $"{scope}/batch_size", graph.Add("Size", $"{scope}/Size", labels)).Type("DstT", DataType.Float).Finish();
        return graph.Add("RealDiv", $"{scope}/gradient", crossEntropy[1], count);
    }
}

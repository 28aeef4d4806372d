namespace Cifar3.Training;

/// <summary>Softmax cross-entropy and the count of correct images, from logits [B, classes] and labels [B], by parts.</summary>
internal sealed class LossGraph
{
    private readonly Pass pass;
    private readonly Operation[] crossEntropies;

    /// <param name="pass">The pass.</param>
    /// <param name="logits">Logits [B, classes].</param>
    /// <param name="labels">Labels int32 [B].</param>
    public LossGraph(Pass pass, Output[] logits, Output[] labels)
    {
        this.pass = pass;
        var graph = pass.Graph;
        crossEntropies = [.. logits.Zip(labels).Select((part, i) => graph.Add("SparseSoftmaxCrossEntropyWithLogits", pass.Name("cross_entropy", i), part.First, part.Second))];
        var batchAxis = graph.Const(pass.Name("batch_axis"), 0);
        Sum = pass.Parts.Sum("loss", [.. crossEntropies.Select((part, i) => (Output)graph.Add("Sum", pass.Name("loss_of_part", i), part, batchAxis))]);

        var classAxis = graph.Scalar(pass.Name("class_axis"), 1);
        Correct = pass.Parts.Sum("correct", [.. logits.Zip(labels).Select((part, i) => Hits(part.First, part.Second, i))]);

        Output Hits(Output logit, Output label, int part)
        {
            Output predicted = graph.Begin("ArgMax", pass.Name("ArgMax", part), logit, classAxis).Type("output_type", DataType.Int32).Finish();
            var hits = graph.Cast(pass.Name("hits", part), graph.Add("Equal", pass.Name("Equal", part), predicted, label), DataType.Int32);
            return graph.Add("Sum", pass.Name("correct_of_part", part), hits, batchAxis);
        }
    }

    /// <summary>Sum of the batch's cross-entropies, float32 scalar.</summary>
    public Output Sum { get; }

    /// <summary>Number of correct images, int32 scalar.</summary>
    public Output Correct { get; }

    /// <summary>Gradient of the MEAN cross-entropy by the logits [B, classes].</summary>
    public Output[] Gradient() => [.. crossEntropies.Select((part, i) => (Output)pass.Graph.Add("RealDiv", pass.Name("gradient", i), part[1], pass.Parts.BatchSize))];
}

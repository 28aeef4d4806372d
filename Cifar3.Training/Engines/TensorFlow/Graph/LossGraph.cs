namespace Cifar3.Training;

/// <summary>
/// Softmax cross-entropy and the count of correct images, by parts, from logits [B, classes] and labels [B] or, in place of the labels' one 1 a row,
/// targets t [B, classes], whose rows may have any sum: loss −Σ t·log p, gradient p·Σ t − t.
/// </summary>
internal sealed class LossGraph
{
    private readonly Pass pass;
    private readonly Output[] losses, logitGradients;

    /// <param name="pass">The pass.</param>
    /// <param name="logits">Logits [B, classes].</param>
    /// <param name="labels">Labels int32 [B].</param>
    /// <param name="targets">Targets [B, classes]; null = the labels.</param>
    public LossGraph(Pass pass, Output[] logits, Output[] labels, Output[]? targets = null)
    {
        this.pass = pass;
        var graph = pass.Graph;
        var (batchAxis, classAxis) = (graph.Const(pass.Name("batch_axis"), 0), graph.Scalar(pass.Name("class_axis"), 1));
        (losses, logitGradients) = targets is null ? OfLabels() : OfTargets(targets);
        Sum = pass.Parts.Sum("loss", [.. losses.Select((part, i) => (Output)graph.Add("Sum", pass.Name("loss_of_part", i), part, batchAxis))]);
        Correct = pass.Parts.Sum("correct", [.. logits.Zip(labels).Select((part, i) => Hits(part.First, part.Second, i))]);

        (Output[] Losses, Output[] Gradients) OfLabels()
        {
            Operation[] parts = [.. logits.Zip(labels).Select((part, i) => graph.Add("SparseSoftmaxCrossEntropyWithLogits", pass.Name("cross_entropy", i), part.First, part.Second))];
            return ([.. parts.Select(part => part[0])], [.. parts.Select(part => part[1])]);
        }

        (Output[] Losses, Output[] Gradients) OfTargets(Output[] targets)
        {
            var parts = logits.Zip(targets).Select((part, i) =>
            {
                var (logit, target) = part;
                Output logs = graph.Add("LogSoftmax", pass.Name("log_probabilities", i), logit);
                Output weighted = graph.Add("Sum", pass.Name("weighted_logs", i), graph.Add("Mul", pass.Name("targets_and_logs", i), target, logs), classAxis);
                Output sum = graph.Begin("Sum", pass.Name("target_sums", i), target, graph.Const(pass.Name("kept_class_axis", i), 1)).Bool("keep_dims", true).Finish();
                Output scaled = graph.Add("Mul", pass.Name("scaled_probabilities", i), graph.Add("Softmax", pass.Name("training_probabilities", i), logit), sum);
                return (Loss: (Output)graph.Add("Neg", pass.Name("cross_entropy", i), weighted), Gradient: (Output)graph.Add("Sub", pass.Name("logit_gradient", i), scaled, target));
            }).ToList();
            return ([.. parts.Select(part => part.Loss)], [.. parts.Select(part => part.Gradient)]);
        }

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
    public Output[] Gradient() => [.. logitGradients.Select((part, i) => (Output)pass.Graph.Add("RealDiv", pass.Name("gradient", i), part, pass.Parts.BatchSize))];
}

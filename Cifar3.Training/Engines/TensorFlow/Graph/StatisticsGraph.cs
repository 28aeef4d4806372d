namespace Cifar3.Training;

/// <summary>A batch's statistics into the moving ones: the training pass forward, without dropout, and no gradients.</summary>
internal sealed class StatisticsGraph
{
    public StatisticsGraph(NetworkPass network, NetworkInputs inputs)
    {
        network.Run((layer, x) => layer is DropoutGraph ? x : layer.Forward(x));

        // Each normalization's statistics are computed from what goes in; the updates wait for all of them, so that all or none take place.
        var layers = network.Layers.OfType<BatchNormalizationGraph>().Where(layer => layer is not FrozenBatchNormalizationGraph).ToList();
        var graph = network.Pass.Graph;
        var computed = graph.Begin("NoOp", network.Pass.Name("computed"))
            .After(layers.SelectMany(layer => new[] { layer.Mean.Operation, layer.Variance.Operation }).Distinct())
            .Finish();
        var updates = layers.SelectMany(layer => layer.Updates(inputs.Kept, inputs.Added, computed)).ToList();
        Step = graph.Begin("NoOp", network.Pass.Name("step")).After(updates).Finish();
    }

    /// <summary>Runs all updates.</summary>
    public Operation Step { get; }
}

namespace Cifar3.Training;

/// <summary>
/// Batch normalization that is not trained: the training pass, too, normalizes with the moving statistics, which are constants for the gradient
/// and stay as they are. Keras' <c>trainable = False</c> of this layer.
/// </summary>
internal sealed class FrozenBatchNormalizationGraph(Pass pass, BatchNormalizationLayer layer) : BatchNormalizationGraph(pass, layer)
{
    public override Output[] Forward(Output[] x) => Inference(x);

    /// <summary>The convolution behind has applied the scale, and nothing else depends on x.</summary>
    public override Output[] Backward(Output[] dy, bool isFirst) => dy;

    public override IEnumerable<Operation> Updates(Output kept, Output added, Operation? after) => [];
}

namespace Cifar3.Training;

/// <summary>The last layer with softmax and cross-entropy on the device: the launches of <c>dense.cl</c>.</summary>
/// <remarks>x, dx [n, F]. Bias and kernel lie side by side.</remarks>
internal sealed class GpuDense
{
    private readonly GpuContext context;
    private readonly GpuKernel forward, softmaxLoss, backwardWeights, backwardInput;
    private readonly GpuBuffer logits, gradients;
    private readonly int features, classes, kernelAt;
    private readonly bool isFrozen;

    public GpuDense(GpuContext context, DenseLayer layer)
    {
        this.context = context;
        (features, classes) = (layer.InputShape[0] * layer.InputShape.Skip(1).Aggregate(1, (a, b) => a * b), layer.OutputShape[0]);
        kernelAt = context.Parameters[$"{layer.Name}/kernel"];
        isFrozen = context.IsFrozen(layer);
        logits = context.Floats((long)context.Images * classes);
        gradients = context.Floats((long)context.Images * classes);
        Results = context.Floats((long)context.Images * (1 + classes));
        forward = context.Device.Kernel("dense_forward");
        softmaxLoss = context.Device.Kernel("softmax_loss");
        backwardWeights = context.Device.Kernel("dense_backward_weights");
        backwardInput = context.Device.Kernel("dense_backward_input");
    }

    /// <summary>What <see cref="Forward"/> leaves: the losses [n], then the probabilities [n, classes].</summary>
    public GpuBuffer Results { get; }

    /// <summary>x → probabilities and losses, and the logits' gradients of the batch's mean loss.</summary>
    /// <param name="x">The features.</param>
    /// <param name="labels">Labels [n]; any where nobody reads the losses.</param>
    /// <param name="targets">Targets [n, classes].</param>
    /// <param name="hasTargets">Whether the targets count, not the labels.</param>
    /// <param name="n">Number of images.</param>
    public void Forward(GpuBuffer x, GpuBuffer labels, GpuBuffer targets, bool hasTargets, int n)
    {
        context.Device.Launch(forward, n, classes, 1, x, context.State, kernelAt, logits, features, classes);
        context.Each(softmaxLoss, n, logits, labels, targets, hasTargets ? 1 : 0, Results, gradients, n, classes);
    }

    /// <summary>x → the gradients of kernel and bias, and dx.</summary>
    public void Backward(GpuBuffer x, GpuBuffer dx, int n)
    {
        if (!isFrozen)
        {
            context.Device.Launch(backwardWeights, features + 1, 1, 1, x, gradients, context.Gradients, kernelAt, n, features, classes);
        }

        context.Each(backwardInput, n * features, gradients, context.State, kernelAt, dx, n, features, classes);
    }
}

namespace Cifar3.Training;

/// <summary>
/// The network on the device as the list of launches that it is: forward and backward only compute, and <see cref="Update"/>, one launch, changes
/// parameters, moments and moving statistics. So whatever fails before it changes nothing.
/// </summary>
internal sealed class GpuNetwork
{
    private const float Rest1 = (float)(1 - AdamOptimizer.Beta1), Rest2 = (float)(1 - AdamOptimizer.Beta2);

    private readonly GpuContext context;
    private readonly GpuBlock[] blocks;
    private readonly GpuDense dense;
    private readonly GpuKernel pixelsToFloats, updateParameters, updateMoving;
    private readonly GpuBuffer x, kinds, rests, unfrozen, gradient, scratch;

    public GpuNetwork(GpuContext context, CnnModel model)
    {
        this.context = context;
        CnnLayer[] layers = [.. model.Layers];
        blocks = [.. Enumerable.Range(0, CnnArchitecture.Blocks).Select(index => new GpuBlock(context, layers.AsSpan(5 * index, 5), index))];
        dense = new GpuDense(context, (DenseLayer)layers[^1]);
        var device = context.Device;
        Pixels = device.Allocate((long)context.Images * CnnArchitecture.ImageBytes);
        Labels = device.Allocate((long)context.Images * sizeof(int));
        Targets = context.Floats((long)context.Images * model.Architecture.Classes);
        x = context.Floats((long)context.Images * CnnArchitecture.ImageBytes);
        gradient = context.Floats(blocks.Max(block => block.LargestGradient));
        scratch = context.Floats(blocks.Max(block => block.LargestGradient));
        kinds = context.Filled<byte>(context.Parameters.Kinds);
        rests = context.Filled<float>(context.Parameters.Rests);
        unfrozen = context.Filled<byte>(context.Parameters.Unfrozen);
        pixelsToFloats = device.Kernel("pixels_to_floats");
        updateParameters = device.Kernel("update_parameters");
        updateMoving = device.Kernel("update_moving");
    }

    /// <summary>The batch's pixels [n, 32, 32, 3], for the engine to fill.</summary>
    public GpuBuffer Pixels { get; }

    /// <summary>The batch's labels [n].</summary>
    public GpuBuffer Labels { get; }

    /// <summary>The batch's targets [n, classes].</summary>
    public GpuBuffer Targets { get; }

    /// <summary>The losses [n], then the probabilities [n, classes].</summary>
    public GpuBuffer Results => dense.Results;

    /// <summary>Pixels → <see cref="Results"/>.</summary>
    /// <param name="n">Number of images.</param>
    /// <param name="pass">How to normalize.</param>
    /// <param name="step">The step whose dropout masks apply; null for none.</param>
    /// <param name="hasTargets">Whether <see cref="Targets"/> count, not the labels.</param>
    public void Forward(int n, GpuPass pass, long? step, bool hasTargets)
    {
        ReadPixels(n);
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i].ForwardToNorm(Input(i), n, pass);
            blocks[i].ForwardFromNorm(n, step);
        }

        dense.Forward(Input(blocks.Length), Labels, Targets, hasTargets, n);
    }

    /// <summary>The gradients of all weights, after a forward pass in training.</summary>
    public void Backward(int n)
    {
        var (d, other) = (gradient, scratch);
        dense.Backward(Input(blocks.Length), d, n);
        for (int i = blocks.Length - 1; i >= 0; i--)
        {
            blocks[i].Backward(Input(i), ref d, ref other, n);
        }
    }

    /// <summary>Adam's step with the gradients, and the batch's statistics into the moving ones.</summary>
    public void Update(float learningRate, long step)
    {
        var parameters = context.Parameters;
        context.Each(
            updateParameters, parameters.Trainable + parameters.Moving, context.State, context.Gradients, kinds, context.Norms, rests, parameters.Trainable, parameters.Moving,
            AdamOptimizer.StepSize(learningRate, step), 1 - learningRate * context.Options.WeightDecay, Rest1, Rest2, (float)AdamOptimizer.Epsilon);
    }

    /// <summary>Pixels → the batch's statistics of all normalizations: a forward pass in training without dropout, as far as it is needed.</summary>
    public void FindStatistics(int n)
    {
        ReadPixels(n);
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i].ForwardToNorm(Input(i), n, GpuPass.Training);
            if (i < blocks.Length - 1)
            {
                blocks[i].ForwardFromNorm(n, null);
            }
        }
    }

    /// <summary>The statistics found into the moving ones: moving += rest·(batch − moving).</summary>
    public void UpdateMoving(float rest) =>
        context.Each(updateMoving, context.Parameters.Moving, context.State, context.Norms, unfrozen, context.Parameters.Trainable, context.Parameters.Moving, rest);

    /// <summary>What the layers computed last, in the layers' order; without flatten and dense.</summary>
    public IEnumerable<GpuBuffer> Outputs() => blocks.SelectMany(block => block.Outputs);

    /// <summary>Where block i reads, or, behind the last, the dense layer.</summary>
    private GpuBuffer Input(int i) => i == 0 ? x : blocks[i - 1].P;

    private void ReadPixels(int n) => context.EachFew(pixelsToFloats, n * CnnArchitecture.ImageBytes, Pixels, x, n * CnnArchitecture.ImageBytes);
}

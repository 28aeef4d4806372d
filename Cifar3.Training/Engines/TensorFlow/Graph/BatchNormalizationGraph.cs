namespace Cifar3.Training;

/// <summary>How the batch's mean and variance are found.</summary>
internal enum BatchStatistics
{
    /// <summary>
    /// As the mean over images of each image's mean: short sums of float32, which stay exact to the last bits. For the CPU, where it costs
    /// nothing measurable and takes the worst gradient error from 1.4e-2 to 1.6e-3 and the median from 8e-3 to 2e-6.
    /// </summary>
    TwoStage,

    /// <summary>
    /// As the fused kernel finds them. For a GPU, where what the kernel keeps for its gradient is cuDNN's own affair
    /// (the inverted, not the biased variance) and must come from the kernel itself.
    /// </summary>
    Fused,
}

/// <summary>
/// Batch normalization over the channels: y = γ·(x − μ)/√(σ² + ε) + β, σ² biased (÷N), and its moving statistics. With exact statistics, and
/// in inference, it only finds the scale and the shift of y = scale·x + shift; the convolution that follows applies them.
/// </summary>
/// <remarks>x, y [B, H, W, C]; all others [C].</remarks>
internal class BatchNormalizationGraph(Pass pass, BatchNormalizationLayer layer) : LayerGraph(pass, layer)
{
    private Output[] inputs = [];
    private Output inverseDeviation;

    /// <summary>The batch's mean [C].</summary>
    public Output Mean { get; protected set; }

    /// <summary>The batch's biased variance [C].</summary>
    public Output Variance { get; protected set; }

    /// <summary>
    /// What the pass leaves to the convolution that follows: y = scale·x + shift, both [C], which goes into that convolution's kernel and bias
    /// at no cost; the layer's pass itself gives x then. Null where it normalizes by itself.
    /// </summary>
    public (Output Scale, Output Shift)? Deferred { get; private set; }

    /// <summary>Gradients by scale and shift [C], which that convolution finds.</summary>
    public (Output Scale, Output Shift) DeferredGradient { get; set; }

    protected double Epsilon => layer.Epsilon;

    protected Output Gamma => Variable("gamma").Read;

    protected Output Beta => Variable("beta").Read;

    public override Output[] Inference(Output[] x) => Defer(x, Variable("moving_mean").Read, Variable("moving_variance").Read);

    public override Output[] Forward(Output[] x)
    {
        inputs = x;
        Output perImage = Graph.Const(Name("per_image"), 1, 2), overImages = Graph.Const(Name("over_images"), 0);
        var means = Each(x, (part, i) => TwoStageMean("mean", part, i));
        Mean = Parts.Mean($"{layer.Name}/mean", means);

        // Each part's variance about its own mean. Sub and Square, which works in place, are quicker than SquaredDifference, and the same numbers.
        var variances = Each(x, (part, i) =>
            TwoStageMean("variance", Graph.Add("Square", Name("squared_difference", i), Graph.Add("Sub", Name("difference", i), part, means[i])), i));
        var within = Parts.Mean($"{layer.Name}/variance", variances);
        Variance = Parts.Count == 1 ? within : Graph.Add("AddV2", Name("variance_of_all"), within, Between(means));
        return Defer(x, Mean, Variance);

        Output TwoStageMean(string what, Output values, int part) =>
            Graph.Add("Mean", Name($"{what}_of_part", part), Graph.Add("Mean", Name($"{what}_of_image", part), values, perImage), overImages);
    }

    /// <summary>
    /// From the gradients by scale = γ/√(σ² + ε) and shift = β − μ·scale: dβ = dshift; dγ = (dscale − μ·dshift)/√(σ² + ε); and by way of μ and
    /// σ², which depend on all of x, dx is less by scale/N·(dβ + x̂·dγ), x̂ = (x − μ)/√(σ² + ε), N = B·H·W
    /// (<see href="https://arxiv.org/abs/1502.03167">Ioffe and Szegedy 2015</see>, section 3), which is slope·x + level.
    /// </summary>
    /// <remarks>
    /// Three simple operators, not <c>FusedBatchNormV3</c> with that scale and shift: oneDNN's kernel of it writes past the caches, which costs up to half of
    /// the step where memory is slow at that, as in some virtual machines (11 ms for 2 MB).
    /// </remarks>
    /// <param name="dy">Gradient by x with scale and shift held: the convolution has applied the scale.</param>
    /// <param name="isFirst">Not used.</param>
    public override Output[] Backward(Output[] dy, bool isFirst)
    {
        var (byScale, byShift) = DeferredGradient;
        var centred = Graph.Add("Sub", Name("centred_gradient"), byScale, Graph.Add("Mul", Name("mean_gradient"), Mean, byShift));
        var byGamma = Graph.Add("Mul", Name("gamma_gradient"), centred, inverseDeviation);
        SetGradient("gamma", byGamma);
        SetGradient("beta", byShift);

        var pixels = Graph.Const(Name("pixels"), (float)(layer.OutputShape[0] * layer.OutputShape[1]));
        var factor = Graph.Add("RealDiv", Name("factor"), Graph.Add("Neg", Name("minus_scale"), Deferred!.Value.Scale), Graph.Add("Mul", Name("N"), Parts.BatchSize, pixels));
        Output slope = Graph.Add("Mul", Name("slope"), Graph.Add("Mul", Name("gamma_part"), factor, byGamma), inverseDeviation);
        Output level = Graph.Add("Sub", Name("level"), Graph.Add("Mul", Name("beta_part"), factor, byShift), Graph.Add("Mul", Name("mean_part"), Mean, slope));
        return Each(dy, (part, i) => Graph.Add(
            "BiasAdd",
            Name("gradient", i),
            Graph.Add("AddV2", Name("gradient_and_slope", i), part, Graph.Add("Mul", Name("sloped", i), inputs[i], slope)),
            level));
    }

    /// <summary>moving ← momentum·moving + (1 − momentum)·batch, both moving statistics, to run after the given operation.</summary>
    public IEnumerable<Operation> Updates(Operation after) => Updates(
        Graph.Const(Name("momentum"), (float)layer.Momentum),
        Graph.Const(Name("rest"), (float)(1 - layer.Momentum)),
        after);

    /// <summary>moving ← kept·moving + added·batch.</summary>
    /// <param name="kept">Scalar.</param>
    /// <param name="added">Scalar.</param>
    /// <param name="after">What must have run before; null = nothing.</param>
    public virtual IEnumerable<Operation> Updates(Output kept, Output added, Operation? after) =>
        [Update("moving_mean", Mean, kept, added, after), Update("moving_variance", Variance, kept, added, after)];

    /// <summary>γ·(x − μ)/√(σ² + ε) + β; inputs x, γ, β, μ, σ², the last two empty in training.</summary>
    protected Operation Fused(string name, bool isTraining, params ReadOnlySpan<Output> inputs) =>
        Graph.Begin("FusedBatchNormV3", name, inputs).Float("epsilon", Epsilon).Bool("is_training", isTraining).Finish();

    private Output[] Defer(Output[] x, Output mean, Output variance)
    {
        var deviation = Graph.Add("AddV2", Name("variance_and_epsilon"), variance, Graph.Const(Name("epsilon"), (float)Epsilon));
        inverseDeviation = Graph.Add("Rsqrt", Name("Rsqrt"), deviation);
        var scale = Graph.Add("Mul", Name("scale"), Gamma, inverseDeviation);
        Deferred = (scale, Graph.Add("Sub", Name("shift"), Beta, Graph.Add("Mul", Name("scaled_mean"), mean, scale)));
        DescribedOutput = Each(x, (part, i) => Fused(Name("FusedBatchNorm", i), false, part, Gamma, Beta, mean, variance));
        return x;
    }

    /// <summary>The variance of the parts' means: the batch's variance is the mean of the parts' variances and this (Chan, Golub and LeVeque 1979).</summary>
    private Output Between(Output[] means) =>
        Parts.Mean($"{layer.Name}/variance_between", Each(means, (mean, i) => Graph.Add("SquaredDifference", Name("mean_difference", i), mean, Mean)));

    private Operation Update(string name, Output batch, Output kept, Output added, Operation? after)
    {
        var variable = Variable(name);
        var keep = Graph.Add("Mul", Name($"{name}_kept"), variable.Read, kept);
        var add = Graph.Add("Mul", Name($"{name}_added"), batch, added);
        return Graph.Assign(Name($"{name}_update"), variable.Handle, Graph.Add("AddV2", Name($"{name}_new"), keep, add)).After(after is { } before ? [before] : []).Finish();
    }
}

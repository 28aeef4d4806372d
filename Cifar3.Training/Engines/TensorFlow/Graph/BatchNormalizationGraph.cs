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

/// <summary>Batch normalization over the channels: y = γ·(x − μ)/√(σ² + ε) + β, σ² biased (÷N), and its moving statistics.</summary>
/// <remarks>x, y [B, H, W, C]; all others [C].</remarks>
internal sealed class BatchNormalizationGraph(GraphBuilder graph, GraphVariables variables, BatchNormalizationLayer layer, BatchStatistics statistics)
    : LayerGraph(graph, layer)
{
    private readonly Output gamma = variables[$"{layer.Name}/gamma"].Read;
    private readonly Output beta = variables[$"{layer.Name}/beta"].Read;
    private Output input, none;
    private Output[] kept = [];

    /// <summary>The batch's mean [C].</summary>
    public Output Mean { get; private set; }

    /// <summary>The batch's biased variance [C].</summary>
    public Output Variance { get; private set; }

    private Output MovingMean => variables[Weight("moving_mean")].Read;

    private Output MovingVariance => variables[Weight("moving_variance")].Read;

    /// <summary>
    /// What the layer just built leaves to the convolution that follows: y = scale·x + shift, both [C], which goes into that convolution's
    /// kernel and bias at no cost; the layer's pass itself gives x then. Null where it normalizes by itself.
    /// </summary>
    public (Output Scale, Output Shift)? Deferred { get; private set; }

    public override Output Inference(Output x)
    {
        Deferred = Affine(MovingMean, MovingVariance, Infer);
        DescribedOutput = Fused(Infer("FusedBatchNorm"), false, x, gamma, beta, MovingMean, MovingVariance);
        return x;
    }

    public override Output Forward(Output x)
    {
        input = x;
        none = Graph.EmptyFloats(Train("none"));
        return statistics == BatchStatistics.TwoStage ? ForwardTwoStage(x) : ForwardFused(x);
    }

    public override Output Backward(Output dy, bool isFirst)
    {
        var gradient = Graph.Begin("FusedBatchNormGradV3", Train("gradient"), [dy, input, gamma, .. kept])
            .Float("epsilon", BatchNormalizationLayer.Epsilon).Bool("is_training", true).Finish();
        SetGradient("gamma", gradient[1]);
        SetGradient("beta", gradient[2]);
        return gradient[0];
    }

    /// <summary>moving ← 0.99·moving + 0.01·batch, both moving statistics, to run after the given operation.</summary>
    public IEnumerable<Operation> Updates(Operation after)
    {
        yield return Update("moving_mean", Mean, after);
        yield return Update("moving_variance", Variance, after);
    }

    private Output ForwardTwoStage(Output x)
    {
        var perImage = Graph.Const(Train("per_image"), 1, 2);
        var overImages = Graph.Const(Train("over_images"), 0);
        Mean = TwoStageMean("mean", x);

        // Sub and Square, which works in place, are quicker than SquaredDifference, and the same numbers.
        Variance = TwoStageMean("variance", Graph.Add("Square", Train("squared_difference"), Graph.Add("Sub", Train("difference"), x, Mean)));
        kept = [Mean, Variance, none];
        Deferred = Affine(Mean, Variance, Train);
        DescribedOutput = Fused(Train("FusedBatchNorm"), false, x, gamma, beta, Mean, Variance);
        return x;

        Output TwoStageMean(string what, Output values) =>
            Graph.Add("Mean", Train(what), Graph.Add("Mean", Train($"{what}_per_image"), values, perImage), overImages);
    }

    private Output ForwardFused(Output x)
    {
        (Deferred, DescribedOutput) = (null, null);
        var fused = Fused(Train("FusedBatchNorm"), true, x, gamma, beta, none, none);
        Mean = fused[1];
        kept = [fused[3], fused[4], fused[5]];

        // The kernel tells the unbiased variance: biased = unbiased·(N − 1)/N with N = B·H·W = size/C, written as (size − C)/size.
        var size = Cast(Graph.Add("Size", Train("size"), x), "size_float");
        var channels = Graph.Const(Train("channels"), (float)layer.OutputShape[^1]);
        var correction = Graph.Add("RealDiv", Train("bias_correction"), Graph.Add("Sub", Train("size_less_channels"), size, channels), size);
        Variance = Graph.Add("Mul", Train("variance"), fused[2], correction);
        return fused;
    }

    /// <summary>γ·(x − mean)/√(variance + ε) + β as scale·x + shift.</summary>
    private (Output Scale, Output Shift) Affine(Output mean, Output variance, Func<string, string> name)
    {
        var deviation = Graph.Add("AddV2", name("variance_and_epsilon"), variance, Graph.Const(name("epsilon"), (float)BatchNormalizationLayer.Epsilon));
        var scale = Graph.Add("Mul", name("scale"), gamma, Graph.Add("Rsqrt", name("Rsqrt"), deviation));
        return (scale, Graph.Add("Sub", name("shift"), beta, Graph.Add("Mul", name("scaled_mean"), mean, scale)));
    }

    private Output Cast(Output x, string name) => Graph.Begin("Cast", Train(name), x).Type("DstT", DataType.Float).Finish();

    private Operation Fused(string name, bool isTraining, params ReadOnlySpan<Output> inputs) =>
        Graph.Begin("FusedBatchNormV3", name, inputs).Float("epsilon", BatchNormalizationLayer.Epsilon).Bool("is_training", isTraining).Finish();

    private Operation Update(string name, Output batch, Operation after)
    {
        var variable = variables[Weight(name)];
        var keep = Graph.Add("Mul", Train($"{name}_kept"), variable.Read, Graph.Const(Train($"{name}_momentum"), (float)BatchNormalizationLayer.Momentum));
        var add = Graph.Add("Mul", Train($"{name}_added"), batch, Graph.Const(Train($"{name}_rest"), (float)(1 - BatchNormalizationLayer.Momentum)));
        return Graph.Assign(Train($"{name}_update"), variable.Handle, Graph.Add("AddV2", Train($"{name}_new"), keep, add)).After(after).Finish();
    }
}

namespace Cifar3.Training;

/// <summary>Batch normalization whose training pass is TensorFlow's fused kernel, statistics and gradient included: for a GPU. The batch must be whole.</summary>
internal sealed class FusedBatchNormalizationGraph(Pass pass, BatchNormalizationLayer layer) : BatchNormalizationGraph(pass, layer)
{
    private Output input;
    private Output[] kept = [];

    public override Output[] Forward(Output[] x)
    {
        input = x[0];
        var none = Graph.EmptyFloats(Name("none"));
        var fused = Fused(Name("FusedBatchNorm"), true, input, Gamma, Beta, none, none);
        Mean = fused[1];
        kept = [fused[3], fused[4], fused[5]];

        // The kernel tells the unbiased variance: biased = unbiased·(N − 1)/N with N = B·H·W = size/C, written as (size − C)/size.
        var size = Graph.Cast(Name("size_float"), Graph.Add("Size", Name("size"), input), DataType.Float);
        var channels = Graph.Const(Name("channels"), (float)Variable("gamma").Shape[0]);
        var correction = Graph.Add("RealDiv", Name("bias_correction"), Graph.Add("Sub", Name("size_less_channels"), size, channels), size);
        Variance = Graph.Add("Mul", Name("variance"), fused[2], correction);
        return [fused];
    }

    public override Output[] Backward(Output[] dy, bool isFirst)
    {
        var gradient = Graph.Begin("FusedBatchNormGradV3", Name("gradient"), [dy[0], input, Gamma, .. kept])
            .Float("epsilon", Epsilon).Bool("is_training", true).Finish();
        SetGradient("gamma", gradient[1]);
        SetGradient("beta", gradient[2]);
        return [gradient];
    }
}

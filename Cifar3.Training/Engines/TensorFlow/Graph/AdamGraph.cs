namespace Cifar3.Training;

/// <summary>Adam (Kingma and Ba 2015) in Keras' form: m += (g − m)(1 − β₁); v += (g² − v)(1 − β₂); w −= α·m/(√v + ε), α = lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ).</summary>
/// <remarks>
/// α is computed here in double and fed; the operator's own correction by powers of β, in float32, is switched off by powers of 0.
/// The operator takes 1 − β₂ from β₂ in float32, which is 1.3e-5 less than 0.001; so v is, too, in its first steps.
/// </remarks>
internal sealed class AdamGraph
{
    private const double Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-7;

    private readonly Output stepSize, noPower, beta1, beta2, epsilon;

    /// <param name="graph">The graph.</param>
    /// <param name="stepSize">Placeholder of α.</param>
    public AdamGraph(GraphBuilder graph, Output stepSize)
    {
        this.stepSize = stepSize;
        noPower = graph.Const("adam/no_power", 0f);
        beta1 = graph.Const("adam/beta_1", (float)Beta1);
        beta2 = graph.Const("adam/beta_2", (float)Beta2);
        epsilon = graph.Const("adam/epsilon", (float)Epsilon);
    }

    /// <summary>α of a step.</summary>
    /// <param name="learningRate">Learning rate.</param>
    /// <param name="step">t, from 1.</param>
    public static float StepSizeOf(float learningRate, long step) =>
        (float)(learningRate * Math.Sqrt(1 - Math.Pow(Beta2, step)) / (1 - Math.Pow(Beta1, step)));

    /// <summary>Updates one weight and its moments, after the given operation.</summary>
    public Operation Update(Pass pass, GraphVariable weight, GraphVariable m, GraphVariable v, Output gradient, Operation after) =>
        pass.Graph.Begin("ResourceApplyAdam", pass.Name($"adam/{weight.Name}"), weight.Handle, m.Handle, v.Handle, noPower, noPower, stepSize, beta1, beta2, epsilon, gradient)
            .After(after).Finish();
}

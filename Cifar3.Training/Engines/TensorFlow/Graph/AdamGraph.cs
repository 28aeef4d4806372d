namespace Cifar3.Training;

/// <summary>Adam in Keras' form, with AdamW's decay in front of it where there is one: <see cref="AdamOptimizer"/>.</summary>
/// <remarks>
/// α is computed here in double and fed; the operator's own correction by powers of β, in float32, is switched off by powers of 0.
/// The operator takes 1 − β₂ from β₂ in float32, which is 1.3e-5 less than 0.001; so v is, too, in its first steps.
/// </remarks>
internal sealed class AdamGraph
{
    private readonly Output? decay;
    private readonly Output stepSize, noPower, beta1, beta2, epsilon;

    /// <param name="graph">The graph.</param>
    /// <param name="stepSize">Placeholder of α.</param>
    /// <param name="decay">Placeholder of lr·λ; null without decay.</param>
    public AdamGraph(GraphBuilder graph, Output stepSize, Output? decay)
    {
        (this.stepSize, this.decay) = (stepSize, decay);
        noPower = graph.Const("adam/no_power", 0f);
        beta1 = graph.Const("adam/beta_1", (float)AdamOptimizer.Beta1);
        beta2 = graph.Const("adam/beta_2", (float)AdamOptimizer.Beta2);
        epsilon = graph.Const("adam/epsilon", (float)AdamOptimizer.Epsilon);
    }

    /// <summary>Updates one weight and its moments, after the given operation.</summary>
    public Operation Update(Pass pass, GraphVariable weight, GraphVariable m, GraphVariable v, Output gradient, Operation after)
    {
        if (decay is { } share && weight.Decays)
        {
            var lost = pass.Graph.Add("Mul", pass.Name($"decay/{weight.Name}"), weight.Read, share);
            after = pass.Graph.Begin("AssignSubVariableOp", pass.Name($"decayed/{weight.Name}"), weight.Handle, lost).Type("dtype", DataType.Float).After(after).Finish();
        }

        return pass.Graph.Begin("ResourceApplyAdam", pass.Name($"adam/{weight.Name}"), weight.Handle, m.Handle, v.Handle, noPower, noPower, stepSize, beta1, beta2, epsilon, gradient)
            .After(after).Finish();
    }
}

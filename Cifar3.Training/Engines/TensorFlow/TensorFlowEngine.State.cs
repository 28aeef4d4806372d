namespace Cifar3.Training;

/// <summary>State in and out: one run that sets, or reads, all variables.</summary>
public sealed partial class TensorFlowEngine
{
    /// <inheritdoc/>
    public EngineState ExportState()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        GraphVariable[] variables = [.. graph.Variables.All];
        Output[] reads = [.. variables.Select(variable => variable.Read)];
        var tensors = session.Run("the export of the state", [], [], reads);
        try
        {
            var copies = new Queue<WeightTensor>(variables.Zip(tensors, (variable, tensor) => new WeightTensor(variable.Name, variable.Shape, tensor.Span<float>().ToArray())));
            return new EngineState(Take(graph.Variables.Weights), Take(graph.Variables.AdamM), Take(graph.Variables.AdamV), step);

            List<WeightTensor> Take(IReadOnlyList<GraphVariable> group) => [.. group.Select(_ => copies.Dequeue())];
        }
        finally
        {
            Array.ForEach(tensors, tensor => tensor.Dispose());
        }
    }

    /// <inheritdoc/>
    public void ReadWeights(Span<float> weights)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        EngineChecks.Weights(weights, model.Weights.Sum(weight => (long)weight.Count));
        var tensors = session.Run("the reading of the weights", [], [], [.. graph.Variables.Weights.Select(variable => variable.Read)]);
        foreach (var tensor in tensors)
        {
            var values = tensor.Span<float>();
            values.CopyTo(weights);
            weights = weights[values.Length..];
            tensor.Dispose();
        }
    }

    /// <inheritdoc/>
    public void ImportState(EngineState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        ObjectDisposedException.ThrowIf(disposed, this);
        Import(state);
    }

    /// <summary>Checks everything, then sets everything in one run.</summary>
    private void Import(EngineState state)
    {
        WeightTensor[] values =
        [
            .. InOrder("weights", graph.Variables.Weights, state.Weights),
            .. InOrder("Adam's first moments", graph.Variables.AdamM, state.AdamM),
            .. InOrder("Adam's second moments", graph.Variables.AdamV, state.AdamV),
        ];
        EngineChecks.Step(state);
        GraphVariable[] variables = [.. graph.Variables.All];
        Output[] placeholders = [.. variables.Select(variable => variable.ImportValue)];
        Operation[] imports = [.. variables.Select(variable => variable.Import)];
        var tensors = new Tensor[values.Length]; // fresh ones: the variables take their memory
        try
        {
            for (int i = 0; i < tensors.Length; i++)
            {
                tensors[i] = Tensor.Create(DataType.Float, values[i].Values, [.. values[i].Shape.Select(dim => (long)dim)]);
            }

            session.Run("the import of a state", placeholders, tensors, [], imports);
        }
        finally
        {
            Array.ForEach(tensors, tensor => tensor?.Dispose());
        }

        step = state.Step;
    }

    private static List<WeightTensor> InOrder(string what, IReadOnlyList<GraphVariable> variables, IReadOnlyList<WeightTensor> given) =>
        EngineChecks.InOrder(what, variables.Select(variable => (variable.Name, variable.Shape)), given);
}

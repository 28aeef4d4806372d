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
    public void ImportState(EngineState state)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        Import(state);
    }

    /// <summary>Checks everything, then sets everything in one run.</summary>
    private void Import(EngineState state)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(state.Step, nameof(state));
        var weights = model.With(state.Weights).Weights; // names, shapes, finite values; in Keras' order
        WeightTensor[] values =
        [
            .. weights,
            .. InOrder("Adam's first moments", graph.Variables.AdamM, state.AdamM),
            .. InOrder("Adam's second moments", graph.Variables.AdamV, state.AdamV),
        ];
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

    private static IEnumerable<WeightTensor> InOrder(string what, IReadOnlyList<GraphVariable> variables, IReadOnlyList<WeightTensor> moments)
    {
        var given = new Dictionary<string, WeightTensor>();
        foreach (var moment in moments)
        {
            if (!given.TryAdd(moment.Name, moment))
            {
                throw new Cifar3ModelException($"{what} give '{moment.Name}' twice.");
            }
        }

        foreach (var variable in variables)
        {
            if (!given.Remove(variable.Name, out var moment))
            {
                throw new Cifar3ModelException($"{what} lack '{variable.Name}'. Expected shape ({string.Join(", ", variable.Shape)}).");
            }

            if (!moment.Shape.SequenceEqual(variable.Shape))
            {
                throw new Cifar3ModelException($"{what} of '{variable.Name}' have another shape. Expected ({string.Join(", ", variable.Shape)}), found ({string.Join(", ", moment.Shape)}).");
            }

            yield return moment;
        }

        if (given.Count > 0)
        {
            throw new Cifar3ModelException($"{what} have '{given.Keys.First()}', which is no trainable weight of this network.");
        }
    }
}

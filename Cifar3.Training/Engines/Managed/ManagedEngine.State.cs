namespace Cifar3.Training;

public sealed unsafe partial class ManagedEngine
{
    /// <inheritdoc/>
    public EngineState ExportState()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var trainable = parameters.Tensors.Where(tensor => tensor.Trainable).ToList();
        var state = new EngineState(Read(parameters.Tensors, parameters.Values), Read(trainable, parameters.AdamM), Read(trainable, parameters.AdamV), step);
        GC.KeepAlive(this); // the memory behind the pointers goes with the engine
        return state;

        static List<WeightTensor> Read(IReadOnlyList<ParameterTensor> tensors, float* memory) => [.. tensors.Select(tensor => tensor.Read(memory))];
    }

    /// <inheritdoc/>
    public void ReadWeights(Span<float> weights)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        EngineChecks.Weights(weights, parameters.Tensors.Sum(tensor => (long)tensor.Count));
        foreach (var tensor in parameters.Tensors)
        {
            tensor.Read(parameters.Values, weights[..tensor.Count]);
            weights = weights[tensor.Count..];
        }

        GC.KeepAlive(this);
    }

    /// <inheritdoc/>
    public void ImportState(EngineState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        ObjectDisposedException.ThrowIf(disposed, this);
        var trainable = parameters.Tensors.Where(tensor => tensor.Trainable).ToList();
        var weights = Match("weights", parameters.Tensors, state.Weights);
        var m = Match("Adam's first moments", trainable, state.AdamM);
        var v = Match("Adam's second moments", trainable, state.AdamV);
        EngineChecks.Step(state);

        // Everything fits: only now the engine changes.
        Write(weights, parameters.Values);
        Write(m, parameters.AdamM);
        Write(v, parameters.AdamV);
        step = state.Step;
        inference.ParametersChanged();

        static void Write(List<(ParameterTensor Place, WeightTensor Source)> pairs, float* memory)
        {
            foreach (var (place, source) in pairs)
            {
                place.Write(source.Values, memory);
            }
        }
    }

    /// <summary>Pairs each tensor of the network with the state's tensor of its name, and refuses all that does not fit.</summary>
    private static List<(ParameterTensor Place, WeightTensor Source)> Match(string what, IReadOnlyList<ParameterTensor> expected, IReadOnlyList<WeightTensor> given) =>
        [.. expected.Zip(EngineChecks.InOrder(what, expected.Select(place => (place.Name, (IReadOnlyList<int>)place.Shape)), given))];
}

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
    public void ImportState(EngineState state)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var trainable = parameters.Tensors.Where(tensor => tensor.Trainable).ToList();
        var weights = Match("weights", parameters.Tensors, state.Weights);
        var m = Match("Adam's first moments", trainable, state.AdamM);
        var v = Match("Adam's second moments", trainable, state.AdamV);
        if (state.Step < 0)
        {
            throw new Cifar3ModelException($"Cannot import the training state: its step is {state.Step}. Expected 0 or more.");
        }

        // Everything fits: only now the engine changes.
        Write(weights, parameters.Values);
        Write(m, parameters.AdamM);
        Write(v, parameters.AdamV);
        step = state.Step;
        network.ParametersChanged();

        static void Write(List<(ParameterTensor Place, WeightTensor Source)> pairs, float* memory)
        {
            foreach (var (place, source) in pairs)
            {
                place.Write(source.Values, memory);
            }
        }
    }

    /// <summary>Pairs each tensor of the network with the state's tensor of its name, and refuses all that does not fit.</summary>
    private static List<(ParameterTensor Place, WeightTensor Source)> Match(string what, IReadOnlyList<ParameterTensor> expected, IReadOnlyList<WeightTensor> given)
    {
        const string remedy = "The state belongs to another network: create the engine from that network's model.";
        var byName = new Dictionary<string, WeightTensor>();
        foreach (var tensor in given)
        {
            if (!byName.TryAdd(tensor.Name, tensor))
            {
                throw new Cifar3ModelException($"Cannot import the training state: {what} name '{tensor.Name}' twice.");
            }
        }

        var pairs = new List<(ParameterTensor, WeightTensor)>();
        foreach (var place in expected)
        {
            if (!byName.Remove(place.Name, out var source))
            {
                throw new Cifar3ModelException($"Cannot import the training state: {what} lack '{place.Name}'. Expected shape ({string.Join(", ", place.Shape)}). {remedy}");
            }

            if (!source.Shape.SequenceEqual(place.Shape))
            {
                throw new Cifar3ModelException($"Cannot import the training state: {what} of '{place.Name}' have another shape. Expected ({string.Join(", ", place.Shape)}), found ({string.Join(", ", source.Shape)}). {remedy}");
            }

            pairs.Add((place, source));
        }

        if (byName.Count > 0)
        {
            throw new Cifar3ModelException($"Cannot import the training state: {what} hold '{byName.Keys.First()}', which this network does not have. {remedy}");
        }

        return pairs;
    }
}

namespace Cifar3.Training;

/// <summary>
/// Parameters, gradients and Adam's moments of an engine: one block of memory each, all with the same layout, so that Adam,
/// import and export are loops over one table. Trainable tensors come first, moving statistics after them.
/// </summary>
internal sealed unsafe class ParameterTable
{
    public ParameterTable(Arena arena, CnnModel model, IReadOnlyList<string> frozenLayers)
    {
        Layout = new ParameterLayout(model);
        var trained = model.Layers.Where(layer => !frozenLayers.Contains(layer.Name));
        Updated = [.. trained
            .SelectMany(layer => layer.Weights.Where(w => w.Trainable).Select(w => (Place: Layout[$"{layer.Name}/{w.Name}"], Decays: AdamOptimizer.Decays(w))))
            .Select(w => new UpdatedRange(w.Place.Offset, w.Place.Offset + w.Place.Size, w.Decays))];
        Values = arena.Floats("parameters", Layout.Size);
        AdamM = arena.Floats("adam m", TrainableSize);
        AdamV = arena.Floats("adam v", TrainableSize);
        Gradients = arena.Floats("gradients", TrainableSize);
    }

    /// <summary>Where the tensors lie.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>All tensors in Keras' order.</summary>
    public IReadOnlyList<ParameterTensor> Tensors => Layout.Tensors;

    /// <summary>Floats of the trainable tensors, a multiple of 16.</summary>
    public long TrainableSize => Layout.TrainableSize;

    /// <summary>What the optimizer changes, rising: all trainable tensors that are not frozen.</summary>
    public UpdatedRange[] Updated { get; }

    /// <summary>Parameters and moving statistics.</summary>
    public float* Values { get; }

    public float* AdamM { get; }

    public float* AdamV { get; }

    /// <summary>Gradients of the trainable tensors, the whole batch's.</summary>
    public float* Gradients { get; }

    /// <summary>The layout of a weight.</summary>
    public ParameterTensor this[string name] => Layout[name];

    /// <summary>A weight's values.</summary>
    public float* Value(string name) => Values + Layout[name].Offset;

    /// <summary>A weight's gradient.</summary>
    public float* Gradient(string name) => Gradients + Layout[name].Offset;
}

/// <summary>Consecutive numbers of <see cref="ParameterTable.Values"/> that the optimizer changes, a multiple of 16 each.</summary>
internal readonly record struct UpdatedRange(long First, long End, bool Decays);

namespace Cifar3.Training;

/// <summary>
/// Parameters, gradients and Adam's moments of an engine: one block of memory each, all with the same layout, so that Adam,
/// import and export are loops over one table. Trainable tensors come first, moving statistics after them.
/// </summary>
internal sealed unsafe class ParameterTable
{
    private readonly ParameterLayout layout;

    public ParameterTable(Arena arena, CnnModel model)
    {
        layout = new ParameterLayout(model);
        Values = arena.Floats("parameters", layout.Size);
        AdamM = arena.Floats("adam m", TrainableSize);
        AdamV = arena.Floats("adam v", TrainableSize);
        Gradients = arena.Floats("gradients", TrainableSize);
    }

    /// <summary>All tensors in Keras' order.</summary>
    public IReadOnlyList<ParameterTensor> Tensors => layout.Tensors;

    /// <summary>Floats of the trainable tensors, a multiple of 16.</summary>
    public long TrainableSize => layout.TrainableSize;

    /// <summary>Parameters and moving statistics.</summary>
    public float* Values { get; }

    public float* AdamM { get; }

    public float* AdamV { get; }

    /// <summary>Gradients of the trainable tensors, the whole batch's.</summary>
    public float* Gradients { get; }

    /// <summary>The layout of a weight.</summary>
    public ParameterTensor this[string name] => layout[name];

    /// <summary>A weight's values.</summary>
    public float* Value(string name) => Values + layout[name].Offset;

    /// <summary>A weight's gradient.</summary>
    public float* Gradient(string name) => Gradients + layout[name].Offset;
}

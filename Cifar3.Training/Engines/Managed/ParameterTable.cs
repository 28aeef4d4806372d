namespace Cifar3.Training;

/// <summary>
/// Parameters, gradients and Adam's moments of an engine: one block of memory each, all with the same layout, so that Adam,
/// import and export are loops over one table. Trainable tensors come first, moving statistics after them.
/// </summary>
internal sealed unsafe class ParameterTable
{
    private readonly Dictionary<string, ParameterTensor> byName = [];

    public ParameterTable(Arena arena, CnnModel model)
    {
        int inputStride = CnnArchitecture.InputChannels; // the image is not padded
        var specs = new List<(string Layer, WeightSpec Spec, int InputStride)>();
        foreach (var layer in model.Layers)
        {
            specs.AddRange(layer.Weights.Select(spec => (layer.Name, spec, inputStride)));
            inputStride = layer is Conv2DLayer conv ? Padding.Up(conv.Filters) : inputStride;
        }

        int lastFilters = model.Architecture.Filters[^1];
        long offset = 0;
        foreach (var (layer, spec, stride) in specs.Where(s => s.Spec.Trainable).Concat(specs.Where(s => !s.Spec.Trainable)))
        {
            int columns = spec.Shape[^1], padded = Padding.Up(columns);
            var (groups, rows, paddedRows) = spec.Shape.Length switch
            {
                4 => (spec.Shape[0] * spec.Shape[1], spec.Shape[2], stride),
                2 => (spec.Shape[0] / lastFilters, lastFilters, stride),
                _ => (1, 1, 1),
            };
            var tensor = new ParameterTensor($"{layer}/{spec.Name}", spec.Shape, spec.Trainable, groups, rows, columns, paddedRows, padded, offset);
            byName.Add(tensor.Name, tensor);
            offset += tensor.Size;
            TrainableSize = spec.Trainable ? offset : TrainableSize;
        }

        Tensors = [.. specs.Select(s => byName[$"{s.Layer}/{s.Spec.Name}"])];
        Values = arena.Floats("parameters", offset);
        AdamM = arena.Floats("adam m", TrainableSize);
        AdamV = arena.Floats("adam v", TrainableSize);
        Gradients = arena.Floats("gradients", TrainableSize);
    }

    /// <summary>All tensors in Keras' order.</summary>
    public IReadOnlyList<ParameterTensor> Tensors { get; }

    /// <summary>Floats of the trainable tensors, a multiple of 16.</summary>
    public long TrainableSize { get; }

    /// <summary>Parameters and moving statistics.</summary>
    public float* Values { get; }

    public float* AdamM { get; }

    public float* AdamV { get; }

    /// <summary>Gradients of the trainable tensors, the whole batch's.</summary>
    public float* Gradients { get; }

    /// <summary>The layout of a weight.</summary>
    public ParameterTensor this[string name] => byName[name];

    /// <summary>A weight's values.</summary>
    public float* Value(string name) => Values + byName[name].Offset;

    /// <summary>A weight's gradient.</summary>
    public float* Gradient(string name) => Gradients + byName[name].Offset;
}

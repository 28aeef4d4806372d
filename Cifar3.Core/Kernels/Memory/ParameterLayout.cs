namespace Cifar3;

/// <summary>Where the weights of a model lie in one block of memory: trainable tensors first, moving statistics after them.</summary>
internal sealed class ParameterLayout
{
    private readonly Dictionary<string, ParameterTensor> byName = [];

    public ParameterLayout(CnnModel model)
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

        Size = offset;
        Tensors = [.. specs.Select(s => byName[$"{s.Layer}/{s.Spec.Name}"])];
    }

    /// <summary>All tensors in Keras' order.</summary>
    public IReadOnlyList<ParameterTensor> Tensors { get; }

    /// <summary>Floats of all tensors.</summary>
    public long Size { get; }

    /// <summary>Floats of the trainable tensors, a multiple of 16.</summary>
    public long TrainableSize { get; }

    /// <summary>The layout of a weight.</summary>
    public ParameterTensor this[string name] => byName[name];
}

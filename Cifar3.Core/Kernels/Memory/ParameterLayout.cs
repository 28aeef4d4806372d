using System.Collections.Immutable;

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

/// <summary>
/// Where one weight lies in the engine's memory: Keras' row-major [groups, rows, columns] with rows and columns padded by zeros to
/// [groups, RowCount, ColumnCount]. A convolution kernel is [9, Cin, Cout], the dense kernel [4, C, classes], a vector [1, 1, C].
/// </summary>
internal sealed record ParameterTensor(string Name, ImmutableArray<int> Shape, bool Trainable, int Groups, int Rows, int Columns, int PaddedRows, int PaddedColumns, long Offset)
{
    /// <summary>Floats in the engine's memory.</summary>
    public long Size => (long)Groups * PaddedRows * PaddedColumns;

    /// <summary>Numbers in Keras' layout, without padding.</summary>
    public int Count => Groups * Rows * Columns;

    /// <summary>Copies Keras' values into the padded memory; padding stays as it is.</summary>
    public unsafe void Write(ReadOnlySpan<float> values, float* memory)
    {
        for (int row = 0; row < Groups * Rows; row++)
        {
            values.Slice(row * Columns, Columns).CopyTo(new Span<float>(PaddedRow(memory, row), Columns));
        }
    }

    /// <summary>The padded memory's values in Keras layout.</summary>
    public unsafe WeightTensor Read(float* memory)
    {
        var values = new float[Count];
        Read(memory, values);
        return new WeightTensor(Name, Shape, values);
    }

    /// <summary>The same into a span of <see cref="Count"/> numbers.</summary>
    public unsafe void Read(float* memory, Span<float> values)
    {
        for (int row = 0; row < Groups * Rows; row++)
        {
            new ReadOnlySpan<float>(PaddedRow(memory, row), Columns).CopyTo(values[(row * Columns)..]);
        }
    }

    private unsafe float* PaddedRow(float* memory, int row) =>
        memory + Offset + ((long)(row / Rows) * PaddedRows + row % Rows) * PaddedColumns;
}

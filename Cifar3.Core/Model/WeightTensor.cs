using System.Collections.Immutable;

namespace Cifar3;

/// <summary>A named float32 array in Keras layout: one weight of the model, or one of Adam's moments for it.</summary>
/// <remarks>Immutable: the values are never changed after construction, so a tensor may be shared between models and threads.</remarks>
public sealed class WeightTensor
{
    private readonly float[] values;

    /// <summary>Creates a tensor that owns <paramref name="values"/>.</summary>
    /// <param name="name">Full name, <c>layer/variable</c>, such as <c>conv2d_1/kernel</c>.</param>
    /// <param name="shape">Shape in Keras layout.</param>
    /// <param name="values">The elements, row-major; the caller must not change the array afterwards.</param>
    /// <exception cref="ArgumentException">The number of values is not the product of the shape.</exception>
    public WeightTensor(string name, IEnumerable<int> shape, float[] values)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(values);
        Name = name;
        Shape = [.. shape];
        this.values = values;
        long count = Shape.Aggregate(1L, (product, dim) => product * dim);
        if (count != values.Length)
        {
            throw new ArgumentException($"Weight '{Shown.Text(name)}' of shape ({string.Join(", ", Shape)}) needs {count:N0} values. Received: {values.Length:N0}.", nameof(values));
        }
    }

    /// <summary>Full name, <c>layer/variable</c>.</summary>
    public string Name { get; }

    /// <summary>Shape in Keras layout.</summary>
    public ImmutableArray<int> Shape { get; }

    /// <summary>Number of elements.</summary>
    public int Count => values.Length;

    /// <summary>The elements, row-major.</summary>
    public ReadOnlySpan<float> Values => values;

    /// <summary>A copy of the elements that the caller may change.</summary>
    /// <returns>A new array of <see cref="Count"/> elements.</returns>
    public float[] ToArray() => [.. values];

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({string.Join(", ", Shape)})";
}

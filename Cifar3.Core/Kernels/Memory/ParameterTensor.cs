using System.Collections.Immutable;

namespace Cifar3;

/// <summary>
/// Where one weight lies in the engine's memory: Keras' row-major [groups, rows, columns] with rows and columns padded by zeros to
/// [groups, RowCount, ColumnCount]. A convolution kernel is [9, Cin, Cout], the dense kernel [4, C, classes], a vector [1, 1, C].
/// </summary>
internal sealed record ParameterTensor(string Name, ImmutableArray<int> Shape, bool Trainable, int Groups, int Rows, int Columns, int PaddedRows, int PaddedColumns, long Offset)
{
    /// <summary>Floats in the engine's memory.</summary>
    public long Size => (long)Groups * PaddedRows * PaddedColumns;

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
        var values = new float[Groups * Rows * Columns];
        for (int row = 0; row < Groups * Rows; row++)
        {
            new ReadOnlySpan<float>(PaddedRow(memory, row), Columns).CopyTo(values.AsSpan(row * Columns));
        }

        return new WeightTensor(Name, Shape, values);
    }

    private unsafe float* PaddedRow(float* memory, int row) =>
        memory + Offset + ((long)(row / Rows) * PaddedRows + row % Rows) * PaddedColumns;
}

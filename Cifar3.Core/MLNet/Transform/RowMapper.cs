using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>A transformer bound to an input schema: which columns there are before and after, and how one row is scored.</summary>
internal sealed class RowMapper : IRowToRowMapper
{
    private readonly Cifar3Transformer transformer;

    /// <exception cref="ArgumentOutOfRangeException">The schema has no column of images under the name wanted.</exception>
    public RowMapper(Cifar3Transformer transformer, DataViewSchema inputSchema)
    {
        this.transformer = transformer;
        (Feature, Images) = SchemaMismatch.FindImages(inputSchema, transformer.FeatureColumnName);
        InputSchema = inputSchema;
        OutputSchema = transformer.Columns.AddTo(inputSchema, transformer.Rows, transformer.Keys);
    }

    /// <inheritdoc/>
    public DataViewSchema InputSchema { get; }

    /// <inheritdoc/>
    public DataViewSchema OutputSchema { get; }

    /// <summary>The column of images in <see cref="InputSchema"/>.</summary>
    public DataViewSchema.Column Feature { get; }

    /// <summary>What its type says.</summary>
    public ImageColumn Images { get; }

    /// <summary>Whether a column of <see cref="OutputSchema"/> is one of those added.</summary>
    public bool IsAdded(DataViewSchema.Column column) => column.Index >= InputSchema.Count;

    /// <summary>Those of the columns that come from the input, as the input has them.</summary>
    public IEnumerable<DataViewSchema.Column> PassedOn(IEnumerable<DataViewSchema.Column> columns) =>
        columns.Where(column => !IsAdded(column)).Select(column => InputSchema[column.Index]).DistinctBy(column => column.Index);

    /// <inheritdoc/>
    public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns)
    {
        var columns = dependingColumns.ToList();
        var needed = PassedOn(columns).ToList();
        if (columns.Any(IsAdded) && !needed.Any(column => column.Index == Feature.Index))
        {
            needed.Add(Feature);
        }

        return needed;
    }

    /// <inheritdoc/>
    public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input.Schema != InputSchema)
        {
            throw new ArgumentException("The row has another schema than the mapper was made for.", nameof(input));
        }

        return new ScoringRow(this, transformer, input, activeColumns);
    }

    /// <summary>A column's getter as one of the type that was asked for.</summary>
    /// <exception cref="InvalidOperationException">The column has values of another type.</exception>
    public static ValueGetter<TValue> Typed<TValue>(Delegate getter, DataViewSchema.Column column) =>
        getter as ValueGetter<TValue> ?? throw new InvalidOperationException($"Column '{column.Name}' has values of type {column.Type.RawType}. Requested: {typeof(TValue)}.");

    /// <summary>The getter of an added column.</summary>
    /// <exception cref="InvalidOperationException">The column has values of another type.</exception>
    public ValueGetter<TValue> Getter<TValue>(DataViewSchema.Column column, IRowScores scores)
    {
        var rows = transformer.Rows;
        int added = transformer.Columns.Count;
        Delegate getter = (column.Index - InputSchema.Count) switch
        {
            var index when index == added => (ValueGetter<float>)((ref float familiarity) => familiarity = scores.Current[^1]),
            var index when index > added => (ValueGetter<bool>)((ref bool familiar) => familiar = rows.IsFamiliar(scores.Current[^1]) == true),
            0 => (ValueGetter<VBuffer<float>>)CopyScores,
            1 => (ValueGetter<uint>)((ref uint key) => key = (uint)scores.Label(rows.ClassNames.Length) + 1), // keys count from 1; 0 is missing
            _ => transformer.Keys.Getter(() => scores.Label(rows.ClassNames.Length)),
        };
        return Typed<TValue>(getter, column);

        void CopyScores(ref VBuffer<float> target)
        {
            var current = scores.Current[..rows.ClassNames.Length];
            var editor = VBufferEditor.Create(ref target, current.Length);
            current.CopyTo(editor.Values);
            target = editor.Commit();
        }
    }
}

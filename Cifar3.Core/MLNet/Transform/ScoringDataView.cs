using Microsoft.ML;

namespace Cifar3;

/// <summary>A data view with its scores: nothing is computed before a cursor asks.</summary>
internal sealed class ScoringDataView(IDataView source, RowMapper mapper, Cifar3Transformer transformer) : IDataView
{
    /// <inheritdoc/>
    public DataViewSchema Schema => mapper.OutputSchema;

    /// <inheritdoc/>
    public bool CanShuffle => source.CanShuffle;

    /// <inheritdoc/>
    public long? GetRowCount() => source.GetRowCount();

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        var columns = columnsNeeded.ToList();
        int? seed = source.CanShuffle ? rand?.Next() : null; // the two cursors below must shuffle alike
        var rows = source.GetRowCursor(mapper.PassedOn(columns), Order(seed));
        if (!columns.Any(mapper.IsAdded))
        {
            return new ScoringCursor(mapper, rows, columns, null);
        }

        try
        {
            return new ScoringCursor(mapper, rows, columns, new ReadAheadScores(mapper, transformer, source.GetRowCursor([mapper.Feature], Order(seed)), rows));
        }
        catch
        {
            rows.Dispose();
            throw;
        }

        static Random? Order(int? seed) => seed is { } value ? new Random(value) : null;
    }

    /// <inheritdoc/>
    /// <remarks>One cursor: it decodes and scores on all cores by itself.</remarks>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) => [GetRowCursor(columnsNeeded, rand)];
}

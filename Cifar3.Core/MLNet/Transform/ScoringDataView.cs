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
        var rows = source.GetRowCursor(mapper.GetDependencies(columns), rand);
        try
        {
            return new ScoringCursor(mapper, transformer, rows, columns);
        }
        catch
        {
            rows.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    /// <remarks>One cursor: it decodes and scores on all cores by itself.</remarks>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) => [GetRowCursor(columnsNeeded, rand)];
}

using Microsoft.ML;

namespace Cifar3;

/// <summary>A data view without rows: ML.NET's transforms that learn nothing are fitted to it.</summary>
internal sealed class EmptyDataView(DataViewSchema schema) : IDataView
{
    /// <inheritdoc/>
    public DataViewSchema Schema => schema;

    /// <inheritdoc/>
    public bool CanShuffle => false;

    /// <inheritdoc/>
    public long? GetRowCount() => 0;

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) => throw new NotSupportedException("Only the schema of this view is used.");

    /// <inheritdoc/>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) => throw new NotSupportedException("Only the schema of this view is used.");
}

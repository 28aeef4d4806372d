using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>A cursor over the input's rows that adds the scores.</summary>
/// <param name="mapper">The columns.</param>
/// <param name="rows">The input's rows; moves with this cursor and is disposed with it.</param>
/// <param name="columns">The columns asked for.</param>
/// <param name="scores">Gives the scores; null where none of their columns was asked for.</param>
internal sealed class ScoringCursor(RowMapper mapper, DataViewRowCursor rows, IEnumerable<DataViewSchema.Column> columns, ReadAheadScores? scores) : DataViewRowCursor
{
    private readonly HashSet<int> active = [.. columns.Select(column => column.Index)];

    public override DataViewSchema Schema => mapper.OutputSchema;

    public override long Position => rows.Position;

    public override long Batch => rows.Batch;

    public override bool MoveNext()
    {
        scores?.MoveNext();
        return rows.MoveNext();
    }

    public override ValueGetter<DataViewRowId> GetIdGetter() => rows.GetIdGetter();

    public override bool IsColumnActive(DataViewSchema.Column column) => active.Contains(column.Index);

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        if (!IsColumnActive(column))
        {
            throw new InvalidOperationException($"Column '{column.Name}' was not asked for when this cursor was made.");
        }

        return mapper.IsAdded(column) ? mapper.Getter<TValue>(column, scores!) : rows.GetGetter<TValue>(mapper.InputSchema[column.Index]);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            rows.Dispose();
            scores?.Dispose();
        }

        base.Dispose(disposing);
    }
}

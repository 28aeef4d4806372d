using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>A cursor over the input's rows that adds the scores.</summary>
internal sealed class ScoringCursor : DataViewRowCursor
{
    private readonly RowMapper mapper;
    private readonly DataViewRowCursor rows;
    private readonly HashSet<int> active;
    private readonly ReadAheadScores scores;

    /// <param name="mapper">The columns.</param>
    /// <param name="transformer">Scores pixels.</param>
    /// <param name="rows">The input's rows, which are disposed with this cursor.</param>
    /// <param name="columns">The columns asked for.</param>
    public ScoringCursor(RowMapper mapper, Cifar3Transformer transformer, DataViewRowCursor rows, IReadOnlyCollection<DataViewSchema.Column> columns)
    {
        (this.mapper, this.rows) = (mapper, rows);
        active = [.. columns.Select(column => column.Index)];
        scores = new ReadAheadScores(mapper, transformer, rows, mapper.PassedOn(columns), columns.Any(mapper.IsAdded));
    }

    public override DataViewSchema Schema => mapper.OutputSchema;

    public override long Position => scores.Position;

    public override long Batch => scores.Batch;

    public override bool MoveNext() => scores.MoveNext();

    public override ValueGetter<DataViewRowId> GetIdGetter() => scores.Id;

    public override bool IsColumnActive(DataViewSchema.Column column) => active.Contains(column.Index);

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        if (!IsColumnActive(column))
        {
            throw new InvalidOperationException($"Column '{column.Name}' was not asked for when this cursor was made.");
        }

        return mapper.IsAdded(column) ? mapper.Getter<TValue>(column, scores) : scores.Getter<TValue>(mapper.InputSchema[column.Index]);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            rows.Dispose();
        }

        base.Dispose(disposing);
    }
}

using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>One row with its scores, computed when they are first asked for: what a PredictionEngine reads.</summary>
internal sealed class ScoringRow : DataViewRow, IRowScores
{
    private readonly RowMapper mapper;
    private readonly Cifar3Transformer transformer;
    private readonly DataViewRow input;
    private readonly HashSet<int> active;
    private readonly ImageColumnReader? images;
    private readonly byte[] pixels = [];
    private readonly float[] scores = [];
    private long scored = long.MinValue;

    public ScoringRow(RowMapper mapper, Cifar3Transformer transformer, DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns)
    {
        (this.mapper, this.transformer, this.input) = (mapper, transformer, input);
        var columns = activeColumns.ToList();
        active = [.. columns.Select(column => column.Index)];
        if (columns.Any(mapper.IsAdded))
        {
            images = new ImageColumnReader(input, mapper.Feature, mapper.Images);
            pixels = new byte[CnnArchitecture.ImageBytes];
            scores = new float[transformer.Rows.Width];
        }
    }

    public override DataViewSchema Schema => mapper.OutputSchema;

    public override long Position => input.Position;

    public override long Batch => input.Batch;

    public ReadOnlySpan<float> Current
    {
        get
        {
            if (scored != Position)
            {
                scored = long.MinValue; // an image that cannot be read must not leave the row before
                images!.Take(Position, pixels)?.Decode(pixels, transformer.MaxImagePixels);
                transformer.Score(pixels, scores);
                scored = Position;
            }

            return scores;
        }
    }

    public override ValueGetter<DataViewRowId> GetIdGetter() => input.GetIdGetter();

    public override bool IsColumnActive(DataViewSchema.Column column) => active.Contains(column.Index);

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        if (!IsColumnActive(column))
        {
            throw new InvalidOperationException($"Column '{column.Name}' was not asked for when this row was made.");
        }

        return mapper.IsAdded(column) ? mapper.Getter<TValue>(column, this) : input.GetGetter<TValue>(mapper.InputSchema[column.Index]);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            input.Dispose();
        }

        base.Dispose(disposing);
    }
}

using System.Runtime.ExceptionServices;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>
/// Moves over the rows of a view and scores them: when a row's scores are asked for, up to <see cref="MostRows"/> rows from there on are read, their
/// images decoded on all cores and scored in one run. What the rows say else is kept, so that the view is read once: a view need not
/// give the same rows twice.
/// </summary>
/// <remarks>An image that cannot be read is an error of its own row, and only if that row's scores are asked for.</remarks>
internal sealed class ReadAheadScores : IRowScores
{
    /// <summary>Rows of the first run, then twice as many each time: a reader who wants few rows does not pay for many.</summary>
    private const int FirstRows = 8, MostRows = 256;

    /// <summary>Reading ahead ends once the rows hold this many bytes: encoded files may be of any size.</summary>
    private const long MostBytes = 64 << 20;

    private readonly RowMapper mapper;
    private readonly Cifar3Transformer transformer;
    private readonly DataViewRowCursor rows;
    private readonly Dictionary<int, KeptColumn?> columns;
    private readonly ImageColumnReader? images;
    private readonly ValueGetter<DataViewRowId> rowId;
    private readonly int mostRows, width;
    private byte[] pixels = [];
    private float[] scores = [];
    private (DataViewRowId Id, long Batch)[] identities = [];
    private PendingImage?[] pending = [];
    private ExceptionDispatchInfo?[] errors = [];
    private ExceptionDispatchInfo? broken; // why the view gives no further row
    private long row = -1, first; // where the reader is, and the first row in the buffer, both counted from the beginning
    private int count;
    private bool ended, areScored;

    /// <param name="mapper">The columns.</param>
    /// <param name="transformer">Scores pixels.</param>
    /// <param name="rows">The view's rows.</param>
    /// <param name="passedOn">Those of the view's columns that readers may ask for.</param>
    /// <param name="scored">Whether readers may ask for scores; if so, the column of images is active.</param>
    public ReadAheadScores(RowMapper mapper, Cifar3Transformer transformer, DataViewRowCursor rows, IEnumerable<DataViewSchema.Column> passedOn, bool scored)
    {
        (this.mapper, this.transformer, this.rows) = (mapper, transformer, rows);
        columns = passedOn.ToDictionary(column => column.Index, column => scored ? KeptColumn.Of(rows, column, () => Place) : null);
        images = scored ? new ImageColumnReader(rows, mapper.Feature, mapper.Images) : null;
        rowId = rows.GetIdGetter();
        mostRows = columns.ContainsValue(null) ? 1 : MostRows;
        width = transformer.Rows.Width;
    }

    /// <summary>The row's number; −1 where there is none.</summary>
    public long Position => row;

    /// <summary>The row's batch.</summary>
    public long Batch => Place is { } i ? identities[i].Batch : rows.Batch;

    /// <inheritdoc/>
    public ReadOnlySpan<float> Current
    {
        get
        {
            if (row < 0)
            {
                throw new InvalidOperationException("The cursor is at no row. Call MoveNext first.");
            }

            if (Place is null)
            {
                Fill();
            }

            if (!areScored)
            {
                ScoreRows(); // where it fails, no row is at fault: who asks again has it tried again, as a single row does
                areScored = true;
            }

            int i = (int)(row - first);
            errors[i]?.Throw();
            return scores.AsSpan(i * width, width);
        }
    }

    /// <summary>The row's place in the buffer; null = it is not in it, and the view's cursor stands at it.</summary>
    private int? Place => row >= first && row < first + count ? (int)(row - first) : null;

    /// <summary>Moves to the next row.</summary>
    /// <returns>Whether there is one.</returns>
    public bool MoveNext()
    {
        if (row + 1 < first + count)
        {
            row++;
            return true;
        }

        broken?.Throw();
        ended = ended || !Advance(row + 1);
        (row, first, count) = (ended ? -1 : row + 1, 0, 0);
        return !ended;
    }

    /// <summary>The row's id.</summary>
    public void Id(ref DataViewRowId id)
    {
        if (Place is { } i)
        {
            id = identities[i].Id;
        }
        else
        {
            rowId(ref id);
        }
    }

    /// <summary>The getter of one of the view's columns.</summary>
    /// <exception cref="InvalidOperationException">The column has values of another type.</exception>
    public ValueGetter<TValue> Getter<TValue>(DataViewSchema.Column column) =>
        columns[column.Index] is { } kept ? RowMapper.Typed<TValue>(kept.Getter, column) : rows.GetGetter<TValue>(column);

    /// <summary>Reads the rows from the current one on, where the view's cursor stands.</summary>
    private void Fill()
    {
        Grow();
        (first, int read, long bytes) = (row, 0, 0);
        do
        {
            rowId(ref identities[read].Id);
            identities[read].Batch = rows.Batch;
            bytes += columns.Values.Sum(column => column?.Keep(read) ?? 0);
            int i = read++;
            errors[i] = Try(() => pending[i] = images!.Take(first + i, Pixels(i)), first + i);
            bytes += pending[i]?.Encoded?.Length ?? 0;
        }
        while (read < errors.Length && bytes < MostBytes && MoveView(first + read));

        (count, areScored) = (read, false); // whatever happens from here on, the view has moved on and does not give these rows again
    }

    /// <summary>Moves the view ahead of the reader, who is told of a failure when it is that far.</summary>
    private bool MoveView(long number)
    {
        try
        {
            ended = !Advance(number);
        }
        catch (Exception e)
        {
            broken = ExceptionDispatchInfo.Capture(e);
        }

        return !ended && broken is null;
    }

    /// <summary>Moves the view to the row of this number, counted from the beginning. What ML.NET's threads, reading ahead, wrapped in an error of their own is told in words.</summary>
    private bool Advance(long number)
    {
        try
        {
            return rows.MoveNext();
        }
        catch (Exception e) when (e.InnerException is not null and not OperationCanceledException && e is not (Cifar3Exception or OperationCanceledException))
        {
            throw new Cifar3DataException($"Reading row {number:N0} of the data view{SourceFailure.Of(e)}. Check the steps of the pipeline before this one.", e);
        }
    }

    private void ScoreRows()
    {
        if (Array.Exists(pending, image => image is not null))
        {
            // Whoever interrupts this thread must not let it go on while others still write the pixels.
            var decoding = Task.Run(() => Parallel.For(0, count, Decode));
            UninterruptedWait.ForEnd(decoding);
            decoding.GetAwaiter().GetResult();
        }

        transformer.Score(pixels.AsSpan(0, count * CnnArchitecture.ImageBytes), scores.AsSpan(0, count * width));
    }

    private void Decode(int i)
    {
        if (errors[i] is null && pending[i] is { } image)
        {
            errors[i] = Try(() => image.Decode(Pixels(i), transformer.MaxImagePixels), first + i);
        }

        pending[i] = null;
    }

    private void Grow()
    {
        int size = Math.Min(mostRows, Math.Clamp(2 * errors.Length, FirstRows, MostRows));
        if (size > errors.Length)
        {
            pixels = new byte[size * CnnArchitecture.ImageBytes];
            scores = new float[size * width];
            (identities, pending, errors) = (new (DataViewRowId, long)[size], new PendingImage?[size], new ExceptionDispatchInfo?[size]);
        }
    }

    private Span<byte> Pixels(int i) => pixels.AsSpan(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes);

    private ExceptionDispatchInfo? Try(Action action, long number)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception e) when (e is Cifar3Exception or OperationCanceledException)
        {
            return ExceptionDispatchInfo.Capture(e);
        }
        catch (Exception e)
        {
            // The view may be a lazy pipeline: whatever its loaders and transforms throw comes up here.
            return ExceptionDispatchInfo.Capture(new Cifar3DataException($"Reading row {number:N0} of column '{Shown.Text(mapper.Feature.Name)}'{SourceFailure.Of(e)}. Check the steps of the pipeline that makes the column.", e));
        }
    }
}

using System.Runtime.ExceptionServices;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>
/// Scores rows ahead of the cursor that asks for them: a second cursor reads the images of up to <see cref="MostRows"/> rows, which are
/// decoded on all cores and scored in one run. The other columns are not read twice.
/// </summary>
/// <remarks>An image that cannot be read is an error of its own row, and only if that row's scores are asked for.</remarks>
internal sealed class ReadAheadScores : IRowScores, IDisposable
{
    /// <summary>Rows of the first run, then twice as many each time: a reader who wants few rows does not pay for many.</summary>
    private const int FirstRows = 8, MostRows = 256;

    private readonly RowMapper mapper;
    private readonly Cifar3Transformer transformer;
    private readonly DataViewRowCursor ahead, rows;
    private readonly ImageColumnReader images;
    private readonly ValueGetter<DataViewRowId> aheadId, rowId;
    private readonly int width;
    private byte[] pixels = [];
    private float[] scores = [];
    private DataViewRowId[] ids = [];
    private PendingImage?[] pending = [];
    private ExceptionDispatchInfo?[] errors = [];
    private long row = -1, first; // where the reader is, and the first row in the buffer, both counted from the beginning
    private int count;

    /// <param name="mapper">The columns.</param>
    /// <param name="transformer">Scores pixels.</param>
    /// <param name="ahead">A cursor over the images, which this object owns.</param>
    /// <param name="rows">The cursor whose rows the scores belong to.</param>
    public ReadAheadScores(RowMapper mapper, Cifar3Transformer transformer, DataViewRowCursor ahead, DataViewRowCursor rows)
    {
        (this.mapper, this.transformer, this.ahead, this.rows) = (mapper, transformer, ahead, rows);
        images = new ImageColumnReader(ahead, mapper.Feature, mapper.Images);
        (aheadId, rowId) = (ahead.GetIdGetter(), rows.GetIdGetter());
        width = transformer.Rows.Width;
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Current
    {
        get
        {
            if (row >= first + count)
            {
                Fill();
            }

            int i = (int)(row - first);
            DataViewRowId id = default;
            rowId(ref id);
            if (i >= count || !id.Equals(ids[i]))
            {
                throw new Cifar3DataException($"Row {row:N0} of the data view is another one when it is read again. Expected the same rows in the same order each time. Keep them with mlContext.Data.Cache before scoring.");
            }

            errors[i]?.Throw();
            return scores.AsSpan(i * width, width);
        }
    }

    /// <summary>To be called with every move of the cursor.</summary>
    public void MoveNext() => row++;

    public void Dispose() => ahead.Dispose();

    /// <summary>Reads and scores the rows from the current one on.</summary>
    private void Fill()
    {
        for (long next = first + count; next < row && ahead.MoveNext(); next++)
        {
            // Rows whose scores nobody asked for.
        }

        Grow();
        (first, count) = (row, 0);
        int read = 0;
        for (; read < ids.Length && ahead.MoveNext(); read++)
        {
            aheadId(ref ids[read]);
            int i = read;
            errors[i] = Try(() => pending[i] = images.Take(first + i, Pixels(i)), first + i);
        }

        if (Array.Exists(pending, image => image is not null))
        {
            // Whoever interrupts this thread must not let it go on while others still write the pixels.
            var decoding = Task.Run(() => Parallel.For(0, read, Decode));
            UninterruptedWait.ForEnd(decoding);
            decoding.GetAwaiter().GetResult();
        }

        transformer.Score(pixels.AsSpan(0, read * CnnArchitecture.ImageBytes), scores.AsSpan(0, read * width));
        count = read;
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
        int size = Math.Clamp(2 * ids.Length, FirstRows, MostRows);
        if (size > ids.Length)
        {
            pixels = new byte[size * CnnArchitecture.ImageBytes];
            scores = new float[size * width];
            (ids, pending, errors) = (new DataViewRowId[size], new PendingImage?[size], new ExceptionDispatchInfo?[size]);
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
            return ExceptionDispatchInfo.Capture(new Cifar3DataException($"Reading row {number:N0} of column '{mapper.Feature.Name}' failed: {e.Message.TrimEnd('.')}. Check the steps of the pipeline that makes the column.", e));
        }
    }
}

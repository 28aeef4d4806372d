using System.Runtime.ExceptionServices;
using Microsoft.ML;

namespace Cifar3;

/// <summary>Reads the images and labels of any <see cref="IDataView"/> into an <see cref="ImageSet"/>. See <see cref="ImageSet.FromDataView"/>.</summary>
internal sealed class DataViewReader
{
    private const int ImageBytes = CnnArchitecture.ImageBytes;
    private const int BlockRows = 256; // decoded in parallel, so at most this many encoded files are in memory
    private const int MaxImages = int.MaxValue / ImageBytes;

    private readonly IDataView data;
    private readonly DataViewSchema.Column imageColumn, labelColumn;
    private readonly ImageColumn kind;
    private readonly List<string> paths = []; // of a column of paths
    private byte[] pixels = new byte[64 * ImageBytes];
    private int count;

    private DataViewReader(IDataView data, string imageColumnName, string labelColumnName)
    {
        this.data = data;
        imageColumn = Column(imageColumnName, "image");
        labelColumn = Column(labelColumnName, "label");
        kind = ImageColumn.Find(imageColumn.Type)
            ?? throw new Cifar3DataException($"Schema mismatch for image column '{Shown.Text(imageColumn.Name)}'. Expected {ImageColumn.Expected}. Found {imageColumn.Type}.");
    }

    /// <summary>Reads all rows.</summary>
    public static ImageSet Read(IDataView data, string imageColumnName, string labelColumnName, IReadOnlyList<string>? classNames, CancellationToken cancellation)
    {
        var reader = new DataViewReader(data, imageColumnName, labelColumnName);
        var labels = new DataViewLabels(reader.labelColumn);
        reader.ReadRows(labels, cancellation);
        if (reader.count == 0)
        {
            throw new Cifar3DataException("The data view has no row. Expected one row for each image.");
        }

        Array.Resize(ref reader.pixels, reader.count * ImageBytes);
        var (indices, names) = labels.ToIndices(classNames);
        return new ImageSet(reader.pixels, indices, names) { Pictures = reader.paths.Count > 0 ? NamedPictures.Of(reader.paths, indices) : null };
    }

    private DataViewSchema.Column Column(string name, string role) => data.Schema.GetColumnOrNull(name)
        ?? throw new Cifar3DataException($"Schema mismatch: there is no {role} column '{Shown.Text(name)}'. Found: {Shown.First(data.Schema.Select(c => $"{c.Name} ({c.Type})"), Shown.MaxItems)}. Name the column.");

    private void ReadRows(DataViewLabels labels, CancellationToken cancellation)
    {
        try
        {
            using var cursor = data.GetRowCursor([imageColumn, labelColumn]);
            var images = new ImageColumnReader(cursor, imageColumn, kind);
            var takeLabel = labels.Getter(cursor);
            var waiting = new List<(int Row, PendingImage Image)>();
            while (cursor.MoveNext())
            {
                cancellation.ThrowIfCancellationRequested();
                Grow();
                takeLabel(count);
                if (images.Take(count, Target(count)) is { } pending)
                {
                    waiting.Add((count, pending));
                    if (pending.Path is { } path)
                    {
                        paths.Add(path);
                    }
                }

                count++;
                if (waiting.Count == BlockRows)
                {
                    Decode(waiting, cancellation);
                }
            }

            Decode(waiting, cancellation);
        }
        catch (AggregateException e) when (e.InnerExceptions.OfType<Cifar3Exception>().FirstOrDefault() is { } first)
        {
            ExceptionDispatchInfo.Throw(first);
        }
        catch (Exception e) when (e is not (Cifar3Exception or OperationCanceledException))
        {
            // The view may be a lazy pipeline: whatever its loaders and transforms throw comes up here.
            throw new Cifar3DataException($"Reading row {count:N0} of the data view{SourceFailure.Of(e)}. Check the steps of the pipeline that makes column '{Shown.Text(imageColumn.Name)}' or '{Shown.Text(labelColumn.Name)}'.", e);
        }
    }

    private void Grow()
    {
        if (count == MaxImages)
        {
            throw new Cifar3DataException($"The data view has more than {MaxImages:N0} images, which fill 2 GiB. Take fewer rows.");
        }

        if (count * ImageBytes == pixels.Length)
        {
            long expected = Math.Max(data.GetRowCount() ?? 0, 2L * count);
            Array.Resize(ref pixels, (int)Math.Min(expected, MaxImages) * ImageBytes);
        }
    }

    private Span<byte> Target(int row) => pixels.AsSpan(row * ImageBytes, ImageBytes);

    private void Decode(List<(int Row, PendingImage Image)> waiting, CancellationToken cancellation)
    {
        Parallel.ForEach(waiting, new ParallelOptions { CancellationToken = cancellation }, item => item.Image.Decode(Target(item.Row), keep: true));
        waiting.Clear();
    }
}

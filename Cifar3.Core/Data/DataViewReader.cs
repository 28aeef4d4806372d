using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace Cifar3;

/// <summary>Reads the images and labels of any <see cref="IDataView"/> into an <see cref="ImageSet"/>. See <see cref="ImageSet.FromDataView"/>.</summary>
internal sealed class DataViewReader
{
    private const int ImageBytes = CnnArchitecture.ImageBytes;
    private const int BlockRows = 256; // decoded in parallel, so at most this many encoded files are in memory
    private const int MaxImages = int.MaxValue / ImageBytes;

    private readonly IDataView data;
    private readonly DataViewSchema.Column imageColumn, labelColumn;
    private byte[] pixels = new byte[64 * ImageBytes];
    private int count;

    private DataViewReader(IDataView data, string imageColumnName, string labelColumnName)
    {
        this.data = data;
        imageColumn = Column(imageColumnName, "image");
        labelColumn = Column(labelColumnName, "label");
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
        return new ImageSet(reader.pixels, indices, names);
    }

    private DataViewSchema.Column Column(string name, string role) => data.Schema.GetColumnOrNull(name)
        ?? throw new Cifar3DataException($"Schema mismatch: there is no {role} column '{name}'. Found: {string.Join(", ", data.Schema.Select(c => $"{c.Name} ({c.Type})"))}. Name the column.");

    private void ReadRows(DataViewLabels labels, CancellationToken cancellation)
    {
        try
        {
            using var cursor = data.GetRowCursor([imageColumn, labelColumn]);
            var take = ImageGetter(cursor);
            var takeLabel = labels.Getter(cursor);
            var waiting = new List<(int Row, byte[] Encoded)>();
            while (cursor.MoveNext())
            {
                cancellation.ThrowIfCancellationRequested();
                Grow();
                takeLabel(count);
                if (take(count) is { } encoded)
                {
                    waiting.Add((count, encoded));
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
            throw new Cifar3ImageException(first.Message, e);
        }
        catch (Exception e) when (e is not (Cifar3Exception or OperationCanceledException))
        {
            // The view may be a lazy pipeline: whatever its loaders and transforms throw comes up here.
            throw new Cifar3DataException($"Reading row {count:N0} of the data view failed: {e.Message.TrimEnd('.')}. Check the steps of the pipeline that makes column '{imageColumn.Name}' or '{labelColumn.Name}'.", e);
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

    private string Name(int row) => $"row {row} of column {imageColumn.Name}";

    private void Decode(List<(int Row, byte[] Encoded)> waiting, CancellationToken cancellation)
    {
        Parallel.ForEach(waiting, new ParallelOptions { CancellationToken = cancellation }, item => ImageDecoder.Decode(item.Encoded, Target(item.Row), Name(item.Row)));
        waiting.Clear();
    }

    /// <summary>What puts the row at the cursor into the pixels, or returns it encoded, to be decoded with others.</summary>
    private Func<int, byte[]?> ImageGetter(DataViewRowCursor cursor)
    {
        switch (imageColumn.Type)
        {
            case ImageDataViewType:
                var getImage = cursor.GetGetter<MLImage>(imageColumn);
                MLImage? image = null;
                return row =>
                {
                    getImage(ref image!);
                    MLImagePixels.Read(image ?? throw Missing(row), Target(row), Name(row));
                    return null;
                };
            case TextDataViewType:
                var getPath = cursor.GetGetter<ReadOnlyMemory<char>>(imageColumn);
                ReadOnlyMemory<char> path = default;
                return row =>
                {
                    getPath(ref path);
                    ImageDecoder.DecodeFile(path.IsEmpty ? throw Missing(row) : path.ToString(), Target(row));
                    return null;
                };
            case VectorDataViewType { Size: ImageBytes } vector when vector.ItemType == NumberDataViewType.Byte:
                return Pixels<byte>(cursor, (_, value) => value);
            case VectorDataViewType { Size: ImageBytes } vector when vector.ItemType == NumberDataViewType.Single:
                return Pixels<float>(cursor, ToByte);
            case VectorDataViewType { IsKnownSize: false } vector when vector.ItemType == NumberDataViewType.Byte:
                var getFile = cursor.GetGetter<VBuffer<byte>>(imageColumn);
                VBuffer<byte> file = default;
                return row =>
                {
                    getFile(ref file);
                    return file.Length == 0 ? throw Missing(row) : [.. file.DenseValues()];
                };
            default:
                throw new Cifar3DataException($"Schema mismatch for image column '{imageColumn.Name}'. Expected an image (MLImage), encoded files (a vector of Byte of unknown size), file paths (Text), or {ImageBytes:N0} pixels (a vector of Byte, or of Single from 0 to 255, 32x32x3). Found {imageColumn.Type}.");
        }
    }

    private Func<int, byte[]?> Pixels<T>(DataViewRowCursor cursor, Func<int, T, byte> convert)
    {
        var getter = cursor.GetGetter<VBuffer<T>>(imageColumn);
        VBuffer<T> values = default;
        return row =>
        {
            getter(ref values);
            var target = Target(row);
            int i = 0;
            foreach (T value in values.DenseValues())
            {
                target[i++] = convert(row, value);
            }

            return null;
        };
    }

    private byte ToByte(int row, float value) => value is >= 0 and <= 255 && value == MathF.Round(value)
        ? (byte)value
        : throw new Cifar3DataException($"Pixel value {value.ToString(CultureInfo.InvariantCulture)} in {Name(row)} is no whole number from 0 to 255. Expected pixels in the order height, width, channel, neither scaled nor shifted: ExtractPixels(interleavePixelColors: true) makes them so.");

    private Cifar3ImageException Missing(int row) => new($"Cannot read image '{Name(row)}': it is missing. Filter out rows without an image.");
}

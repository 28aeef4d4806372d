using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace Cifar3;

/// <summary>How a data view's column holds images; found from the column's type.</summary>
internal enum ImageColumnKind
{
    /// <summary><see cref="MLImage"/> of any size.</summary>
    Image,

    /// <summary>Paths of image files.</summary>
    Path,

    /// <summary>Whole image files, encoded: a vector of Byte of unknown size.</summary>
    Encoded,

    /// <summary>Pixels 0 to 255 as Byte.</summary>
    Bytes,

    /// <summary>Pixels 0 to 255 as Single.</summary>
    Singles,
}

/// <summary>What a column's type says of its images.</summary>
/// <param name="Kind">How the images are held.</param>
/// <param name="ChannelsFirst">For pixels: whether they are [3, 32, 32], as ExtractPixels makes them by default, or [1, 3, 32, 32], as ApplyOnnxModel does, rather than [32, 32, 3].</param>
internal readonly record struct ImageColumn(ImageColumnKind Kind, bool ChannelsFirst = false)
{
    private const int Size = CnnArchitecture.InputSize, Channels = CnnArchitecture.InputChannels, ImageBytes = CnnArchitecture.ImageBytes;

    /// <summary>What <see cref="Find"/> takes, for error messages.</summary>
    public static readonly string Expected =
        $"an image (MLImage), encoded files (a vector of Byte of unknown size), file paths (Text), or {ImageBytes:N0} pixels (a vector of that known size, [VectorType({ImageBytes})], of Byte, or of Single from 0 to 255, 32x32x3, 3x32x32 or 1x3x32x32)";

    /// <summary>What a type holds; null where it is no column of images.</summary>
    public static ImageColumn? Find(DataViewType type) => type switch
    {
        ImageDataViewType => new ImageColumn(ImageColumnKind.Image),
        TextDataViewType => new ImageColumn(ImageColumnKind.Path),
        VectorDataViewType { Size: ImageBytes } vector when vector.ItemType == NumberDataViewType.Byte => new ImageColumn(ImageColumnKind.Bytes, IsChannelsFirst(vector)),
        VectorDataViewType { Size: ImageBytes } vector when vector.ItemType == NumberDataViewType.Single => new ImageColumn(ImageColumnKind.Singles, IsChannelsFirst(vector)),
        VectorDataViewType { IsKnownSize: false } vector when vector.ItemType == NumberDataViewType.Byte => new ImageColumn(ImageColumnKind.Encoded),
        _ => null,
    };

    private static bool IsChannelsFirst(VectorDataViewType vector) => vector.Dimensions is [Channels, Size, Size] or [1, Channels, Size, Size];
}

/// <summary>An image taken from a row whose file is still to be read or decoded; that may happen later and on any thread.</summary>
/// <param name="Path">The file; null where <paramref name="Encoded"/> has its content.</param>
/// <param name="Encoded">The file's content.</param>
/// <param name="Name">What errors call the image.</param>
internal readonly record struct PendingImage(string? Path, byte[]? Encoded, string Name)
{
    /// <summary>Reads and decodes it.</summary>
    /// <param name="rgb">Receives [32, 32, 3].</param>
    /// <param name="maxPixels">The most pixels it may have.</param>
    /// <param name="keep">Whether the pixels of a file are kept for another run over the data; see <see cref="DecodedFiles"/>.</param>
    /// <exception cref="Cifar3ImageException">It is missing, damaged, too large or no image.</exception>
    public void Decode(Span<byte> rgb, int maxPixels = ImageDecoder.DefaultMaxPixels, bool keep = false)
    {
        if (Encoded is null)
        {
            DecodedFiles.Shared.Read(Path!, rgb, keep, maxPixels);
        }
        else
        {
            ImageDecoder.Decode(Encoded, rgb, Name, maxPixels);
        }
    }
}

/// <summary>Reads the images of one column of a row, whatever the column's type. Not thread-safe, as the row is not.</summary>
internal sealed class ImageColumnReader
{
    private readonly string columnName;
    private readonly Taker take;

    /// <summary>Creates a reader.</summary>
    /// <param name="row">The row or cursor, with the column active.</param>
    /// <param name="column">The column.</param>
    /// <param name="images">What its type says.</param>
    public ImageColumnReader(DataViewRow row, DataViewSchema.Column column, ImageColumn images)
    {
        columnName = column.Name;
        take = images.Kind switch
        {
            ImageColumnKind.Image => Images(row.GetGetter<MLImage>(column)),
            ImageColumnKind.Path => Paths(row.GetGetter<ReadOnlyMemory<char>>(column)),
            ImageColumnKind.Encoded => EncodedFiles(row.GetGetter<VBuffer<byte>>(column)),
            ImageColumnKind.Bytes when !images.ChannelsFirst => Bytes(row.GetGetter<VBuffer<byte>>(column)),
            ImageColumnKind.Bytes => Pixels(row.GetGetter<VBuffer<byte>>(column), images.ChannelsFirst, (_, value) => value),
            _ => Pixels(row.GetGetter<VBuffer<float>>(column), images.ChannelsFirst, ToByte),
        };
    }

    private delegate PendingImage? Taker(long row, Span<byte> rgb);

    /// <summary>Takes the image of the row where the cursor is.</summary>
    /// <param name="row">Its number, for error messages.</param>
    /// <param name="rgb">Receives [32, 32, 3], unless the answer is an image still to be decoded.</param>
    /// <returns>Null where the pixels are there already.</returns>
    /// <exception cref="Cifar3ImageException">The image is missing or is too large.</exception>
    /// <exception cref="Cifar3DataException">A pixel is no whole number from 0 to 255.</exception>
    public PendingImage? Take(long row, Span<byte> rgb) => take(row, rgb);

    private string Name(long row) => $"row {row} of column {columnName}";

    private Taker Images(ValueGetter<MLImage> getter)
    {
        MLImage? image = null;
        return (row, rgb) =>
        {
            getter(ref image!);
            MLImagePixels.Read(image ?? throw Missing(row), rgb, Name(row));
            return null;
        };
    }

    private Taker Paths(ValueGetter<ReadOnlyMemory<char>> getter)
    {
        ReadOnlyMemory<char> path = default;
        return (row, _) =>
        {
            getter(ref path);
            return new PendingImage(path.IsEmpty ? throw Missing(row) : path.ToString(), null, Name(row));
        };
    }

    private Taker EncodedFiles(ValueGetter<VBuffer<byte>> getter)
    {
        VBuffer<byte> file = default;
        return (row, _) =>
        {
            getter(ref file);
            byte[] encoded = file.Length == 0 ? throw Missing(row) : [.. file.DenseValues()];
            return new PendingImage(null, ArePixels(encoded) ? throw PixelsOfUnknownSize(row) : encoded, Name(row));
        };
    }

    /// <summary>An array of a row class has no size unless its attribute says so: pixels given that way would be taken for a damaged file.</summary>
    private static bool ArePixels(byte[] encoded) => encoded.Length == CnnArchitecture.ImageBytes && ImageSignature.Format(encoded) == PictureFormat.None;

    /// <summary>Pixels as they are wanted: copied in one piece.</summary>
    private Taker Bytes(ValueGetter<VBuffer<byte>> getter)
    {
        VBuffer<byte> values = default, dense = default;
        return (row, rgb) =>
        {
            getter(ref values);
            CheckLength(values.Length, row);
            if (!values.IsDense)
            {
                values.CopyToDense(ref dense);
            }

            (values.IsDense ? values : dense).GetValues().CopyTo(rgb);
            return null;
        };
    }

    private Taker Pixels<T>(ValueGetter<VBuffer<T>> getter, bool channelsFirst, Func<long, T, byte> convert)
    {
        const int Channels = CnnArchitecture.InputChannels, Plane = CnnArchitecture.ImageBytes / Channels;
        VBuffer<T> values = default;
        return (row, rgb) =>
        {
            getter(ref values);
            CheckLength(values.Length, row);
            int i = 0;
            foreach (T value in values.DenseValues())
            {
                rgb[channelsFirst ? i % Plane * Channels + i / Plane : i] = convert(row, value);
                i++;
            }

            return null;
        };
    }

    /// <summary>A row need not hold to its column's type: ML.NET passes on an array of another length, or null as an empty one, and the pixels of the row before would stay.</summary>
    private void CheckLength(int length, long row)
    {
        if (length != CnnArchitecture.ImageBytes)
        {
            throw length == 0 ? Missing(row) : new Cifar3ImageException(string.Create(CultureInfo.InvariantCulture, $"Cannot read image '{Name(row)}': it has {length:N0} values. Expected {CnnArchitecture.ImageBytes:N0} pixels, as the column's type says. Correct or filter out the row."));
        }
    }

    private byte ToByte(long row, float value) => value is >= 0 and <= 255 && value == MathF.Round(value)
        ? (byte)value
        : throw new Cifar3DataException($"Pixel value {value.ToString(CultureInfo.InvariantCulture)} in {Name(row)} is no whole number from 0 to 255. Expected pixels neither scaled nor shifted, as ExtractPixels makes them without scaleImage and offsetImage.");

    private Cifar3ImageException PixelsOfUnknownSize(long row) => new(string.Create(CultureInfo.InvariantCulture,
        $"Cannot read image '{Name(row)}': its {CnnArchitecture.ImageBytes:N0} bytes look like pixels, but a vector of Byte of unknown size holds encoded files. If they are pixels, give the column its size, in a row class with [VectorType({CnnArchitecture.ImageBytes})]."))
    {
        Problem = ImageProblem.UnknownFormat,
    };

    private Cifar3ImageException Missing(long row) => new($"Cannot read image '{Name(row)}': it is missing. Filter out rows without an image.");
}

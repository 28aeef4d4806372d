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
/// <param name="ChannelsFirst">For pixels: whether they are [3, 32, 32], as ExtractPixels makes them by default, rather than [32, 32, 3].</param>
internal readonly record struct ImageColumn(ImageColumnKind Kind, bool ChannelsFirst = false)
{
    private const int Size = CnnArchitecture.InputSize, Channels = CnnArchitecture.InputChannels, ImageBytes = CnnArchitecture.ImageBytes;

    /// <summary>What <see cref="Find"/> takes, for error messages.</summary>
    public static readonly string Expected =
        $"an image (MLImage), encoded files (a vector of Byte of unknown size), file paths (Text), or {ImageBytes:N0} pixels (a vector of Byte, or of Single from 0 to 255, 32x32x3 or 3x32x32)";

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

    private static bool IsChannelsFirst(VectorDataViewType vector) => vector.Dimensions is [Channels, Size, Size];
}

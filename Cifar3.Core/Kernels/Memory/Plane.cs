using System.Runtime.CompilerServices;

namespace Cifar3;

/// <summary>
/// Activations of several images, [images, height, width, channels] NHWC, with a border of zero pixels around each image that is
/// allocated, never written, and read by the convolutions: they need no bounds checks.
/// </summary>
internal readonly unsafe struct Plane
{
    private const int PageFloats = 1024;
    private const long NearFloats = 512 * 1024 / sizeof(float); // a core's L2

    private readonly float* first; // pixel (0, 0) of image 0, behind the border
    private readonly bool isFar;   // too large for a core's own cache

    /// <summary>Reserves a plane; everything is zero.</summary>
    /// <param name="arena">Owner of the memory.</param>
    /// <param name="name">Name in the arena's table.</param>
    /// <param name="images">Number of images.</param>
    /// <param name="height">Rows without border.</param>
    /// <param name="width">Columns without border.</param>
    /// <param name="channels">Floats a pixel, padding included.</param>
    /// <param name="border">Zero pixels on each side.</param>
    /// <param name="flat">Whether an image's rows must follow each other without a gap, so that it reads as one vector.</param>
    public Plane(Arena arena, string name, int images, int height, int width, int channels, int border, bool flat = false)
    {
        (Height, Width, Channels) = (height, width, channels);
        RowStride = flat ? width * channels : OffPage((width + 2 * border) * channels);
        long stride = OffPage(Padding.Up((height + 2 * border) * (int)RowStride));
        ImageStride = checked((nint)stride);
        isFar = images * stride > NearFloats;
        first = arena.Floats(name, images * stride) + border * (RowStride + channels);
    }

    private Plane(in Plane plane, int image)
    {
        this = plane;
        first = plane.At(image);
    }

    public int Height { get; }

    public int Width { get; }

    /// <summary>Floats from a pixel to the next.</summary>
    public int Channels { get; }

    /// <summary>Floats from a row to the next.</summary>
    public nint RowStride { get; }

    /// <summary>Floats from an image to the next.</summary>
    public nint ImageStride { get; }

    /// <summary>Address of a pixel; rows and columns down to −border are valid.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // a call would move the caller's vectors to the stack
    public float* At(int image, int row = 0, int column = 0) => first + image * ImageStride + row * RowStride + column * Channels;

    /// <summary>Adds the images' memory, where it may lie beyond a core's own cache.</summary>
    public void AskFor(in ImagesAhead images, ref MemoryAhead ahead)
    {
        if (isFar)
        {
            ahead.Add(in images, (byte*)first, ImageStride * sizeof(float));
        }
    }

    /// <summary>The first images without what is padded, [images, size, size, channels].</summary>
    public float[] Read(int images, int size, int channels)
    {
        var values = new float[images * size * size * channels];
        var rest = values.AsSpan();
        for (int pixel = 0; !rest.IsEmpty; pixel++, rest = rest[channels..])
        {
            var (row, column) = Math.DivRem(pixel, size);
            new ReadOnlySpan<float>(At(row / size, row % size, column), channels).CopyTo(rest);
        }

        return values;
    }

    /// <summary>The same plane from an image on.</summary>
    public Plane From(int image) => new(this, image);

    /// <summary>A stride that is not whole pages: those would map all rows, or all images, to the same cache sets.</summary>
    private static nint OffPage(nint floats) => floats % PageFloats == 0 ? floats + Padding.Channels : floats;
}

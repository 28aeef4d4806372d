namespace Cifar3;

/// <summary>Sizes of one convolution in Winograd's domain and of the blocks of tiles it is computed in. All strides are in floats.</summary>
/// <remarks>
/// Tiles are numbered image first, then row, then column: tile t of image b is b·<see cref="TilesPerImage"/> + t. A block is a run of at most
/// <see cref="Capacity"/> of them. Per point p and block: V [tiles, Cin] at p·<see cref="InputStride"/>, M [tiles, Cout] at
/// p·<see cref="OutputStride"/>, and weights U [Cin, Cout] at p·<see cref="WeightStride"/>, cut into panels of two vectors of columns.
/// Every stride is an odd number of cache lines: the points of a tile, written together, then fall into different cache sets
/// (strides that are multiples of 4 KB made the transforms 2 to 3 times slower).
/// </remarks>
internal readonly struct WinogradShape
{
    private const int Line = 16; // floats
    private const int ChannelsToShare = 64;

    private WinogradShape(int inputTile, int outputTile, int inputs, int outputs, int height, int width, int border, int capacity)
    {
        (Inputs, Outputs, Height, Width, Border, Capacity) = (inputs, outputs, height, width, border, capacity);
        (InputTile, OutputTile) = (inputTile, outputTile);
        (TileRows, TileColumns) = ((height + outputTile - 1) / outputTile, (width + outputTile - 1) / outputTile);
        (InputStride, OutputStride, WeightStride) = (Odd((long)capacity * inputs), Odd((long)capacity * outputs), Odd((long)inputs * outputs));
    }

    public int Inputs { get; }

    public int Outputs { get; }

    /// <summary>Rows of output that are computed.</summary>
    public int Height { get; }

    /// <summary>Columns of output that are computed.</summary>
    public int Width { get; }

    /// <summary>0 for 'valid', 1 for 'same': the input tile of output (0, 0) begins at input (−Border, −Border).</summary>
    public int Border { get; }

    /// <summary>Most tiles of a block.</summary>
    public int Capacity { get; }

    public int InputTile { get; }

    public int OutputTile { get; }

    public int TileRows { get; }

    public int TileColumns { get; }

    public nint InputStride { get; }

    public nint OutputStride { get; }

    public nint WeightStride { get; }

    public int Points => InputTile * InputTile;

    public int TilesPerImage => TileRows * TileColumns;

    /// <summary>Floats of a block's V, or of its dV.</summary>
    public long InputFloats => Points * (long)InputStride;

    /// <summary>Floats of a block's M, or of its dM.</summary>
    public long OutputFloats => Points * (long)OutputStride;

    /// <summary>Floats of U, of U transposed, or of a shard's dU.</summary>
    public long WeightFloats => Points * (long)WeightStride;

    /// <summary>Rows and columns that an input plane must have beyond −Border: Border of them and all of the last tile are read, written by its gradient.</summary>
    public (int Height, int Width) InputExtent => (TileRows * OutputTile + 2 - Border, TileColumns * OutputTile + 2 - Border);

    /// <summary>Sizes of a 3×3 convolution.</summary>
    /// <param name="inputs">Channels in, a multiple of 16.</param>
    /// <param name="outputs">Channels out, a multiple of 16.</param>
    /// <param name="height">Rows of output to compute.</param>
    /// <param name="width">Columns of output to compute.</param>
    /// <param name="border">0 for 'valid', 1 for 'same'.</param>
    /// <param name="capacity">Most tiles of a block.</param>
    public static WinogradShape Of<TTile>(int inputs, int outputs, int height, int width, int border, int capacity)
        where TTile : struct, IWinogradTile => new(TTile.Input, TTile.Output, inputs, outputs, height, width, border, capacity);

    /// <summary>Image, first row and first column of the output tile with this number.</summary>
    public (int Image, int Row, int Column) Locate(int tile)
    {
        (int image, int rest) = Math.DivRem(tile, TilesPerImage);
        (int row, int column) = Math.DivRem(rest, TileColumns);
        return (image, row * OutputTile, column * OutputTile);
    }

    /// <summary>
    /// One of several equal parts of one image's convolution, for threads that share it. By output channels where there are 64 or more, because each thread
    /// then reads its own part of U, the most that an image reads; else by tiles.
    /// </summary>
    /// <param name="part">Which, from 0. The last may be smaller, or empty.</param>
    /// <param name="parts">How many.</param>
    /// <param name="panel">Channels that must stay together: two vectors.</param>
    public WinogradPart Part(int part, int parts, int panel)
    {
        bool byChannels = Outputs >= ChannelsToShare;
        int all = byChannels ? Outputs : TilesPerImage, step = byChannels ? panel : 1;
        int size = ((all + parts - 1) / parts + step - 1) / step * step, first = Math.Min(all, part * size), end = Math.Min(all, first + size);
        return byChannels ? new WinogradPart(0, TilesPerImage, first, end) : new WinogradPart(first, end, 0, Outputs);
    }

    /// <summary>The images that begin in the block from a tile on, which ends before another tile.</summary>
    public ImagesAhead Begun(int tile, int end)
    {
        int first = FirstImage(Math.Min(tile, end), TilesPerImage);
        return new ImagesAhead(first, FirstImage(Math.Min(tile + Capacity, end), TilesPerImage));

        static int FirstImage(int tile, int tilesPerImage) => (tile + tilesPerImage - 1) / tilesPerImage; // that begins at the tile or behind it
    }

    private static nint Odd(long floats) => checked((nint)((((floats + Line - 1) / Line) | 1) * Line));
}

/// <summary>Tiles and output channels of a convolution that are computed together.</summary>
internal readonly record struct WinogradPart(int FirstTile, int EndTile, int FirstChannel, int EndChannel);

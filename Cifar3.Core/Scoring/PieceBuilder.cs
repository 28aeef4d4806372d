using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>
/// Gathers a stream's items until they make a piece: as many as the scorer likes at once, or fewer that are large. Thirty photos of 12 megapixels would else be one
/// thread's work, while the other cores wait; small pictures go by the dozen, since a piece has its own cost. What is a piece depends on the items alone,
/// so that the same stream gives the same bits.
/// </summary>
/// <param name="most">The most items.</param>
/// <param name="weigh">About the bytes of an item; null for none.</param>
internal sealed class PieceBuilder<T>(int most, Func<T, long>? weigh)
{
    /// <summary>Bytes of a JPEG that a core decodes in about 4 ms: a hundred times what handing a piece over takes.</summary>
    public const long MostBytes = 256 << 10;

    private readonly List<T> items = new(most);
    private long bytes;

    /// <summary>Number of items gathered.</summary>
    public int Count => items.Count;

    /// <summary>Whether they make a piece.</summary>
    public bool IsFull => items.Count >= most || bytes >= MostBytes;

    /// <summary>Adds an item.</summary>
    public void Add(T item)
    {
        items.Add(item);
        bytes += weigh is not null && item is not null ? weigh(item) : 0;
    }

    /// <summary>The items gathered, in order; the next begin a piece anew.</summary>
    public T[] Take()
    {
        T[] piece = [.. items];
        items.Clear();
        bytes = 0;
        return piece;
    }
}

/// <summary>About the bytes of what a stream may consist of: decides how many make a piece, and nothing else. Never throws; what is wrong with an item its reader says.</summary>
internal static class ItemWeight
{
    /// <summary>A file's length; 0 where there is none.</summary>
    public static long OfFile(string path)
    {
        try
        {
            return UnixFile.Find(path) is { IsRegular: true } found ? found.Length : FileBehind.Of(path)?.Length ?? 0; // the first asks the system once, the second twice and more
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return 0;
        }
    }

    /// <summary>A tenth of an image's bytes in memory: its pixels need no decoding, only scaling down.</summary>
    public static long OfImage(MLImage image)
    {
        try
        {
            return (long)image.Width * image.Height * 4 / 10;
        }
        catch (InvalidOperationException) // it is disposed
        {
            return 0;
        }
    }
}

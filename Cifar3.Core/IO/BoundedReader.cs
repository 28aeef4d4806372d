using System.Buffers;
using System.Globalization;

namespace Cifar3;

/// <summary>
/// Reads files and streams of unknown origin up to a hard limit, so that no input can exhaust memory or wait for ever: what is no regular
/// file (a folder, a pipe, a device, a file of /proc or /sys) is refused before it is opened. Every reader of the libraries opens its files here.
/// </summary>
/// <remarks>Memory: a file's bytes once; a stream's at most twice, while its pieces are put together.</remarks>
internal static class BoundedReader
{
    /// <summary>Files of so many bytes are read by one call to the system, which takes as long as decoding a tenth of a 32×32 picture.</summary>
    public const int ReadAtOnce = 1 << 16;

    private const int FirstPiece = 1 << 16, LargestPiece = 1 << 24, LargestBorrowed = (1 << 24) - 1;

    private static readonly Lazy<HashSet<long>> KernelFileSystems = new(() => MountedAt("/proc", "/sys"));

    /// <summary>The file systems mounted at folders. In a chroot or a bare container /sys may be an empty folder of the disk on which all else lies.</summary>
    internal static HashSet<long> MountedAt(params IEnumerable<string> folders) =>
        [.. folders.Select(folder => (Own: UnixFile.Find(folder)?.Device, Above: UnixFile.Find(Path.GetDirectoryName(folder)!)?.Device)).Where(found => found.Own != found.Above).Select(found => found.Own).OfType<long>()];

    /// <summary>Opens a file for reading.</summary>
    /// <param name="path">The file.</param>
    /// <param name="bufferSize">The stream's buffer; 0 = none.</param>
    /// <exception cref="IOException">The file is missing, is no regular file, or cannot be read: says which.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static FileStream Open(string path, int bufferSize = 0)
    {
        ArgumentNullException.ThrowIfNull(path);
        var found = UnixFile.Find(path);
        if (found?.IsFolder ?? Directory.Exists(path))
        {
            throw new IOException("it is a folder, not a file");
        }

        if (found is { } status && (!status.IsRegular || KernelFileSystems.Value.Contains(status.Device)))
        {
            throw new IOException($"it is {(status.IsRegular ? "a file of the kernel" : status.Kind)}, not a file on a disk");
        }

        try
        {
            var options = found?.Length <= ReadAtOnce ? FileOptions.None : FileOptions.SequentialScan; // a word to the system that a small file does not repay
            var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize, options);
            if (!stream.CanSeek)
            {
                stream.Dispose();
                throw new IOException("it is a pipe or a device, not a file on a disk");
            }

            return stream;
        }
        catch (FileNotFoundException) when (new FileInfo(path).LinkTarget is { } target)
        {
            throw new IOException($"it is a link to '{Shown.Path(target)}', which does not exist");
        }
    }

    /// <summary>Reads a whole file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limit">The most bytes it may have.</param>
    /// <returns>Its bytes; null when it has more than <paramref name="limit"/>.</returns>
    /// <exception cref="IOException">The file is missing, is no regular file, cannot be read, or there is no memory for it.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static byte[]? ReadFile(string path, int limit)
    {
        using var stream = Open(path);
        return ReadToEnd(stream, limit, stream.Length);
    }

    /// <summary>Reads a stream to its end.</summary>
    /// <param name="stream">Read from its current position; left open.</param>
    /// <param name="limit">The most bytes it may give.</param>
    /// <param name="expected">How many bytes are likely, for the first allocation; a wrong number costs time only.</param>
    /// <param name="begun">Bytes that were read from the stream before and belong in front. Default: none.</param>
    /// <returns>The bytes; null when there are more than <paramref name="limit"/>.</returns>
    /// <exception cref="IOException">The stream cannot be read, or there is no memory for its content.</exception>
    public static byte[]? ReadToEnd(Stream stream, int limit, long expected = 0, ReadOnlySpan<byte> begun = default)
    {
        if (expected + begun.Length > limit)
        {
            return null;
        }

        long need = expected + begun.Length;
        try
        {
            List<byte[]> pieces = [new byte[need > 0 ? need : FirstPiece]];
            var probe = new byte[1];
            begun.CopyTo(pieces[0]);
            int used = begun.Length, before = 0;
            while (true)
            {
                int read;
                if (used < pieces[^1].Length)
                {
                    read = stream.Read(pieces[^1], used, pieces[^1].Length - used);
                    used += read;
                }
                else if ((read = stream.Read(probe, 0, 1)) > 0) // a file ends where it said: no further piece is needed to see that
                {
                    before += used;
                    pieces.Add(new byte[Math.Clamp(before, FirstPiece, LargestPiece)]);
                    pieces[^1][0] = probe[0];
                    used = 1;
                }

                need = Math.Max(need, before + used);
                if (before + (long)used > limit)
                {
                    return null;
                }

                if (read == 0)
                {
                    return Join(pieces, before, used);
                }
            }
        }
        catch (OutOfMemoryException e)
        {
            throw NoMemory(need, e);
        }
    }

    /// <summary>
    /// The same into memory that the next file takes over: the pages of a fresh array, which the system clears first, cost 2 to 5 ms of the 75 that a photo of 8 MB takes.
    /// </summary>
    /// <inheritdoc cref="ReadToEnd"/>
    /// <returns>The bytes, to be disposed of after use; null when there are more than <paramref name="limit"/>.</returns>
    public static BorrowedBytes? Borrow(Stream stream, int limit, long expected, ReadOnlySpan<byte> begun)
    {
        long need = expected + begun.Length;
        if (expected == 0 || need > Math.Min(limit, LargestBorrowed))
        {
            return BorrowedBytes.Own(ReadToEnd(stream, limit, expected, begun));
        }

        byte[] rented;
        try
        {
            rented = ArrayPool<byte>.Shared.Rent((int)need + 1); // one more, so that the end is seen
        }
        catch (OutOfMemoryException e)
        {
            throw NoMemory(need, e);
        }

        bool keeps = false;
        try
        {
            begun.CopyTo(rented);
            int used = begun.Length + stream.Read(rented.AsSpan(begun.Length..((int)need + 1)));
            if (used != need || stream is not FileStream) // a file has ended where it said, and left the one more empty
            {
                used += stream.ReadAtLeast(rented.AsSpan(used..((int)need + 1)), (int)need + 1 - used, throwOnEndOfStream: false);
            }

            keeps = used <= need;
            return keeps ? new BorrowedBytes(rented, used, isBorrowed: true) : BorrowedBytes.Own(ReadToEnd(stream, limit, 0, rented.AsSpan(0, used))); // it has grown meanwhile
        }
        finally
        {
            if (!keeps)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    private static IOException NoMemory(long need, OutOfMemoryException e) =>
        new(string.Create(CultureInfo.InvariantCulture, $"there is no memory for its content, {Math.Max(need, 1):N0} bytes or more"), e);

    private static byte[] Join(List<byte[]> pieces, int before, int used)
    {
        if (before == 0)
        {
            return used == pieces[0].Length ? pieces[0] : pieces[0][..used];
        }

        var all = new byte[before + used];
        int at = 0;
        foreach (byte[] piece in pieces)
        {
            int count = Math.Min(piece.Length, all.Length - at);
            piece.AsSpan(0, count).CopyTo(all.AsSpan(at));
            at += count;
        }

        return all;
    }
}

/// <summary>What <see cref="BoundedReader.Borrow"/> read.</summary>
/// <param name="bytes">Holds it.</param>
/// <param name="length">How much of it.</param>
/// <param name="isBorrowed">Whether the array goes back to the pool.</param>
internal readonly struct BorrowedBytes(byte[] bytes, int length, bool isBorrowed) : IDisposable
{
    /// <summary>The bytes, until <see cref="Dispose"/>.</summary>
    public ReadOnlySpan<byte> Span => bytes.AsSpan(0, length);

    /// <summary>An array that is nobody else's; null for null.</summary>
    public static BorrowedBytes? Own(byte[]? bytes) => bytes is null ? null : new BorrowedBytes(bytes, bytes.Length, isBorrowed: false);

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        if (isBorrowed)
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }
}

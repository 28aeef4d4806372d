namespace Cifar3;

/// <summary>Reads files and streams of unknown origin up to a hard limit, so that no input can exhaust memory.</summary>
internal static class BoundedReader
{
    /// <summary>Reads a whole file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limit">The most bytes it may have.</param>
    /// <returns>Its bytes; null when it has more than <paramref name="limit"/>.</returns>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static byte[]? ReadFile(string path, int limit)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        return ReadToEnd(stream, limit, stream.CanSeek ? stream.Length : 0);
    }

    /// <summary>Reads a stream to its end.</summary>
    /// <param name="stream">Read from its current position; left open.</param>
    /// <param name="limit">The most bytes it may give.</param>
    /// <param name="expected">How many bytes are likely, for the first allocation; a wrong number costs time only.</param>
    /// <returns>The bytes; null when there are more than <paramref name="limit"/>.</returns>
    public static byte[]? ReadToEnd(Stream stream, int limit, long expected = 0)
    {
        if (expected > limit)
        {
            return null;
        }

        // One byte more than expected lets the last read see the end without growing the buffer.
        var buffer = new byte[Math.Max((int)expected + 1, 4096)];
        int count = 0;
        while (true)
        {
            int read = stream.Read(buffer, count, buffer.Length - count);
            if (read == 0)
            {
                return count == buffer.Length ? buffer : buffer[..count];
            }

            count += read;
            if (count > limit)
            {
                return null;
            }

            if (count == buffer.Length)
            {
                Array.Resize(ref buffer, (int)Math.Min(2L * count, (long)limit + 1));
            }
        }
    }
}

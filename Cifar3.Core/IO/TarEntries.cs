using System.Formats.Tar;
using System.Globalization;
using System.Text;

namespace Cifar3;

/// <summary>One entry of an archive; its content is what <see cref="TarEntries.Content"/> gives next.</summary>
/// <param name="Name">Path in the archive.</param>
/// <param name="Type">File, folder, link, …</param>
/// <param name="Length">Bytes of content.</param>
internal readonly record struct TarItem(string Name, TarEntryType Type, long Length);

/// <summary>
/// Reads the entries of a tar archive one after the other in 512 bytes of memory. (.NET's own reader keeps the extended headers, whose
/// length the file says itself: .9 MB of gzip made it take 2.6 GB.)
/// </summary>
/// <remarks>
/// Format: POSIX.1-2024, pax, "ustar Interchange Format". Extended headers (pax <c>x</c> and <c>g</c>, GNU <c>L</c> and <c>K</c>) of at most
/// <see cref="MaxExtendedHeader"/> bytes are passed over: names are the short ones, which is enough for CIFAR-10's.
/// </remarks>
internal sealed class TarEntries(Stream stream)
{
    /// <summary>The most bytes of an extended header; those that archivers write have some hundred.</summary>
    public const int MaxExtendedHeader = 1 << 20;

    private const int Block = 512;

    private readonly byte[] header = new byte[Block];
    private long unread, padding, position;

    /// <summary>The content of the entry that <see cref="Next"/> gave; valid until the next call.</summary>
    public Stream Content { get; private set; } = Stream.Null;

    /// <summary>The next entry; null at the end.</summary>
    /// <exception cref="InvalidDataException">It is no tar archive, is damaged or cut off.</exception>
    public TarItem? Next()
    {
        while (true)
        {
            Skip(unread + padding);
            (unread, padding) = (0, 0);
            int read = stream.ReadAtLeast(header, Block, throwOnEndOfStream: false);
            if (read == 0 || (read == Block && !header.AsSpan().ContainsAnyExcept((byte)0)))
            {
                return null;
            }

            if (read < Block || Octal(148, 8) != Checksum())
            {
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"there is no tar header at byte {position:N0}"));
            }

            position += Block;
            (unread, char type) = (Octal(124, 12), (char)header[156]);
            if (unread is < 0 or long.MaxValue)
            {
                throw new InvalidDataException(unread < 0 ? "a number in a tar header is none" : "an entry is larger than 8 GiB");
            }

            padding = (Block - unread % Block) % Block;
            if (type is not ('x' or 'g' or 'L' or 'K'))
            {
                Content = new Part(this);
                return new TarItem(Name(), (TarEntryType)(type == 0 ? '0' : type), unread);
            }

            if (unread > MaxExtendedHeader)
            {
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"an extended header has {unread:N0} bytes, at most {MaxExtendedHeader:N0} are read"));
            }
        }
    }

    private void Skip(long count)
    {
        var buffer = new byte[(int)Math.Min(count, 1 << 16)];
        while (count > 0)
        {
            int read = stream.Read(buffer, 0, (int)Math.Min(count, buffer.Length));
            if (read == 0)
            {
                throw new InvalidDataException("it is cut off");
            }

            count -= read;
            position += read;
        }
    }

    /// <summary>The sum of the header's bytes, its own field counted as blanks.</summary>
    private int Checksum()
    {
        int sum = 8 * ' ';
        for (int i = 0; i < Block; i++)
        {
            sum += i is >= 148 and < 156 ? 0 : header[i];
        }

        return sum;
    }

    /// <summary>A number in octal digits; -1 where it is none, 2⁶³ − 1 where it is larger than any file (GNU writes those in binary).</summary>
    private long Octal(int at, int length)
    {
        if ((header[at] & 0x80) != 0)
        {
            return long.MaxValue;
        }

        string text = Encoding.ASCII.GetString(header, at, length).Trim(' ', '\0');
        long value = 0;
        foreach (char c in text)
        {
            if (c is < '0' or > '7')
            {
                return -1;
            }

            value = 8 * value + (c - '0');
        }

        return value;
    }

    private string Name()
    {
        string name = Text(0, 100), prefix = header.AsSpan(257, 6).SequenceEqual("ustar\0"u8) ? Text(345, 155) : "";
        return prefix.Length > 0 ? $"{prefix}/{name}" : name;
    }

    private string Text(int at, int length)
    {
        var bytes = header.AsSpan(at, length);
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    private int Read(Span<byte> buffer)
    {
        int read = stream.Read(buffer[..(int)Math.Min(buffer.Length, unread)]);
        unread -= read;
        position += read;
        return read;
    }

    /// <summary>The bytes of one entry.</summary>
    private sealed class Part(TarEntries entries) : ForwardStream
    {
        public override int Read(Span<byte> buffer) => entries.Content == this ? entries.Read(buffer) : 0;
    }
}

using System.Collections.Concurrent;

namespace Cifar3;

/// <summary>
/// The pixels of files read for training, so that the folds of a cross-validation and the runs of a sweep do not decode each picture again:
/// 3 KB a picture instead of a decoded photo. A file that has changed since (by length or time, links followed) is read again.
/// </summary>
/// <remarks>
/// At most <see cref="MaxImages"/> pictures (256 MB); more are decoded each time. All are let go when none was asked for during
/// <see cref="IdleTime"/>. Thread-safe.
/// </remarks>
internal sealed class DecodedFiles : IDisposable
{
    /// <summary>The most pictures kept: 80,000, which are 256 MB.</summary>
    public const int MaxImages = 80_000;

    /// <summary>After how long without a question the pictures are let go.</summary>
    public static readonly TimeSpan IdleTime = TimeSpan.FromMinutes(2);

    private readonly ConcurrentDictionary<string, (long Length, DateTime Written, byte[] Pixels)> kept = new();
    private readonly TimeSpan idleTime;
    private readonly Timer timer;
    private long lastUse, decoded, count;
    private int timing;

    /// <summary>Creates an empty store.</summary>
    public DecodedFiles(TimeSpan idleTime)
    {
        this.idleTime = idleTime;
        timer = new Timer(_ => LetGoWhenIdle(), null, Timeout.Infinite, Timeout.Infinite);
    }

    /// <summary>The store of this process.</summary>
    public static DecodedFiles Shared { get; } = new(IdleTime);

    /// <summary>Number of pictures kept.</summary>
    public int Count => kept.Count;

    /// <summary>Number of files decoded so far.</summary>
    public long Decoded => Interlocked.Read(ref decoded);

    /// <summary>Gives the pixels of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rgb">Receives [32, 32, 3].</param>
    /// <param name="keep">Whether to keep them for the next time: training reads a file in every run, scoring reads it once.</param>
    /// <param name="maxPixels">The most pixels it may have; under another limit than the usual one nothing is kept or looked up.</param>
    /// <exception cref="Cifar3ImageException">The file is missing, unreadable, no picture, cut off, or the picture is empty or too large.</exception>
    public void Read(string path, Span<byte> rgb, bool keep, int maxPixels = ImageDecoder.DefaultMaxPixels)
    {
        var stamp = maxPixels == ImageDecoder.DefaultMaxPixels && (keep || !kept.IsEmpty) ? Stamp(path) : null; // before it is decoded, so that no change falls between
        Volatile.Write(ref lastUse, Environment.TickCount64);
        if (stamp is { } now && kept.TryGetValue(now.File, out var known) && (known.Length, known.Written) == (now.Length, now.Written))
        {
            known.Pixels.CopyTo(rgb);
            return;
        }

        ImageDecoder.DecodeFile(path, rgb, maxPixels);
        Interlocked.Increment(ref decoded);
        if (keep && stamp is var (file, length, written) && (kept.ContainsKey(file) || Interlocked.Increment(ref count) <= MaxImages))
        {
            kept[file] = (length, written, rgb.ToArray());
            if (Interlocked.Exchange(ref timing, 1) == 0)
            {
                timer.Change(idleTime, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>Lets all pictures go and ends the timer.</summary>
    public void Dispose()
    {
        timer.Dispose();
        kept.Clear();
    }

    /// <summary>The file that a path leads to, whatever the current folder will be, its length and time; null where they cannot be told: its pixels are then not kept, and what is wrong decoding says.</summary>
    private static (string File, long Length, DateTime Written)? Stamp(string path)
    {
        try
        {
            return FileBehind.Of(path) is { } file ? (file.FullName, file.Length, file.LastWriteTimeUtc) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException) // ArgumentException: no path, or a time beyond .NET's calendar
        {
            return null;
        }
    }

    private void LetGoWhenIdle()
    {
        var rest = idleTime - TimeSpan.FromMilliseconds(Environment.TickCount64 - Volatile.Read(ref lastUse));
        if (rest > TimeSpan.Zero)
        {
            timer.Change(rest, Timeout.InfiniteTimeSpan);
            return;
        }

        kept.Clear();
        Volatile.Write(ref count, 0);
        Volatile.Write(ref timing, 0);
    }
}

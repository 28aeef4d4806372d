using System.Text;

namespace Cifar3;

/// <summary>Lets one process at a time do something: holds a lock file open until disposed. A crash releases it.</summary>
internal sealed class FileLock : IDisposable
{
    private const int MaxHolderBytes = 1024;

    private readonly FileStream stream;
    private readonly string? removed;
    private readonly byte[]? written;

    private FileLock(FileStream stream, string? removed = null, byte[]? written = null) => (this.stream, this.removed, this.written) = (stream, removed, written);

    /// <summary>Whether the file at the path of a lock that <see cref="TryTake"/> gave is still this one: where it was moved or removed, the next one gets in. Windows allows neither.</summary>
    public bool IsInPlace => removed is null || ReadWritten(removed).AsSpan().SequenceEqual(written);

    /// <summary>Waits until the lock is free and takes it.</summary>
    /// <param name="path">The lock file; it stays, empty, because removing it while another process waits for it would let two in.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    /// <exception cref="IOException">The folder is missing, or the file cannot be written for another reason than that it is locked.</exception>
    public static async Task<FileLock> TakeAsync(string path, CancellationToken cancellation)
    {
        while (true)
        {
            RefuseOther(path);
            try
            {
                return new FileLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException e) when (IoFault.IsInUse(e))
            {
                await Task.Delay(200, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Takes the lock if nobody holds it, and writes down who does. The file goes with the lock; one that a killed process left is taken over.</summary>
    /// <param name="path">The lock file.</param>
    /// <param name="holder">Who takes it, in words, for <see cref="Holder"/>.</param>
    /// <returns>The lock; null where another process, or another part of this one, holds it.</returns>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    /// <exception cref="IOException">The folder is missing, or the file cannot be written for another reason than that it is locked.</exception>
    public static FileLock? TryTake(string path, string holder)
    {
        byte[] content = Encoding.UTF8.GetBytes($"{holder}\n{Guid.NewGuid():N}\n");
        bool windows = OperatingSystem.IsWindows();
        while (true)
        {
            FileStream stream;
            if (new FileInfo(path).LinkTarget is not null)
            {
                throw new IOException("It is a link, and what it names would be written over.");
            }

            RefuseOther(path);
            try
            {
                // On Unix every way of sharing but none is a shared lock, which a second holder would get too.
                stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, windows ? FileShare.Read : FileShare.None, 1, windows ? FileOptions.DeleteOnClose : FileOptions.None);
            }
            catch (IOException e) when (IoFault.IsInUse(e))
            {
                return null;
            }

            try
            {
                if (!stream.CanSeek)
                {
                    throw new IOException("It is no regular file.");
                }

                stream.SetLength(0);
                stream.Write(content);
                stream.Flush();

                // Whoever held it may have removed the file between our opening and our locking it: then this is a lock on nothing.
                if (windows || ReadShared(path).AsSpan().SequenceEqual(content))
                {
                    return new FileLock(stream, windows ? null : path, content);
                }
            }
            catch
            {
                stream.Dispose();
                throw;
            }

            stream.Dispose();
        }
    }

    /// <summary>Who holds a lock that <see cref="TryTake"/> could not take, in the holder's words; null where that cannot be read.</summary>
    public static string? Holder(string path)
    {
        string text = Encoding.UTF8.GetString(ReadWritten(path));
        int end = text.IndexOf('\n', StringComparison.Ordinal);
        return end > 0 ? text[..end] : null;
    }

    /// <summary>Lets the next one in.</summary>
    public void Dispose()
    {
        if (removed is not null && stream.CanRead && IsInPlace) // else it is the next one's
        {
            try
            {
                File.Delete(removed);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // a file without a lock is none
            }
        }

        stream.Dispose();
    }

    /// <summary>Refuses what is there and no file before it is opened: a pipe, above all, would be waited for, by the next holder and by who asks for the holder.</summary>
    private static void RefuseOther(string path)
    {
        if (UnixFile.Find(path) is { IsRegular: false } other)
        {
            throw new IOException($"it is {other.Kind}, not a file on a disk: remove it");
        }
    }

    /// <summary>The same; empty where it cannot be read, too.</summary>
    private static byte[] ReadWritten(string path)
    {
        try
        {
            return ReadShared(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The content of a file that may be locked; empty where there is none.</summary>
    private static byte[] ReadShared(string path)
    {
        using var stream = OperatingSystem.IsWindows() ? new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete) : UnixFile.OpenUnlocked(path);
        if (stream is null)
        {
            return [];
        }

        var bytes = new byte[MaxHolderBytes];
        return bytes[..stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
    }
}

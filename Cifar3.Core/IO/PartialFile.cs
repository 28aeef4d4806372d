using System.Security.Cryptography;

namespace Cifar3;

/// <summary>
/// A file that arrives in pieces, perhaps over several runs: grows under the name <c>target.part</c>, and gets its own name only when
/// its checksum is right.
/// </summary>
internal sealed class PartialFile(string target)
{
    /// <summary>Where the pieces are kept.</summary>
    public string Path { get; } = target + ".part";

    /// <summary>Bytes so far; 0 when there are none.</summary>
    public long Length => File.Exists(Path) ? new FileInfo(Path).Length : 0;

    /// <summary>Opens the file to add bytes at an offset, cutting off what lies behind it.</summary>
    /// <exception cref="Cifar3DataException">It cannot be written.</exception>
    public FileStream Open(long offset)
    {
        try
        {
            var stream = new FileStream(Path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, bufferSize: 0); // what waits in a buffer fails again where the stream is closed, as a failure of the connection
            stream.SetLength(offset);
            stream.Position = offset;
            return stream;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(e);
        }
    }

    /// <summary>Adds bytes.</summary>
    /// <exception cref="Cifar3DataException">The disk is full or failing.</exception>
    public async Task WriteAsync(FileStream stream, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        try
        {
            await stream.WriteAsync(bytes, cancellation).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            throw CannotWrite(e);
        }
    }

    /// <summary>Gives the file its own name when its SHA-256 is the expected one; deletes it otherwise.</summary>
    /// <param name="sha256">64 hexadecimal digits.</param>
    /// <param name="origin">Where it came from, for the message.</param>
    /// <param name="cancellation">Ends the check early.</param>
    /// <exception cref="Cifar3DataException">The checksum is wrong, or the file cannot be renamed.</exception>
    public async Task CompleteAsync(string sha256, string origin, CancellationToken cancellation)
    {
        string found;
        try
        {
            await using (var stream = new FileStream(Path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read, 1 << 20))
            {
                found = Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellation).ConfigureAwait(false));
                stream.Flush(flushToDisk: true);
            }

            if (found == sha256)
            {
                AtomicFile.Replace(Path, target);
                UnixFile.SyncFolder(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(target))!);
                return;
            }

            Delete();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(e);
        }

        throw new Cifar3DataException($"The download of '{origin}' is damaged: wrong checksum. Expected SHA-256 {sha256}. Found {found}. The file was deleted; try again, or download it yourself and give its path.");
    }

    /// <summary>Starts over.</summary>
    public void Delete() => File.Delete(Path);

    private Cifar3DataException CannotWrite(Exception e) =>
        new($"Cannot write '{Shown.Path(Path)}': {Shown.Path(e.Message.TrimEnd('.'))}. {IoFault.WriteRemedy(e)}; or set XDG_CACHE_HOME to another folder that you may write to.", e);
}

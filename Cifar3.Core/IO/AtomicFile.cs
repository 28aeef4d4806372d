namespace Cifar3;

/// <summary>
/// How the libraries write every file that they are asked for: under a temporary name in the same folder, flushed to disk,
/// then renamed over the target. (Downloads grow in a <see cref="PartialFile"/>, and a <see cref="FileLock"/> writes nothing.) A crash, a full disk or Ctrl-C leaves the old file or the new one, never half of one.
/// </summary>
internal static class AtomicFile
{
    /// <summary>Writes a file through a callback; on any failure the target is as it was and the temporary file is gone.</summary>
    /// <param name="path">The target; its folder is created when missing.</param>
    /// <param name="write">Writes the content; the stream can seek.</param>
    /// <exception cref="Cifar3Exception">The folder cannot be written to, or the disk is full: names the file and the remedy.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string target = Path.GetFullPath(path);
        string temporary = $"{target}.{Environment.ProcessId}-{Guid.NewGuid():N}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException
            or ArgumentOutOfRangeException { ParamName: "value" }) // how .NET reports a file larger than the file system or the user's limit allows
        {
            throw new Cifar3Exception($"Cannot write '{target}': {e.Message.TrimEnd('.')}. The file is as it was before. Free disk space or choose a folder that you may write to.", e);
        }
        finally
        {
            TryDelete(temporary);
        }
    }

    /// <summary>Writes bytes.</summary>
    public static void Write(string path, ReadOnlyMemory<byte> content) => Write(path, stream => stream.Write(content.Span));

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The write already succeeded or already reports its own error; a left-over temporary file must not hide that.
        }
    }
}

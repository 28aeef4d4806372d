namespace Cifar3;

/// <summary>Lets one process at a time do something: holds a lock file open until disposed. A crash releases it.</summary>
internal sealed class FileLock : IDisposable
{
    private readonly FileStream stream;

    private FileLock(FileStream stream) => this.stream = stream;

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

    /// <summary>Lets the next one in.</summary>
    public void Dispose() => stream.Dispose();
}

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Cifar3;

/// <summary>
/// How the libraries write every file that they are asked for: under a temporary name in the same folder, flushed to disk,
/// then renamed over the target, and the folder flushed too where the system can. A crash, a full disk or Ctrl-C leaves the old file
/// or the new one, never half of one. (Downloads grow in a <see cref="PartialFile"/>, and a <see cref="FileLock"/> writes nothing.)
/// </summary>
/// <remarks>
/// A file that nobody may write (<c>chmod 444</c>, Windows' read-only attribute) is not replaced, also not for root: stores of large files (DVC, git-annex) keep theirs so, behind links.
/// A symbolic link's target is written and the link stays; permissions and, where this user may set them, owner and group of a file that is replaced stay.
/// Hard links, access control lists and extended attributes do not. Temporary files whose process is gone are removed by the
/// next process that writes into their folder.
/// </remarks>
internal static class AtomicFile
{
    /// <summary>How temporary names begin and end; in between machine, process and a random number. Short, whatever the target's name.</summary>
    private const string TemporaryPrefix = ".cifar3-", TemporarySuffix = ".tmp";

    /// <summary>Folders that this process has looked through for left-overs; forgotten when they are many, so that a process of years with a folder for each job does not collect their names.</summary>
    private const int MostCleaned = 250;

    private static readonly ConcurrentDictionary<string, bool> CleanedFolders = new();

    /// <summary>The names of the temporary files that this process writes: what else has its number is of one before it, in a container that was started again.</summary>
    private static readonly ConcurrentDictionary<string, bool> Writing = new();

    private static readonly string Machine = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Environment.MachineName)))[..8];

    /// <summary>Writes a file through a callback; on any failure the target is as it was and the temporary file is gone.</summary>
    /// <param name="path">The target; its folder is created when missing.</param>
    /// <param name="write">Writes the content; the stream can seek.</param>
    /// <exception cref="Cifar3Exception">The folder cannot be written to, or the disk is full: names the file and the remedy.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(path);
        string? temporary = null;
        try
        {
            string target = Target(Path.GetFullPath(path)), folder = Path.GetDirectoryName(target) ?? throw new NoFileException("a device"); // Windows' nul and con
            if (UnixFile.IsProtected(target))
            {
                throw new ProtectedFileException(); // a rename would replace it all the same
            }

            if (IoFault.Nearest(folder) is var nearest && File.Exists(nearest))
            {
                throw new NoFolderException(nearest); // .NET says "Could not find a part of the path", or that the folder exists
            }

            if (Path.EndsInDirectorySeparator(target))
            {
                throw new NoFileException("a folder"); // it would be made
            }

            Directory.CreateDirectory(folder);
            RemoveDead(folder);
            temporary = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{TemporaryPrefix}{Machine}-{Environment.ProcessId}-{Guid.NewGuid():N}{TemporarySuffix}"));
            Writing[Path.GetFileName(temporary)] = true;
            using (var stream = Create(temporary, target))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            UnixFile.KeepOwnerAndMode(target, temporary);
            Replace(temporary, target);
            UnixFile.SyncFolder(folder);
        }
        catch (Exception e) when (IoFault.Find(e) is { } fault)
        {
            string cause = temporary is null ? fault.Message : fault.Message.Replace(temporary, Path.GetFullPath(path), StringComparison.Ordinal); // nobody asked for the temporary file
            string state = File.Exists(path) ? "The file is as it was before" : "No file was written";
            throw new Cifar3Exception($"Cannot write '{Shown.Path(path)}': {Shown.Path(cause.TrimEnd('.'))}. {state}. {IoFault.WriteRemedy(fault)}.", fault);
        }
        finally
        {
            if (temporary is not null)
            {
                TryDelete(temporary);
                Writing.TryRemove(Path.GetFileName(temporary), out _);
            }
        }
    }

    /// <summary>Writes bytes.</summary>
    public static void Write(string path, ReadOnlyMemory<byte> content) => Write(path, stream => stream.Write(content.Span));

    /// <summary>Renames a file over another, on Windows with patience: how the libraries rename every file.</summary>
    public static void Replace(string file, string target) => Persist(() => File.Move(file, target, overwrite: true), OperatingSystem.IsWindows());

    /// <summary>Renames; where Windows refuses because somebody has the file open, again and again for about a second.</summary>
    /// <exception cref="IOException">It is refused all the same, or for another reason.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    internal static void Persist(Action rename, bool windows)
    {
        for (int wait = 10; ; wait *= 2)
        {
            try
            {
                rename();
                return;
            }
            catch (Exception e) when (windows && wait < 1000 && IoFault.IsHeldOnWindows(e))
            {
                Thread.Sleep(wait);
            }
        }
    }

    /// <summary>Creates the temporary file; one that replaces another is its user's alone until it gets the other's permissions: what few may read nobody else reads meanwhile.</summary>
    private static FileStream Create(string temporary, string target)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows() && File.Exists(target))
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(temporary, options);
    }

    /// <summary>The file that a path means: a link's target, there or not. What is no file is refused, for a rename would replace it.</summary>
    private static string Target(string path)
    {
        // Before a link is followed by its text: that of /dev/stdout, where a pipe is behind it, is no path.
        string? other = UnixFile.Find(path) is { IsRegular: false } found ? found.Kind : Directory.Exists(path) ? "a folder" : null;
        return other is not null ? throw new NoFileException(other)
            : new FileInfo(path).LinkTarget is null ? path : FileBehind.Place(path);
    }

    /// <summary>Removes what a killed process left in a folder; once a process and folder, as long as those are few.</summary>
    private static void RemoveDead(string folder)
    {
        if (!CleanedFolders.TryAdd(folder, true))
        {
            return;
        }

        if (CleanedFolders.Count > MostCleaned)
        {
            CleanedFolders.Clear();
        }

        try
        {
            foreach (string file in Directory.EnumerateFiles(folder, $"{TemporaryPrefix}{Machine}-*{TemporarySuffix}"))
            {
                string[] parts = Path.GetFileName(file)[TemporaryPrefix.Length..].Split('-');
                if (parts.Length == 3 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int process) && !(process == Environment.ProcessId ? Writing.ContainsKey(Path.GetFileName(file)) : IsAlive(process)) && !IsOpen(file))
                {
                    TryDelete(file);
                }
            }
        }
        catch (UnauthorizedAccessException)
        {
            // A folder that may be written into and not listed (a drop box): where it may not be written into either, writing says so.
        }
    }

    private static bool IsAlive(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            return !process.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return true; // it is there, but tells this user nothing
        }
    }

    /// <summary>Whether somebody writes it: a process of another container may have any number.</summary>
    private static bool IsOpen(string file)
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

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

using System.Buffers;
using System.Reflection;

namespace Cifar3;

/// <summary>Failures of files and disks: which exceptions mean them, and the remedy that fits the cause.</summary>
internal static class IoFault
{
    // errno on Linux and macOS
    private const int NoSpace = 28, ReadOnly = 30, TooLarge = 27, OpenInProcess = 24, OpenInSystem = 23, QuotaLinux = 122, QuotaMac = 69, LockedLinux = 11, LockedMac = 35; // EWOULDBLOCK

    // what an address begins with (RFC 3986, 3.1)
    private static readonly SearchValues<char> SchemeLetters = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    // "C:\my pictures\" --out run reaches a program as one argument, C:\my pictures" --out run
    private const string QuoteRemedy = "The \" was taken for part of the path, as Windows does after a \\: leave out the \\ before the closing \"";

    // Names on Linux are bytes. .NET reads them as UTF-8, puts this mark for what is none, and finds no file under the name that results.
    private const char NoUtf8 = '\uFFFD';

    private const string NoUtf8Remedy = "A name in the path has bytes that are no UTF-8, as archives from other systems leave them, and .NET opens no such file: rename it (mv, or convmv for all below a folder)";

    // the lower half of HRESULTs on Windows
    private const int WindowsNoSpace = 112, WindowsHandleDiskFull = 39, WindowsReadOnly = 19, WindowsTooManyOpen = 4, WindowsDenied = 5, WindowsSharing = 32, WindowsLocked = 33, WindowsInvalidName = 123;

    /// <summary>The failure inside the wrappers that other libraries and reflection put around it; null when it is no failure of a file.</summary>
    public static Exception? Find(Exception e) => e switch
    {
        TargetInvocationException { InnerException: { } inner } => Find(inner),
        AggregateException { InnerExceptions: [var inner] } => Find(inner),
        IOException or UnauthorizedAccessException or NotSupportedException => e,
        ArgumentOutOfRangeException { ParamName: "value" } => e, // how .NET reports a file larger than the file system or the user's limit allows
        _ => null,
    };

    /// <summary>The path where something is there, else the nearest above it.</summary>
    public static string Nearest(string path)
    {
        while (!Path.Exists(path) && Path.GetDirectoryName(path) is { } parent)
        {
            path = parent;
        }

        return path;
    }

    /// <summary>Whether too many files are open: nothing is wrong with this one, and the next ones fail as well.</summary>
    public static bool IsTooManyOpen(Exception? e) => e is IOException or UnauthorizedAccessException && Cause(e, OperatingSystem.IsWindows()) is IoCause.TooManyOpen;

    /// <summary>Whether another process or stream has the file open and locked.</summary>
    public static bool IsInUse(IOException e) => Cause(e, OperatingSystem.IsWindows()) is IoCause.InUse;

    /// <summary>Whether Windows does not let a file be replaced, as long as anybody has it open: a spreadsheet, or for some milliseconds what looks for viruses, makes an index or copies to a cloud.</summary>
    public static bool IsHeldOnWindows(Exception e) => e is IOException or UnauthorizedAccessException && (e.HResult & 0xFFFF) is WindowsDenied or WindowsSharing or WindowsLocked;

    /// <summary>What to do when a file cannot be written.</summary>
    public static string WriteRemedy(Exception e) => WriteRemedy(e, OperatingSystem.IsWindows());

    /// <summary>The same on Windows, or elsewhere.</summary>
    public static string WriteRemedy(Exception e, bool windows) => Cause(e, windows) switch
    {
        IoCause.NotAllowed or IoCause.InUse when windows => "Close the programs that have it open, or choose a folder and a file that you may write to",
        IoCause.DiskFull => "Free disk space",
        IoCause.TooManyOpen => "Too many files are open: close some, or raise the limit (ulimit -n)",
        IoCause.ReadOnly => "The disk is read-only: choose a folder on another one",
        IoCause.TooLarge => "The file system or the limit of this user (ulimit -f) allows no file of this size",
        IoCause.PathTooLong => "Choose a shorter path",
        IoCause.NoFile => "Name a file",
        IoCause.NoFolder => "Name another one",
        IoCause.Protected => windows ? "Clear its read-only attribute, or name another file" : "Allow writing to it (chmod u+w), or name another file",
        IoCause.InvalidName => "Windows allows none of < > : \" | ? * in names: choose another one (and leave out a \\ before the closing \")",
        IoCause.NotAllowed => "Choose a folder that you may write to, or change its permissions",
        IoCause.NotSupported => "The disk is not at fault: this kind of file or path is not supported here (native programs lack code that some formats need)",
        _ => "Free disk space or choose a folder that you may write to",
    };

    /// <summary>What to do when the file at a path cannot be read.</summary>
    public static string ReadRemedy(Exception e, string path) => PathRemedy(path) ?? ReadRemedy(e);

    /// <summary>What to do about a text that is no path of anything: an address such as <c>https://host/picture.jpg</c>, a pattern, a path with quotes; null where it may be one.</summary>
    public static string? PathRemedy(string path)
    {
        if (AddressRemedy(path) is { } remedy)
        {
            return remedy;
        }

        return Path.Exists(path) ? null
            : path.Contains('*', StringComparison.Ordinal) ? "The shell has not replaced * by names of files, as Windows' never do: name the folder, or the files"
            : path.Contains('"', StringComparison.Ordinal) ? QuoteRemedy
            : path.Contains(NoUtf8, StringComparison.Ordinal) ? NoUtf8Remedy
            : null;
    }

    private static string? AddressRemedy(string path)
    {
        int end = path.IndexOf("://", StringComparison.Ordinal);
        return end <= 1 || path.AsSpan(0, end).ContainsAnyExcept(SchemeLetters) ? null
            : path.StartsWith("file:", StringComparison.OrdinalIgnoreCase) ? "This is an address: give the path, without file://"
            : "This is an address: download it and give the file's path";
    }

    /// <summary>That a file or folder cannot be read, why, and what to do, in sentences.</summary>
    /// <param name="shown">Its path, as it was given.</param>
    /// <param name="e">What failed.</param>
    /// <param name="what">What it should be, such as <c>Keras file</c>. Default: nothing said.</param>
    public static string ReadProblem(string shown, Exception e, string? what = null) => $"Cannot read {(what is null ? "" : what + " ")}'{Shown.Path(shown)}': {Shown.Path(e.Message.TrimEnd('.'))}. {ReadRemedy(e)}.";

    /// <summary>What to do when a file cannot be read.</summary>
    public static string ReadRemedy(Exception e) => ReadRemedy(e, OperatingSystem.IsWindows());

    /// <summary>The same on Windows, or elsewhere.</summary>
    public static string ReadRemedy(Exception e, bool windows) => MemoryFault.Is(e) ? MemoryFault.Remedy : Cause(e, windows) switch
    {
        IoCause.InUse => "Close the program that has it open, or wait until it is written",
        IoCause.TooManyOpen => "Too many files are open: close some, or raise the limit (ulimit -n)",
        IoCause.PathTooLong => "Choose a shorter path",
        _ when e is FileNotFoundException or DirectoryNotFoundException && e.Message.Contains(NoUtf8, StringComparison.Ordinal) => NoUtf8Remedy,
        _ => "Check the path and its permissions",
    };

    private static IoCause Cause(Exception e, bool windows)
    {
        if (e is PathTooLongException)
        {
            return IoCause.PathTooLong;
        }

        if (e is NoFileException)
        {
            return IoCause.NoFile;
        }

        if (e is NoFolderException)
        {
            return IoCause.NoFolder;
        }

        if (e is ProtectedFileException)
        {
            return IoCause.Protected;
        }

        if (e is ArgumentOutOfRangeException)
        {
            return IoCause.TooLarge;
        }

        if (e is NotSupportedException)
        {
            return IoCause.NotSupported;
        }

        if (windows)
        {
            return (e.HResult & 0xFFFF) switch
            {
                WindowsNoSpace or WindowsHandleDiskFull => IoCause.DiskFull,
                WindowsReadOnly => IoCause.ReadOnly,
                WindowsTooManyOpen => IoCause.TooManyOpen,
                WindowsSharing or WindowsLocked => IoCause.InUse,
                WindowsInvalidName => IoCause.InvalidName,
                _ => e is UnauthorizedAccessException ? IoCause.NotAllowed : IoCause.Unknown,
            };
        }

        return (e as IOException ?? e.InnerException)?.HResult switch
        {
            NoSpace or QuotaLinux or QuotaMac => IoCause.DiskFull,
            ReadOnly => IoCause.ReadOnly,
            TooLarge => IoCause.TooLarge,
            OpenInProcess or OpenInSystem => IoCause.TooManyOpen,
            LockedLinux or LockedMac => IoCause.InUse,
            _ => e is UnauthorizedAccessException ? IoCause.NotAllowed : IoCause.Unknown,
        };
    }

    private enum IoCause
    {
        Unknown,
        DiskFull,
        ReadOnly,
        TooLarge,
        TooManyOpen,
        PathTooLong,
        InvalidName,
        NoFile,
        NoFolder,
        Protected,
        NotAllowed,
        InUse,
        NotSupported,
    }
}

/// <summary>A folder, device or pipe stands where a file was to be written.</summary>
internal sealed class NoFileException(string kind) : IOException($"it is {kind}, not a file");

/// <summary>A file, or a link to what is not there, as to a disk that is not mounted, stands where a folder was to be: at the path that was named or above it.</summary>
internal sealed class NoFolderException(string file, bool isNamed = false) : IOException($"{(isNamed ? "it" : $"'{file}'")} is {Kind(file)}")
{
    private static string Kind(string file) =>
        new FileInfo(file).LinkTarget is not null && FileBehind.Place(file) is var target && !Path.Exists(target) ? $"a link to '{target}', which does not exist" : "a file, not a folder";
}

/// <summary>Nobody may write the file that stands there.</summary>
internal sealed class ProtectedFileException() : IOException("it is protected against writing");

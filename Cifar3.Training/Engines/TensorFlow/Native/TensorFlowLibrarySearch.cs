using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>A place where the library may be.</summary>
/// <param name="Origin">Who named the place, for the error message.</param>
/// <param name="Path">A full path, or a bare file name for the system's loader.</param>
internal sealed record LibraryCandidate(string Origin, string Path)
{
    /// <summary>Whether the system's loader shall find the file.</summary>
    public bool IsBareName => System.IO.Path.GetFileName(Path) == Path;
}

/// <summary>Where to look for TensorFlow's C library, in order.</summary>
internal static class TensorFlowLibrarySearch
{
    /// <summary>The environment variable that names the library's file or folder.</summary>
    public const string Variable = "CIFAR3_TENSORFLOW";

    /// <summary>The library's file names on this system, most usual first.</summary>
    public static IReadOnlyList<string> FileNames { get; } =
        OperatingSystem.IsWindows() ? ["tensorflow.dll"]
        : OperatingSystem.IsMacOS() ? ["libtensorflow.dylib", "libtensorflow.2.dylib", "libtensorflow_cc.2.dylib"]
        : ["libtensorflow.so", "libtensorflow.so.2", "libtensorflow_cc.so.2"];

    /// <summary>The system and processor as NuGet's packages name them, such as <c>linux-x64</c>.</summary>
    public static string RuntimeIdentifier { get; } =
        (OperatingSystem.IsWindows() ? "win-" : OperatingSystem.IsMacOS() ? "osx-" : "linux-") + RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();

    /// <summary>All places for this process.</summary>
    /// <param name="explicitPath">The path of the options; null when none is given.</param>
    public static IReadOnlyList<LibraryCandidate> Candidates(string? explicitPath) => Candidates(
        explicitPath,
        Environment.GetEnvironmentVariable(Variable),
        AppContext.BaseDirectory,
        AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string);

    /// <summary>
    /// All places. A path that the user names, in the options or else in the variable, is the only one: falling back to another
    /// library than the one asked for would hide the mistake.
    /// </summary>
    /// <param name="explicitPath">File or folder of the options; null when none is given.</param>
    /// <param name="variable">File or folder of the environment variable; null or empty when it is not set.</param>
    /// <param name="appFolder">The folder of the app's own files.</param>
    /// <param name="nativeFolders">The folders of the app's packages as the runtime lists them.</param>
    public static IReadOnlyList<LibraryCandidate> Candidates(string? explicitPath, string? variable, string appFolder, string? nativeFolders)
    {
        if (!string.IsNullOrEmpty(explicitPath))
        {
            return Named($"{nameof(TensorFlowOptions)}.{nameof(TensorFlowOptions.LibraryPath)}", explicitPath);
        }

        if (!string.IsNullOrEmpty(variable))
        {
            return Named(Variable, variable);
        }

        string[] folders = [Path.Combine(appFolder, "runtimes", RuntimeIdentifier, "native"), appFolder, .. (nativeFolders ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)];
        return
        [
            .. folders.Select(folder => Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))).Distinct().SelectMany(folder => InFolder("the app's files", folder)),
            .. FileNames.Select(name => new LibraryCandidate("the system's loader", name)),
        ];
    }

    private static IReadOnlyList<LibraryCandidate> Named(string origin, string path)
    {
        string full = Path.GetFullPath(path);
        return Directory.Exists(full) ? [.. InFolder(origin, full), .. InFolder(origin, Path.Combine(full, "lib"))] : [new LibraryCandidate(origin, full)];
    }

    private static IEnumerable<LibraryCandidate> InFolder(string origin, string folder) =>
        FileNames.Select(name => new LibraryCandidate(origin, Path.Combine(folder, name)));
}

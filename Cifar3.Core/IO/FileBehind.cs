namespace Cifar3;

/// <summary>
/// The file that a path leads to. .NET's <see cref="FileInfo"/> of a link tells the link's own length and time, which stay the same whatever happens to the file behind it.
/// </summary>
internal static class FileBehind
{
    /// <summary>The file, links followed; null where there is none.</summary>
    /// <exception cref="IOException">Links lead round in a circle.</exception>
    public static FileInfo? Of(string path)
    {
        var file = new FileInfo(path);
        var real = file.Exists && file.Attributes.HasFlag(FileAttributes.ReparsePoint) ? file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file : file;
        return real is { Exists: true } ? real : null;
    }
}

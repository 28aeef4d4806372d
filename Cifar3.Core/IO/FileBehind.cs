namespace Cifar3;

/// <summary>
/// The file that a path leads to. .NET's <see cref="FileInfo"/> of a link tells the link's own length and time, which stay the same whatever happens to the file behind it.
/// </summary>
internal static class FileBehind
{
    private const int MostLinks = 40; // as Linux has it

    /// <summary>The file, links followed; null where there is none.</summary>
    /// <exception cref="IOException">Links lead round in a circle.</exception>
    public static FileInfo? Of(string path)
    {
        var file = new FileInfo(path);
        var real = file.Exists && file.Attributes.HasFlag(FileAttributes.ReparsePoint) ? new FileInfo(Place(path)) : file;
        return real is { Exists: true } ? real : null;
    }

    /// <summary>The place that a path leads to, there or not, with the links of the path itself and of its folders followed: two paths of one file or folder have the same.</summary>
    /// <remarks><see cref="FileSystemInfo.ResolveLinkTarget"/> takes a link's text by itself: where the folder is behind a link too, <c>..</c> in it leads elsewhere than the system goes.</remarks>
    /// <exception cref="IOException">Links lead round in a circle.</exception>
    public static string Place(string path)
    {
        path = Path.GetFullPath(path);
        string place = Path.GetPathRoot(path)!;
        var rest = new Stack<string>();
        Push(path);
        for (int links = 0; rest.TryPop(out string? name);)
        {
            string next = Path.Combine(place, name);
            if (name == "..")
            {
                place = Path.GetDirectoryName(place) ?? place;
            }
            else if (new FileInfo(next).LinkTarget is not { } target)
            {
                place = next;
            }
            else if (++links <= MostLinks)
            {
                place = Path.IsPathRooted(target) ? Path.GetFullPath(Path.GetPathRoot(target)!, place) : place;
                Push(target);
            }
            else
            {
                throw new IOException($"links in '{Shown.Path(path)}' lead round in a circle");
            }
        }

        return place;

        void Push(string names)
        {
            foreach (string name in names[Path.GetPathRoot(names)!.Length..].Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries).Where(name => name != ".").Reverse())
            {
                rest.Push(name);
            }
        }
    }
}

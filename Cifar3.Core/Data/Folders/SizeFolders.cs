namespace Cifar3;

/// <summary>
/// Files of one name in several folders of a class, as one picture in several sizes lies there (<c>dog/16x16/run.png</c>, <c>dog/32x32/run.png</c>), as it is and changed
/// (<c>dog/original/7.jpg</c>, <c>dog/flipped/7.jpg</c>), or in several formats (<c>dog/7.jpg</c>, <c>dog/7.png</c>): they train together or measure together (<see cref="SetAside"/>), as the copies of a file do.
/// </summary>
/// <remarks>
/// Where the folders number their pictures for themselves, files of one name have nothing in common and staying together does them no harm. Folders of one thing each, with names
/// for its sides (<c>car/17/left.jpg</c>), are another matter: all left sides would be set aside. A class has fewer than twice as many names as folders then, and is left alone.
/// </remarks>
internal static class SizeFolders
{
    /// <summary>What picture each file of a class is, by its name.</summary>
    /// <param name="paths">The class's files.</param>
    /// <returns>A number for each; equal for those that stay together.</returns>
    public static UInt128[] Pictures(IReadOnlyList<string> paths)
    {
        int folders = paths.Select(path => Path.GetDirectoryName(path)).Distinct().Count();
        Dictionary<string, int> names = new(StringComparer.OrdinalIgnoreCase);
        int[] numbers = [.. paths.Select(Number)];
        return [.. numbers.Select((number, i) => (UInt128)(names.Count >= 2 * folders ? number : i))];

        int Number(string path)
        {
            string name = Path.GetFileNameWithoutExtension(path);
            names.TryAdd(name, names.Count);
            return names[name];
        }
    }
}

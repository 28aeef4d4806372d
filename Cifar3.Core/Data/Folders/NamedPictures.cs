using System.Text.RegularExpressions;

namespace Cifar3;

/// <summary>
/// Files of a class that show one picture, as their names say: in several sizes (<c>dog/16x16/run.png</c>, <c>dog/32x32/run.png</c>), as it is and changed (<c>dog/original/7.jpg</c>,
/// <c>dog/flipped/7.jpg</c>; <c>7.jpg</c>, <c>7_flip.jpg</c>, <c>aug_7_0_1234.jpg</c>), or in several formats (<c>7.jpg</c>, <c>7.png</c>). They train together or measure together
/// (<see cref="SetAside"/>), as the copies of a file do.
/// </summary>
/// <remarks>
/// Where the names mean something else, files of one name have nothing in common and staying together does them no harm. Two cases are other matters, and such a class is left alone.
/// Folders of one thing each, with names for its sides (<c>car/17/left.jpg</c>): all left sides would be set aside; there are fewer than twice as many names as folders.
/// And names that merely count (<c>dog.jpg</c>, <c>dog_1.jpg</c>, <c>dog_2.jpg</c>): there are fewer pictures than the largest has names.
/// </remarks>
internal static partial class NamedPictures
{
    /// <summary>What picture each file is, among those of its class.</summary>
    /// <param name="paths">The files.</param>
    /// <param name="labels">Their classes.</param>
    /// <returns>A number for each; equal for files of one class that stay together.</returns>
    public static UInt128[] Of(IReadOnlyList<string> paths, IReadOnlyList<int> labels)
    {
        var pictures = new UInt128[paths.Count];
        foreach (var files in Enumerable.Range(0, paths.Count).GroupBy(i => labels[i]))
        {
            int[] members = [.. files];
            foreach (var (member, picture) in members.Zip(Of([.. members.Select(i => paths[i])])))
            {
                pictures[member] = picture;
            }
        }

        return pictures;
    }

    /// <summary>What picture each file of a class is, by its name.</summary>
    /// <param name="paths">The class's files.</param>
    /// <returns>A number for each; equal for those that stay together.</returns>
    public static UInt128[] Of(IReadOnlyList<string> paths)
    {
        int folders = paths.Select(path => Path.GetDirectoryName(path)).Distinct().Count();
        string[] names = [.. paths.Select(path => Path.GetFileNameWithoutExtension(path))];
        HashSet<string> distinct = new(names, StringComparer.OrdinalIgnoreCase);
        if (distinct.Count < 2 * folders)
        {
            return [.. names.Select((_, i) => (UInt128)i)];
        }

        Dictionary<string, int> numbers = new(StringComparer.OrdinalIgnoreCase);
        var originals = distinct.ToDictionary(name => name, name => Original(name, distinct), StringComparer.OrdinalIgnoreCase);
        int[] sizes = [.. originals.Values.CountBy(original => original, StringComparer.OrdinalIgnoreCase).Select(picture => picture.Value)];
        bool isCounted = sizes.Length < sizes.DefaultIfEmpty().Max();
        return [.. names.Select(name => (UInt128)Number(isCounted ? name : originals[name]))];

        int Number(string picture)
        {
            numbers.TryAdd(picture, numbers.Count);
            return numbers[picture];
        }
    }

    /// <summary>The name of the picture that a changed copy was made of; its own where it is none.</summary>
    private static string Original(string name, HashSet<string> names)
    {
        string made = Roboflow().Match(name) is { Success: true } exported ? exported.Groups[1].Value
            : Augmentor().Match(name) is { Success: true } sampled ? Path.GetFileNameWithoutExtension(sampled.Groups[1].Value)
            : name;
        while (Parent(made, names) is { } copied)
        {
            made = copied;
        }

        return made;
    }

    /// <summary>The longest name of a file that a name begins with, up to a separator, be it behind opening words (<c>aug_</c>, <c>copy of </c>); null where there is none.</summary>
    private static string? Parent(string name, HashSet<string> names)
    {
        var known = names.GetAlternateLookup<ReadOnlySpan<char>>();
        for (int start = 0; ;)
        {
            for (int end = start == 0 ? name.Length - 1 : name.Length; end > start; end--)
            {
                if ((end == name.Length || !char.IsLetterOrDigit(name[end])) && known.Contains(name.AsSpan(start, end - start)))
                {
                    return name[start..end];
                }
            }

            int word = start;
            while (word < name.Length && char.IsLetter(name[word]))
            {
                word++;
            }

            if (word == start || word >= name.Length - 1 || char.IsLetterOrDigit(name[word]))
            {
                return null;
            }

            start = word + 1;
        }
    }

    /// <summary>Roboflow's exports: the file's former name, its format, and a number of the copy.</summary>
    [GeneratedRegex(@"^(.+)\.rf\.[0-9A-Za-z]{16,}$", RegexOptions.CultureInvariant)]
    private static partial Regex Roboflow();

    /// <summary>The Python library Augmentor: the folder, the file, a UUID.</summary>
    [GeneratedRegex(@"^.*_original_(.+)_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$", RegexOptions.CultureInvariant)]
    private static partial Regex Augmentor();
}

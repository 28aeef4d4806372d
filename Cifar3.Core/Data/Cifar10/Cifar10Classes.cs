using System.Collections.Immutable;

namespace Cifar3;

/// <summary>The ten classes of CIFAR-10, their usual synonyms, and the choice of some of them.</summary>
internal static class Cifar10Classes
{
    /// <summary>This library's names in CIFAR-10's order: the index is the label in the published files.</summary>
    public static readonly ImmutableArray<string> Names = ["aeroplane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    /// <summary>The names of the publication, in the same order, which is alphabetical.</summary>
    private static readonly ImmutableArray<string> Published = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    private static readonly Dictionary<string, int> Labels = CreateLabels();

    /// <summary>The published label 0 to 9 of a class name or synonym, upper or lower case; -1 when it is no CIFAR-10 class.</summary>
    public static int Find(string name) => Labels.GetValueOrDefault(name, -1);

    /// <summary>This library's names for names that are all of the publication, letter for letter; null where one is not.</summary>
    public static ImmutableArray<string>? FromPublished(IReadOnlyList<string> names) =>
        names.All(name => Published.Contains(name)) ? [.. names.Select(name => Names[Published.IndexOf(name)])] : null;

    /// <summary>Which published label becomes which label.</summary>
    /// <param name="classes">Names or synonyms in the order of the labels wanted.</param>
    /// <returns>Ten entries: the new label, or -1 for a class that is left out.</returns>
    /// <exception cref="Cifar3DataException">A name is no CIFAR-10 class or is given twice, or there are fewer than two.</exception>
    public static int[] LabelMap(IReadOnlyList<string> classes)
    {
        ClassList.Check(classes, "DataOptions.Classes");
        var map = new int[Names.Length];
        Array.Fill(map, -1);
        for (int label = 0; label < classes.Count; label++)
        {
            int published = Find(classes[label]);
            if (published < 0)
            {
                throw new Cifar3DataException($"CIFAR-10 has no class '{Shown.Text(classes[label])}'. It has: {string.Join(", ", Names)}. Choose among these in DataOptions.Classes.");
            }

            if (map[published] >= 0)
            {
                throw new Cifar3DataException($"Class '{Names[published]}' is chosen twice in DataOptions.Classes ({Shown.Names(classes)}). Name each class once.");
            }

            map[published] = label;
        }

        return map;
    }

    private static Dictionary<string, int> CreateLabels()
    {
        var labels = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        for (int label = 0; label < Names.Length; label++)
        {
            labels.Add(Names[label], label);
        }

        labels.Add("airplane", 0);
        labels.Add("plane", 0);
        labels.Add("automobile", 1);
        return labels;
    }
}

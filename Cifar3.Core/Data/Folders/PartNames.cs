namespace Cifar3;

/// <summary>The parts that a set of images comes in.</summary>
internal enum FolderPart
{
    Train,
    Validation,
    Test,
}

/// <summary>What people call the folders of training, validation and test images, in any letter case.</summary>
internal static class PartNames
{
    private static readonly Dictionary<string, FolderPart> Names = new(StringComparer.OrdinalIgnoreCase)
    {
        ["train"] = FolderPart.Train,
        ["training"] = FolderPart.Train,
        ["val"] = FolderPart.Validation,
        ["valid"] = FolderPart.Validation,
        ["validation"] = FolderPart.Validation,
        ["test"] = FolderPart.Test,
        ["testing"] = FolderPart.Test,
    };

    // What published sets put beside those words: training_set, seg_train, test-images, valdata.
    private static readonly string[] Fillers = ["set", "data", "dataset", "images", "image", "imgs", "img", "pictures", "photos", "pics", "seg", "split", "folder", "dir"];

    /// <summary>The part that a name says; null = none.</summary>
    public static FolderPart? Of(string name) => Names.TryGetValue(name, out var part) ? part : null;

    /// <summary>As <see cref="Of"/>, also with a word before or behind it. Classes may be called so: what lies in the folders has to tell.</summary>
    public static FolderPart? OfLonger(string name)
    {
        string letters = string.Concat(name.Split('_', '-', ' ', '.'));
        return Of(letters) ?? Fillers.Select(filler =>
            letters.EndsWith(filler, StringComparison.OrdinalIgnoreCase) && Of(letters[..^filler.Length]) is { } before ? before
            : letters.StartsWith(filler, StringComparison.OrdinalIgnoreCase) ? Of(letters[filler.Length..])
            : null).FirstOrDefault(part => part is not null);
    }
}

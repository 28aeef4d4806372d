using System.Text;

namespace Cifar3;

/// <summary>Class folders of one part of the data.</summary>
/// <param name="Folder">The folder that has them.</param>
/// <param name="Classes">Their names and paths, in ordinal order of the names.</param>
internal sealed record FolderSplit(string Folder, List<(string Name, string Path)> Classes)
{
    /// <summary>The folder's own name, for messages.</summary>
    public string Name => Path.GetFileName(Folder);
}

/// <summary>
/// How people lay out folders of images: where training, validation and test images are. What is usual is taken; where the meaning is open,
/// the error shows the tree that was found.
/// </summary>
/// <remarks>
/// <list type="bullet">
/// <item><c>train</c> or <c>training</c>, with <c>test</c> or <c>testing</c>, and <c>val</c>, <c>valid</c> or <c>validation</c>, in any letter case. Without a test folder, the validation
/// folder is the test set, unless <see cref="DataOptions.TestFraction"/> asks for a split. With a word beside it too (<c>training_set</c> and <c>test_set</c>, <c>seg_train</c> and <c>seg_test</c>), where
/// there is a folder for training and another one.</item>
/// <item>One folder of classes, or <c>train</c> alone: <see cref="DataOptions.TestFraction"/> of each class (0.2 unless set) is set aside, drawn from <see cref="DataOptions.Seed"/>.</item>
/// <item>Either of these one folder (or more) deeper, where there is no other folder beside it.</item>
/// </list>
/// A folder named for a split is never a class, unless <see cref="DataOptions.Classes"/> names it.
/// </remarks>
internal sealed record FolderLayout(FolderSplit Train, FolderSplit? Validation, FolderSplit? Test)
{
    private const int ShownEntries = 6;

    /// <summary>Whether a folder has a <c>train</c> or <c>training</c> folder.</summary>
    public static bool HasTraining(string folder) => Directory.EnumerateDirectories(folder).Any(path => PartNames.Of(Path.GetFileName(path)) == FolderPart.Train);

    /// <summary>Finds the parts.</summary>
    /// <param name="root">The folder given.</param>
    /// <param name="options">Classes and split.</param>
    /// <param name="walker">Lists the folders and counts what else lies there.</param>
    /// <param name="skipped">Receives folders that are no part.</param>
    /// <param name="someClasses">Whether some of the options' classes are enough to tell a folder of classes. Default: false, all of them are.</param>
    /// <exception cref="Cifar3DataException">There are no classes, or the meaning of the folders is open.</exception>
    public static FolderLayout Find(string root, DataOptions options, FolderWalker walker, SkipCounter skipped, bool someClasses = false)
    {
        string folder = root;
        while (true)
        {
            if (!walker.Claim(folder))
            {
                throw Unclear(root, "links lead round in a circle");
            }

            var below = walker.Below(folder);
            if (options.Classes is { } chosen && chosen.All(name => below.Exists(f => ClassList.Normal(f.Name) == ClassList.Normal(name))))
            {
                return new FolderLayout(new FolderSplit(folder, below), null, null); // named by the caller: nothing to guess
            }

            var parts = Parts(below);
            if (parts.Count > 0)
            {
                below.ExceptBy(parts.Select(part => part.Path), f => f.Path).ToList().ForEach(f => skipped.Add(SkipReason.OtherFolder, f.Path));
                return FromParts(root, parts, walker);
            }

            if (someClasses && options.Classes is { } some && below.Exists(f => ClassList.Find(f.Name, some) >= 0))
            {
                return new FolderLayout(new FolderSplit(folder, below), null, null);
            }

            if (below is [var only] && HoldsFolders(only.Path))
            {
                folder = only.Path; // the whole set lies one folder deeper
                continue;
            }

            if (below.Count == 0)
            {
                throw Unclear(root, "there is no class folder in it");
            }

            foreach (var (name, path) in below)
            {
                if (FolderWalker.Entries(path).FirstOrDefault(entry => entry is DirectoryInfo && PartNames.Of(entry.Name) is not null) is { } split)
                {
                    throw Unclear(root, $"folder '{Shown.Text(name)}' has a folder '{Shown.Text(split.Name)}' in it, so it is unclear what are classes and what are parts of the data");
                }
            }

            return new FolderLayout(new FolderSplit(folder, below), null, null);
        }
    }

    /// <summary>The tree of a folder in one line, two levels deep, for messages.</summary>
    public static string Tree(string root)
    {
        var text = new StringBuilder();
        Write(root, levels: 2);
        return text.Length == 0 ? "an empty folder" : text.ToString();

        void Write(string folder, int levels)
        {
            var entries = FolderWalker.Entries(folder).Where(entry => !FolderWalker.IsSystem(entry)).ToList();
            var folders = entries.Where(entry => entry is DirectoryInfo).ToList();
            var files = entries.Except(folders).ToList();
            List<string> items = [];
            foreach (var below in folders.Take(ShownEntries))
            {
                int start = text.Length;
                if (levels > 1)
                {
                    Write(below.FullName, levels - 1);
                }

                string inside = text.ToString(start, text.Length - start);
                text.Length = start;
                items.Add($"{Shown.Text(below.Name, 80)}/{(inside.Length > 0 ? $" ({inside})" : "")}");
            }

            if (folders.Count > ShownEntries)
            {
                items.Add($"{folders.Count - ShownEntries} more folders");
            }

            if (files.Count > 0)
            {
                items.Add(files.Count == 1 ? Shown.Text(files[0].Name, 80) : $"{files.Count} files such as {Shown.Text(files[0].Name, 80)}");
            }

            text.AppendJoin(", ", items);
        }
    }

    // Named for a part exactly; or with a word beside it, where one of the folders is for training, one for something else, and classes lie in them. Where classes do not,
    // they are parts as well, to be refused: a model that tells training pictures from test pictures is hardly ever meant.
    private static List<(string Name, string Path, FolderPart Part)> Parts(List<(string Name, string Path)> below)
    {
        var exact = Named(PartNames.Of);
        var longer = Named(PartNames.OfLonger).Where(f => !exact.Exists(other => other.Part == f.Part)).ToList();
        List<(string Name, string Path, FolderPart Part)> all = [.. exact, .. longer.Where(f => HoldsFolders(f.Path))];
        return AreParts(all) ? all : exact.Count == 0 && AreParts(longer) ? longer : exact;

        static bool AreParts(List<(string Name, string Path, FolderPart Part)> folders) => folders.Exists(f => f.Part == FolderPart.Train) && folders.Exists(f => f.Part != FolderPart.Train);

        List<(string Name, string Path, FolderPart Part)> Named(Func<string, FolderPart?> part) => [.. below.Where(f => part(f.Name) is not null).Select(f => (f.Name, f.Path, part(f.Name)!.Value))];
    }

    private static bool HoldsFolders(string folder) => !FolderWalker.HasPictures(folder) && FolderWalker.Entries(folder).Any(entry => entry is DirectoryInfo && !FolderWalker.IsSystem(entry));

    private static FolderLayout FromParts(string root, List<(string Name, string Path, FolderPart Part)> parts, FolderWalker walker)
    {
        var found = new FolderSplit?[3];
        foreach (var (name, path, part) in parts)
        {
            if (found[(int)part] is { } other)
            {
                throw Unclear(root, $"'{other.Name}' and '{name}' mean the same");
            }

            found[(int)part] = new FolderSplit(path, []);
        }

        if (found[(int)FolderPart.Train] is null)
        {
            throw Unclear(root, $"it has a folder '{parts[0].Name}' but none named train or training");
        }

        // Links from one part to another are allowed (test -> train), so claims may fail here; the same images are then in both parts, and said so by the reader.
        var splits = found.Select((split, part) => split is null ? null : WithClasses(split, (FolderPart)part)).ToArray();
        return new FolderLayout(splits[(int)FolderPart.Train]!, splits[(int)FolderPart.Validation], splits[(int)FolderPart.Test]);

        FolderSplit WithClasses(FolderSplit split, FolderPart part)
        {
            walker.Claim(split.Folder);
            var classes = walker.Below(split.Folder);
            if (classes is [var same] && PartNames.OfLonger(same.Name) == part && HoldsFolders(same.Path))
            {
                return WithClasses(new FolderSplit(same.Path, []), part); // seg_train/seg_train: packed twice
            }

            if (classes.Count == 0)
            {
                bool loose = part != FolderPart.Train && FolderWalker.HasPictures(split.Folder);
                throw Unclear(root, $"there is no class folder in '{split.Name}'{(loose ? $". Its pictures have no classes, so no model can be tested on them: move '{split.Name}' elsewhere, and where no test images are left, a part of the training images is set aside for that" : "")}");
            }

            return split with { Classes = classes };
        }
    }

    private static Cifar3DataException Unclear(string root, string cause) => new(
        $"The folders in '{Shown.Path(root)}' cannot be taken for classes of images: {cause}. Expected train/<class>/* and test/<class>/* (val/<class>/* if you like), or one folder <class>/* for each class. "
        + $"Found: {Tree(root)}. Rename or move the folders, or name the classes in DataOptions.Classes.");
}

using System.Collections.Immutable;
using System.Runtime.ExceptionServices;

namespace Cifar3;

/// <summary>
/// Reads image folders <c>train/&lt;class&gt;/*</c> and <c>test/&lt;class&gt;/*</c>. Images come class by class, within a class by path
/// in ordinal order, whatever the number of threads.
/// </summary>
/// <remarks>
/// Class names are the folders' names in ordinal order. When all of them are CIFAR-10 classes under their usual names, they get CIFAR-10's
/// order and this library's names (aeroplane, car, bird, …). Hidden files, <c>Thumbs.db</c> and <c>desktop.ini</c> are skipped;
/// every other file must be a picture.
/// </remarks>
internal static class ImageFolderReader
{
    private const int MaxImages = int.MaxValue / CnnArchitecture.ImageBytes; // pixels lie in one array
    private const int MaxDepth = 8;

    /// <summary>Reads the folders.</summary>
    /// <param name="root">The folder with <c>train</c> and <c>test</c>, or with the classes themselves when <see cref="DataOptions.TestFraction"/> is given.</param>
    /// <param name="options">Classes, split, threads, progress, cancellation.</param>
    /// <exception cref="Cifar3DataException">A folder is missing or empty, or the classes do not fit together.</exception>
    /// <exception cref="Cifar3ImageException">A file is no picture.</exception>
    public static ImageData Read(string root, DataOptions options)
    {
        var (train, test, source) = List(root, options);
        if (Math.Max(train.Count, test.Count) > MaxImages)
        {
            throw new Cifar3DataException($"There are {Math.Max(train.Count, test.Count):N0} images below '{root}'. Expected at most {MaxImages:N0}, which fill 2 GiB. Remove some, or stream them with mlContext.Data.LoadCifar3FromFolder.");
        }

        var counter = new ProgressCounter(options.Progress, DataStage.Reading, train.Count + test.Count);
        return new ImageData(Decode(train, options, counter), Decode(test, options, counter), source);
    }

    /// <summary>Lists the files, unread.</summary>
    /// <param name="root">As for <see cref="Read"/>.</param>
    /// <param name="options">Classes and split.</param>
    /// <exception cref="Cifar3DataException">A folder is missing or empty, or the classes do not fit together.</exception>
    public static (ImageFiles Train, ImageFiles Test, string Source) List(string root, DataOptions options)
    {
        string train = Path.Combine(root, "train"), test = Path.Combine(root, "test");
        if (!Directory.Exists(train))
        {
            if (options.TestFraction is null)
            {
                throw new Cifar3DataException($"Image folder '{root}' has no 'train' folder. Expected train/<class>/* and test/<class>/*. Found {DataLocator.Listing(root)}. Move the class folders below 'train', or let DataOptions.TestFraction split them.");
            }

            train = root;
        }

        var trainFolders = ClassFolders(train, options.Classes);
        ImmutableArray<string> names = [.. trainFolders.Select(c => c.Name)];
        if (Directory.Exists(test) && train != root)
        {
            var testFolders = ClassFolders(test, options.Classes);
            CheckSameClasses(train, trainFolders, test, testFolders);
            var (trainFiles, trainLabels) = Files(trainFolders);
            var (testFiles, testLabels) = Files(testFolders);
            return (new ImageFiles(trainFiles, trainLabels, names), new ImageFiles(testFiles, testLabels, names), $"image folders '{root}'");
        }

        if (options.TestFraction is not { } fraction)
        {
            throw new Cifar3DataException($"Image folder '{root}' has no 'test' folder. Expected test/<class>/* beside train/<class>/*. Add it, or let DataOptions.TestFraction (such as 0.2) set training images aside for testing.");
        }

        var all = Files(trainFolders);
        var (forTraining, forTesting) = Split(all.Labels, names, fraction, options.Seed);
        return (Chosen(forTraining), Chosen(forTesting), $"image folders '{train}', {fraction:P0} of each class set aside for testing (seed {options.Seed})");

        ImageFiles Chosen(List<int> indices) => new([.. indices.Select(i => all.Paths[i])], [.. indices.Select(i => all.Labels[i])], names);
    }

    /// <summary>The class folders below a folder, in the order of their labels.</summary>
    private static List<(string Name, string Path)> ClassFolders(string folder, IReadOnlyList<string>? chosen)
    {
        var found = Directory.EnumerateDirectories(folder, "*", new EnumerationOptions { IgnoreInaccessible = false })
            .Select(path => (Name: Path.GetFileName(path), Path: path))
            .Where(c => !c.Name.StartsWith('.') && c.Name != "__MACOSX")
            .OrderBy(c => c.Name, StringComparer.Ordinal)
            .ToList();
        int[] labels = [.. found.Select(c => Cifar10Classes.Find(c.Name))];
        bool cifar = labels.All(label => label >= 0) && labels.Distinct().Count() == labels.Length;
        if (chosen is not null)
        {
            ClassList.CheckCount(chosen, "DataOptions.Classes");
            return [.. chosen.Select(name => (name, Find(name)))];
        }

        ClassList.CheckCount([.. found.Select(c => c.Name)], $"'{folder}'");
        return cifar
            ? [.. found.Select((c, i) => (Label: labels[i], c.Path)).OrderBy(c => c.Label).Select(c => (Cifar10Classes.Names[c.Label], c.Path))]
            : found;

        string Find(string name)
        {
            int exact = found.FindIndex(c => c.Name == name), published = Cifar10Classes.Find(name);
            int index = exact >= 0 || published < 0 ? exact : Array.IndexOf(labels, published);
            return index >= 0
                ? found[index].Path
                : throw new Cifar3DataException($"Image folder '{folder}' has no class '{name}', which DataOptions.Classes asks for. Found: {string.Join(", ", found.Select(c => c.Name))}.");
        }
    }

    private static void CheckSameClasses(string train, List<(string Name, string Path)> trainFolders, string test, List<(string Name, string Path)> testFolders)
    {
        var trainNames = trainFolders.ConvertAll(c => c.Name);
        var testNames = testFolders.ConvertAll(c => c.Name);
        string[] missing = [.. trainNames.Except(testNames)], extra = [.. testNames.Except(trainNames)];
        if (missing.Length + extra.Length > 0)
        {
            string difference = string.Join("; ", new[] { ("only in train", missing), ("only in test", extra) }.Where(d => d.Item2.Length > 0).Select(d => $"{d.Item1}: {string.Join(", ", d.Item2)}"));
            throw new Cifar3DataException($"The class folders of '{test}' differ from those of '{train}' ({difference}). Expected the same names in both. Rename or add the folders.");
        }
    }

    private static (List<string> Paths, List<int> Labels) Files(List<(string Name, string Path)> folders)
    {
        var paths = new List<string>();
        var labels = new List<int>();
        var enumeration = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = MaxDepth, IgnoreInaccessible = false };
        for (int label = 0; label < folders.Count; label++)
        {
            var files = Directory.EnumerateFiles(folders[label].Path, "*", enumeration)
                .Where(path => !IsClutter(Path.GetFileName(path)))
                .Order(StringComparer.Ordinal)
                .ToList();
            if (files.Count == 0)
            {
                throw new Cifar3DataException($"Class folder '{folders[label].Path}' has no image. Add images, or remove the folder.");
            }

            paths.AddRange(files);
            labels.AddRange(Enumerable.Repeat(label, files.Count));
        }

        return (paths, labels);
    }

    private static bool IsClutter(string name) =>
        name.StartsWith('.') || name.Equals("Thumbs.db", StringComparison.OrdinalIgnoreCase) || name.Equals("desktop.ini", StringComparison.OrdinalIgnoreCase);

    /// <summary>Draws the test images of each class apart, so that both parts keep the classes' shares.</summary>
    private static (List<int> Train, List<int> Test) Split(List<int> labels, ImmutableArray<string> names, double fraction, int seed)
    {
        if (!(fraction > 0 && fraction < 1))
        {
            throw new Cifar3DataException($"DataOptions.TestFraction must be above 0 and below 1. Received: {fraction}.");
        }

        List<int> train = [], test = [];
        foreach (var (label, indices) in Enumerable.Range(0, labels.Count).GroupBy(i => labels[i]).Select(g => (g.Key, g.ToArray())))
        {
            if (indices.Length < 2)
            {
                throw new Cifar3DataException($"Class '{names[label]}' has only one image, which cannot be split into training and test images. Add images.");
            }

            int count = Math.Clamp((int)Math.Round(indices.Length * fraction), 1, indices.Length - 1);
            int[] order = new PhiloxRandom(seed, RandomStreams.Split + (uint)label).Permutation(indices.Length);
            test.AddRange(order[..count].Order().Select(i => indices[i]));
            train.AddRange(order[count..].Order().Select(i => indices[i]));
        }

        return (train, test);
    }

    private static ImageSet Decode(ImageFiles files, DataOptions options, ProgressCounter counter)
    {
        var pixels = new byte[files.Count * CnnArchitecture.ImageBytes];
        var parallel = new ParallelOptions
        {
            MaxDegreeOfParallelism = options.Threads > 0 ? options.Threads : Environment.ProcessorCount,
            CancellationToken = options.CancellationToken,
        };
        var failures = new (long Index, Exception? Error)[] { (long.MaxValue, null) };
        Parallel.For(0, files.Count, parallel, (i, state) =>
        {
            try
            {
                files.Read(i, pixels.AsSpan(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes));
                counter.Add(1);
            }
            catch (Cifar3ImageException e)
            {
                // All earlier files are still read, so that the first bad file is the one reported, in every run.
                lock (failures)
                {
                    failures[0] = i < failures[0].Index ? (i, e) : failures[0];
                }

                state.Break();
            }
        });
        if (failures[0].Error is { } error)
        {
            ExceptionDispatchInfo.Throw(error);
        }

        return new ImageSet(pixels, [.. files.Labels], files.ClassNames);
    }
}

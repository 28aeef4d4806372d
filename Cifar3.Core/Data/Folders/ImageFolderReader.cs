using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.ExceptionServices;

namespace Cifar3;

/// <summary>
/// Reads image folders in any of the usual layouts (<see cref="FolderLayout"/>). Images come class by class, within a class by path
/// in ordinal order, whatever the number of threads.
/// </summary>
/// <remarks>
/// Class names are the folders' names, in Unicode's normal form C, in the ordinal order of the folders in training: that of Keras' <c>image_dataset_from_directory</c>.
/// What is no picture is left out and counted (<see cref="SkipCounter"/>).
/// </remarks>
internal static class ImageFolderReader
{
    /// <summary>The share of each class that is set aside for testing where neither folders nor options say.</summary>
    public const double DefaultTestFraction = 0.2;

    /// <summary>The most images of a set, whose pixels lie in one array.</summary>
    public const int MaxImages = int.MaxValue / CnnArchitecture.ImageBytes;

    /// <summary>Reads the folders.</summary>
    /// <param name="root">The folder.</param>
    /// <param name="options">Classes, split, threads, progress, cancellation, bad images.</param>
    /// <param name="discovered">See <see cref="ListSound"/>.</param>
    /// <exception cref="Cifar3DataException">A folder is missing or empty, or the classes do not fit together.</exception>
    /// <exception cref="Cifar3ImageException">A file is no picture.</exception>
    public static ImageData Read(string root, DataOptions options, bool discovered)
    {
        var folders = List(root, options, discovered);
        ImageFiles?[] parts = [folders.Train, folders.Validation, folders.Test];
        var sets = Decoded(root, parts, folders.AreSound ? options with { Progress = null } : options, folders.Bad); // sound ones were read once, and most are kept
        return new ImageData(sets[0]!, sets[2]!, folders.Source + folders.Skipped.ToSentence() + RepeatedImages.ToSentence(sets[0]!, sets[2]!))
        {
            Validation = sets[1],
            IsTestSetAside = folders.IsTestSetAside,
            Skipped = folders.Skipped.ToReport(),
            BadImages = folders.Bad.Collected,
        };
    }

    /// <summary>Reads listed files, part by part.</summary>
    /// <returns>The images of each part.</returns>
    /// <exception cref="Cifar3DataException">There are too many, or there is no memory for them.</exception>
    /// <exception cref="Cifar3ImageException">A file is no picture.</exception>
    public static ImageSet?[] Decoded(string root, ImageFiles?[] parts, DataOptions options, BadImages bad)
    {
        int most = parts.Max(files => files?.Count ?? 0), all = parts.Sum(files => files?.Count ?? 0);
        if (most > MaxImages)
        {
            throw new Cifar3DataException(string.Create(CultureInfo.InvariantCulture, $"There are {most:N0} images below '{Shown.Path(root)}'. Expected at most {MaxImages:N0}, which fill 2 GiB. Remove some, or stream them with mlContext.Data.LoadCifar3FromFolder."));
        }

        try
        {
            var counter = new ProgressCounter(options.Progress, DataStage.Reading, all);
            return [.. parts.Select(files => files is null ? null : ToSet(files, options, counter, bad))];
        }
        catch (OutOfMemoryException e)
        {
            throw NoMemory(root, all, e);
        }
    }

    /// <summary>Lists the files; reads them only where bad ones are to be left out.</summary>
    /// <param name="root">The folder.</param>
    /// <param name="options">Classes and split.</param>
    /// <param name="discovered">
    /// Whether the caller asked for CIFAR-10 rather than for this folder: then folders under the names of its publication (airplane, automobile, bird, …), whose alphabetical
    /// order is CIFAR-10's own, are taken for CIFAR-10 and get this library's names (aeroplane, car, bird, …). Other folders keep their names in any case.
    /// </param>
    /// <exception cref="Cifar3DataException">A folder is missing or empty, or the classes do not fit together.</exception>
    /// <exception cref="Cifar3ImageException">A file is no picture, and the options do not allow that.</exception>
    public static ImageFolders ListSound(string root, DataOptions options, bool discovered)
    {
        var folders = List(root, options, discovered);
        if (options.OnBadImage == OnBadImage.Throw || folders.AreSound)
        {
            return folders;
        }

        var sound = Sound([folders.Train, folders.Validation, folders.Test], options, folders.Bad);
        return folders with { Train = sound[0]!, Validation = sound[1], Test = sound[2]!, AreSound = true };
    }

    /// <summary>The files that are pictures; bad ones are left out.</summary>
    private static ImageFiles?[] Sound(ImageFiles?[] parts, DataOptions options, BadImages bad)
    {
        var counter = new ProgressCounter(options.Progress, DataStage.Reading, parts.Sum(files => files?.Count ?? 0));
        return [.. parts.Select(files => files?.Choose(Decode(files, options, counter, bad, (path, _) => DecodedFiles.Shared.Read(path, stackalloc byte[CnnArchitecture.ImageBytes], keep: true))))];
    }

    /// <summary>Lists the files, unread, but where bad ones are to be left out before some are set aside: else a small class might set its bad one aside and no other.</summary>
    private static ImageFolders List(string root, DataOptions options, bool discovered)
    {
        if (options.TestFraction is { } share && !(share > 0 && share < 1))
        {
            throw new Cifar3DataException(string.Create(CultureInfo.InvariantCulture, $"DataOptions.TestFraction must be above 0 and below 1. Received: {share}."));
        }

        if (options.Classes is { } chosen)
        {
            ClassList.Check(chosen, "DataOptions.Classes");
        }

        var skipped = new SkipCounter();
        var bad = new BadImages(options.OnBadImage, skipped);
        var walker = new FolderWalker(skipped, bad.OnFolder, options.CancellationToken);
        var layout = FolderLayout.Find(root, options, walker, skipped);
        bool valIsTest = layout.Test is null && layout.Validation is not null && options.TestFraction is null;
        FolderSplit?[] splits = [layout.Train, valIsTest ? null : layout.Validation, valIsTest ? layout.Validation : layout.Test];
        var classes = splits.Select(split => split is null ? null : ClassFolders(split, options.Classes)).ToArray();
        var train = classes[0]!;
        for (int i = 1; i < splits.Length; i++)
        {
            classes[i] = classes[i] is { } other ? SameClasses(layout.Train, train, splits[i]!, other) : null;
        }

        foreach (var split in classes.OfType<List<(string Name, string Path)>>())
        {
            Claim(split, walker);
        }

        var (names, note) = Names(train, discovered);
        var pictures = walker.Pictures([.. classes.OfType<List<(string Name, string Path)>>().SelectMany(split => split).Select(c => c.Path)]);
        int next = 0;
        ImageFiles?[] files = [.. classes.Select(split => split is null ? null : Files(split))];
        string source = $"image folders '{Shown.Path(layout.Train.Classes.Count > 0 && layout.Test is null && layout.Validation is null ? layout.Train.Folder : root)}'{note}";
        if (files[2] is { } test)
        {
            source += valIsTest ? $", '{splits[2]!.Name}' is the test set" : "";
            source += options.TestFraction is null ? "" : $", '{splits[2]!.Name}' is the test set: the test fraction is not used";
            source += FileBehind.Place(splits[2]!.Folder) == FileBehind.Place(layout.Train.Folder) ? $", '{splits[2]!.Name}' is the same folder as '{layout.Train.Name}': the same images train and test" : "";
            return new ImageFolders(files[0]!, files[1], test, source, skipped, bad);
        }

        files = bad.EndsLoading ? files : Sound(files, options, bad);
        double fraction = options.TestFraction ?? DefaultTestFraction;
        int[] streams = [.. train.Select(c => layout.Train.Classes.FindIndex(folder => folder.Path == c.Path))];
        var (forTraining, forTesting, copies, named) = Split(files[0]!, streams, fraction, options);
        source += string.Create(CultureInfo.InvariantCulture, $", {100 * fraction:0.##} % of each class set aside for testing (seed {options.Seed})");
        source += copies == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"; {copies:N0} of the {files[0]!.Count:N0} files {(copies == 1 ? "is a copy of another of its class, which trains or tests with it" : "are copies of others of their class, which train or test with them")}");
        source += named == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"; {named:N0} of the {files[0]!.Count:N0} files {(named == 1 ? "shows by its name the picture of another of its class, with which it trains or tests" : "show by their names the pictures of others of their class, with which they train or test")} (sizes, changed copies)");
        return new ImageFolders(forTraining, files[1], forTesting, source, skipped, bad) { IsTestSetAside = true, AreSound = !bad.EndsLoading };

        ImageFiles Files(List<(string Name, string Path)> split)
        {
            var paths = new List<string>();
            var labels = new List<int>();
            for (int label = 0; label < split.Count; label++, next++)
            {
                if (pictures[next].Count == 0)
                {
                    throw new Cifar3DataException($"Class folder '{Shown.Path(split[label].Path)}' has no image{skipped.ToSentence()}. Add images, or remove the folder.");
                }

                paths.AddRange(pictures[next]);
                labels.AddRange(Enumerable.Repeat(label, pictures[next].Count));
            }

            return new ImageFiles(paths, labels, names) { Pictures = NamedPictures.Of(paths, labels) };
        }
    }

    /// <summary>The class folders of a part, in the order of their labels, under the names that the classes get.</summary>
    private static List<(string Name, string Path)> ClassFolders(FolderSplit split, IReadOnlyList<string>? chosen)
    {
        string[] found = [.. split.Classes.Select(c => ClassList.Normal(c.Name))];
        if (chosen is not null)
        {
            int[] places = [.. chosen.Select(Find)];
            ClassList.CheckDistinct([.. places.Select(i => found[i])], $"DataOptions.Classes, as folders of '{Shown.Path(split.Folder)}'");
            return [.. chosen.Select((name, i) => (name, split.Classes[places[i]].Path))];
        }

        if (split.Classes.Find(c => PartNames.Of(c.Name) is not null) is { Name: { } part })
        {
            throw new Cifar3DataException($"Folder '{Shown.Path(split.Folder)}' has a folder '{Shown.Text(part)}' among its classes, which is a part of the data by its name. Found: {FolderLayout.Tree(split.Folder)}. Move or rename it, or name the classes in DataOptions.Classes.");
        }

        ClassList.Check(found, $"'{Shown.Path(split.Folder)}' ({FolderLayout.Tree(split.Folder)})");
        return [.. split.Classes.Select((c, i) => (found[i], c.Path))];

        int Find(string name)
        {
            int index = ClassList.Find(name, found);
            return index >= 0 ? index : throw new Cifar3DataException($"Image folder '{Shown.Path(split.Folder)}' has no class '{Shown.Text(name)}', which DataOptions.Classes asks for. Found: {Shown.Names(found)}.");
        }
    }

    /// <summary>Another part's class folders in the order of training's.</summary>
    private static List<(string Name, string Path)> SameClasses(FolderSplit train, List<(string Name, string Path)> trainClasses, FolderSplit split, List<(string Name, string Path)> classes)
    {
        string[] trainNames = [.. trainClasses.Select(c => c.Name)], names = [.. classes.Select(c => c.Name)];
        return ClassList.Difference(trainNames, train.Name, names, split.Name) is { } difference
            ? throw new Cifar3DataException($"The class folders of '{Shown.Path(split.Folder)}' differ from those of '{Shown.Path(train.Folder)}' ({difference}). Expected the same names in both. Rename or add the folders.")
            : [.. trainNames.Select(name => (name, classes[Array.IndexOf(names, name)].Path))];
    }

    /// <summary>Marks class folders as part of the structure; two that are one folder are refused.</summary>
    public static void Claim(List<(string Name, string Path)> classes, FolderWalker walker)
    {
        var real = new Dictionary<string, string>();
        foreach (var (name, path) in classes)
        {
            string folder = FileBehind.Place(path);
            walker.Claim(path);
            if (!real.TryAdd(folder, name))
            {
                throw new Cifar3DataException($"Class folders '{Shown.Text(real[folder])}' and '{Shown.Text(name)}' are the same folder '{Shown.Path(folder)}' (one is a link). Its images cannot be of two classes; remove one.");
            }
        }
    }

    /// <summary>The classes' names, and what to say of them.</summary>
    private static (ImmutableArray<string> Names, string Note) Names(List<(string Name, string Path)> classes, bool discovered)
    {
        ImmutableArray<string> names = [.. classes.Select(c => c.Name)];
        return discovered && Cifar10Classes.FromPublished(names) is { } own && !own.SequenceEqual(names)
            ? (own, $" of CIFAR-10's {string.Join(", ", names)}, called {string.Join(", ", own)}")
            : (names, "");
    }

    /// <summary>Draws the test images of each class apart, so that both parts keep the classes' shares; copies of a file stay with it, and files of its name.</summary>
    /// <param name="files">All files.</param>
    /// <param name="streams">The place of each class among all folders, which its draw depends on: whichever classes are chosen, and in whatever order, the same files are for testing.</param>
    /// <param name="fraction">The share.</param>
    /// <param name="options">Seed, cancellation.</param>
    private static (ImageFiles Train, ImageFiles Test, int Copies, int Named) Split(ImageFiles files, int[] streams, double fraction, DataOptions options)
    {
        List<int> train = [], test = [];
        var pictures = SetAside.Pictures(files.Paths, options.CancellationToken);
        int copies = 0, named = 0;
        foreach (var (label, indices) in Enumerable.Range(0, files.Count).GroupBy(i => files.Labels[i]).Select(g => (g.Key, g.ToArray())))
        {
            if (indices.Length < 2)
            {
                throw new Cifar3DataException($"Class '{Shown.Text(files.ClassNames[label])}' has only one image, which cannot be split into training and test images. Add images, or a test folder.");
            }

            UInt128[] own = [.. indices.Select(i => pictures[i])];
            var together = SetAside.Either(own, [.. indices.Select(i => files.Pictures![i])]);
            var aside = SetAside.Draw(fraction, options.Seed, streams[label], together);
            test.AddRange(indices.Where((_, i) => aside.Contains(i)));
            train.AddRange(indices.Where((_, i) => !aside.Contains(i)));
            copies += own.Length - own.Distinct().Count();
            named += own.Distinct().Count() - together.Distinct().Count();
        }

        return (files.Choose(train), files.Choose(test), copies, named);
    }

    private static ImageSet ToSet(ImageFiles files, DataOptions options, ProgressCounter counter, BadImages bad)
    {
        var pixels = new byte[files.Count * CnnArchitecture.ImageBytes];
        int[] sound = Decode(files, options, counter, bad, (path, i) => DecodedFiles.Shared.Read(path, pixels.AsSpan(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes), keep: false));
        var all = new ImageSet(pixels, [.. files.Labels], files.ClassNames) { Pictures = files.Pictures };
        return sound.Length == files.Count ? all : all.Select(sound);
    }

    /// <summary>Decodes all files on all threads; gives the indices of those that are pictures.</summary>
    private static int[] Decode(ImageFiles files, DataOptions options, ProgressCounter counter, BadImages bad, Action<string, int> decode)
    {
        var parallel = new ParallelOptions
        {
            MaxDegreeOfParallelism = options.Threads > 0 ? options.Threads : Environment.ProcessorCount,
            CancellationToken = options.CancellationToken,
        };
        var failures = new SortedDictionary<int, Cifar3ImageException>();
        try
        {
            Parallel.For(0, files.Count, parallel, (i, state) =>
            {
                try
                {
                    decode(files.Paths[i], i);
                }
                catch (Cifar3ImageException e)
                {
                    lock (failures)
                    {
                        failures.Add(i, e);
                    }

                    if (bad.EndsLoading)
                    {
                        state.Break(); // all earlier files are still read, so that the first bad file is the one reported, in every run
                        return;
                    }
                }

                counter.Add(1);
            });
        }
        catch (AggregateException e) when (e.InnerExceptions.Any(inner => inner is OutOfMemoryException))
        {
            throw NoMemory(Path.GetDirectoryName(files.Paths[0])!, files.Count, e);
        }
        catch (AggregateException e) when (e.InnerExceptions.OfType<Cifar3Exception>().FirstOrDefault() is { } first)
        {
            ExceptionDispatchInfo.Throw(first); // no picture's fault: the program cannot decode
        }

        foreach (var (i, error) in failures)
        {
            bad.Add(files.Paths[i], error);
        }

        int[] sound = [.. Enumerable.Range(0, files.Count).Where(i => !failures.ContainsKey(i))];
        int empty = files.Labels.Distinct().Except(sound.Select(i => files.Labels[i])).FirstOrDefault(-1);
        return empty < 0 ? sound : throw new Cifar3DataException($"None of the files of class '{Shown.Text(files.ClassNames[empty])}' can be decoded; the first one's error: {failures.First(f => files.Labels[f.Key] == empty).Value.Message}");
    }

    private static Cifar3DataException NoMemory(string folder, int count, Exception cause) => new(
        string.Create(CultureInfo.InvariantCulture, $"Cannot read '{Shown.Path(folder)}': there is no memory for its {count:N0} images, {(long)count * CnnArchitecture.ImageBytes:N0} bytes. Stream them with mlContext.Data.LoadCifar3FromFolder, or load fewer."), cause);
}

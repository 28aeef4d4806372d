using System.Collections.Immutable;

namespace Cifar3;

/// <summary>Labelled images to measure a model on, whose classes they have, in its order.</summary>
/// <param name="Images">The images.</param>
internal sealed record EvaluationImages(ImageSet Images)
{
    /// <summary>Classes of the model that have no image.</summary>
    public ImmutableArray<string> Absent { get; init; } = [];

    /// <summary>Folders beside those of the classes, which the model knows no class of.</summary>
    public ImmutableArray<string> Unknown { get; init; } = [];

    /// <summary>The folder of the classes, where no part of it is set apart: all its images are here, also those that a training on it has learnt; null where a part was taken.</summary>
    public string? Undivided { get; init; }

    /// <summary>Pictures left out, with their errors, where that is asked for.</summary>
    public ImmutableArray<BadImage> BadImages { get; init; } = [];
}

/// <summary>
/// Reads the images of a folder that a model is to be measured on: the test images (the validation images where there is no test folder), or all where no part is set apart. Nothing is split,
/// so one image of a class is enough, and a class without images is no error.
/// </summary>
internal static class EvaluationFolder
{
    /// <summary>Reads the folder.</summary>
    /// <param name="root">The folder, in one of the layouts of <see cref="FolderLayout"/>.</param>
    /// <param name="options">The model's classes; threads, progress, cancellation, bad images.</param>
    /// <exception cref="Cifar3DataException">No class has an image, or the folders' meaning is open.</exception>
    /// <exception cref="Cifar3ImageException">A file is no picture.</exception>
    public static EvaluationImages Read(string root, DataOptions options)
    {
        var skipped = new SkipCounter();
        var bad = new BadImages(options.OnBadImage, skipped);
        var walker = new FolderWalker(skipped, bad.OnFolder, options.CancellationToken);
        var layout = FolderLayout.Find(root, options, walker, skipped, someClasses: true);
        var split = layout.Test ?? layout.Validation ?? layout.Train;
        ImmutableArray<string> names = [.. options.Classes!], found = [.. split.Classes.Select(c => ClassList.Normal(c.Name))];
        int[] places = [.. names.Select(name => ClassList.Find(name, found))];
        var present = Enumerable.Range(0, names.Length).Where(label => places[label] >= 0).ToList();
        ClassList.CheckDistinct([.. present.Select(label => found[places[label]])], $"the model's classes, as folders of '{Shown.Path(split.Folder)}'");
        ImageFolderReader.Claim([.. present.Select(label => (names[label], split.Classes[places[label]].Path))], walker);
        var pictures = walker.Pictures([.. present.Select(label => split.Classes[places[label]].Path)]);
        var files = new ImageFiles([.. pictures.SelectMany(paths => paths)], [.. pictures.SelectMany((paths, i) => Enumerable.Repeat(present[i], paths.Count))], names);
        if (files.Count == 0)
        {
            throw new Cifar3DataException($"'{Shown.Path(split.Folder)}' has no image of the model's classes, {Shown.Names(names)}{skipped.ToSentence()}. Found: {FolderLayout.Tree(split.Folder)}. Name a folder that has a folder for each class, or a model of these classes.");
        }

        return new EvaluationImages(ImageFolderReader.Decoded(root, [files], options, bad)[0]!)
        {
            Absent = [.. names.Where((_, label) => !files.Labels.Contains(label))],
            Unknown = [.. found.Where((_, i) => !places.Contains(i))],
            Undivided = split == layout.Train ? split.Folder : null,
            BadImages = bad.Collected,
        };
    }
}

namespace Cifar3;

/// <summary>Pictures without labels: those of a folder and of all folders below it.</summary>
internal static class PictureList
{
    /// <summary>Lists them as the class folders' pictures are listed; see <see cref="Cifar3Data.ListPictures"/>.</summary>
    /// <param name="path">The folder; anything else is the picture itself.</param>
    /// <param name="onUnreadable">Is told of folders that cannot be read; null = the first one ends the call.</param>
    /// <param name="skipped">Counts what is left out.</param>
    /// <param name="cancellation">Ends the search. Default: none.</param>
    /// <exception cref="Cifar3DataException">There are none, or the folder cannot be read.</exception>
    public static IReadOnlyList<string> At(string path, Action<string>? onUnreadable, SkipCounter skipped, CancellationToken cancellation = default) =>
        Directory.Exists(path) ? Below(path, onUnreadable, skipped, cancellation) : [path];

    private static IReadOnlyList<string> Below(string folder, Action<string>? onUnreadable, SkipCounter skipped, CancellationToken cancellation)
    {
        string root = Path.GetFullPath(folder);
        int unreadable = 0;
        var walker = new FolderWalker(skipped, (path, e) =>
        {
            string problem = IoFault.ReadProblem(path == root ? folder : AsGiven(path), e);
            if (path == root || onUnreadable is null)
            {
                throw new Cifar3DataException(problem, e);
            }

            unreadable++;
            onUnreadable(problem);
        }, cancellation);
        walker.Claim(root);
        var pictures = walker.Pictures([root])[0];
        return pictures.Count > 0 || unreadable > 0
            ? [.. pictures.Select(AsGiven)]
            : throw new Cifar3DataException($"Folder '{Shown.Path(folder)}' has no picture{skipped.ToSentence()}. Name another folder, or the pictures themselves.");

        string AsGiven(string path) => Path.Combine(folder, Path.GetRelativePath(root, path));
    }
}

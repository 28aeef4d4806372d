namespace Cifar3;

/// <summary>
/// The one walker of all image folders: finds the pictures below class folders, however deep, and counts the rest. Each real folder is entered
/// once: links are followed after all that lies in a class without them, so that a loop, or a link into another class, adds nothing and is counted as a repeat.
/// </summary>
/// <param name="skipped">Counts what is no picture.</param>
/// <param name="unreadable">Told of folders that cannot be read, in place of the exception; null = the first one ends the walk. Default: null.</param>
/// <param name="cancellation">Ends the walk, which may take minutes. Default: none.</param>
internal sealed class FolderWalker(SkipCounter skipped, Action<string, Exception>? unreadable = null, CancellationToken cancellation = default)
{
    /// <summary>What systems and programs leave in folders, beside what begins with a dot.</summary>
    private static readonly HashSet<string> SystemNames = new(StringComparer.OrdinalIgnoreCase)
    {
        "__MACOSX", "@eaDir", "#recycle", "@Recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found", "__pycache__", "Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\r",
    };

    private readonly HashSet<string> entered = new(OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);

    /// <summary>Marks a folder as part of the structure (root, split, class): a link to it adds nothing.</summary>
    /// <returns>False where the same real folder was marked before.</returns>
    public bool Claim(string folder) => entered.Add(FileBehind.Place(folder));

    /// <summary>The folders directly below one, in ordinal order of their names; what else lies there is counted as skipped.</summary>
    public List<(string Name, string Path)> Below(string folder)
    {
        var folders = new List<(string, string)>();
        foreach (var entry in Entries(folder))
        {
            cancellation.ThrowIfCancellationRequested();
            if (IsSystem(entry))
            {
                skipped.Add(SkipReason.SystemFile, entry.FullName);
            }
            else if (entry is DirectoryInfo && RunMark.Is(entry.FullName))
            {
                skipped.Add(SkipReason.TrainingRun, entry.FullName);
            }
            else if (entry is DirectoryInfo)
            {
                folders.Add((entry.Name, entry.FullName));
            }
            else
            {
                skipped.Add(IsPicture(entry) ? SkipReason.LoosePicture : NotRead(entry), entry.FullName);
            }
        }

        return folders;
    }

    /// <summary>The pictures of each class folder, by path in ordinal order.</summary>
    /// <param name="classFolders">Claimed before, all of them.</param>
    public List<string>[] Pictures(IReadOnlyList<string> classFolders)
    {
        var pictures = new List<string>[classFolders.Count];
        var links = new Queue<(int Class, string Path)>();
        var first = new Dictionary<string, List<string>>();
        for (int i = 0; i < pictures.Length; i++)
        {
            string real = FileBehind.Place(classFolders[i]);
            if (first.TryGetValue(real, out var same))
            {
                pictures[i] = same; // a test folder that is a link to the training folder
                continue;
            }

            first[real] = pictures[i] = [];
            Descend(i, classFolders[i], real);
        }

        while (links.TryDequeue(out var link))
        {
            string real = FileBehind.Place(link.Path);
            if (entered.Add(real))
            {
                Descend(link.Class, link.Path, real);
            }
            else
            {
                skipped.Add(SkipReason.RepeatedFolder, link.Path);
            }
        }

        foreach (var list in first.Values)
        {
            list.Sort((a, b) => Compare(a, b, Path.DirectorySeparatorChar));
        }

        return pictures;

        void Descend(int label, string folder, string realFolder)
        {
            var waiting = new Stack<(string Path, string Real)>([(folder, realFolder)]);
            while (waiting.TryPop(out var next))
            {
                foreach (var entry in Readable(next.Path, isClass: next.Path == folder))
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (IsSystem(entry))
                    {
                        skipped.Add(SkipReason.SystemFile, entry.FullName);
                    }
                    else if (entry is not DirectoryInfo)
                    {
                        Add(label, entry);
                    }
                    else if (entry.LinkTarget is not null)
                    {
                        links.Enqueue((label, entry.FullName));
                    }
                    else if (entered.Add(Path.Combine(next.Real, entry.Name)))
                    {
                        waiting.Push((entry.FullName, Path.Combine(next.Real, entry.Name)));
                    }
                    else
                    {
                        skipped.Add(SkipReason.RepeatedFolder, entry.FullName);
                    }
                }
            }
        }

        void Add(int label, FileSystemInfo file)
        {
            if (IsPicture(file))
            {
                pictures[label].Add(file.FullName);
            }
            else
            {
                skipped.Add(NotRead(file), file.FullName);
            }
        }
    }

    /// <summary>Whether a folder has pictures of its own, not counting those of folders below.</summary>
    public static bool HasPictures(string folder) => Entries(folder).Any(entry => entry is FileInfo && !IsSystem(entry) && IsPicture(entry));

    /// <summary>Whether a file or folder is hidden or what systems leave behind.</summary>
    public static bool IsSystem(FileSystemInfo entry) => entry.Name.StartsWith('.') || SystemNames.Contains(entry.Name)
        || (OperatingSystem.IsWindows() && entry.Attributes.HasFlag(FileAttributes.Hidden)); // media players' covers, AlbumArtSmall.jpg

    /// <summary>Ordinal order of paths in which folders end with / on every system: which images are set aside, and when each is trained on, follows from it.</summary>
    internal static int Compare(string a, string b, char separator)
    {
        int at = a.AsSpan().CommonPrefixLength(b);
        return at == a.Length || at == b.Length ? a.Length - b.Length : Portable(a[at]) - Portable(b[at]);

        char Portable(char c) => c == separator ? '/' : c;
    }

    /// <summary>What a folder holds, by name in ordinal order.</summary>
    public static IEnumerable<FileSystemInfo> Entries(string folder) =>
        new DirectoryInfo(folder).EnumerateFileSystemInfos("*", new EnumerationOptions { IgnoreInaccessible = false, AttributesToSkip = FileAttributes.None }).OrderBy(entry => entry.Name, StringComparer.Ordinal);

    private IEnumerable<FileSystemInfo> Readable(string folder, bool isClass)
    {
        try
        {
            return [.. Entries(folder)];
        }
        catch (Exception e) when (unreadable is not null && e is IOException or UnauthorizedAccessException)
        {
            unreadable(folder, e);
            return [];
        }
        catch (Exception e) when (!isClass && e is IOException or UnauthorizedAccessException)
        {
            throw new Cifar3ImageException(IoFault.ReadProblem(folder, e), e); // as of a picture: it may be left out, where a class would have none
        }
    }

    private static SkipReason NotRead(FileSystemInfo file) => ImageSignature.IsOtherPictureName(file.Name) ? SkipReason.OtherFormat : SkipReason.OtherFile;

    /// <summary>By the name's ending; a file without one is looked into.</summary>
    private static bool IsPicture(FileSystemInfo file)
    {
        if (file.Extension.Length > 1)
        {
            return ImageSignature.IsPictureName(file.Name);
        }

        try
        {
            using var stream = BoundedReader.Open(file.FullName);
            Span<byte> head = stackalloc byte[16];
            return ImageSignature.Format(head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)]) != PictureFormat.None;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}

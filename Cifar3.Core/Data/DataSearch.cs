namespace Cifar3;

/// <summary>The places where <see cref="Cifar3Data.Load"/> looks for CIFAR-10 when no path is given, in their order.</summary>
/// <param name="Named">The path that CIFAR3_DATA names, if any.</param>
/// <param name="Cache">This library's cache: downloads go here; null where this user has no place for one.</param>
/// <param name="OtherCaches">Where other libraries keep CIFAR-10.</param>
/// <param name="Download">What to download when nothing is found.</param>
internal sealed record DataSearch(string? Named, string? Cache, IReadOnlyList<string> OtherCaches, ArchiveDownload Download)
{
    private const string ArchiveName = "cifar-10-binary.tar.gz";

    /// <summary>The places of this machine and user.</summary>
    public static DataSearch Default()
    {
        // A relative HOME or XDG_CACHE_HOME would put caches into whatever folder the program was started in: it counts as not set, as the XDG specification says.
        string? home = Rooted(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile)), xdg = Rooted(Variable("XDG_CACHE_HOME"));
        string? torch = Rooted(Variable("TORCH_HOME")) ?? Below(xdg ?? Below(home, ".cache"), "torch");
        string?[] others =
        [
            Below(Rooted(Variable("KERAS_HOME")) ?? Below(home, ".keras"), "datasets"), // Keras 2 and 3
            Below(torch, "datasets"), Below(CurrentFolder(), "data"), Below(home, "data"), // torchvision has no fixed place; its examples write to ./data
        ];
        return new DataSearch(Variable(Cifar3Data.PathVariable), Below(CacheRoot(home, xdg), "cifar3"), [.. others.OfType<string>()], ArchiveDownload.Cifar10Binary);
    }

    /// <summary>Looks everywhere.</summary>
    /// <param name="options">Whether to download, and how to read.</param>
    /// <param name="reason">When nothing is found: each place and why it would not do.</param>
    /// <returns>The images, or null.</returns>
    /// <exception cref="Cifar3DataException">What CIFAR3_DATA names is missing or damaged: a place that the user names must be right.</exception>
    public ImageData? Find(DataOptions options, out string reason)
    {
        reason = "";
        if (Named is not null)
        {
            try
            {
                return DataLocator.Read(Named, options, discovered: true);
            }
            catch (Cifar3DataException e)
            {
                throw new Cifar3DataException($"{e.Message} ({Cifar3Data.PathVariable} names '{Shown.Path(Named)}'.)", e);
            }
        }

        // A choice of classes that CIFAR-10 does not have is the caller's mistake, not a missing archive.
        Cifar10Classes.LabelMap(options.Classes ?? Cifar3Data.DefaultClasses);
        var tried = new List<string> { $"{Cifar3Data.PathVariable} is not set" };
        string? target = Below(Cache, ArchiveName);
        bool isMissing = true; // the download, or damaged and removed
        foreach (string folder in Cache is null ? OtherCaches : OtherCaches.Prepend(Cache))
        {
            string[] all = [.. DataLocator.FindCifar10(folder)];
            if (all.Length == 0)
            {
                tried.Add($"'{Shown.Path(folder)}' has no CIFAR-10");
            }

            foreach (string found in all)
            {
                try
                {
                    return DataLocator.Read(found, options);
                }
                catch (Cifar3DataException e)
                {
                    tried.Add(e.Message.TrimEnd('.'));
                    if (found == target && options.AllowDownload)
                    {
                        isMissing = IsDamaged(e) && RemoveDamaged(found, tried);
                    }
                }
            }
        }

        if (!options.AllowDownload)
        {
            tried.Add("downloading is switched off");
        }
        else if (target is null)
        {
            tried.Add("there is no folder for a download (HOME is not set to an absolute path; neither is XDG_CACHE_HOME)");
        }
        else if (isMissing && TryDownload(target, options, tried) is { } data)
        {
            return data;
        }

        reason = $"CIFAR-10 was not found: {string.Join("; ", tried)}. Give a path, set {Cifar3Data.PathVariable}, or {(Cache is null ? "set XDG_CACHE_HOME to an absolute path" : $"put {ArchiveName} into '{Shown.Path(Cache)}'")}.";
        return null;
    }

    private ImageData? TryDownload(string target, DataOptions options, List<string> tried)
    {
        try
        {
            // On the pool, so that no caller's synchronization context can be waited for.
            Task.Run(() => Download.FetchAsync(target, options.Progress, options.CancellationToken), options.CancellationToken).GetAwaiter().GetResult();
            return DataLocator.Read(target, options);
        }
        catch (Cifar3DataException e)
        {
            tried.Add(e.Message.TrimEnd('.'));
            return null;
        }
    }

    /// <summary>Whether what was read is at fault, and no lack of memory, handles or permissions, in which it may be sound.</summary>
    private static bool IsDamaged(Cifar3DataException e) => e.InnerException is not (OutOfMemoryException or UnauthorizedAccessException or IOException) or EndOfStreamException;

    /// <summary>Makes room for a sound download.</summary>
    private static bool RemoveDamaged(string archive, List<string> tried)
    {
        try
        {
            File.Delete(archive);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            tried.Add($"'{Shown.Path(archive)}' cannot be removed: {Shown.Path(e.Message.TrimEnd('.'))}");
            return false;
        }
    }

    /// <summary>Where this platform keeps caches.</summary>
    private static string? CacheRoot(string? home, string? xdg) =>
        xdg
        ?? (OperatingSystem.IsWindows() ? Rooted(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData))
        : OperatingSystem.IsMacOS() ? Below(home, Path.Combine("Library", "Caches"))
        : Below(home, ".cache"));

    /// <summary>Null where it was removed, as that of a service which its next version replaced.</summary>
    private static string? CurrentFolder()
    {
        try
        {
            return Environment.CurrentDirectory;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static string? Below(string? folder, string name) => folder is null ? null : Path.Combine(folder, name);

    private static string? Rooted(string? path) => path is { Length: > 0 } && Path.IsPathFullyQualified(path) ? path : null;

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}

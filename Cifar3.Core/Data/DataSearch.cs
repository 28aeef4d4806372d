namespace Cifar3;

/// <summary>The places where <see cref="Cifar3Data.Load"/> looks for CIFAR-10 when no path is given, in their order.</summary>
/// <param name="Named">The path that CIFAR3_DATA names, if any.</param>
/// <param name="Cache">This library's cache: downloads go here.</param>
/// <param name="OtherCaches">Where other libraries keep CIFAR-10.</param>
/// <param name="Download">What to download when nothing is found.</param>
internal sealed record DataSearch(string? Named, string Cache, IReadOnlyList<string> OtherCaches, ArchiveDownload Download)
{
    private const string ArchiveName = "cifar-10-binary.tar.gz";

    /// <summary>The places of this machine and user.</summary>
    public static DataSearch Default()
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string torch = Variable("TORCH_HOME") ?? Path.Combine(Variable("XDG_CACHE_HOME") ?? Path.Combine(home, ".cache"), "torch");
        return new DataSearch(
            Variable(Cifar3Data.PathVariable),
            Path.Combine(CacheRoot(home), "cifar3"),
            [
                Path.Combine(Variable("KERAS_HOME") ?? Path.Combine(home, ".keras"), "datasets"), // Keras 2 and 3
                Path.Combine(torch, "datasets"), Path.GetFullPath("data"), Path.Combine(home, "data"), // torchvision has no fixed place; its examples write to ./data
            ],
            ArchiveDownload.Cifar10Binary);
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
                return DataLocator.Read(Named, options);
            }
            catch (Cifar3DataException e)
            {
                throw new Cifar3DataException($"{e.Message} ({Cifar3Data.PathVariable} names '{Named}'.)", e);
            }
        }

        // A choice of classes that CIFAR-10 does not have is the caller's mistake, not a missing archive.
        Cifar10Classes.LabelMap(options.Classes ?? Cifar3Data.DefaultClasses);
        var tried = new List<string> { $"{Cifar3Data.PathVariable} is not set" };
        string target = Path.Combine(Cache, ArchiveName);
        foreach (string folder in OtherCaches.Prepend(Cache))
        {
            string? found = DataLocator.FindCifar10(folder);
            if (found is null)
            {
                tried.Add($"'{folder}' has no CIFAR-10");
                continue;
            }

            try
            {
                return DataLocator.Read(found, options);
            }
            catch (Cifar3DataException e)
            {
                tried.Add(e.Message.TrimEnd('.'));
                if (found == target && options.AllowDownload)
                {
                    RemoveDamaged(target, tried);
                }
            }
        }

        if (!options.AllowDownload)
        {
            tried.Add("downloading is switched off");
        }
        else if (TryDownload(target, options, tried) is { } data)
        {
            return data;
        }

        reason = $"CIFAR-10 was not found: {string.Join("; ", tried)}. Give a path, set {Cifar3Data.PathVariable}, or put {ArchiveName} into '{Cache}'.";
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

    /// <summary>Makes room for a sound download.</summary>
    private static void RemoveDamaged(string archive, List<string> tried)
    {
        try
        {
            File.Delete(archive);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            tried.Add($"'{archive}' cannot be removed: {e.Message.TrimEnd('.')}");
        }
    }

    /// <summary>Where this platform keeps caches.</summary>
    private static string CacheRoot(string home) =>
        Variable("XDG_CACHE_HOME") is { } cache && Path.IsPathRooted(cache) ? cache
        : OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
        : OperatingSystem.IsMacOS() ? Path.Combine(home, "Library", "Caches")
        : Path.Combine(home, ".cache");

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}

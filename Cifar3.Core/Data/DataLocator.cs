namespace Cifar3;

/// <summary>Finds out what lies at a path and reads it.</summary>
internal static class DataLocator
{
    /// <summary>Reads whatever a path names.</summary>
    /// <exception cref="Cifar3DataException">There is nothing there, or it is no known kind of data, or it is damaged.</exception>
    /// <exception cref="Cifar3ImageException">An image file is damaged.</exception>
    public static ImageData Read(string path, DataOptions options)
    {
        if (Directory.Exists(path))
        {
            return ImageFolderReader.Read(path, options);
        }

        throw new Cifar3DataException($"There is no file or folder '{path}'. Check the path.");
    }

    /// <summary>The first few names in a folder, for error messages.</summary>
    public static string Listing(string folder)
    {
        const int Shown = 5;
        string[] names = [.. Directory.EnumerateFileSystemEntries(folder).Take(1000).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
        return names.Length == 0 ? "an empty folder" : string.Join(", ", names.Take(Shown)) + (names.Length > Shown ? $" and {names.Length - Shown} more" : "");
    }
}

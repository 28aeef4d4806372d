using System.Globalization;

namespace Cifar3;

/// <summary>Finds out what lies at a path and reads it.</summary>
internal static class DataLocator
{
    /// <summary>The names under which CIFAR-10 is kept: as published, then as torchvision, Keras 3 and Keras 2 keep it. Folders first: they need no unpacking.</summary>
    private static readonly string[] Cifar10Names =
    [
        "cifar-10-batches-bin", "cifar-10-batches-py", "cifar-10-batches-py-target/cifar-10-batches-py", "cifar-10-batches-py/cifar-10-batches-py",
        "cifar-10-binary.tar.gz", "cifar-10-python.tar.gz", "cifar-10-batches-py.tar.gz", "cifar-10-batches-py-target_archive",
    ];

    /// <summary>Reads whatever a path names.</summary>
    /// <exception cref="Cifar3DataException">There is nothing there, or it is no known kind of data, or it is damaged.</exception>
    /// <exception cref="Cifar3ImageException">An image file is damaged.</exception>
    public static ImageData Read(string path, DataOptions options, bool discovered = false)
    {
        string given = path;
        try
        {
            path = Path.GetFullPath(path);
            if (!Directory.Exists(path) && Path.Exists(path))
            {
                CheckNoOtherFile(path);
                return CifarSource.ReadArchive(path, options);
            }

            if (!Directory.Exists(path))
            {
                throw new Cifar3DataException($"There is no file or folder '{Shown.Path(path)}'. Expected a CIFAR-10 archive, its unpacked folder, or image folders train/<class>/* and test/<class>/*. {IoFault.PathRemedy(given) ?? "Check the path"}.");
            }

            if (IsCifar10(path))
            {
                return CifarSource.ReadFolder(path, options);
            }

            return IsImageFolder(path) ? ImageFolderReader.Read(path, options, discovered) : Read(FindCifar10(path).First(), options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, e);
        }
        catch (OutOfMemoryException e)
        {
            throw new Cifar3DataException(string.Create(CultureInfo.InvariantCulture, $"Cannot read '{Shown.Path(path)}': there is no memory for its images. CIFAR-10 needs up to {CifarSource.MaxMemory:N0} bytes. Give the process more memory, or load fewer classes."), e);
        }
    }

    /// <summary>Reads the labelled images that a model of some classes is to be measured on.</summary>
    /// <exception cref="Cifar3DataException">There is nothing there, it is no known kind of data or damaged, or it has none of the classes.</exception>
    /// <exception cref="Cifar3ImageException">An image file is damaged.</exception>
    public static EvaluationImages ReadForEvaluation(string path, DataOptions options)
    {
        string given = path;
        try
        {
            path = Path.GetFullPath(path);
            return IsImageFolder(path) ? EvaluationFolder.Read(path, options) : new EvaluationImages(Read(given, options).Test);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, e);
        }
    }

    /// <summary>Whether a path is a folder of image folders, rather than one of CIFAR-10's forms.</summary>
    /// <exception cref="Cifar3DataException">The folder cannot be listed.</exception>
    public static bool IsImageFolder(string path)
    {
        try
        {
            return Directory.Exists(path) && !IsCifar10(path) && (FolderLayout.HasTraining(path) || !FindCifar10(path).Any());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, e);
        }
    }

    /// <summary>Lists the files of image folders; see <see cref="ImageFolderReader.ListSound"/>.</summary>
    /// <exception cref="Cifar3DataException">The folder is missing, empty or cannot be read, or the classes do not fit together.</exception>
    public static ImageFolders List(string folder, DataOptions options, bool discovered = false)
    {
        string given = folder;
        try
        {
            folder = Path.GetFullPath(folder);
            return Directory.Exists(folder)
                ? ImageFolderReader.ListSound(folder, options, discovered)
                : throw new Cifar3DataException($"There is no folder '{Shown.Path(folder)}'. Expected image folders train/<class>/* and test/<class>/*. {IoFault.PathRemedy(given) ?? "Check the path"}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(folder, e);
        }
    }

    /// <summary>CIFAR-10's archives and batches in a folder, under the names that libraries give them: beside an archive often lies what was unpacked from it, perhaps not to the end.</summary>
    public static IEnumerable<string> FindCifar10(string folder) =>
        Cifar10Names.Select(name => Path.Combine(folder, name)).Where(path => File.Exists(path) || (Directory.Exists(path) && IsCifar10(path)));

    /// <summary>Refuses a picture where pictures are meant, pictures in an archive, and a list of pictures, before they are taken for a damaged archive of CIFAR-10.</summary>
    private static void CheckNoOtherFile(string path)
    {
        string? problem = ImageSignature.IsPictureName(path) || ImageSignature.IsOtherPictureName(path) ? "is one picture. Expected a folder of pictures, <class>/* or train/<class>/* and test/<class>/*, or a CIFAR-10 archive. Name the folder."
            : Path.GetExtension(path).ToUpperInvariant() switch
            {
                ".ZIP" or ".7Z" or ".RAR" or ".XZ" or ".TXZ" or ".BZ2" or ".TBZ2" or ".ZST" => CifarSource.OtherArchive,
                ".CSV" or ".TSV" or ".TXT" or ".JSON" or ".XLSX" => "is a list, no folder of pictures. Expected <class>/* or train/<class>/* and test/<class>/*. Move the pictures into a folder for each class; or in a program, read the list with ML.NET's LoadFromTextFile and train on its columns with Cifar3Cnn.",
                _ => null,
            };
        if (problem is not null)
        {
            throw new Cifar3DataException($"'{Shown.Path(path)}' {problem}");
        }
    }

    private static Cifar3DataException Unreadable(string path, Exception e) => new(IoFault.ReadProblem(path, e), e);

    private static bool IsCifar10(string folder) => CifarSource.IsBinaryFolder(folder) || CifarSource.IsPythonFolder(folder);
}

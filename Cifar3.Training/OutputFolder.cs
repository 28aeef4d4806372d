namespace Cifar3.Training;

/// <summary>Finds out before a training, not after its first epoch, whether a folder can be written to.</summary>
internal static class OutputFolder
{
    /// <summary>Creates the folder and writes and removes an empty file in it.</summary>
    /// <exception cref="Cifar3Exception">The folder cannot be written to.</exception>
    public static void Prepare(string folder) => Try(folder, create: true);

    /// <summary>Whether it can be prepared, for whoever reads many images first. Leaves nothing: of a folder that is not there the nearest one above it is tried.</summary>
    /// <exception cref="Cifar3Exception">The folder cannot be written to.</exception>
    public static void Check(string folder) => Try(folder, create: false);

    private static void Try(string folder, bool create)
    {
        string full = Path.GetFullPath(folder), there = IoFault.Nearest(full);
        string probe = Path.Combine(create ? full : there, $".cifar3-{Guid.NewGuid():N}");
        try
        {
            if (File.Exists(there))
            {
                throw new NoFolderException(there, isNamed: there == full);
            }

            if (create)
            {
                Directory.CreateDirectory(full);
            }

            new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception e) when (IoFault.Find(e) is { } fault)
        {
            // The probe's name says nothing to whoever named the folder.
            throw new Cifar3Exception($"Cannot write '{Shown.Path(folder)}': {Shown.Path(fault.Message.Replace(probe, full, StringComparison.Ordinal).TrimEnd('.'))}. {IoFault.WriteRemedy(fault)}.", fault);
        }
    }
}

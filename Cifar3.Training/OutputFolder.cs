namespace Cifar3.Training;

/// <summary>Finds out before a training, not after its first epoch, whether a folder can be written to.</summary>
internal static class OutputFolder
{
    /// <summary>Creates the folder and writes and removes an empty file in it.</summary>
    /// <exception cref="Cifar3Exception">The folder cannot be written to.</exception>
    public static void Prepare(string folder)
    {
        string probe = Path.Combine(folder, $".cifar3-{Guid.NewGuid():N}");
        AtomicFile.Write(probe, ReadOnlyMemory<byte>.Empty);
        File.Delete(probe);
    }
}

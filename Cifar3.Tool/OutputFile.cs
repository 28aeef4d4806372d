namespace Cifar3.Tool;

/// <summary>Where a command writes.</summary>
internal static class OutputFile
{
    /// <summary>Refuses to write over a file that the command reads, whatever links lead there.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="inputs">The models that are read, files, the one inside or new weights.</param>
    /// <exception cref="ArgumentException">It is one of them.</exception>
    public static void Apart(string path, params IEnumerable<string> inputs)
    {
        string real = FolderWalker.RealPath(path);
        if (inputs.FirstOrDefault(input => input is not (ModelFiles.Shipped or ModelFiles.New) && FolderWalker.RealPath(input).Equals(real, OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase)) is { } same)
        {
            throw new ArgumentException($"'{Shown.Path(path)}' is the model that is read, '{Shown.Path(same)}': it would be lost. Name another file to write.");
        }
    }
}

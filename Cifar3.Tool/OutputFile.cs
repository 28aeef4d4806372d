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
        if (inputs.FirstOrDefault(input => IsInput(path, input)) is { } same)
        {
            throw new ArgumentException($"'{Shown.Path(path)}' is the model that is read, '{Shown.Path(same)}': it would be lost. Name another file to write.");
        }
    }

    /// <summary>Whether a file is a model that is read.</summary>
    public static bool IsInput(string path, string input) =>
        input is not (ModelFiles.Shipped or ModelFiles.New) && FileBehind.Place(input).Equals(FileBehind.Place(path), OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase);
}

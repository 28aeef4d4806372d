namespace Cifar3;

/// <summary>The text file beside a model of another tool that names its classes: <c>model.classes.txt</c> for <c>model.onnx</c>, one name a line.</summary>
internal static class ClassNamesFile
{
    /// <summary>The most bytes of the list.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>Reads the names; null when there is no such file.</summary>
    /// <exception cref="Cifar3ModelException">The file cannot be read or is no list of names.</exception>
    public static IReadOnlyList<string>? Read(string modelPath)
    {
        string path = Path.ChangeExtension(modelPath, ".classes.txt");
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            byte[] bytes = BoundedReader.ReadFile(path, MaxBytes) ?? throw OnnxFile.Unreadable(path, $"expected a short list of class names, found more than {MaxBytes:N0} bytes", "Write one name a line");
            string[] names = System.Text.Encoding.UTF8.GetString(bytes).TrimStart('\uFEFF').Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            return names.Length > 0 ? names : throw OnnxFile.Unreadable(path, "expected class names, found an empty file", "Write one name a line, in the order of the model's outputs");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw OnnxFile.Unreadable(path, e.Message.TrimEnd('.'), "Check that you may read it, or give ClassifierOptions.ClassNames", e);
        }
    }
}

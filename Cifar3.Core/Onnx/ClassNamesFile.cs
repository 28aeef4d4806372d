using System.Text;

namespace Cifar3;

/// <summary>The text file beside a model of another tool that names its classes: <c>model.classes.txt</c> for <c>model.onnx</c>, one name a line.</summary>
internal static class ClassNamesFile
{
    /// <summary>The most bytes of the list.</summary>
    public const int MaxBytes = 1 << 20;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

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
            string[] names = Utf8.GetString(bytes).TrimStart('\uFEFF').Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            return names.Length > 0 ? names : throw OnnxFile.Unreadable(path, "expected class names, found an empty file", "Write one name a line, in the order of the model's outputs");
        }
        catch (DecoderFallbackException e)
        {
            throw OnnxFile.Unreadable(path, "expected class names as UTF-8 text, found other bytes (UTF-16, or a code page's letters)", "Save the list as UTF-8, one name a line", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw OnnxFile.Unreadable(path, Shown.Path(e.Message.TrimEnd('.')), "Check that you may read it, or give ClassifierOptions.ClassNames", e);
        }
    }
}

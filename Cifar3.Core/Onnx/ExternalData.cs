using System.Globalization;
using Google.Protobuf;
using Onnx;

namespace Cifar3;

/// <summary>
/// Weights in files of their own beside the model, <c>model.onnx.data</c>, as PyTorch 2.9 and <c>onnx.save(..., save_as_external_data=True)</c> write
/// them: read into the model, from its own folder only.
/// </summary>
/// <remarks><see href="https://onnx.ai/onnx/repo-docs/ExternalData.html"/>. Bound: the weights of a model take <see cref="OnnxFile.MaxBytes"/> in all.</remarks>
internal static class ExternalData
{
    private const string OneFile = "save them beside the model or in one file with it (onnx.save_model)";

    /// <summary>Reads all weights that are in other files.</summary>
    /// <param name="model">The model; its weights hold their numbers afterwards.</param>
    /// <param name="modelPath">Its file; null where there is none.</param>
    /// <exception cref="FormatException">A weight is incomplete, or says a place where it may not be.</exception>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    public static void Read(ModelProto model, string? modelPath)
    {
        long left = OnnxFile.MaxBytes;
        foreach (var tensor in model.Graph.Initializer.Concat(model.Graph.Node.SelectMany(node => node.Attribute).Where(attribute => attribute.T is not null).Select(attribute => attribute.T)))
        {
            if (GraphTensor.IsExternal(tensor))
            {
                left -= Read(tensor, modelPath, left);
            }
            else
            {
                tensor.ClearDataLocation(); // said or not, its numbers are in the file
            }
        }
    }

    private static long Read(TensorProto tensor, string? modelPath, long left)
    {
        string name = Shown.Text(tensor.Name);
        string location = Entry("location") ?? "";
        if (modelPath is null)
        {
            throw new FormatException($"weight '{name}' is in another file, '{Shown.Text(location)}': bytes in memory have no folder to look in. Load the model by its path, or put all into one file (onnx.save_model without external data)");
        }

        if (tensor.HasRawData || tensor.ExternalData.GroupBy(entry => entry.Key).Any(entries => entries.Count() > 1))
        {
            throw new FormatException($"weight '{name}' says twice where its numbers are: expected one place, found {(tensor.HasRawData ? "some in the model and in another file too" : string.Join(", ", tensor.ExternalData.Take(8).Select(entry => $"{Shown.Text(entry.Key)} '{Shown.Text(entry.Value)}'")))}");
        }

        var (count, size) = GraphTensor.Size(tensor);
        long expected = count * size, offset = Number("offset") ?? 0, length = Number("length") ?? expected;
        if (length != expected || expected > left)
        {
            throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"weight '{name}' in another file is incomplete or too large: expected {expected:N0} bytes, and at most {OnnxFile.MaxBytes:N0} for all weights, found {length:N0}"));
        }

        string path = Find(location, modelPath, name);
        using var stream = BoundedReader.Open(path);
        if (offset < 0 || offset > stream.Length - length)
        {
            throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"weight '{name}' is cut off: expected {length:N0} bytes from {offset:N0} of '{Shown.Text(location)}', found a file of {stream.Length:N0} bytes"));
        }

        var bytes = new byte[length];
        stream.Position = offset;
        stream.ReadExactly(bytes);
        tensor.RawData = UnsafeByteOperations.UnsafeWrap(bytes);
        tensor.ExternalData.Clear();
        tensor.ClearDataLocation();
        return length;

        string? Entry(string key) => tensor.ExternalData.FirstOrDefault(entry => entry.Key == key)?.Value;

        long? Number(string key) => Entry(key) is not { } text ? null
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value
            : throw new FormatException($"weight '{name}' in another file has a malformed {key}: '{Shown.Text(text)}'");
    }

    /// <summary>The file, if it lies in the model's folder; links may lead to where the model itself lies.</summary>
    private static string Find(string location, string modelPath, string weight)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(modelPath))!;
        if (location.Length == 0 || location.Contains('\0', StringComparison.Ordinal) || Path.IsPathRooted(location) || location.Split('/', '\\').Contains(".."))
        {
            throw new FormatException($"expected weights in the model's folder, found '{weight}' in another file outside it, '{Shown.Text(location)}': {OneFile}");
        }

        string path = Path.Combine(folder, location);
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"the weights are in another file, '{Shown.Text(location)}', which is missing: put it beside the model (both files belong together), or save the model into one file");
        }

        string real = FileBehind.Place(path), modelFolder = Path.GetDirectoryName(FileBehind.Place(modelPath))!;
        return IsWithin(real, FileBehind.Place(folder)) || IsWithin(real, modelFolder) ? real
            : throw new FormatException($"expected weights in the model's folder, found '{weight}' in another file outside it: '{Shown.Text(location)}' is a link to '{Shown.Path(real)}': {OneFile}");
    }

    private static bool IsWithin(string path, string folder) => Path.GetRelativePath(folder, path) is var relative && !Path.IsPathRooted(relative) && relative.Split('/', '\\')[0] != ".."; // "..data" is a name: Kubernetes mounts volumes under it
}

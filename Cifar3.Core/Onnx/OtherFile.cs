using System.Buffers.Binary;
using System.Text;

namespace Cifar3;

/// <summary>
/// What a file is that people take for an ONNX model or a Keras file: from its first bytes and, of archives, the names at its end. Reads a bounded part, whatever the size.
/// </summary>
internal static class OtherFile
{
    private const int Window = 1 << 16;
    private const string Export = "Export the model to ONNX";

    /// <summary>TensorFlow's checkpoint, Keras 2's <c>save_weights</c> without <c>.h5</c>: a table, a text that names it, and numbers, of which only these two can be told.</summary>
    public static (string What, string Remedy) Checkpoint { get; } =
        ("a part of a TensorFlow checkpoint, as Keras 2 saves weights", "Load it in Keras (model.load_weights) and save the whole model (model.save(\"model.keras\"))");

    /// <summary>What bytes are in words, and what to do where an ONNX model is wanted; null where they look like nothing known.</summary>
    public static (string What, string Remedy)? Name(ReadOnlySpan<byte> bytes) => Name(bytes, ".onnx");

    /// <summary>The same where a Keras file is wanted, which begins as HDF5 or zip, sound or damaged.</summary>
    public static (string What, string Remedy)? ForKeras(ReadOnlySpan<byte> bytes) =>
        IsHdf5(bytes) || bytes.StartsWith("PK"u8) ? null
        : bytes.IsEmpty ? ("an empty file", "Save it again or fetch a fresh copy")
        : IsOnnx(bytes) ? ("an ONNX model", "Read it with CnnModel.LoadOnnx, or score it with Cifar3Classifier.Load")
        : Name(bytes, ".keras or .h5") ?? Protobuf(bytes);

    private static (string What, string Remedy)? Name(ReadOnlySpan<byte> bytes, string wanted)
    {
        if (IsHdf5(bytes))
        {
            return ("an HDF5 file, as Keras saves models (.h5)", "Read it with KerasFile.Load of Cifar3.Training, then SaveOnnx");
        }

        if (bytes.StartsWith("PK\u0003\u0004"u8) || bytes.StartsWith("PK\u0005\u0006"u8))
        {
            return Zip(bytes);
        }

        if (bytes.Length > 8 && bytes[8] == (byte)'{' && BinaryPrimitives.ReadUInt64LittleEndian(bytes) is > 1 and < 100_000_000)
        {
            return ("a file of safetensors, which has weights but no graph", $"{Export} with the tool that made it (PyTorch: torch.onnx.export)");
        }

        if (bytes.Length > 8 && bytes[4..].StartsWith("TFL3"u8))
        {
            return ("a TensorFlow Lite model (.tflite)", $"{Export}: python -m tf2onnx.convert --tflite model.tflite --output model.onnx");
        }

        if (bytes.Length > 8 && bytes[4..].StartsWith("ORTM"u8))
        {
            return ("a model in ONNX Runtime's own format (.ort)", "Give the .onnx file that it was made from");
        }

        if (bytes.Length > 2 && bytes[0] == 0x80 && bytes[1] is >= 2 and <= 5)
        {
            return ("a Python pickle, as older PyTorch (.pt, .pth) and scikit-learn save models; it is not read, since reading one may run any program", $"{Export} in Python (PyTorch: torch.onnx.export)");
        }

        if (bytes.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]) || (bytes.Length > 262 && bytes[257..].StartsWith("ustar"u8)))
        {
            return ("a gzip or tar archive", $"Unpack it and give the {wanted} file inside");
        }

        if (bytes.StartsWith((ReadOnlySpan<byte>)[0x93, (byte)'N', (byte)'U', (byte)'M']))
        {
            return ("a NumPy array", $"Choose the {wanted} file");
        }

        if (bytes.EndsWith((ReadOnlySpan<byte>)[0x57, 0xFB, 0x80, 0x8B, 0x24, 0x75, 0x47, 0xDB])) // a LevelDB table's
        {
            return Checkpoint;
        }

        if (bytes.StartsWith("GGUF"u8))
        {
            return ("a GGUF file of a language model", $"Choose the {wanted} file");
        }

        if (IsPicture(bytes))
        {
            return ("a picture", "Give the model here and the picture to Predict");
        }

        return Text(bytes, wanted);
    }

    /// <summary>The same of protobuf bytes without an ONNX graph.</summary>
    public static (string What, string Remedy)? Protobuf(ReadOnlySpan<byte> bytes)
    {
        var start = bytes[..Math.Min(bytes.Length, Window)];
        return bytes.StartsWith((ReadOnlySpan<byte>)[8, 1, 0x12]) || start.IndexOf("Placeholder"u8) >= 0
            ? ("a TensorFlow graph (SavedModel or GraphDef, .pb)", $"{Export}: python -m tf2onnx.convert --saved-model FOLDER --output model.onnx")
            : null;
    }

    /// <summary>The same of a folder.</summary>
    public static (string What, string Remedy) Folder(string path) =>
        File.Exists(Path.Combine(path, "saved_model.pb"))
            ? ("a TensorFlow SavedModel, a folder", $"{Export}: python -m tf2onnx.convert --saved-model FOLDER --output model.onnx")
            : ("a folder", "Give the path of the .onnx file");

    private static (string What, string Remedy) Zip(ReadOnlySpan<byte> bytes)
    {
        // The list of an archive's files is at its end.
        var names = bytes.Length <= Window ? bytes : bytes[^Window..];
        return names switch
        {
            _ when Has(names, "model.weights.h5"u8) => ("a Keras archive (.keras)", "Read it with KerasFile.Load of Cifar3.Training, then SaveOnnx"),
            _ when Has(names, "data.pkl"u8) => ("a PyTorch file (.pt, .pth)", $"{Export}: torch.onnx.export(model, torch.zeros(1, 3, 32, 32), \"model.onnx\")"),
            _ when Has(names, "saved_model.pb"u8) => ("a zip archive with a TensorFlow SavedModel", $"{Export}: unpack it, then python -m tf2onnx.convert --saved-model FOLDER --output model.onnx"),
            _ when Has(names, ".onnx"u8) => ("a zip archive with an ONNX file in it", "Unpack it and give the .onnx file inside"),
            _ when Has(names, "TransformerChain"u8) || Has(names, "TrainingInfo/"u8) => ("an ML.NET model (.zip)", "Load it with mlContext.Model.Load"),
            _ when Has(names, ".npy"u8) => ("a NumPy archive (.npz)", "Choose the .onnx file"),
            _ => ("a zip archive", "Unpack it and give the .onnx file inside"),
        };

        static bool Has(ReadOnlySpan<byte> names, ReadOnlySpan<byte> name) => names.IndexOf(name) >= 0;
    }

    /// <summary>Whether bytes begin as tools write a ModelProto: its version (field 1), then one of its next fields (2 to 8).</summary>
    private static bool IsOnnx(ReadOnlySpan<byte> bytes) => bytes.Length > 2 && bytes[0] == 8 && bytes[1] is > 1 and < 32 && bytes[2] is (0x12 or 0x1A or 0x22 or 0x28 or 0x32 or 0x3A or 0x42);

    private static bool IsHdf5(ReadOnlySpan<byte> bytes) => bytes.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'H', (byte)'D', (byte)'F']);

    private static bool IsPicture(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G']) || bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])
        || bytes.StartsWith("GIF8"u8) || (bytes.Length > 12 && bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8));

    private static (string What, string Remedy)? Text(ReadOnlySpan<byte> bytes, string wanted)
    {
        string start = Encoding.UTF8.GetString(bytes[..Math.Min(bytes.Length, 512)]).TrimStart('\uFEFF', ' ', '\r', '\n', '\t');
        return start switch
        {
            _ when start.StartsWith("version https://git-lfs", StringComparison.Ordinal) => ("a pointer of Git LFS, not the file itself", "Fetch it: git lfs pull"),
            _ when start.StartsWith("<!DOCTYPE", StringComparison.OrdinalIgnoreCase) || start.StartsWith("<html", StringComparison.OrdinalIgnoreCase) => ("a web page (HTML): what was downloaded is the page about the file", "Download the file itself (on GitHub: 'Download raw file')"),
            _ when start.StartsWith("<?xml", StringComparison.Ordinal) => ("an XML file, such as OpenVINO's", $"Choose the {wanted} file"),
            _ when start.StartsWith("model_checkpoint_path:", StringComparison.Ordinal) => Checkpoint,
            _ when start.StartsWith('{') || start.StartsWith('[') => ("a JSON file", $"Choose the {wanted} file"),
            _ => null,
        };
    }
}

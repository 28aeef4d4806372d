using Google.Protobuf;
using Onnx;

namespace Cifar3;

/// <summary>Bytes of an ONNX file, checked for size and parsed; what is inside is the reader's business.</summary>
internal static class OnnxFile
{
    /// <summary>The largest file that is read: 256 MiB; the largest network that the library makes has 190 MB.</summary>
    public const int MaxBytes = 256 << 20;

    /// <summary>Reads a whole file after checking its size.</summary>
    /// <exception cref="Cifar3ModelException">The file is missing, cannot be read, or is too large.</exception>
    public static byte[] Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            return BoundedReader.ReadFile(path, MaxBytes) ?? throw WrongSize(path, $"more than {MaxBytes:N0}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw Unreadable(path, e.Message.TrimEnd('.'), "Check the path and that you may read it", e);
        }
    }

    /// <summary>Parses a model; <paramref name="name"/> is what errors call it.</summary>
    /// <exception cref="Cifar3ModelException">The bytes are no ONNX model; one that is returned has a graph.</exception>
    public static ModelProto Parse(byte[] bytes, string name)
    {
        if (bytes.Length is 0 or > MaxBytes)
        {
            throw WrongSize(name, $"{bytes.Length:N0}");
        }

        if (!OnnxStructure.IsModest(bytes, ModelProto.Descriptor))
        {
            throw Unreadable(name, "expected some hundred nodes and weights, found millions of entries", "Choose an .onnx file, or take a fresh copy of this one");
        }

        InvalidProtocolBufferException? cause = null;
        try
        {
            // Bytes of many other kinds parse as unknown fields: only a graph makes a model.
            var model = ModelProto.Parser.ParseFrom(bytes);
            if (model.Graph is not null)
            {
                return model;
            }
        }
        catch (InvalidProtocolBufferException e)
        {
            cause = e;
        }

        string start = Convert.ToHexString(bytes.AsSpan(0, Math.Min(8, bytes.Length)));
        throw Unreadable(name, $"expected an ONNX model, found {bytes.Length:N0} bytes starting with {start} that are none or only part of one", "Choose an .onnx file, or take a fresh copy of this one", cause);
    }

    /// <summary>The error of every unreadable model: which, why, what to do.</summary>
    public static Cifar3ModelException Unreadable(string name, string problem, string remedy, Exception? cause = null) =>
        new($"Cannot read model '{name}': {problem}. {remedy}.", cause);

    private static Cifar3ModelException WrongSize(string name, string found) =>
        Unreadable(name, $"expected 1 to {MaxBytes:N0} bytes, found {found}", "Choose the .onnx file that the training wrote");
}

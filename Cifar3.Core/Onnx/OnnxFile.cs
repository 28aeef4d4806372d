using System.Globalization;
using Google.Protobuf;
using Onnx;

namespace Cifar3;

/// <summary>Who wrote an ONNX file, and which graph is in it.</summary>
internal enum OnnxKind
{
    /// <summary>This library: Keras' layers one by one, read back bit for bit.</summary>
    Keras,

    /// <summary>This library: the float32 graph made for scoring.</summary>
    Optimized,

    /// <summary>This library: the graph of 8 bits.</summary>
    EightBit,

    /// <summary>Another tool.</summary>
    Foreign,
}

/// <summary>A graph that a runtime may have, and how it is used.</summary>
/// <param name="Metadata">Class names and origin.</param>
/// <param name="Signature">Input, output and cost.</param>
/// <param name="Model">The graph.</param>
internal sealed record ScorableGraph(ModelMetadata Metadata, OnnxSignature Signature, ModelProto Model)
{
    /// <summary>What a runtime gets: what was parsed and checked, written again, so that another parser reads nothing else in it.</summary>
    public byte[] ToBytes() => Model.ToByteArray();
}

/// <summary>An ONNX file, read and parsed once; everything else takes it in this form.</summary>
internal sealed class OnnxFile
{
    /// <summary>The largest file that is read, and the most bytes of its weights: 256 MiB; the largest network that the library makes has 190 MB.</summary>
    public const int MaxBytes = 256 << 20;

    /// <summary>What errors call a model that has no file.</summary>
    public const string InMemory = "bytes in memory";

    /// <summary>What to do about a file of this library that is not as it was written.</summary>
    public const string Damaged = "The file is damaged or was changed; take a fresh copy or save the model again. Where another program changed it on purpose, have it remove the metadata 'format': the file is then scored as that program's model";

    private static readonly MessageParser<ModelProto> Parser = ModelProto.Parser.WithDiscardUnknownFields(true);

    /// <summary>How many times its length a file takes while it is read: its bytes, those of its weights, their numbers in another layout, and what a runtime gets.</summary>
    public const int MemoryTimes = 4;

    private readonly string? path;
    private readonly long length;

    private OnnxFile(string name, string? path, ModelProto model, long length)
    {
        (Name, this.path, Model, this.length) = (name, path, model, length);
        try
        {
            Properties = OnnxMetadata.ToDictionary(model.MetadataProps);
            Kind = Properties.GetValueOrDefault(OnnxMetadata.Keys.Format) switch
            {
                null => OnnxKind.Foreign,
                OnnxMetadata.ScoringFormat => OnnxMetadata.IsEightBit(Properties) ? OnnxKind.EightBit : OnnxKind.Optimized,
                OnnxMetadata.Format or OnnxMetadata.FirstFormat => OnnxKind.Keras,
                var format when format.StartsWith(OnnxMetadata.FormatPrefix, StringComparison.Ordinal) =>
                    throw Unreadable(name, $"expected metadata '{OnnxMetadata.Keys.Format}' = '{OnnxMetadata.Format}', found '{Shown.Text(format)}': a newer version of the library wrote it", "Update the library"),
                _ => OnnxKind.Foreign, // another tool has a key of this name
            };
        }
        catch (FormatException e)
        {
            throw Unreadable(name, e.Message, Damaged, e);
        }
    }

    /// <summary>What errors call it: the path, or <see cref="InMemory"/>.</summary>
    public string Name { get; }

    /// <summary>Who wrote it, and which graph it has.</summary>
    public OnnxKind Kind { get; }

    /// <summary>Its content; there is a graph.</summary>
    public ModelProto Model { get; }

    /// <summary>The tool that wrote it, and its version; empty where it names none.</summary>
    public string Producer => $"{Model.ProducerName} {Model.ProducerVersion}".Trim();

    /// <summary>The same in the words of an error.</summary>
    public string MadeBy => Producer.Length > 0 ? $"a model made by '{Shown.Text(Producer)}'" : "a model that names no producer";

    /// <summary>Its metadata by key.</summary>
    public IReadOnlyDictionary<string, string> Properties { get; }

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="onRead">Receives its bytes before they are parsed. Default: nobody.</param>
    /// <exception cref="Cifar3ModelException">The file is missing, cannot be read, is too large or no ONNX model: says what it is.</exception>
    public static OnnxFile Open(string path, Action<byte[]>? onRead = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (Directory.Exists(path))
        {
            var (what, remedy) = OtherFile.Folder(path);
            throw Unreadable(path, $"expected an ONNX model, found {what}", remedy);
        }

        byte[] bytes;
        try
        {
            bytes = BoundedReader.ReadFile(path, MaxBytes) ?? throw WrongSize(path, string.Create(CultureInfo.InvariantCulture, $"more than {MaxBytes:N0}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw NotRead(path, e);
        }

        onRead?.Invoke(bytes);
        return Open(bytes, path, path); // not above: a library that the program lacks is an IOException too, and the model is not at fault
    }

    /// <summary>Parses the bytes of a file; <paramref name="name"/> is what errors call it.</summary>
    /// <exception cref="Cifar3ModelException">The bytes are no ONNX model: says what they are.</exception>
    public static OnnxFile Open(byte[] bytes, string name) => Open(bytes, name, path: null);

    private static OnnxFile Open(byte[] bytes, string name, string? path)
    {
        if (bytes.Length is 0 or > MaxBytes)
        {
            throw WrongSize(name, string.Create(CultureInfo.InvariantCulture, $"{bytes.Length:N0}"));
        }

        if (OtherFile.Name(bytes) is var (what, remedy))
        {
            throw Unreadable(name, $"expected an ONNX model, found {what}", remedy);
        }

        Exception? cause = null;
        try
        {
            ProtobufLimits.Check(bytes, OnnxMessage.Model);

            // Bytes of many other kinds parse as unknown fields: only a graph makes a model.
            var model = Parser.ParseFrom(bytes);
            if (model.Graph is not null)
            {
                GraphCheck.CheckCounts(model);
                ReadWeights(model, name, path);
                return new OnnxFile(name, path, model, bytes.Length);
            }
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidDataException)
        {
            cause = e;
        }
        catch (FormatException e)
        {
            throw Unreadable(name, e.Message, "Choose an .onnx file, or take a fresh copy of this one", e);
        }
        catch (OutOfMemoryException e)
        {
            throw NoMemory(name, bytes.Length, e);
        }

        if (OtherFile.Protobuf(bytes) is var (kind, advice))
        {
            throw Unreadable(name, $"expected an ONNX model, found {kind}", advice, cause);
        }

        string start = Convert.ToHexString(bytes.AsSpan(0, Math.Min(8, bytes.Length)));
        throw Unreadable(name, string.Create(CultureInfo.InvariantCulture, $"expected an ONNX model, found {bytes.Length:N0} bytes starting with {start} that are none or only part of one"), "Choose an .onnx file, or take a fresh copy of this one", cause);
    }

    /// <summary>The network, weights bit for bit; of kind <see cref="OnnxKind.Keras"/> alone.</summary>
    /// <exception cref="Cifar3ModelException">The file is of another kind, damaged, or was changed.</exception>
    public CnnModel ReadModel()
    {
        try
        {
            return OnnxReader.Read(this);
        }
        catch (OutOfMemoryException e)
        {
            throw NoMemory(e);
        }
    }

    /// <summary>Refuses options for files of other tools.</summary>
    /// <exception cref="Cifar3ModelException">One was given, and the file is this library's.</exception>
    public void CheckOptions(ClassifierOptions options)
    {
        if (options.InputScaling is not null && Kind != OnnxKind.Foreign)
        {
            throw Unreadable(Name, "InputScaling was given, but this library's files say themselves how they take pixels", "Leave ClassifierOptions.InputScaling out");
        }
    }

    /// <summary>How a graph for scoring or of another tool takes images and gives classes. Checks that a runtime may have it.</summary>
    /// <param name="options">Class names, input scaling and limits for a file of another tool, whose names may also stand in a <see cref="ClassNamesFile"/>.</param>
    /// <exception cref="Cifar3ModelException">The file is damaged or was changed, names no classes, or its graph is none that classifies 32×32 colour images.</exception>
    public ScorableGraph Inspect(ClassifierOptions options)
    {
        CheckOptions(options);
        return Kind == OnnxKind.Foreign ? ForeignOnnx.Inspect(this, options.ClassNames ?? (path is null ? null : ClassNamesFile.Read(path)), options) : ScoringFile.Inspect(this, options);
    }

    /// <summary>Metadata whose class names somebody gave for a model.</summary>
    /// <exception cref="Cifar3ModelException">A name is none, or two are the same.</exception>
    public static ModelMetadata Checked(string name, ModelMetadata metadata)
    {
        try
        {
            metadata.Check();
            return metadata;
        }
        catch (Cifar3ModelException e)
        {
            throw Unreadable(name, e.Message.TrimEnd('.'), "Give each class a name of its own, in ClassifierOptions.ClassNames or in the text file beside the model, one a line", e);
        }
    }

    /// <summary>The error of every unreadable model: which, why, what to do.</summary>
    public static Cifar3ModelException Unreadable(string name, string problem, string remedy, Exception? cause = null) =>
        new($"Cannot read model '{Shown.Path(name)}': {problem}. {remedy}.", cause);

    /// <summary>The error where there is no memory for what is made of the file.</summary>
    public Cifar3ModelException NoMemory(OutOfMemoryException cause) => NoMemory(Name, length, cause);

    /// <summary>Weights in other files, where there are some.</summary>
    private static void ReadWeights(ModelProto model, string name, string? path)
    {
        try
        {
            ExternalData.Read(model, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw NotRead(name, e);
        }
    }

    private static Cifar3ModelException NotRead(string path, Exception e) =>
        Unreadable(path, Shown.Path(e.Message.TrimEnd('.')), MemoryFault.Is(e) ? MemoryFault.Remedy : IoFault.PathRemedy(path) ?? (e is IOException and not FileNotFoundException ? IoFault.ReadRemedy(e) : "Check the path and that you may read it"), e);

    private static Cifar3ModelException NoMemory(string name, long length, Exception cause) => Unreadable(name, MemoryFault.Problem(length, MemoryTimes), MemoryFault.Remedy, cause);

    private static Cifar3ModelException WrongSize(string name, string found) =>
        Unreadable(name, string.Create(CultureInfo.InvariantCulture, $"expected 1 to {MaxBytes:N0} bytes, found {found}"), "Choose the .onnx file that the training wrote");
}

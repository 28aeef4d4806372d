namespace Cifar3;

/// <summary>
/// What is scored: this library's network in full, of which every back end can make what it needs, or a graph that only ONNX Runtime runs (folded or
/// 8-bit flavours, other tools' files).
/// </summary>
internal sealed class ScoringModel
{
    private readonly Func<byte[]> onnx;

    private ScoringModel(string name, ModelMetadata metadata, OnnxSignature signature, CnnModel? network, bool isForeign, Func<byte[]> onnx)
    {
        (Name, Metadata, Signature, Network, IsForeign) = (name, metadata, signature, network, isForeign);
        this.onnx = onnx;
    }

    /// <summary>What errors call it: its path, or words.</summary>
    public string Name { get; }

    /// <summary>Class names, training.</summary>
    public ModelMetadata Metadata { get; }

    /// <summary>Input and output of the graph.</summary>
    public OnnxSignature Signature { get; }

    /// <summary>The network; null where there is only a graph.</summary>
    public CnnModel? Network { get; }

    /// <summary>Whether another tool wrote it.</summary>
    public bool IsForeign { get; }

    /// <summary>A network in memory.</summary>
    public static ScoringModel Of(CnnModel model, string name = OnnxFile.InMemory) =>
        new(name, model.Metadata, OnnxSignature.Own(model.Architecture.Classes), model, isForeign: false, model.ToOnnxBytes);

    /// <summary>A network in memory, with the names that the options give its classes.</summary>
    /// <param name="model">The network.</param>
    /// <param name="options">Checked options.</param>
    /// <exception cref="ArgumentException">There is an option for other tools' files.</exception>
    /// <exception cref="Cifar3ModelException">There is not one name for each class, each its own.</exception>
    public static ScoringModel Of(CnnModel model, ClassifierOptions options) => options.InputScaling is null
        ? Of(model).Renamed(options.ClassNames)
        : throw new ArgumentException("InputScaling is for other tools' files: a model of this library takes pixels as it was trained. Leave ClassifierOptions.InputScaling out.", nameof(options));

    /// <summary>A graph that only ONNX Runtime runs.</summary>
    public static ScoringModel OfGraph(byte[] onnx, string name, ModelMetadata metadata, OnnxSignature signature, bool isForeign = false) =>
        new(name, metadata, signature, null, isForeign, () => onnx);

    /// <summary>A file of whatever kind.</summary>
    /// <param name="file">The file.</param>
    /// <param name="options">Checked options.</param>
    /// <exception cref="Cifar3ModelException">The file is damaged, names no classes, or holds a graph that scores no 32×32 colour images.</exception>
    public static ScoringModel Open(OnnxFile file, ClassifierOptions options)
    {
        file.CheckOptions(options);
        if (file.Kind == OnnxKind.Keras)
        {
            return Of(file.ReadModel(), file.Name).Renamed(options.ClassNames);
        }

        var graph = file.Inspect(options);
        var model = OfGraph(graph.ToBytes(), file.Name, graph.Metadata, graph.Signature, isForeign: file.Kind == OnnxKind.Foreign);
        return model.IsForeign ? model : model.Renamed(options.ClassNames);
    }

    /// <summary>The same model with other names for its classes; null = its own.</summary>
    /// <exception cref="Cifar3ModelException">There is not one name for each class, each its own, or they are its own in another order.</exception>
    public ScoringModel Renamed(IReadOnlyList<string>? names) =>
        names is null ? this
        : names.Count == Metadata.ClassNames.Length ? With(Metadata with { ClassNames = [.. names] })
        : throw OnnxFile.Unreadable(Name, $"it tells {Metadata.ClassNames.Length} classes apart but {names.Count} class names were given: {Shown.Names(names)}", "Give one name for each class");

    /// <summary>The network has the names too: what is saved of it tells them.</summary>
    private ScoringModel With(ModelMetadata metadata)
    {
        OnnxFile.Checked(Name, metadata);
        if (ClassList.OtherOrder(metadata.ClassNames, Metadata.ClassNames) is { } wrong)
        {
            throw OnnxFile.Unreadable(Name, $"its {wrong}", "Leave ClassifierOptions.ClassNames out: the model tells them, and Evaluate compares them by name");
        }

        return Network is null ? new ScoringModel(Name, metadata, Signature, null, IsForeign, onnx) : Of(Network.With(metadata), Name);
    }

    /// <summary>The graph as a file's bytes.</summary>
    public byte[] ToOnnx() => onnx();
}

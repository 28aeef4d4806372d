using System.Collections.Immutable;
using System.Text;
using System.Text.Json;

namespace Cifar3.Training;

/// <summary>Puts a model together from what a Keras file holds, whatever its generation.</summary>
internal sealed class KerasReader
{
    /// <summary>This library's other entry beside <see cref="KerasMetadata"/>: the settings that a file of weights alone cannot tell. Keras ignores it.</summary>
    public const string SettingsKey = "cifar3_settings";

    private readonly Hdf5Reader file;
    private readonly KerasVariables variables;
    private readonly KerasLoadOptions options;
    private readonly List<string> notes = [];
    private readonly SortedSet<string> converted = new(StringComparer.Ordinal);

    private KerasReader(Hdf5Reader file, KerasLoadOptions options) => (this.file, this.options, variables) = (file, options, new KerasVariables(file));

    /// <summary>What the generations of files have in common once it is found.</summary>
    private sealed record Content
    {
        /// <summary>The architecture; null for weights alone.</summary>
        public KerasConfig? Config { get; init; }

        /// <summary>Loss and optimizer; null when the model was not compiled.</summary>
        public JsonElement? Training { get; init; }

        /// <summary>This library's metadata; null in Keras' own files.</summary>
        public JsonElement? Metadata { get; init; }

        /// <summary>This library's settings beside weights alone; null in Keras' own files.</summary>
        public JsonElement? Settings { get; init; }

        public string? Version { get; init; }

        public string? Backend { get; init; }

        /// <summary>Group of the layers in an HDF5 model, ending with a slash; null for the numbered variables of a <c>.keras</c> file.</summary>
        public string? LayersByName { get; init; }

        /// <summary>Paths of the optimizer's arrays in Keras' order.</summary>
        public List<string> Optimizer { get; init; } = [];
    }

    /// <summary>Reads a file in memory.</summary>
    /// <exception cref="Cifar3ModelException">It is damaged or another network.</exception>
    public static KerasModel Read(byte[] content, IEnumerable<string>? classNames, KerasLoadOptions options)
    {
        if (content.AsSpan().StartsWith("PK"u8))
        {
            var archive = KerasArchive.Open(content);
            var root = KerasJson.Parse(archive.Config, "config.json");
            var config = KerasConfig.Read(root); // before the weights: it says how large they may be
            var reader = new KerasReader(new Hdf5Reader(archive.Weights(config.Architecture)), options);
            return reader.Build(reader.FromArchive(archive, root, config), classNames);
        }

        if (OtherFile.ForKeras(content) is var (what, remedy))
        {
            throw new Cifar3ModelException($"Expected a Keras file (.keras or .h5), found {what}. {remedy}.");
        }

        var hdf5 = new KerasReader(new Hdf5Reader(content), options);
        return hdf5.Build(hdf5.FromHdf5(), classNames);
    }

    private Content FromArchive(KerasArchive archive, JsonElement root, KerasConfig config)
    {
        var metadata = archive.Metadata is null ? default : KerasJson.Parse(archive.Metadata, "metadata.json");
        return new Content
        {
            Config = config,
            Training = KerasJson.Get(root, "compile_config"),
            Metadata = KerasJson.Get(metadata, KerasMetadata.Key),
            Version = KerasJson.Text(metadata, "keras_version"),
            Optimizer = variables.List("optimizer/vars"),
        };
    }

    private Content FromHdf5()
    {
        var common = new Content
        {
            Metadata = Attribute(KerasMetadata.Key),
            Settings = Attribute(SettingsKey),
            Version = file.Text("/", "keras_version") ?? file.Text("model_weights", "keras_version"),
            Backend = file.Text("/", "backend") ?? file.Text("model_weights", "backend"),
        };
        if (common.Version?.StartsWith("1.", StringComparison.Ordinal) == true)
        {
            throw new Cifar3ModelException($"Keras {common.Version} wrote it, whose layers have other settings. Expected Keras 2.0 or newer: load it with Keras 2.2 (pip install keras==2.2.5 under Python 3.6) and save it again.");
        }

        if (Attribute("model_config") is { } config)
        {
            return common with
            {
                Config = KerasConfig.Read(config),
                Training = Attribute("training_config"),
                LayersByName = "model_weights/",
                Optimizer = [.. (file.Texts("optimizer_weights", "weight_names") ?? []).Select(name => $"optimizer_weights/{name}")],
            };
        }

        if (file.Texts("/", "layer_names") is not null)
        {
            return common with { LayersByName = "" };
        }

        return variables.AreNumbered
            ? common with { Optimizer = variables.List("optimizer/vars") }
            : throw new Cifar3ModelException("It is an HDF5 file but not one of Keras: expected the attribute 'model_config' (whole model), the attribute 'layer_names' or the group 'layers' (weights alone).");

        JsonElement? Attribute(string name) => file.Text("/", name) is { } text ? KerasJson.Parse(Encoding.UTF8.GetBytes(text), name) : null;
    }

    private KerasModel Build(Content content, IEnumerable<string>? classNames)
    {
        var configured = content.Config?.Weighted;
        var found = content.LayersByName is { } prefix ? variables.ByName(prefix, configured) : variables.Numbered(configured);
        var architecture = content.Config?.Architecture ?? Inferred(found, content.Settings);
        notes.AddRange(content.Config?.Notes ?? []);
        var conversion = KerasConversion.Create(content.Backend, content.Config, layer => Vectors(layer, content.LayersByName), notes);
        if (content is { Metadata: null, Config: null or { Preprocessing.Count: 0 } })
        {
            notes.Add("The file does not tell how pixels are scaled: divided by 255 is assumed. If the model was trained on pixels of 0 to 255, put a layer Rescaling(1.0) in front of it in Keras and save the whole model.");
        }

        var layers = architecture.CreateLayers().Where(layer => layer.Weights.Length > 0).ToList();
        var weights = layers.Zip(found).SelectMany(pair => pair.First.Weights.Select(spec => Weight(pair.First, spec, pair.Second, conversion)));
        var (metadata, hash) = Metadata(content.Metadata, classNames, architecture.Classes);
        var model = CnnModel.FromWeights(architecture, [.. weights], metadata);
        if (content.Metadata is { } own && KerasMetadata.Names(own) is { } stored && ClassList.OtherOrder(model.ClassNames, stored) is { } wrong)
        {
            throw new Cifar3ModelException($"Its {wrong}. Leave classNames out: the file tells them.");
        }

        if (hash is not null && converted.Count == 0 && conversion.KeepsWeights) // else a program made another file of it on purpose
        {
            KerasMetadata.CheckWeights(model, hash);
        }

        var (state, rate) = State(content, conversion, model);
        if (converted.Count > 0)
        {
            notes.Add($"Numbers of type {string.Join(" and ", converted)} were converted to float32.");
        }

        return new KerasModel(model, state, rate, content.Version, [.. notes.Select(note => Shown.Text(note, KerasFile.MaxMessage))]) { FrozenLayers = content.Config?.Frozen ?? [] };
    }

    /// <summary>The first two variables of a layer that are vectors or numbers: of Normalization mean and variance (count follows them). A file may name thousands, of any length.</summary>
    private List<float[]> Vectors(KerasLayer layer, string? layersByName) =>
    [
        .. variables.AnyOf(layersByName, layer).Select(path => (Path: path, Shape: file.Shape(path))).Where(variable => variable.Shape.Count <= 1).Take(2)
            .Select(variable => variable.Shape is [] or [1 or CnnArchitecture.InputChannels] ? Floats(variable.Path) : throw layer.Difference("mean and variance", "one number or three", FormattableString.Invariant($"{variable.Shape[0]:N0}"))),
    ];

    /// <summary>Adam's state, where the file says that it is this Adam's; else a note that it was left out. It never stands in the way of the weights.</summary>
    private (EngineState? State, double? LearningRate) State(Content content, KerasConversion conversion, CnnModel model)
    {
        var settings = KerasOptimizer.Read(content.Training ?? content.Settings);
        double? rate = settings?.LearningRate;
        if (content.Optimizer.Count == 0)
        {
            return (null, rate);
        }

        string? problem = settings switch
        {
            { Problem: { } known } => known,
            null when !options.TakeOptimizerState => "a file of weights alone does not say whose it is (KerasLoadOptions.TakeOptimizerState takes it as Adam's)",
            _ => conversion.KeepsMoments ? null : "its moments belong to the first convolution before its input's scale was folded in",
        };
        if (problem is null)
        {
            var (state, storedRate, found) = KerasOptimizer.State(file, content.Optimizer, model, (weight, path) => conversion.Convert(weight.Name, weight.Shape, Floats(path)));
            if (settings is null && state is not null)
            {
                notes.Add("The optimizer's state was taken as Adam's, as asked: the file does not say whose it is.");
            }

            found ??= state is not null && converted.Count == 0 && conversion.KeepsWeights && content.Metadata is { } own ? KerasMetadata.StateProblem(own, state) : null;
            (problem, rate) = (found, found is null ? settings?.FollowsSchedule == true ? null : storedRate ?? rate : rate);
            if (problem is null)
            {
                if (settings?.FollowsSchedule == true)
                {
                    notes.Add("The learning rate follows a schedule in the file: training goes on with the rate it is given here.");
                }

                return (state, rate);
            }
        }

        if (content.Optimizer.Count > 1 || settings is { Problem: not null })
        {
            notes.Add($"The optimizer's state was left out: {problem}. Training starts with a fresh Adam.");
        }

        return (null, rate);
    }

    /// <summary>Weights alone tell filters and classes by their shapes; the rest is given, stored by this library, or assumed.</summary>
    private CnnArchitecture Inferred(List<FoundLayer> found, JsonElement? own)
    {
        double[]? Stored(string name) =>
            own is not { } settings || KerasJson.Get(settings, name) is not { } found ? null
            : KerasJson.Numbers(settings, name) ?? throw new Cifar3ModelException($"Its entry '{SettingsKey}' is malformed: expected numbers for '{name}', found {found.GetRawText()}. Remove the entry, or save the model again.");
        var rates = options.DropoutRates ?? Stored("dropout_rates");
        var epsilon = options.BatchNormalizationEpsilon ?? Stored("batch_normalization_epsilon");
        if (epsilon is null)
        {
            notes.Add($"The file holds weights alone: BatchNormalization's epsilon of {FormattableString.Invariant($"{BatchNormalizationLayer.DefaultEpsilon}")} is assumed{(rates is null ? ", and a dropout rate of 0.5, which matters only when training continues" : "")}. So are the layers without weights and all activations (ReLU, at the end softmax): a model with others computes something else; save the whole model to have it checked.");
        }

        int[] filters = [Size(0), Size(3), Size(6)];
        return KerasConfig.Create(() => new CnnArchitecture(Size(9), filters, rates, options.BatchNormalizationMomentum ?? Stored("batch_normalization_momentum"), epsilon));

        int Size(int layer) => file.Shape(found[layer].Variables["bias"]) is [var size]
            ? size
            : throw new Cifar3ModelException($"'{found[layer].Variables["bias"]}' is not a vector. Expected one bias for each filter or class.");
    }

    private WeightTensor Weight(CnnLayer layer, WeightSpec spec, FoundLayer found, KerasConversion conversion)
    {
        string path = found.Variables[spec.Name], name = $"{layer.Name}/{spec.Name}";
        var shape = file.Shape(path);
        if (!shape.SequenceEqual(spec.Shape))
        {
            string hint = shape.Order().SequenceEqual(spec.Shape.Order())
                ? " It is transposed: Keras keeps kernels as (height, width, in, out) and (in, out)."
                : "";
            throw new Cifar3ModelException($"Layer '{found.Name}': weight '{path}' has another shape. Expected ({string.Join(", ", spec.Shape)}), found ({string.Join(", ", shape)}).{hint}");
        }

        return new WeightTensor(name, spec.Shape, conversion.Convert(name, spec.Shape, Floats(path)));
    }

    private (ModelMetadata Metadata, string? WeightHash) Metadata(JsonElement? own, IEnumerable<string>? classNames, int classes)
    {
        ImmutableArray<string>? given = classNames is null ? null : [.. classNames];
        if (own is { } entry)
        {
            return KerasMetadata.Read(entry, given);
        }

        if (given is { } names)
        {
            return (new ModelMetadata { ClassNames = names }, null);
        }

        notes.Add($"Keras files name no classes: they are called class_0 to class_{classes - 1}. Give classNames in the order of Keras' outputs.");
        return (new ModelMetadata { ClassNames = [.. Enumerable.Range(0, classes).Select(i => $"class_{i}")] }, null);
    }

    private float[] Floats(string path)
    {
        float[] values = file.Floats(path, out string type);
        if (type != "float32")
        {
            converted.Add(type);
        }

        return values;
    }
}

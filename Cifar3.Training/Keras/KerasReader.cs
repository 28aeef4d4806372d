using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cifar3.Training;

/// <summary>Puts a model together from what a Keras file holds, whatever its generation.</summary>
internal sealed class KerasReader
{
    /// <summary>This library's entry in a Keras file: the model's metadata as JSON. Keras ignores it.</summary>
    public const string MetadataKey = "cifar3";

    /// <summary>How that entry is written: snake case as Python users expect; an accuracy may be NaN.</summary>
    public static readonly JsonSerializerOptions MetadataJson = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly Hdf5Reader file;
    private readonly List<string> notes = [];
    private readonly SortedSet<string> converted = [];

    private KerasReader(Hdf5Reader file) => this.file = file;

    /// <summary>What the generations of files have in common once it is found.</summary>
    private sealed record Content
    {
        /// <summary>The architecture; null for weights alone.</summary>
        public KerasConfig? Config { get; init; }

        /// <summary>Loss and optimizer; null when the model was not compiled.</summary>
        public JsonElement? Training { get; init; }

        /// <summary>This library's metadata; null in Keras' own files.</summary>
        public JsonElement? Metadata { get; init; }

        public string? Version { get; init; }

        /// <summary>Group of the layers in an HDF5 model, ending with a slash; null for the numbered variables of a <c>.keras</c> file.</summary>
        public string? LayersByName { get; init; }

        /// <summary>Paths of the optimizer's arrays in Keras' order.</summary>
        public List<string> Optimizer { get; init; } = [];
    }

    /// <summary>Reads a file in memory.</summary>
    /// <exception cref="Cifar3ModelException">It is damaged or another network.</exception>
    public static KerasModel Read(byte[] content, IEnumerable<string>? classNames, IEnumerable<double>? dropoutRates)
    {
        var archive = content.AsSpan().StartsWith("PK"u8) ? KerasArchive.Read(content) : null;
        using var hdf5 = new Hdf5Reader(archive?.Weights ?? content);
        var reader = new KerasReader(hdf5);
        return reader.Build(archive is null ? reader.FromHdf5() : reader.FromArchive(archive), classNames, dropoutRates);
    }

    private Content FromArchive(KerasArchive archive)
    {
        var config = Parse(archive.Config, "config.json");
        var metadata = archive.Metadata is null ? default : Parse(archive.Metadata, "metadata.json");
        return new Content
        {
            Config = KerasConfig.Read(config),
            Training = KerasConfig.Get(config, "compile_config"),
            Metadata = KerasConfig.Get(metadata, MetadataKey),
            Version = KerasConfig.Text(metadata, "keras_version"),
            Optimizer = Numbered("optimizer/vars"),
        };
    }

    private Content FromHdf5()
    {
        var common = new Content
        {
            Metadata = Attribute(MetadataKey),
            Version = file.Text("/", "keras_version"),
        };
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

        return file.Exists("layers")
            ? common with { Optimizer = Numbered("optimizer/vars") }
            : throw new Cifar3ModelException("It is an HDF5 file but not one of Keras: expected the attribute 'model_config' (whole model), the attribute 'layer_names' or the group 'layers' (weights alone).");

        JsonElement? Attribute(string name) => file.Text("/", name) is { } text ? Parse(Encoding.UTF8.GetBytes(text), name) : null;
    }

    private KerasModel Build(Content content, IEnumerable<string>? classNames, IEnumerable<double>? dropoutRates)
    {
        var found = content.LayersByName is { } prefix ? LayersByName(prefix, content.Config?.LayerNames) : NumberedLayers();
        var architecture = content.Config?.Architecture ?? Inferred(found, dropoutRates);
        notes.AddRange(content.Config?.Notes ?? []);
        var layers = architecture.CreateLayers().Where(layer => layer.Weights.Length > 0).ToList();
        var weights = layers.Zip(found).SelectMany(pair => pair.First.Weights.Select(spec => Weight(pair.First, spec, pair.Second)));
        var model = CnnModel.FromWeights(architecture, [.. weights], Metadata(content.Metadata, classNames, architecture.Classes));

        var settings = KerasOptimizer.Read(content.Training);
        var (state, rate) = State(content, settings, model);
        if (converted.Count > 0)
        {
            notes.Add($"Numbers of type {string.Join(" and ", converted)} were converted to float32.");
        }

        return new KerasModel(model, state, rate ?? settings?.LearningRate, content.Version, [.. notes]);
    }

    private (EngineState? State, double? LearningRate) State(Content content, KerasOptimizer.Settings? settings, CnnModel model)
    {
        int trainable = model.Layers.Sum(layer => layer.Weights.Count(w => w.Trainable)), arrays = content.Optimizer.Count;
        string? problem = settings?.Problem ?? (settings is null && arrays > 2 && arrays != 2 * trainable + 1 && arrays != 2 * trainable + 2 ? $"its {arrays} arrays are not Adam's" : null);
        if (problem is null)
        {
            return KerasOptimizer.State(file, content.Optimizer, model, Floats);
        }

        if (arrays > 1)
        {
            notes.Add($"The optimizer's state was left out: {problem}. Training starts with a fresh Adam.");
        }

        return (null, null);
    }

    /// <summary>A layer with weights as the file has it: its name and where each variable lies.</summary>
    private sealed record FoundLayer(string Name, IReadOnlyDictionary<string, string> Variables);

    /// <summary>HDF5 models: a group for each layer, whose attribute names its weights (<c>conv2d_1/kernel:0</c>).</summary>
    private List<FoundLayer> LayersByName(string prefix, IReadOnlyList<string>? configured)
    {
        var names = configured ?? file.Texts("/", "layer_names") ?? [];
        var layers = new List<FoundLayer>();
        foreach (string name in names)
        {
            string group = prefix + name;
            if (!file.Exists(group))
            {
                throw new Cifar3ModelException($"Layer '{name}' is missing: expected the group '{group}' with its weights.");
            }

            var variables = (file.Texts(group, "weight_names") ?? []).ToDictionary(weight => weight.Split('/')[^1].Split(':')[0], weight => $"{group}/{weight}");
            if (variables.Count > 0)
            {
                layers.Add(new FoundLayer(name, variables));
            }
        }

        return Complete(layers);
    }

    /// <summary><c>.keras</c> files: layers named by class and number, variables numbered in Keras' order.</summary>
    private List<FoundLayer> NumberedLayers()
    {
        var expected = new CnnArchitecture().CreateLayers();
        if (file.Children("layers").FirstOrDefault(name => expected.All(layer => layer.Name != name) && name != "input_layer") is { } unknown)
        {
            throw new Cifar3ModelException($"Layer '{unknown}' does not belong to this network. Expected: {string.Join(", ", expected.Select(layer => layer.Name))}.");
        }

        return Complete(expected.Where(layer => file.Exists($"layers/{layer.Name}/vars/0")).Select(layer => new FoundLayer(
            layer.Name,
            layer.Weights.Select((weight, i) => (weight.Name, Path: $"layers/{layer.Name}/vars/{i}")).Where(v => file.Exists(v.Path)).ToDictionary(v => v.Name, v => v.Path))));
    }

    /// <summary>The layers with weights must be those of the network, in order; their variables tell which is which.</summary>
    private static List<FoundLayer> Complete(IEnumerable<FoundLayer> layers)
    {
        var found = layers.ToList();
        var expected = new CnnArchitecture().CreateLayers().Where(layer => layer.Weights.Length > 0).ToList();
        for (int i = 0; i < Math.Max(found.Count, expected.Count); i++)
        {
            string want = i < expected.Count ? $"{expected[i].Kind} with {string.Join(", ", expected[i].Weights.Select(w => w.Name))}" : "the end";
            string got = i < found.Count ? $"'{found[i].Name}' with {string.Join(", ", found[i].Variables.Keys)}" : "the end";
            if (i >= found.Count || i >= expected.Count || !expected[i].Weights.Select(w => w.Name).ToHashSet().SetEquals(found[i].Variables.Keys))
            {
                throw new Cifar3ModelException($"Layer {i + 1} of those with weights is not this network's: expected {want}, found {got}.");
            }
        }

        return found;
    }

    /// <summary>Weights alone tell filters and classes by their shapes, but no dropout rates.</summary>
    private CnnArchitecture Inferred(List<FoundLayer> found, IEnumerable<double>? dropoutRates)
    {
        if (dropoutRates is null)
        {
            notes.Add("The file holds weights alone and tells no dropout rates: 0.5 is assumed, which matters only when training continues.");
        }

        int[] filters = [Size(0), Size(3), Size(6)];
        try
        {
            return new CnnArchitecture(Size(9), filters, dropoutRates);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new Cifar3ModelException(e.Message.Split(" (Parameter")[0], e);
        }

        int Size(int layer) => file.Shape(found[layer].Variables["bias"]) is [var size]
            ? size
            : throw new Cifar3ModelException($"'{found[layer].Variables["bias"]}' is not a vector. Expected one bias for each filter or class.");
    }

    private WeightTensor Weight(CnnLayer layer, WeightSpec spec, FoundLayer found)
    {
        string path = found.Variables[spec.Name];
        var shape = file.Shape(path);
        if (!shape.SequenceEqual(spec.Shape))
        {
            string hint = shape.Order().SequenceEqual(spec.Shape.Order())
                ? " It is transposed: Keras keeps kernels as (height, width, in, out) and (in, out)."
                : "";
            throw new Cifar3ModelException($"Layer '{found.Name}': weight '{path}' has another shape. Expected ({string.Join(", ", spec.Shape)}), found ({string.Join(", ", shape)}).{hint}");
        }

        return new WeightTensor($"{layer.Name}/{spec.Name}", spec.Shape, Floats(path));
    }

    private ModelMetadata Metadata(JsonElement? own, IEnumerable<string>? classNames, int classes)
    {
        var stored = own?.Deserialize<ModelMetadata>(MetadataJson);
        if (stored is not null && (stored.ClassNames.IsDefault || stored.History.IsDefault || stored.ClassNames.Any(name => name is null)))
        {
            throw new Cifar3ModelException($"Its entry '{MetadataKey}' is malformed: expected class names, found {own}.");
        }

        if (classNames is not null)
        {
            ImmutableArray<string> names = [.. classNames];
            return (stored ?? new ModelMetadata { ClassNames = names }) with { ClassNames = names };
        }

        if (stored is not null)
        {
            return stored;
        }

        notes.Add($"Keras files name no classes: they are called class_0 to class_{classes - 1}. Give classNames in the order of Keras' outputs.");
        return new ModelMetadata { ClassNames = [.. Enumerable.Range(0, classes).Select(i => $"class_{i}")] };
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

    private List<string> Numbered(string group)
    {
        var paths = new List<string>();
        while (file.Exists($"{group}/{paths.Count}"))
        {
            paths.Add($"{group}/{paths.Count}");
        }

        return paths;
    }

    private static JsonElement Parse(byte[] json, string what)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new Cifar3ModelException($"'{what}' is not valid JSON: {e.Message.TrimEnd('.')}. The file is damaged.", e);
        }
    }
}

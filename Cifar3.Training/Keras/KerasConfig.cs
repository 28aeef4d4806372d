using System.Text.Json;

namespace Cifar3.Training;

/// <summary>
/// The architecture in a Keras file (<c>model_config</c> or <c>config.json</c>), checked layer by layer against this network.
/// Nothing in it is ever executed: code and custom objects are refused by name.
/// </summary>
internal sealed class KerasConfig
{
    private readonly List<string> notes = [];

    private KerasConfig(CnnArchitecture architecture, IReadOnlyList<string> layerNames) =>
        (Architecture, LayerNames) = (architecture, layerNames);

    /// <summary>Filters, dropout rates and classes found.</summary>
    public CnnArchitecture Architecture { get; }

    /// <summary>The file's own names of the 17 layers, in order.</summary>
    public IReadOnlyList<string> LayerNames { get; }

    /// <summary>What differs without changing the network, such as a dtype policy.</summary>
    public IReadOnlyList<string> Notes => notes;

    /// <summary>Reads and checks the architecture.</summary>
    /// <param name="root">The object with <c>class_name</c> and <c>config</c>.</param>
    /// <exception cref="Cifar3ModelException">It is another network: names the first difference (layer, expected, found).</exception>
    public static KerasConfig Read(JsonElement root)
    {
        string kind = Text(root, "class_name") ?? "nothing";
        if (kind != "Sequential")
        {
            throw new Cifar3ModelException($"The model is of class '{kind}'. Expected 'Sequential' with the layers that CnnModel.Summary() lists. Rebuild it as a Sequential model and save it again.");
        }

        var config = Get(root, "config") ?? default;
        var list = config.ValueKind == JsonValueKind.Array ? config : Get(config, "layers") ?? default;
        if (list.ValueKind != JsonValueKind.Array)
        {
            throw new Cifar3ModelException("The model has no list of layers.");
        }

        var layers = list.EnumerateArray().Select((layer, index) => new KerasLayer(layer, index + 1)).ToList();
        foreach (var layer in layers)
        {
            layer.RefuseCode();
        }

        CheckInput(layers, config);
        layers.RemoveAll(layer => layer.Kind == "InputLayer");

        // The numbers that may vary are read first; then the file's layers must be those of the network they describe.
        var rates = layers.Where(layer => layer.Kind == "Dropout").Select(layer => layer.Number("rate"));
        var filters = layers.Where(layer => layer.Kind == "Conv2D").Select(layer => layer.Number("filters")).Where((_, i) => i % 2 == 0);
        IEnumerable<double?> Norms(string setting) => layers.Where(layer => layer.Kind == "BatchNormalization").Select(layer => layer.Number(setting));
        int classes = (int)(layers.LastOrDefault(layer => layer.Kind == "Dense")?.Number("units") ?? 3);
        CnnArchitecture architecture;
        try
        {
            architecture = new CnnArchitecture(
                classes, Padded(filters, 32).Select(f => (int)f), Padded(rates, 0.5),
                Padded(Norms("momentum"), BatchNormalizationLayer.DefaultMomentum), Padded(Norms("epsilon"), BatchNormalizationLayer.DefaultEpsilon));
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new Cifar3ModelException(e.Message.Split(" (Parameter")[0], e);
        }

        var expected = architecture.CreateLayers();
        for (int i = 0; i < Math.Max(expected.Count, layers.Count); i++)
        {
            if (i >= layers.Count || i >= expected.Count)
            {
                throw new Cifar3ModelException(i >= layers.Count
                    ? $"Layer {i + 1} is missing: expected {expected[i].Kind}, found the end of the model."
                    : $"Layer {layers[i].Position} '{layers[i].Name}' is too much: expected the end of the model, found {layers[i].Kind}.");
            }

            layers[i].Check(expected[i]);
        }

        var result = new KerasConfig(architecture, [.. layers.Select(layer => layer.Name)]);
        var policies = layers.Select(layer => layer.Policy).Where(policy => policy is not (null or "float32")).Distinct().ToList();
        if (policies.Count > 0)
        {
            result.notes.Add($"The layers' dtype policy is {string.Join(", ", policies)}; here they compute in float32.");
        }

        return result;
    }

    /// <summary>A property of an object; null when it is absent or null.</summary>
    internal static JsonElement? Get(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>A text property; null when it is absent or something else.</summary>
    internal static string? Text(JsonElement element, string name) =>
        Get(element, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    /// <summary>A number property; null when it is absent or something else.</summary>
    internal static double? Number(JsonElement element, string name) =>
        Get(element, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetDouble(out double number) ? number : null;

    private static IEnumerable<double> Padded(IEnumerable<double?> values, double missing) =>
        values.Concat(Enumerable.Repeat<double?>(missing, CnnArchitecture.Blocks)).Take(CnnArchitecture.Blocks).Select(value => value ?? missing);

    /// <summary>The input shape stands in an InputLayer, in the first layer (Keras 2.3) or beside the list (Keras 3).</summary>
    private static void CheckInput(List<KerasLayer> layers, JsonElement config)
    {
        var candidates = layers.Take(1).SelectMany(layer => new[] { Get(layer.Config, "batch_shape"), Get(layer.Config, "batch_input_shape") })
            .Append(Get(config, "build_input_shape"));
        if (candidates.FirstOrDefault(shape => shape is not null) is { } found)
        {
            string text = found.GetRawText().Replace(" ", "", StringComparison.Ordinal);
            if (text != "[null,32,32,3]")
            {
                throw new Cifar3ModelException($"The input shape is {text}. Expected [null,32,32,3] (colour images of 32x32 pixels, channels last).");
            }
        }
    }
}

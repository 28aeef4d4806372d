using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Cifar3.Training;

/// <summary>
/// A Keras model as the chain of layers that it computes, however it is spelled: Sequential, Functional, and models nested in models.
/// </summary>
internal static partial class KerasChain
{
    /// <summary>The layers in the order of computation, first to last, nested models dissolved.</summary>
    /// <param name="root">The model's object with <c>class_name</c> and <c>config</c>.</param>
    /// <exception cref="Cifar3ModelException">It is no model, or no chain: branches, shared layers, layers called in training mode, code.</exception>
    public static List<KerasLayer> Read(JsonElement root)
    {
        var layers = new List<KerasLayer>();
        Add(new KerasLayer(root, 0, [], 0), layers);
        return layers;
    }

    /// <summary>Keras' name of a class in an archive: <c>BatchNormalization</c> is <c>batch_normalization</c>.</summary>
    public static string SnakeCase(string kind) => LowerUpper().Replace(Word().Replace(kind, "$1_$2"), "$1_$2").ToLowerInvariant();

    private static void Add(KerasLayer model, List<KerasLayer> layers)
    {
        var config = model.Config;
        var list = config.ValueKind == JsonValueKind.Array ? config : KerasJson.Get(config, "layers") ?? default;
        if (!model.IsModel)
        {
            throw new Cifar3ModelException($"The model is of class '{model.Kind}'. Expected 'Sequential' or 'Functional' with the layers that CnnModel.Summary() lists. Rebuild it from Keras' own layers and save it again.");
        }

        if (list.ValueKind != JsonValueKind.Array)
        {
            throw new Cifar3ModelException($"The model '{model.Name}' has no list of layers.");
        }

        // Places within this model: in the list for messages, among the layers of the same class for archives, which name them by it.
        var counts = new Dictionary<string, int>();
        string[] containers = model.Position == 0 ? [] : [.. model.Containers, model.Name];
        var entries = new List<KerasLayer>();
        foreach (var entry in list.EnumerateArray())
        {
            string kind = SnakeCase(KerasJson.Text(entry, "class_name") ?? "");
            int ordinal = counts.GetValueOrDefault(kind);
            counts[kind] = ordinal + 1;
            var layer = new KerasLayer(entry, entries.Count + 1, containers, ordinal) { Parent = model.Position == 0 ? null : model };
            layer.RefuseCode();
            if (!layer.IsModel && layer.Config.ValueKind is not (JsonValueKind.Object or JsonValueKind.Undefined))
            {
                throw new Cifar3ModelException(string.Create(CultureInfo.InvariantCulture, $"Layer {layer.Position} ({layer.Kind}) has no settings by name. Expected \"config\" to be an object, found {layer.Config.GetRawText()}. Save the model again."));
            }

            entries.Add(layer);
        }

        foreach (var layer in model.Kind == "Sequential" ? entries : InOrder(model, entries))
        {
            if (layer.IsModel)
            {
                Add(layer, layers);
            }
            else
            {
                layers.Add(layer);
            }
        }
    }

    /// <summary>A Functional model's layers from input to output, each fed by the one before.</summary>
    private static List<KerasLayer> InOrder(KerasLayer model, List<KerasLayer> entries)
    {
        var byName = new Dictionary<string, KerasLayer>();
        foreach (var layer in entries)
        {
            if (!byName.TryAdd(layer.Name, layer))
            {
                throw new Cifar3ModelException($"The model '{model.Name}' has two layers named '{layer.Name}'.");
            }
        }

        if (Ends("input_layers").Count > 1)
        {
            throw NoChain(entries[0], $"it has {Ends("input_layers").Count} inputs");
        }

        var outputs = Ends("output_layers");
        var order = new List<KerasLayer>();
        string? name = outputs is [var single] ? single : throw new Cifar3ModelException($"The model '{model.Name}' has {outputs.Count} outputs ({string.Join(", ", outputs)}). Expected one, the classes' probabilities.");
        while (name is not null)
        {
            if (!byName.Remove(name, out var layer))
            {
                throw new Cifar3ModelException($"The model '{model.Name}' is no chain of layers: '{name}' is missing or used twice.");
            }

            order.Add(layer);
            name = Source(layer);
        }

        if (byName.Count > 0)
        {
            throw NoChain(byName.Values.First(), "it does not lie between input and output");
        }

        order.Reverse();
        return order;

        // [["dense", 0, 0]], ["dense", 0, 0] where there is one, or {"probabilities": ["dense", 0, 0]} where they have names
        List<string> Ends(string property)
        {
            var ends = KerasJson.Get(model.Config, property);
            var list = ends is { ValueKind: JsonValueKind.Object } named ? [.. named.EnumerateObject().Select(end => end.Value)] : KerasJson.Items(ends).ToList();
            return list is [{ ValueKind: JsonValueKind.String } first, ..]
                ? [first.GetString()!]
                : [.. list.Select(end => KerasJson.Items(end).FirstOrDefault() is { ValueKind: JsonValueKind.String } text ? text.GetString()! : "?")];
        }
    }

    /// <summary>The layer whose output a layer takes; null for an input.</summary>
    private static string? Source(KerasLayer layer)
    {
        var calls = KerasJson.Items(layer.Inbound).ToList();
        if (calls.Count == 0)
        {
            return layer.Kind == "InputLayer" ? null : throw NoChain(layer, "nothing leads to it");
        }

        if (calls.Count > 1)
        {
            throw NoChain(layer, $"it is used {calls.Count} times");
        }

        // Keras 2: [["conv2d", 0, 0, {arguments}]]; Keras 3: {"args": [tensor], "kwargs": {arguments}}
        var inputs = calls[0].ValueKind == JsonValueKind.Object ? KerasJson.Items(KerasJson.Get(calls[0], "args")).ToList() : [.. KerasJson.Items(calls[0])];
        if (layer.Kind is "TFOpLambda" or "SlicingOpLambda" or "TensorFlowOpLayer" || inputs.Exists(input => input.ValueKind == JsonValueKind.Number))
        {
            throw NoChain(layer, "it computes with numbers beside the layers. Where it divides pixels, as inputs / 255.0 does, the layer Rescaling(1 / 255) in its place is read");
        }

        if (inputs.Count != 1)
        {
            throw NoChain(layer, $"it takes {inputs.Count} inputs");
        }

        bool isKeras3 = calls[0].ValueKind == JsonValueKind.Object;
        var reference = isKeras3 ? [.. KerasJson.Items(KerasJson.Get(KerasJson.Get(inputs[0], "config") ?? default, "keras_history"))] : KerasJson.Items(inputs[0]).ToList();
        var arguments = isKeras3 ? KerasJson.Get(calls[0], "kwargs") ?? default : reference.Count > 3 ? reference[3] : default;
        if (arguments.ValueKind is not (JsonValueKind.Object or JsonValueKind.Undefined))
        {
            throw NoChain(layer, $"it is called with {arguments.GetRawText()}");
        }

        if (arguments.ValueKind == JsonValueKind.Object && arguments.EnumerateObject().FirstOrDefault(a => a.Value.ValueKind is not (JsonValueKind.Null or JsonValueKind.False)) is { Value.ValueKind: not JsonValueKind.Undefined } argument)
        {
            throw NoChain(layer, $"it is called with {argument.Name}={argument.Value.GetRawText()}");
        }

        // Name, which use of that layer, which of its outputs. Keras 2 counts a nested model's own building as its first use; two uses in this
        // model are seen when the chain comes to that layer.
        return reference.Count >= 3 && reference[0].ValueKind == JsonValueKind.String && IsZero(reference[2])
            ? reference[0].GetString()
            : throw NoChain(layer, "its input is not another layer's first output");

        static bool IsZero(JsonElement element) => element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int value) && value == 0;
    }

    private static Cifar3ModelException NoChain(KerasLayer layer, string why) =>
        new(string.Create(CultureInfo.InvariantCulture, $"Layer {layer.Position} '{layer.Name}' ({layer.Kind}) is not this network's: {why}. Expected a chain of layers from one input to one output."));

    [GeneratedRegex("(.)([A-Z][a-z]+)")]
    private static partial Regex Word();

    [GeneratedRegex("([a-z])([A-Z])")]
    private static partial Regex LowerUpper();
}

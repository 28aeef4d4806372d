using System.Globalization;
using System.Text.Json;

namespace Cifar3.Training;

/// <summary>One layer of a Keras model's configuration.</summary>
/// <param name="entry">Its entry in the list of layers.</param>
/// <param name="position">Place in its model's list, from 1; 0 for the model itself.</param>
/// <param name="containers">Names of the nested models around it, outermost first.</param>
/// <param name="ordinal">Place among the layers of its class in its model, from 0.</param>
internal sealed class KerasLayer(JsonElement entry, int position, IReadOnlyList<string> containers, int ordinal)
{
    public int Position => position;

    public int Ordinal => ordinal;

    public IReadOnlyList<string> Containers => containers;

    /// <summary>Name of the outermost nested model around it, or its own where there is none: HDF5 models keep its weights there.</summary>
    public string Outermost => containers.Count > 0 ? containers[0] : Name;

    /// <summary>The nested model around it; null in the outermost.</summary>
    public KerasLayer? Parent { get; init; }

    public JsonElement Config { get; } = KerasJson.Get(entry, "config") ?? default;

    public string Kind { get; } = KerasJson.Text(entry, "class_name") ?? "(no class)";

    public string Name { get; } = KerasJson.Text(KerasJson.Get(entry, "config") ?? default, "name") ?? KerasJson.Text(entry, "name") ?? KerasJson.Text(entry, "class_name") ?? "(no name)";

    /// <summary>How the layer is called in a Functional model.</summary>
    public JsonElement? Inbound => KerasJson.Get(entry, "inbound_nodes");

    public bool IsModel => Kind is "Sequential" or "Functional" or "Model";

    /// <summary>What an activation layer behind this one makes of it; null where none follows.</summary>
    public string? FollowingActivation { get; set; }

    /// <summary>Whether a layer in front adds a border of one zero pixel.</summary>
    public bool HasBorderInFront { get; set; }

    /// <summary>Whether training leaves its weights alone, by its own setting or its model's.</summary>
    public bool IsFrozen => Parent?.IsFrozen == true || Compact("trainable") switch
    {
        "false" or "0" => true,
        "true" or "1" or "null" or "" => false,
        var other => throw Difference("trainable", "true or false", other),
    };

    /// <summary>The dtype policy's name, such as <c>mixed_float16</c>; null when none is given.</summary>
    public string? Policy => KerasJson.Get(Config, "dtype") switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } name => name.GetString(),
        { ValueKind: JsonValueKind.Object } policy => KerasJson.Get(policy, "config") is { } settings ? KerasJson.Text(settings, "name") : null,
        _ => throw Difference("dtype", "the name of a type or a policy", Compact("dtype")),
    };

    /// <summary>The function that the layer applies to its output, by Keras' name, whether it is given as name, function or layer.</summary>
    public string Activation => FollowingActivation ?? Function(KerasJson.Get(Config, "activation"));

    /// <summary>A number among the settings; null when it is absent or null.</summary>
    /// <exception cref="Cifar3ModelException">It is something else.</exception>
    public double? Number(string name) => KerasJson.Number(Config, name) ?? (KerasJson.Get(Config, name) is null ? null : throw Difference(name, "a number", Compact(name)));

    /// <summary>A number or a list of them among the settings; null when it is absent or null.</summary>
    /// <exception cref="Cifar3ModelException">It is something else.</exception>
    public double[]? Numbers(string name) => KerasJson.Numbers(Config, name) ?? (KerasJson.Get(Config, name) is null ? null : throw Difference(name, "numbers", Compact(name)));

    /// <summary>The function of an <c>Activation</c>, <c>ReLU</c> or <c>Softmax</c> layer; null for every other layer.</summary>
    public string? AsActivation() => Kind switch
    {
        "Activation" => Function(KerasJson.Get(Config, "activation")),
        "ReLU" or "Softmax" => Function(Kind, Config),
        _ => null,
    };

    /// <summary>Refuses a layer that carries or names code.</summary>
    public void RefuseCode()
    {
        string? custom = Given("registered_name"), module = Given("module");
        if (Kind == "Lambda")
        {
            throw new Cifar3ModelException($"Layer {Text(position)} '{Name}' is a Lambda layer: it holds Python code, which is never executed. Rebuild the model without it and save it again.");
        }

        bool isKeras = module is null or "keras" || module.StartsWith("keras.", StringComparison.Ordinal) || module.StartsWith("tf_keras.", StringComparison.Ordinal);
        if ((custom is not null && !(isKeras && custom == Kind)) || Kind.Contains('>', StringComparison.Ordinal) || !isKeras)
        {
            throw new Cifar3ModelException($"Layer {Text(position)} '{Name}' is a custom object '{custom ?? $"{module}.{Kind}"}': its code is not in the file and is never executed. Rebuild the model from Keras' own layers and save it again.");
        }

        string? Given(string name) => KerasJson.Get(entry, name) is { } value ? value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText() : null;
    }

    /// <summary>Compares with the layer that the network has at this place.</summary>
    /// <param name="expected">That layer.</param>
    /// <param name="isChannelsFirst">Whether the whole model has its channels before height and width.</param>
    /// <exception cref="Cifar3ModelException">Names the layer, what was expected and what was found.</exception>
    public void Check(CnnLayer expected, bool isChannelsFirst)
    {
        if (Kind != expected.Kind)
        {
            throw Difference("class", expected.Kind, Kind);
        }

        string[] format = isChannelsFirst ? ["channels_first"] : ["channels_last", "null"];
        switch (expected)
        {
            case Conv2DLayer conv:
                Same("filters", Text(conv.Filters));
                Same("kernel_size", "[3,3]", "3");
                Same("strides", "[1,1]", "1", "null");
                CheckPadding(conv);
                Format();
                Same("dilation_rate", "[1,1]", "1", "null");
                Same("groups", "1", "null");
                CheckActivation("relu");
                Same("use_bias", "true");
                break;
            case BatchNormalizationLayer:
                Same("axis", isChannelsFirst ? ["1", "[1]"] : ["-1", "3", "[3]", "[-1]"]);
                Same("center", "true");
                Same("scale", "true");
                Same("renorm", "false");
                Same("mode", "0"); // Keras 1
                break;
            case MaxPooling2DLayer pool:
                Same("pool_size", "[2,2]", "2");
                Same("strides", "[2,2]", "2", "null");
                Same("padding", pool.InputShape[0] % 2 == 0 ? ["valid", "same"] : ["valid"]); // the same where nothing is left over
                Format();
                break;
            case DenseLayer:
                CheckActivation("softmax", "linear");
                Same("use_bias", "true");
                Same("quantization_config", "null");
                Same("lora_rank", "null");
                break;
        }

        void Format()
        {
            if (Compact("data_format").Length > 0 || isChannelsFirst)
            {
                Same("data_format", format);
            }
        }
    }

    /// <summary>Settings that change training but not what the model computes: regularizers, constraints.</summary>
    public IEnumerable<string> TrainingOnlySettings() =>
        Config.ValueKind != JsonValueKind.Object ? []
        : Config.EnumerateObject().Where(p => (p.Name.EndsWith("_regularizer", StringComparison.Ordinal) || p.Name.EndsWith("_constraint", StringComparison.Ordinal)) && p.Value.ValueKind != JsonValueKind.Null).Select(p => p.Name);

    /// <summary>A setting that is present must have one of the given values; absent settings are Keras' defaults.</summary>
    public void Same(string setting, params string[] expected)
    {
        string found = Compact(setting);
        if (found.Length > 0 && !expected.Contains(found))
        {
            throw Difference(setting, expected[0], found);
        }
    }

    /// <summary>The setting as JSON without blanks and quotes; empty when absent. A text that reads like a number, a list or a constant keeps its quotes: it is none.</summary>
    public string Compact(string setting)
    {
        if (Config.ValueKind != JsonValueKind.Object || !Config.TryGetProperty(setting, out var value))
        {
            return "";
        }

        string text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText().Replace(" ", "", StringComparison.Ordinal);
        bool isText = value.ValueKind != JsonValueKind.String || (text.Length > 0 && char.IsLetter(text[0]) && text is not ("true" or "false" or "null"));
        text = isText ? text : $"\"{text}\"";
        return text.Length <= 200 ? text : text[..200] + "…";
    }

    public Cifar3ModelException Difference(string setting, string expected, string found) =>
        new($"Layer {Text(position)} '{Name}' ({Kind}) is not this network's: expected {setting} {expected}, found {found}. Only filter counts, dropout rates, BatchNormalization's momentum and epsilon, the number of classes and names may differ.");

    private void CheckPadding(Conv2DLayer conv)
    {
        string found = Compact("padding") is { Length: > 0 } text ? text : "valid", expected = conv.Padding == ConvPadding.Same ? "same" : "valid";
        if (HasBorderInFront && found == "valid")
        {
            found = "same";
        }
        else if (HasBorderInFront)
        {
            found += " behind ZeroPadding2D";
        }

        if (found != expected)
        {
            throw Difference("padding", expected, found);
        }
    }

    private void CheckActivation(params string[] expected)
    {
        if (!expected.Contains(Activation))
        {
            throw Difference("activation", expected[0], Activation);
        }
    }

    /// <summary>A name, <c>{"class_name": "function", "config": "relu"}</c>, or a layer's object.</summary>
    private static string Function(JsonElement? activation) => activation switch
    {
        null => "linear",
        { ValueKind: JsonValueKind.String } name => name.GetString()!,
        { ValueKind: JsonValueKind.Object } o => KerasJson.Text(o, "class_name") switch
        {
            "function" => KerasJson.Text(o, "config") ?? "an unknown function",
            { } kind => Function(kind, KerasJson.Get(o, "config") ?? default),
            null => "an unknown function",
        },
        _ => "an unknown function",
    };

    /// <summary>A layer that is nothing but a function. Its settings may make another function of it.</summary>
    private static string Function(string kind, JsonElement config)
    {
        return kind switch
        {
            "ReLU" when Is("max_value") && Is("negative_slope", 0) && Is("threshold", 0) => "relu",
            "Softmax" when Is("axis", -1, 1) => "softmax",
            "Activation" => Function(KerasJson.Get(config, "activation")),
            _ => $"{kind} with its own settings",
        };

        bool Is(string setting, params double[] values) => KerasJson.Get(config, setting) is null || (KerasJson.Numbers(config, setting) is [var found] && values.Contains(found));
    }

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}

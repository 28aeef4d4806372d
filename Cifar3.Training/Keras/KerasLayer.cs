using System.Globalization;
using System.Text.Json;

namespace Cifar3.Training;

/// <summary>One entry of the list of layers.</summary>
internal sealed class KerasLayer
{
    private readonly JsonElement entry;

    public KerasLayer(JsonElement entry, int position)
    {
        this.entry = entry;
        Position = position;
        Config = KerasConfig.Get(entry, "config") ?? default;
        Kind = KerasConfig.Text(entry, "class_name") ?? "(no class)";
        Name = KerasConfig.Text(Config, "name") ?? Kind;
    }

    /// <summary>Place in the file's list, from 1.</summary>
    public int Position { get; }

    public JsonElement Config { get; }

    public string Kind { get; }

    public string Name { get; }

    /// <summary>The dtype policy's name, such as <c>mixed_float16</c>; null when none is given.</summary>
    public string? Policy =>
        KerasConfig.Get(Config, "dtype") is not { } dtype ? null
        : dtype.ValueKind == JsonValueKind.String ? dtype.GetString()
        : KerasConfig.Get(dtype, "config") is { } policy ? KerasConfig.Text(policy, "name") : null;

    public double? Number(string name) => KerasConfig.Number(Config, name);

    /// <summary>Refuses a layer that carries or names code.</summary>
    public void RefuseCode()
    {
        string? custom = KerasConfig.Text(entry, "registered_name"), module = KerasConfig.Text(entry, "module");
        if (Kind == "Lambda")
        {
            throw new Cifar3ModelException($"Layer {Position} '{Name}' is a Lambda layer: it holds Python code, which is never executed. Rebuild the model without it and save it again.");
        }

        if (custom is not null || Kind.Contains('>', StringComparison.Ordinal) || (module is not null && module != "keras" && !module.StartsWith("keras.", StringComparison.Ordinal)))
        {
            throw new Cifar3ModelException($"Layer {Position} '{Name}' is a custom object '{custom ?? $"{module}.{Kind}"}': its code is not in the file and is never executed. Rebuild the model from Keras' own layers and save it again.");
        }
    }

    /// <summary>Compares with the layer that the network has at this place.</summary>
    /// <exception cref="Cifar3ModelException">Names the layer, what was expected and what was found.</exception>
    public void Check(CnnLayer expected)
    {
        if (Kind != expected.Kind)
        {
            throw Difference("class", expected.Kind, Kind);
        }

        Same("trainable", "true");
        switch (expected)
        {
            case Conv2DLayer conv:
                Same("filters", conv.Filters.ToString(CultureInfo.InvariantCulture));
                Same("kernel_size", "[3,3]");
                Same("strides", "[1,1]");
                Same("padding", conv.Padding == ConvPadding.Same ? "same" : "valid", required: conv.Padding == ConvPadding.Same);
                Same("data_format", "channels_last", "null");
                Same("dilation_rate", "[1,1]");
                Same("groups", "1");
                Same("activation", "relu", required: true);
                Same("use_bias", "true");
                Plain("kernel", "bias", "activity");
                break;
            case BatchNormalizationLayer:
                Same("axis", "-1", "3", "[3]", "[-1]");
                Same("center", "true");
                Same("scale", "true");
                Same("renorm", "false");
                Plain("beta", "gamma");
                break;
            case MaxPooling2DLayer:
                Same("pool_size", "[2,2]");
                Same("strides", "[2,2]", "null");
                Same("padding", "valid");
                Same("data_format", "channels_last", "null");
                break;
            case DropoutLayer:
                Same("noise_shape", "null");
                break;
            case FlattenLayer:
                Same("data_format", "channels_last", "null");
                break;
            case DenseLayer:
                Same("activation", "softmax", required: true);
                Same("use_bias", "true");
                Same("quantization_config", "null");
                Plain("kernel", "bias", "activity");
                break;
        }
    }

    /// <summary>A setting that is present must have one of the given values; absent settings are Keras' defaults.</summary>
    private void Same(string setting, params string[] expected)
    {
        string found = Compact(setting);
        if (found.Length > 0 && !expected.Contains(found))
        {
            throw Difference(setting, expected[0], found);
        }
    }

    private void Same(string setting, string expected, bool required)
    {
        if (required && Compact(setting).Length == 0)
        {
            throw Difference(setting, expected, "none");
        }

        Same(setting, expected);
    }

    /// <summary>Regularizers and constraints change training: this network has none.</summary>
    private void Plain(params string[] variables)
    {
        foreach (string variable in variables)
        {
            Same($"{variable}_regularizer", "null");
            Same($"{variable}_constraint", "null");
        }
    }

    /// <summary>The setting as JSON without blanks and quotes; empty when absent.</summary>
    private string Compact(string setting)
    {
        if (Config.ValueKind != JsonValueKind.Object || !Config.TryGetProperty(setting, out var value))
        {
            return "";
        }

        string text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText().Replace(" ", "", StringComparison.Ordinal);
        return text.Length <= 200 ? text : text[..200] + "…";
    }

    private Cifar3ModelException Difference(string setting, string expected, string found) =>
        new($"Layer {Position} '{Name}' ({Kind}) is not this network's: expected {setting} {expected}, found {found}. Only filter counts, dropout rates, the number of classes and names may differ.");
}

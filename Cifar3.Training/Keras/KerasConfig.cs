using System.Text.Json;

namespace Cifar3.Training;

/// <summary>
/// The architecture in a Keras file (<c>model_config</c> or <c>config.json</c>): the same network however it is spelled, or refused by its
/// first difference. Nothing in it is ever executed: code and custom objects are refused by name.
/// </summary>
internal sealed class KerasConfig
{
    /// <summary>Augmentation: layers that change pictures in training and pass them on in inference.</summary>
    private static readonly HashSet<string> Augmentation =
    [
        "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness", "RandomHeight", "RandomWidth", "RandomShear", "RandomHue",
        "RandomSaturation", "RandomColorDegeneration", "RandomColorJitter", "RandomGrayscale", "RandomErasing", "RandomSharpness", "RandomPosterization", "RandomPerspective",
        "RandomElasticTransform", "RandomGaussianBlur", "RandomInvert",
    ];

    /// <summary>Other layers that do nothing in inference.</summary>
    private static readonly HashSet<string> TrainingOnly = ["GaussianNoise", "GaussianDropout", "AlphaDropout", "SpatialDropout2D", "ActivityRegularization"];

    private readonly List<string> notes = [];

    private KerasConfig()
    {
    }

    /// <summary>Filters, dropout rates, BatchNormalization's settings and classes found.</summary>
    public CnnArchitecture Architecture { get; private set; } = null!;

    /// <summary>The file's layers with weights, in the network's order: each stands for one of <see cref="CnnArchitecture.CreateLayers"/>.</summary>
    public IReadOnlyList<KerasLayer> Weighted { get; private set; } = [];

    /// <summary>Rescaling and Normalization in front of the first convolution.</summary>
    public List<KerasLayer> Preprocessing { get; } = [];

    /// <summary>Names, in this library's network, of the layers that the file does not train.</summary>
    public IReadOnlyList<string> Frozen { get; private set; } = [];

    /// <summary>Whether images come as [channels, height, width].</summary>
    public bool IsChannelsFirst { get; private set; }

    /// <summary>Whether flatten lays [channels, height, width] out as they are, so that the dense kernel's rows have another order.</summary>
    public bool FlattensChannelsFirst { get; private set; }

    /// <summary>What differs without changing the network, such as a dtype policy.</summary>
    public IReadOnlyList<string> Notes => notes;

    /// <summary>Reads and checks the architecture.</summary>
    /// <param name="root">The object with <c>class_name</c> and <c>config</c>.</param>
    /// <exception cref="Cifar3ModelException">It is another network: names the first difference (layer, expected, found).</exception>
    public static KerasConfig Read(JsonElement root)
    {
        var config = new KerasConfig();
        var layers = KerasChain.Read(root);
        config.IsChannelsFirst = layers.FirstOrDefault(layer => layer.Kind == "Conv2D")?.Compact("data_format") == "channels_first";
        config.CheckInput(root, layers);
        var policies = layers.Where(layer => layer.Kind != "InputLayer").Select(layer => layer.Policy).Where(policy => policy is not (null or "float32")).Distinct().ToList();
        if (policies.Count > 0)
        {
            config.notes.Add($"The layers' dtype policy is {string.Join(", ", policies)}; here they compute in float32.");
        }

        config.Match(config.Simplify(layers));
        return config;
    }

    /// <summary>Takes out what computes nothing in inference and joins what Keras may write as two layers.</summary>
    private List<KerasLayer> Simplify(List<KerasLayer> layers)
    {
        var kept = new List<KerasLayer>();
        bool border = false;
        foreach (var layer in layers)
        {
            bool isFront = !kept.Any(l => l.Kind is "Conv2D" or "Dense" or "BatchNormalization");
            if (layer.Kind == "InputLayer")
            {
                continue;
            }

            if (isFront && layer.Kind is "Rescaling" or "Normalization")
            {
                if (border)
                {
                    throw layer.Difference("class", "Conv2D", $"{layer.Kind} behind a border of zeros");
                }

                Preprocessing.Add(layer);
            }
            else if ((isFront && (Augmentation.Contains(layer.Kind) || KeepsItsSize(layer))) || TrainingOnly.Contains(layer.Kind))
            {
                notes.Add($"Layer '{layer.Name}' ({layer.Kind}) does nothing in inference and was left out: training goes on without it.");
            }
            else if (layer.Kind == "ZeroPadding2D" && !border && layer.Compact("padding") is "[[1,1],[1,1]]" or "[1,1]" or "1")
            {
                border = true;
                continue;
            }
            else if (layer.AsActivation() is { } function && (function == "linear" || (kept.LastOrDefault() is { Kind: "Conv2D" or "Dense", Activation: "linear" })))
            {
                if (function != "linear")
                {
                    kept[^1].FollowingActivation = function;
                }
            }
            else
            {
                layer.HasBorderInFront = border && layer.Kind == "Conv2D";
                if (border && layer.Kind != "Conv2D")
                {
                    throw layer.Difference("class", "Conv2D", $"{layer.Kind} behind ZeroPadding2D");
                }

                border = false;
                kept.Add(layer);
            }
        }

        return kept;

        static bool KeepsItsSize(KerasLayer layer) =>
            layer.Kind is "Resizing" or "CenterCrop" or "RandomCrop" && layer.Number("height") == CnnArchitecture.InputSize && layer.Number("width") == CnnArchitecture.InputSize;
    }

    /// <summary>The numbers that may vary are read first; then the file's layers must be those of the network they describe.</summary>
    private void Match(List<KerasLayer> layers)
    {
        double[] rates = TakeDropout(layers);
        var norms = layers.Where(layer => layer.Kind == "BatchNormalization").ToList();
        var filters = layers.Where(layer => layer.Kind == "Conv2D").Select(layer => layer.Number("filters")).Where((_, i) => i % 2 == 0);
        double classes = layers.LastOrDefault(layer => layer.Kind == "Dense")?.Number("units") ?? 3;
        Architecture = Create(() => new CnnArchitecture(
            Whole(classes), Padded(filters, 32).Select(Whole), rates,
            Padded(norms.Select(n => n.Number("momentum")), BatchNormalizationLayer.DefaultMomentum), Padded(norms.Select(n => n.Number("epsilon")), BatchNormalizationLayer.DefaultEpsilon)));

        var expected = Architecture.CreateLayers().Where(layer => layer is not DropoutLayer).ToList();
        for (int i = 0; i < Math.Max(expected.Count, layers.Count); i++)
        {
            if (i >= layers.Count || i >= expected.Count)
            {
                throw new Cifar3ModelException(i >= layers.Count
                    ? $"Layer {i + 1} is missing: expected {expected[i].Kind}, found the end of the model."
                    : $"Layer {layers[i].Position} '{layers[i].Name}' is too much: expected the end of the model, found {layers[i].Kind}.");
            }

            layers[i].Check(expected[i], IsChannelsFirst);
            if (layers[i].TrainingOnlySettings().ToList() is { Count: > 0 } settings)
            {
                notes.Add($"Layer '{layers[i].Name}' has {string.Join(", ", settings)}, which only training knows: it goes on without.");
            }
        }

        if (layers[^1].Activation == "linear")
        {
            notes.Add($"The last layer '{layers[^1].Name}' gives logits: softmax was added, so that the model gives probabilities.");
        }

        string flatten = layers[^2].Compact("data_format");
        FlattensChannelsFirst = IsChannelsFirst && flatten != "channels_first";
        if (!IsChannelsFirst)
        {
            layers[^2].Same("data_format", "channels_last", "null");
        }

        if (IsChannelsFirst)
        {
            notes.Add("The model takes its images as channels, height, width (channels_first); here they are height, width, channels, and it computes the same.");
        }

        var weighted = layers.Zip(expected).Where(pair => pair.Second.Weights.Length > 0).ToList();
        Weighted = [.. weighted.Select(pair => pair.First)];
        Frozen = [.. weighted.Where(pair => pair.First.IsFrozen).Select(pair => pair.Second.Name)];
        if (Frozen.Count > 0)
        {
            notes.Add($"The file does not train {string.Join(", ", Frozen)} (trainable=False): training goes on with all layers unless they are frozen here too.");
        }
    }

    /// <summary>The dropout rates after the three blocks, 0 where there is no such layer; all other dropout layers are left out with a note.</summary>
    private double[] TakeDropout(List<KerasLayer> layers)
    {
        var rates = new double?[CnnArchitecture.Blocks];
        int pools = 0;
        for (int i = 0; i < layers.Count; i++)
        {
            if (layers[i].Kind != "Dropout")
            {
                pools += layers[i].Kind == "MaxPooling2D" ? 1 : 0;
                continue;
            }

            // Behind flatten it is the same dropout as in front of it.
            var dropout = layers[i];
            bool isBehindBlock = i > 0 && (layers[i - 1].Kind == "MaxPooling2D" || (layers[i - 1].Kind == "Flatten" && pools == CnnArchitecture.Blocks));
            layers.RemoveAt(i--);
            double rate = dropout.Number("rate") ?? dropout.Number("p") ?? 0;
            if (isBehindBlock && pools is >= 1 and <= CnnArchitecture.Blocks && rates[pools - 1] is null && dropout.Compact("noise_shape") is "" or "null")
            {
                rates[pools - 1] = rate;
            }
            else if (!(rate >= 0 && rate < 1))
            {
                throw dropout.Difference("rate", "[0, 1)", dropout.Compact("rate"));
            }
            else if (rate > 0)
            {
                notes.Add($"Layer '{dropout.Name}' (Dropout) stands where this network has none and does nothing in inference: training goes on without it.");
            }
        }

        if (rates.Any(rate => rate is null))
        {
            notes.Add($"The model has no dropout after {(rates.Count(rate => rate is null) == rates.Length ? "any block" : $"block {string.Join(", ", rates.Select((rate, i) => (rate, i)).Where(r => r.rate is null).Select(r => r.i + 1))}")}: the rate is 0.");
        }

        return [.. rates.Select(rate => rate ?? 0)];
    }

    /// <summary>The input shape stands in an InputLayer, in the first layer (Keras 2.3) or beside the list (Keras 3).</summary>
    private void CheckInput(JsonElement root, List<KerasLayer> layers)
    {
        var candidates = layers.Take(2).SelectMany(layer => new[] { Shape(layer, "batch_shape"), Shape(layer, "batch_input_shape") })
            .Append(KerasJson.Get(KerasJson.Get(root, "config") ?? default, "build_input_shape"));
        if (candidates.FirstOrDefault(shape => shape is { ValueKind: JsonValueKind.Array }) is not { } found)
        {
            return;
        }

        // The batch's size, the first number, may be fixed: it is no part of the function.
        string text = found.GetRawText().Replace(" ", "", StringComparison.Ordinal);
        string image = string.Join(",", KerasJson.Items(found).Skip(1).Select(size => size.GetRawText()));
        string expected = IsChannelsFirst ? "3,32,32" : "32,32,3";
        if (image != expected)
        {
            throw new Cifar3ModelException($"The input shape is {(text.Length <= 200 ? text : text[..200] + "…")}. Expected [null,{expected}] (colour images of 32x32 pixels, channels {(IsChannelsFirst ? "first" : "last")}).");
        }

        static JsonElement? Shape(KerasLayer layer, string setting) =>
            KerasJson.Get(layer.Config, setting) is not { } shape || shape.ValueKind == JsonValueKind.Array ? KerasJson.Get(layer.Config, setting) : throw layer.Difference(setting, "a list of sizes", layer.Compact(setting));
    }

    /// <summary>The architecture's own message where a number is out of range.</summary>
    public static CnnArchitecture Create(Func<CnnArchitecture> create)
    {
        try
        {
            return create();
        }
        catch (ArgumentOutOfRangeException e) when (e is { ParamName: "classes", ActualValue: 1 })
        {
            // the usual end of a Keras network of two classes
            throw new Cifar3ModelException(
                "The last layer has one output, a sigmoid's. Expected a softmax over 2 to 100, one a class. The same model has two: a kernel with a column of zeros before its own, a bias with a zero before its own, and activation=\"softmax\".", e);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new Cifar3ModelException(e.Message.Split(" (Parameter")[0], e);
        }
    }

    /// <summary>A count; -1, which nothing accepts, for what is none.</summary>
    private static int Whole(double value) => value == Math.Floor(value) && Math.Abs(value) <= int.MaxValue ? (int)value : -1;

    private static IEnumerable<double> Padded(IEnumerable<double?> values, double missing) =>
        values.Concat(Enumerable.Repeat<double?>(missing, CnnArchitecture.Blocks)).Take(CnnArchitecture.Blocks).Select(value => value ?? missing);
}

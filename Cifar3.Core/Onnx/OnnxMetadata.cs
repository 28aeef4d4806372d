using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Google.Protobuf.Collections;
using Onnx;

namespace Cifar3;

/// <summary>
/// The model's metadata as ONNX <c>metadata_props</c>: pairs of strings that Netron shows and ONNX Runtime hands out.
/// Lists are JSON; numbers are written so that reading them gives the same bits.
/// </summary>
internal static class OnnxMetadata
{
    /// <summary>The value of <see cref="Keys.Format"/>: which kind of file this is, and its version.</summary>
    public const string Format = "cifar3-cnn 1";

    /// <summary>The keys, in the order in which they are written.</summary>
    public static class Keys
    {
        public const string Format = "format", ClassNames = "class_names", Recipe = "recipe", TrainedOn = "trained_on", Seed = "seed",
            ValAccuracy = "val_accuracy", Epoch = "epoch", History = "history", Filters = "filters", DropoutRates = "dropout_rates",
            BatchNormalizationMomentum = "batch_normalization_momentum", BatchNormalizationEpsilon = "batch_normalization_epsilon",
            LibraryVersion = "library_version", WeightHash = "weight_sha256";
    }

    public static void Write(CnnModel model, string format, RepeatedField<StringStringEntryProto> props)
    {
        var metadata = model.Metadata;
        Add(Keys.Format, format);
        Add(Keys.ClassNames, JsonSerializer.Serialize([.. metadata.ClassNames], OnnxJson.Readable.StringArray));
        Add(Keys.Recipe, metadata.Recipe);
        Add(Keys.TrainedOn, metadata.TrainedOn);
        Add(Keys.Seed, metadata.Seed.ToString(CultureInfo.InvariantCulture));
        Add(Keys.ValAccuracy, metadata.ValAccuracy?.ToString("R", CultureInfo.InvariantCulture));
        Add(Keys.Epoch, metadata.Epoch.ToString(CultureInfo.InvariantCulture));
        Add(Keys.History, JsonSerializer.Serialize([.. metadata.History], OnnxJson.Readable.EpochLogArray));
        Add(Keys.Filters, JsonSerializer.Serialize([.. model.Architecture.Filters], OnnxJson.Readable.Int32Array));
        Add(Keys.DropoutRates, JsonSerializer.Serialize([.. model.Architecture.DropoutRates], OnnxJson.Readable.DoubleArray));
        Add(Keys.BatchNormalizationMomentum, JsonSerializer.Serialize([.. model.Architecture.BatchNormalizationMomentum], OnnxJson.Readable.DoubleArray));
        Add(Keys.BatchNormalizationEpsilon, JsonSerializer.Serialize([.. model.Architecture.BatchNormalizationEpsilon], OnnxJson.Readable.DoubleArray));
        Add(Keys.LibraryVersion, metadata.LibraryVersion);
        Add(Keys.WeightHash, model.WeightHash());

        void Add(string key, string? value)
        {
            if (value is not null)
            {
                props.Add(new StringStringEntryProto { Key = key, Value = value });
            }
        }
    }

    /// <summary>The pairs by key.</summary>
    /// <exception cref="FormatException">A key is given twice.</exception>
    public static Dictionary<string, string> ToDictionary(RepeatedField<StringStringEntryProto> props)
    {
        var dictionary = new Dictionary<string, string>();
        foreach (var entry in props)
        {
            if (!dictionary.TryAdd(entry.Key, entry.Value))
            {
                throw new FormatException($"metadata '{(entry.Key.Length <= 200 ? entry.Key : entry.Key[..200] + "…")}' is given twice");
            }
        }

        return dictionary;
    }

    /// <summary>Reads metadata and architecture.</summary>
    /// <exception cref="FormatException">A value is missing or malformed: says which, what was expected and what was found.</exception>
    public static (CnnArchitecture Architecture, ModelMetadata Metadata, string WeightHash) Read(IReadOnlyDictionary<string, string> props)
    {
        string[] names = Json(Keys.ClassNames, OnnxJson.Readable.StringArray);
        if (Array.IndexOf(names, null) >= 0)
        {
            throw Malformed(Keys.ClassNames, "a JSON array of strings");
        }

        var metadata = new ModelMetadata
        {
            ClassNames = [.. names],
            Recipe = props.GetValueOrDefault(Keys.Recipe),
            TrainedOn = props.GetValueOrDefault(Keys.TrainedOn),
            Seed = Integer(Keys.Seed, int.MinValue),
            ValAccuracy = props.ContainsKey(Keys.ValAccuracy) ? Number(Keys.ValAccuracy) : null,
            Epoch = Integer(Keys.Epoch, 0),
            History = [.. History()],
            LibraryVersion = Text(Keys.LibraryVersion),
        };
        int[] filters = Json(Keys.Filters, OnnxJson.Readable.Int32Array);
        double[] rates = Json(Keys.DropoutRates, OnnxJson.Readable.DoubleArray);

        // Files of earlier versions name neither: theirs are Keras' defaults.
        double[]? momentum = props.ContainsKey(Keys.BatchNormalizationMomentum) ? Json(Keys.BatchNormalizationMomentum, OnnxJson.Readable.DoubleArray) : null;
        double[]? epsilon = props.ContainsKey(Keys.BatchNormalizationEpsilon) ? Json(Keys.BatchNormalizationEpsilon, OnnxJson.Readable.DoubleArray) : null;
        try
        {
            return (new CnnArchitecture(names.Length, filters, rates, momentum, epsilon), metadata, Text(Keys.WeightHash));
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new FormatException($"the network it describes is out of range: {e.Message}", e);
        }

        string Text(string key) => props.TryGetValue(key, out string? value) ? value : throw new FormatException($"metadata '{key}' is missing");

        int Integer(string key, int minimum) =>
            int.TryParse(Text(key), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= minimum ? value : throw Malformed(key, "a whole number");

        double Number(string key) =>
            double.TryParse(Text(key), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : throw Malformed(key, "a number");

        EpochLog[] History()
        {
            var history = Json(Keys.History, OnnxJson.Readable.EpochLogArray);
            return Array.IndexOf(history, null) < 0 ? history : throw Malformed(Keys.History, "a JSON array of epochs");
        }

        T Json<T>(string key, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
            where T : class
        {
            try
            {
                return JsonSerializer.Deserialize(Text(key), type) ?? throw Malformed(key, "a JSON array");
            }
            catch (JsonException e)
            {
                throw Malformed(key, "a JSON array", e);
            }
        }

        FormatException Malformed(string key, string expected, Exception? inner = null)
        {
            string found = props.GetValueOrDefault(key) ?? "nothing";
            return new FormatException($"metadata '{key}' is malformed: expected {expected}, found '{(found.Length <= 60 ? found : found[..60] + "…")}'", inner);
        }
    }
}

/// <summary>JSON of the metadata's lists, without reflection.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(string[]))]
[JsonSerializable(typeof(int[]))]
[JsonSerializable(typeof(double[]))]
[JsonSerializable(typeof(EpochLog[]))]
internal sealed partial class OnnxJson : JsonSerializerContext
{
    /// <summary>Snake case as Python users expect, NaN allowed (a loss may be), names such as <c>Vögel</c> as they are: people read this text.</summary>
    public static OnnxJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectRequiredConstructorParameters = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}

using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
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
    /// <summary>The value of <see cref="Keys.Format"/> for Keras' layers one by one: which kind of file this is, and its version.</summary>
    public const string Format = "cifar3-cnn 2";

    /// <summary>The same of files whose dense kernel is [features, classes], which OpenCV could not read: library 0.1 until November 2026.</summary>
    public const string FirstFormat = "cifar3-cnn 1";

    /// <summary>The same of the flavours made for scoring: optimized, int8.</summary>
    public const string ScoringFormat = "cifar3-scoring 1";

    /// <summary>How the format of every kind and version begins.</summary>
    public const string FormatPrefix = "cifar3-";

    /// <summary>The most characters of the history; of other texts it is <see cref="ModelMetadata.MaxTextLength"/>.</summary>
    public const int MaxHistoryLength = 32 << 20;

    /// <summary>The most characters of the class names: as many and as long as there may be, each character escaped.</summary>
    private const int MaxNamesLength = CnnArchitecture.MaxClasses * (6 * ModelMetadata.MaxNameLength + 3) + 2;

    /// <summary>The keys, in the order in which they are written.</summary>
    public static class Keys
    {
        public const string Format = "format", ClassNames = "class_names", Recipe = "recipe", TrainedOn = "trained_on", Seed = "seed",
            ValAccuracy = "val_accuracy", Warning = "warning", Temperature = "temperature", FamiliarityThreshold = "familiarity_threshold", Epoch = "epoch", History = "history", Filters = "filters", DropoutRates = "dropout_rates",
            BatchNormalizationMomentum = "batch_normalization_momentum", BatchNormalizationEpsilon = "batch_normalization_epsilon",
            LibraryVersion = "library_version", WeightHash = "weight_sha256",
            Flavor = "flavor", Calibration = "calibration", GraphHash = "graph_sha256", MetadataHash = "metadata_sha256";

        /// <summary>What <see cref="MetadataHash"/> is made of: all of the above but hashes, so that a key which another tool adds does no harm.</summary>
        public static readonly ImmutableArray<string> Hashed =
        [
            Format, ClassNames, Recipe, TrainedOn, Seed, ValAccuracy, Warning, Temperature, FamiliarityThreshold, Epoch, History, Filters, DropoutRates,
            BatchNormalizationMomentum, BatchNormalizationEpsilon, LibraryVersion, Flavor, Calibration,
        ];
    }

    /// <summary>Adds the hash of what was written: the weights' own does not tell that a class' name was changed.</summary>
    public static void Seal(RepeatedField<StringStringEntryProto> props) => props.Add(new StringStringEntryProto { Key = Keys.MetadataHash, Value = Hash(ToDictionary(props)) });

    private static string Hash(IReadOnlyDictionary<string, string> props)
    {
        var text = new StringBuilder();
        foreach (string key in Keys.Hashed.Where(props.ContainsKey))
        {
            text.Append(CultureInfo.InvariantCulture, $"{key} {props[key].Length}\n{props[key]}\n");
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
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
        Add(Keys.Warning, metadata.Warning);
        Add(Keys.Temperature, metadata.Temperature?.ToString("R", CultureInfo.InvariantCulture));
        Add(Keys.FamiliarityThreshold, metadata.FamiliarityThreshold?.ToString("R", CultureInfo.InvariantCulture));
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

    /// <summary>The pairs that only a file of a flavour for scoring has.</summary>
    public static void WriteScoring(CnnModel model, OnnxExportOptions options, string graphHash, RepeatedField<StringStringEntryProto> props)
    {
        Write(model, ScoringFormat, props);
        Add(Keys.Flavor, options.Flavor.ToString().ToLowerInvariant());
        if (options.Flavor == OnnxFlavor.Int8)
        {
            string method = options.CalibrationMethod == CalibrationMethod.Percentile ? FormattableString.Invariant($"percentile {options.CalibrationPercentile}") : options.CalibrationMethod.ToString().ToLowerInvariant();
            Add(Keys.Calibration, FormattableString.Invariant($"{method} over {Math.Min(options.CalibrationCount, options.CalibrationImages!.Count)} images{(options.ReduceRange ? ", weights of 7 bits" : "")}"));
        }

        Add(Keys.GraphHash, graphHash);

        void Add(string key, string value) => props.Add(new StringStringEntryProto { Key = key, Value = value });
    }

    /// <summary>Whether a file for scoring is of 8 bits.</summary>
    public static bool IsEightBit(IReadOnlyDictionary<string, string> props) => props.GetValueOrDefault(Keys.Flavor) == "int8";

    /// <summary>The pairs by key.</summary>
    /// <exception cref="FormatException">A key is given twice.</exception>
    public static Dictionary<string, string> ToDictionary(RepeatedField<StringStringEntryProto> props)
    {
        var dictionary = new Dictionary<string, string>();
        foreach (var entry in props)
        {
            if (!dictionary.TryAdd(entry.Key, entry.Value))
            {
                throw new FormatException($"metadata '{Shown.Text(entry.Key)}' is given twice");
            }
        }

        return dictionary;
    }

    /// <summary>Reads metadata and architecture: here what is no text, number or list, in <see cref="ModelMetadata.Check"/> what is outside its range.</summary>
    /// <exception cref="FormatException">A value is missing or malformed: says which, what was expected and what was found.</exception>
    public static (CnnArchitecture Architecture, ModelMetadata Metadata, string WeightHash) Read(IReadOnlyDictionary<string, string> props)
    {
        string[] names = Json(Keys.ClassNames, MetadataJson.Texts);
        var metadata = new ModelMetadata
        {
            ClassNames = [.. names],
            Recipe = props.ContainsKey(Keys.Recipe) ? Text(Keys.Recipe) : null,
            TrainedOn = props.ContainsKey(Keys.TrainedOn) ? Text(Keys.TrainedOn) : null,
            Seed = Integer(Keys.Seed),
            ValAccuracy = props.ContainsKey(Keys.ValAccuracy) ? Number(Keys.ValAccuracy) : null,
            Warning = props.ContainsKey(Keys.Warning) ? Text(Keys.Warning) : null,
            Temperature = props.ContainsKey(Keys.Temperature) ? Number(Keys.Temperature) : null,
            FamiliarityThreshold = props.ContainsKey(Keys.FamiliarityThreshold) ? Number(Keys.FamiliarityThreshold) : null,
            Epoch = Integer(Keys.Epoch),
            History = [.. History()],
            LibraryVersion = Text(Keys.LibraryVersion),
        };
        int[] filters = Json(Keys.Filters, MetadataJson.Integers);
        double[] rates = Json(Keys.DropoutRates, MetadataJson.Numbers);
        if (filters.Length != CnnArchitecture.Blocks || rates.Length != CnnArchitecture.Blocks || names.Length > CnnArchitecture.MaxClasses)
        {
            throw new FormatException(FormattableString.Invariant($"the network it describes is out of range: expected {CnnArchitecture.MinClasses} to {CnnArchitecture.MaxClasses} classes, {CnnArchitecture.Blocks} filter counts and {CnnArchitecture.Blocks} dropout rates, found {names.Length:N0}, {filters.Length:N0} and {rates.Length:N0}"));
        }

        // Files of earlier versions name neither: theirs are Keras' defaults.
        double[]? momentum = props.ContainsKey(Keys.BatchNormalizationMomentum) ? Json(Keys.BatchNormalizationMomentum, MetadataJson.Numbers) : null;
        double[]? epsilon = props.ContainsKey(Keys.BatchNormalizationEpsilon) ? Json(Keys.BatchNormalizationEpsilon, MetadataJson.Numbers) : null;
        if (momentum is { Length: not CnnArchitecture.Blocks } || epsilon is { Length: not CnnArchitecture.Blocks })
        {
            throw new FormatException(FormattableString.Invariant($"the network it describes is out of range: expected {CnnArchitecture.Blocks} momenta and epsilons of batch normalization, found {momentum?.Length:N0} and {epsilon?.Length:N0}"));
        }

        try
        {
            metadata.Check();
            var architecture = new CnnArchitecture(names.Length, filters, rates, momentum, epsilon);
            return !props.TryGetValue(Keys.MetadataHash, out string? hash) || hash == Hash(props) ? (architecture, metadata, Text(Keys.WeightHash)) // files of earlier versions have none
                : throw new FormatException($"expected metadata of SHA-256 {Shown.Text(hash)}, found {Hash(props)}: a class' name or another value changed after the file was written. To call classes otherwise, give ClassifierOptions.ClassNames");
        }
        catch (Cifar3ModelException e)
        {
            throw new FormatException(e.Message, e);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new FormatException($"the network it describes is out of range: {e.Message}", e);
        }

        string Text(string key, int most = ModelMetadata.MaxTextLength) =>
            !props.TryGetValue(key, out string? value) ? throw new FormatException($"metadata '{key}' is missing")
            : value.Length <= most ? value
            : throw new FormatException(FormattableString.Invariant($"metadata '{key}' is too long: expected at most {most:N0} characters, found {value.Length:N0}"));

        int Integer(string key) =>
            int.TryParse(Text(key), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) ? value : throw Malformed(key, "a whole number");

        double Number(string key) =>
            double.TryParse(Text(key), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : throw Malformed(key, "a number");

        EpochLog[] History()
        {
            var history = Json(Keys.History, MetadataJson.Epochs);
            return Array.IndexOf(history, null) < 0 ? history : throw Malformed(Keys.History, "a JSON array of epochs");
        }

        T[] Json<T>(string key, Func<string, T[]> read)
        {
            try
            {
                return read(Text(key, key switch { Keys.History => MaxHistoryLength, Keys.ClassNames => MaxNamesLength, _ => ModelMetadata.MaxTextLength }));
            }
            catch (JsonException e)
            {
                throw Malformed(key, "a JSON array", e);
            }
        }

        FormatException Malformed(string key, string expected, Exception? inner = null)
        {
            return new FormatException($"metadata '{key}' is malformed: expected {expected}, found '{Shown.Text(props.GetValueOrDefault(key) ?? "nothing", 60)}'", inner);
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

using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cifar3.Training;

/// <summary>
/// This library's entry in a Keras file: the model's metadata without the history, which may be longer than an HDF5 attribute should be, and the hashes of its
/// weights and of Adam's moments. Keras passes it over, and leaves it out when it saves the model again.
/// </summary>
/// <remarks>Snake case as Python users expect; an accuracy may be NaN. Written and read by hand: programs without reflection in their JSON (file-based apps, trimmed ones) can too.</remarks>
internal static class KerasMetadata
{
    /// <summary>The entry's name: an attribute of HDF5 files, a member of an archive's <c>metadata.json</c>.</summary>
    public const string Key = "cifar3";

    private const string Remedy = "Save the model again, or remove the entry";

    /// <summary>The entry of a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="state">Adam's state in the same file; null = none.</param>
    public static JsonObject Of(CnnModel model, EngineState? state)
    {
        var metadata = model.Metadata;
        var entry = new JsonObject
        {
            ["class_names"] = new JsonArray([.. metadata.ClassNames.Select(name => (JsonNode)name)]),
            ["recipe"] = metadata.Recipe,
            ["trained_on"] = metadata.TrainedOn,
            ["seed"] = metadata.Seed,
            ["val_accuracy"] = Number(metadata.ValAccuracy),
            ["warning"] = metadata.Warning,
            ["temperature"] = Number(metadata.Temperature),
            ["familiarity_threshold"] = Number(metadata.FamiliarityThreshold),
            ["epoch"] = metadata.Epoch,
            ["library_version"] = metadata.LibraryVersion,
            ["weight_sha256"] = model.WeightHash(),
        };
        if (state is not null)
        {
            (entry["adam_step"], entry["adam_sha256"]) = (state.Step, state.MomentHash());
        }

        return entry;

        static JsonNode? Number(double? value) => value is not { } number ? null : double.IsFinite(number) ? number : number.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>JSON as text, names such as <c>Vögel</c> as they are: people read it.</summary>
    public static string Text(JsonObject json)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteTo(writer);
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Reads an entry.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="classNames">Names in place of its own; null takes its own.</param>
    /// <returns>The metadata, and the weights' hash; null in files of earlier versions.</returns>
    /// <exception cref="Cifar3ModelException">A value is missing or of another type.</exception>
    public static (ModelMetadata Metadata, string? WeightHash) Read(JsonElement entry, ImmutableArray<string>? classNames)
    {
        var metadata = new ModelMetadata
        {
            ClassNames = classNames ?? [.. Names(entry) ?? throw Malformed("class_names", "a list of texts")],
            Recipe = Text("recipe"),
            TrainedOn = Text("trained_on"),
            Seed = Whole("seed", int.MinValue),
            ValAccuracy = Number("val_accuracy", double.NegativeInfinity, mayBeNaN: true),
            Warning = Text("warning"),
            Temperature = Number("temperature", 0),
            FamiliarityThreshold = Number("familiarity_threshold", double.NegativeInfinity),
            Epoch = Whole("epoch", 0),
            LibraryVersion = Text("library_version") ?? "unknown",
        };
        return (metadata, Text("weight_sha256"));

        string? Text(string name) => KerasJson.Get(entry, name) is null ? null
            : KerasJson.Text(entry, name) is { Length: <= ModelMetadata.MaxTextLength } text ? text
            : throw Malformed(name, FormattableString.Invariant($"a text of at most {ModelMetadata.MaxTextLength:N0} characters"));

        int Whole(string name, int least) => KerasJson.Get(entry, name) is not { } value ? 0
            : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= least ? number
            : throw Malformed(name, least == 0 ? "a whole number of 0 or more" : "a whole number");

        double? Number(string name, double above, bool mayBeNaN = false) => KerasJson.Get(entry, name) is null ? null
            : KerasJson.Number(entry, name) is { } number && double.IsFinite(number) && number > above ? number
            : mayBeNaN && KerasJson.Text(entry, name) is "NaN" ? double.NaN
            : throw Malformed(name, above == 0 ? "a number above 0" : "a number");

        Cifar3ModelException Malformed(string name, string expected) =>
            new($"Its entry '{Key}' is malformed: expected {expected} as '{name}', found {Shown.Text(KerasJson.Get(entry, name)?.GetRawText() ?? "none", 80)}. {Remedy}.");
    }

    /// <summary>The classes' names in an entry; null where it has no list of texts.</summary>
    public static IReadOnlyList<string>? Names(JsonElement entry) =>
        KerasJson.Get(entry, "class_names") is { ValueKind: JsonValueKind.Array } list && list.EnumerateArray().All(name => name.ValueKind == JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(name => name.GetString()!)]
            : null;

    /// <summary>Why Adam's state is not the one that was written beside this entry; null where it is, and in files of earlier versions, which do not tell.</summary>
    public static string? StateProblem(JsonElement entry, EngineState state)
    {
        if (KerasJson.Text(entry, "adam_sha256") is not { } hash)
        {
            return null;
        }

        string found = state.MomentHash();
        return found != hash ? $"its moments have the SHA-256 {found}, not {Shown.Text(hash)} as when the file was written"
            : KerasJson.Number(entry, "adam_step") is { } step && step != state.Step ? FormattableString.Invariant($"it is at step {state.Step}, not {step} as when the file was written")
            : null;
    }

    /// <summary>Compares weights with the hash that was written beside them.</summary>
    /// <exception cref="Cifar3ModelException">They are others.</exception>
    public static void CheckWeights(CnnModel model, string hash)
    {
        string found = model.WeightHash();
        if (found != hash)
        {
            throw new Cifar3ModelException($"The weights have the SHA-256 {found}. Expected {Shown.Text(hash)}: their values changed after the file was written. The file is damaged; save it again or fetch a fresh copy. Where the change was meant, remove the entry '{Key}'.");
        }
    }
}

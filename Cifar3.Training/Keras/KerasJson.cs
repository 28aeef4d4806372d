using System.Text.Json;

namespace Cifar3.Training;

/// <summary>Properties of Keras' JSON, where anything may be absent, null or of another type.</summary>
internal static class KerasJson
{
    /// <summary>A property of an object; null when it is absent or null.</summary>
    public static JsonElement? Get(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>A text property; null when it is absent or something else.</summary>
    public static string? Text(JsonElement element, string name) =>
        Get(element, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    /// <summary>A number property; null when it is absent or something else.</summary>
    public static double? Number(JsonElement element, string name) =>
        Get(element, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetDouble(out double number) ? number : null;

    /// <summary>A number or a list of numbers, nested as Keras likes; null when it is absent or something else.</summary>
    public static double[]? Numbers(JsonElement element, string name)
    {
        var found = new List<double>();
        return Get(element, name) is { } value && Collect(value) && found.Count > 0 ? [.. found] : null;

        bool Collect(JsonElement value) => value.ValueKind switch
        {
            JsonValueKind.Number when value.TryGetDouble(out double number) => Add(number),
            JsonValueKind.Array => value.EnumerateArray().All(Collect),
            JsonValueKind.Object => Get(Get(value, "config") ?? default, "value") is { } inner && Collect(inner), // an array of NumPy or a tensor
            _ => false,
        };

        bool Add(double number)
        {
            found.Add(number);
            return found.Count <= 1024;
        }
    }

    /// <summary>The elements of a list; empty for anything else.</summary>
    public static IEnumerable<JsonElement> Items(JsonElement? element) => element is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];

    /// <summary>Reads a document. Python writes numbers that JSON has not, such as a constraint's <c>Infinity</c>: they are read as texts, which no setting takes for a number.</summary>
    /// <exception cref="Cifar3ModelException">It is no JSON.</exception>
    public static JsonElement Parse(ReadOnlyMemory<byte> json, string what)
    {
        try
        {
            using var document = JsonDocument.Parse(Quoted(json), new JsonDocumentOptions { AllowDuplicateProperties = false }); // which of two would count?
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new Cifar3ModelException($"'{what}' is not valid JSON: {e.Message.TrimEnd('.')}. The file is damaged.", e);
        }
    }

    /// <summary>The document with quotes around <c>NaN</c>, <c>Infinity</c> and <c>-Infinity</c> where they stand outside of texts.</summary>
    private static ReadOnlyMemory<byte> Quoted(ReadOnlyMemory<byte> json)
    {
        var bytes = json.Span;
        if (bytes.IndexOf("NaN"u8) < 0 && bytes.IndexOf("Infinity"u8) < 0)
        {
            return json;
        }

        var quoted = new List<byte>(bytes.Length + 64);
        bool isText = false;
        for (int i = 0; i < bytes.Length;)
        {
            var rest = bytes[i..];
            int number = isText ? 0 : rest.StartsWith("NaN"u8) ? 3 : rest.StartsWith("Infinity"u8) ? 8 : rest.StartsWith("-Infinity"u8) ? 9 : 0;
            int length = number > 0 ? number : isText && rest[0] == '\\' ? Math.Min(2, rest.Length) : 1;
            isText ^= length == 1 && rest[0] == '"';
            quoted.AddRange(number > 0 ? [(byte)'"', .. rest[..number], (byte)'"'] : rest[..length]);
            i += length;
        }

        return quoted.ToArray();
    }
}

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

    /// <summary>Reads a document.</summary>
    /// <exception cref="Cifar3ModelException">It is no JSON.</exception>
    public static JsonElement Parse(ReadOnlyMemory<byte> json, string what)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false }); // which of two would count?
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new Cifar3ModelException($"'{what}' is not valid JSON: {e.Message.TrimEnd('.')}. The file is damaged.", e);
        }
    }
}

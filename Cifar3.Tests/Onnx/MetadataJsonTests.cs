using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Cifar3.Tests;

/// <summary>The metadata's lists read by hand, against the deserializer of the same types: the same values, and the same texts refused.</summary>
internal sealed class MetadataJsonTests
{
    private const string Epoch = """{"epoch":1,"loss":0.5,"accuracy":0.25,"val_loss":null,"val_accuracy":0.75,"learning_rate":1E-3,"seconds":12}""";

    private static readonly string[] Values =
    [
        "", " ", "null", "[", "]", "[]", " [ ] ", "[] 1", "[1]", "[1,2]", "[1,]", "[,1]", "[1 2]", "[-1, 2147483647]", "[2147483648]", "[1.0]", "[1.5]", "[1e2]", "[1e999]", "[-0.0]",
        "[01]", "[.5]", "[+1]", "[\"NaN\"]", "[\"Infinity\",\"-Infinity\"]", "[\"nan\"]", "[\"\\u004eaN\"]", "[\"1\"]", "[NaN]", "[null]", "[true]", "[[1]]", "[{}]", "{}", "{\"a\":1}", "1", "\"a\"",
        "[\"a\"]", "[\"a\",null,\"Vögel \\uD83D\\uDE00\"]", "[\"\\uD800\"]", "[\"a]", "[/*c*/]", "['a']",
        $"[{Epoch}]", $"[{Epoch},null]", $"[{Epoch},{Epoch}]", $"[{Epoch.Replace("0.5", "\"NaN\"")}]", $"[{Epoch.Replace("0.5", "null")}]", $"[{Epoch.Replace("0.75", "null")}]", $"[{Epoch.Replace("0.75", "\"x\"")}]",
        $"[{Epoch.Replace(":1,", ":1.5,")}]", $"[{Epoch.Replace("\"epoch\"", "\"Epoch\"")}]", $"[{Epoch.Replace("\"epoch\"", "\"\\u0065poch\"")}]", $"[{Epoch.Replace("\"seconds\":12", "\"seconds\":12,\"more\":[{\"a\":[1]}]")}]",
        $"[{Epoch.Replace(",\"seconds\":12", "")}]", $"[{Epoch.Replace("\"val_loss\":null,", "")}]", $"[{Epoch.Replace("\"seconds\":12", "\"seconds\":12,\"seconds\":13")}]", $"[{Epoch.Replace("12}", "12,}")}]", $"[{Epoch[..^1]}]", $"[{Epoch.Replace("12}", "12")}",
        $"[{Epoch.Replace("12", new string('[', 70) + new string(']', 70))}]", "[{\"epoch\"}]", "[{1:2}]",
        $"[{Epoch.Replace("12}", "12,\"val_weighted_accuracy\":0.5}")}]", $"[{Epoch.Replace("12}", "12,\"val_weighted_accuracy\":null}")}]", $"[{Epoch.Replace("12}", "12,\"val_weighted_accuracy\":true}")}]",
    ];

    [TestCaseSource(nameof(Values))]
    public void Read_AnyText_IsWhatTheDeserializerMakesOfIt(string json)
    {
        Compare(json, OnnxJson.Readable.StringArray, MetadataJson.Texts);
        Compare(json, OnnxJson.Readable.Int32Array, MetadataJson.Integers);
        Compare(json, OnnxJson.Readable.DoubleArray, MetadataJson.Numbers);
        Compare(json, OnnxJson.Readable.EpochLogArray, MetadataJson.Epochs);
    }

    private static void Compare<T>(string json, JsonTypeInfo<T[]> type, Func<string, T[]> read)
    {
        T[]? expected = null;
        try
        {
            expected = JsonSerializer.Deserialize(json, type);
        }
        catch (JsonException)
        {
        }

        if (expected is null)
        {
            Assert.That(() => read(json), Throws.InstanceOf<JsonException>(), $"{typeof(T).Name}[]");
        }
        else
        {
            Assert.That(read(json), Is.EqualTo(expected), $"{typeof(T).Name}[]");
        }
    }
}

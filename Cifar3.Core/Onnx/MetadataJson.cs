using System.Text;
using System.Text.Json;

namespace Cifar3;

/// <summary>
/// Reads the lists of a model's metadata, as <see cref="OnnxJson"/> writes them: what its deserializer takes, and nothing else. Reading by hand, because
/// a process that scores one picture would spend a tenth of its time on setting the deserializer up.
/// </summary>
internal static class MetadataJson
{
    /// <summary>An array of texts; one may be null.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static string[] Texts(string json) => Read(json, static (ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.String => reader.GetString()!,
        JsonTokenType.Null => null!,
        _ => throw Unexpected(reader),
    });

    /// <summary>An array of whole numbers.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static int[] Integers(string json) => Read(json, Integer);

    /// <summary>An array of numbers, NaN and the infinities among them, as texts.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static double[] Numbers(string json) => Read(json, Number);

    /// <summary>An array of epochs; one may be null.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static EpochLog[] Epochs(string json) => Read(json, Epoch);

    private delegate T ItemReader<T>(ref Utf8JsonReader reader);

    private static T[] Read<T>(string json, ItemReader<T> read)
    {
        try
        {
            return ReadArray(json, read);
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException(e.Message, e); // a text that is half a surrogate pair
        }
    }

    private static T[] ReadArray<T>(string json, ItemReader<T> read)
    {
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(json));
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray)
        {
            throw Unexpected(reader);
        }

        var items = new List<T>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            items.Add(read(ref reader));
        }

        return reader.Read() ? throw Unexpected(reader) : [.. items];
    }

    private static int Integer(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int value) ? value : throw Unexpected(reader);

    private static double Number(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.Number => reader.GetDouble(),
        JsonTokenType.String when reader.ValueTextEquals("NaN"u8) => double.NaN,
        JsonTokenType.String when reader.ValueTextEquals("Infinity"u8) => double.PositiveInfinity,
        JsonTokenType.String when reader.ValueTextEquals("-Infinity"u8) => double.NegativeInfinity,
        _ => throw Unexpected(reader),
    };

    private static double? NumberOrNull(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Null ? null : Number(ref reader);

    // Every member but the last must be there, others are passed over.
    private static EpochLog Epoch(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return null!;
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Unexpected(reader);
        }

        int? epoch = null;
        double? loss = null, accuracy = null, learningRate = null, seconds = null, validationLoss = null, validationAccuracy = null, weightedAccuracy = null;
        bool hasValidationLoss = false, hasValidationAccuracy = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            int member = Member(reader);
            reader.Read();
            switch (member)
            {
                case 0: epoch = Integer(ref reader); break;
                case 1: loss = Number(ref reader); break;
                case 2: accuracy = Number(ref reader); break;
                case 3: (validationLoss, hasValidationLoss) = (NumberOrNull(ref reader), true); break;
                case 4: (validationAccuracy, hasValidationAccuracy) = (NumberOrNull(ref reader), true); break;
                case 5: learningRate = Number(ref reader); break;
                case 6: seconds = Number(ref reader); break;
                case 7: weightedAccuracy = NumberOrNull(ref reader); break;
                default: reader.Skip(); break;
            }
        }

        return epoch is null || loss is null || accuracy is null || learningRate is null || seconds is null || !hasValidationLoss || !hasValidationAccuracy
            ? throw new JsonException("An epoch lacks a member.")
            : new EpochLog(epoch.Value, loss.Value, accuracy.Value, validationLoss, validationAccuracy, learningRate.Value, seconds.Value) { ValWeightedAccuracy = weightedAccuracy };
    }

    private static int Member(in Utf8JsonReader reader) =>
        reader.ValueTextEquals("epoch"u8) ? 0
        : reader.ValueTextEquals("loss"u8) ? 1
        : reader.ValueTextEquals("accuracy"u8) ? 2
        : reader.ValueTextEquals("val_loss"u8) ? 3
        : reader.ValueTextEquals("val_accuracy"u8) ? 4
        : reader.ValueTextEquals("learning_rate"u8) ? 5
        : reader.ValueTextEquals("seconds"u8) ? 6
        : reader.ValueTextEquals("val_weighted_accuracy"u8) ? 7
        : -1;

    private static JsonException Unexpected(in Utf8JsonReader reader) => new($"Unexpected {reader.TokenType} at byte {reader.TokenStartIndex}.");
}

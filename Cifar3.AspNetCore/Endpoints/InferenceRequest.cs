using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Cifar3.AspNetCore;

/// <summary>
/// An inference request of the Open Inference Protocol v2, read without a tree of nodes: pixels [N, 32, 32, 3] as bytes, whichever way they came.
/// <see href="https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md"/>, with Triton's extension for
/// binary tensors: <see href="https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md"/>.
/// </summary>
internal sealed class InferenceRequest : IDisposable
{
    /// <summary>Input of bytes, <c>pixels</c>, and of fractions 0 to 1, <c>input</c>: the names of the exported files' inputs.</summary>
    public const string Pixels = "pixels", Fractions = "input", Probabilities = "probabilities", Labels = "labels";

    private byte[]? rented;

    private InferenceRequest()
    {
    }

    public string? Id { get; private set; }

    public int Count { get; private set; }

    /// <summary>[N, 32, 32, 3], uint8.</summary>
    public ReadOnlyMemory<byte> Images { get; private set; }

    /// <summary>The outputs asked for; those in binary are marked.</summary>
    public List<(string Name, bool Binary)> Outputs { get; private set; } = [];

    /// <summary>Reads a request.</summary>
    /// <param name="body">The whole body; it must stay until the request is disposed.</param>
    /// <param name="jsonLength">Length of the JSON at its beginning; what follows are binary tensors.</param>
    /// <param name="maxBatch">The most images.</param>
    /// <exception cref="RefusalException">The request is none, or not for this network.</exception>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static InferenceRequest Read(ReadOnlyMemory<byte> body, int jsonLength, int maxBatch)
    {
        var request = new InferenceRequest();
        try
        {
            request.ReadJson(body, jsonLength, maxBatch);
            return request;
        }
        catch (InvalidOperationException)
        {
            request.Dispose();
            throw RefusalException.Bad("The request holds text that is no Unicode. Expected UTF-8, and pairs of surrogates where text is escaped.");
        }
        catch
        {
            request.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
            rented = null;
        }
    }

    private void ReadJson(ReadOnlyMemory<byte> body, int jsonLength, int maxBatch)
    {
        var reader = new Utf8JsonReader(body.Span[..jsonLength]);
        bool binaryOutputs = false, hasInput = false;
        List<(string Name, bool? Binary)> outputs = [];
        Expect(ref reader, JsonTokenType.StartObject, "the request");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("inputs"u8))
            {
                hasInput = ReadInputs(ref reader, body, jsonLength, maxBatch);
            }
            else if (reader.ValueTextEquals("outputs"u8))
            {
                ReadOutputs(ref reader, outputs);
            }
            else if (reader.ValueTextEquals("parameters"u8))
            {
                ReadParameters(ref reader, (ref Utf8JsonReader value, string name) => binaryOutputs |= name == "binary_data_output" && value.TokenType == JsonTokenType.True);
            }
            else if (reader.ValueTextEquals("id"u8))
            {
                reader.Read();
                Id = reader.TokenType is JsonTokenType.String or JsonTokenType.Null ? reader.GetString() : throw RefusalException.Bad("'id' must be a string.");
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        reader.Read(); // throws where something stands behind the object
        if (!hasInput)
        {
            throw RefusalException.Bad($"The request has no input. Expected one of '{Pixels}' (UINT8) and '{Fractions}' (FP32), [N, 32, 32, 3].");
        }

        if (outputs.Count == 0)
        {
            outputs.Add((Probabilities, null));
        }

        // What an output says of itself comes before what the request says of all; labels are always JSON.
        Outputs = [.. outputs.Select(output => (output.Name, output.Name == Probabilities && (output.Binary ?? binaryOutputs)))];
    }

    private bool ReadInputs(ref Utf8JsonReader reader, ReadOnlyMemory<byte> body, int jsonLength, int maxBatch)
    {
        if (Images.Length > 0)
        {
            throw RefusalException.Bad("'inputs' is given twice.");
        }

        Expect(ref reader, JsonTokenType.StartArray, "'inputs'");
        bool any = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            if (any)
            {
                throw RefusalException.Bad("The model has one input. Received several.");
            }

            ReadInput(ref reader, body, jsonLength, maxBatch);
            any = true;
        }

        ExpectEnd(ref reader, "'inputs'");
        return any;
    }

    private void ReadInput(ref Utf8JsonReader reader, ReadOnlyMemory<byte> body, int jsonLength, int maxBatch)
    {
        string? name = null, type = null;
        List<long>? shape = null;
        long? binarySize = null;
        float[]? values = null;
        int count = 0;
        try
        {
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("name"u8))
                {
                    name = Text(ref reader, "name");
                }
                else if (reader.ValueTextEquals("datatype"u8))
                {
                    type = Text(ref reader, "datatype");
                }
                else if (reader.ValueTextEquals("shape"u8))
                {
                    shape = Shape(ref reader);
                }
                else if (reader.ValueTextEquals("parameters"u8))
                {
                    ReadParameters(ref reader, (ref Utf8JsonReader value, string parameter) =>
                        binarySize = parameter == "binary_data_size" ? value.TokenType == JsonTokenType.Number && value.TryGetInt64(out long size) ? size : throw RefusalException.Bad("'binary_data_size' must be a whole number.") : binarySize);
                }
                else if (reader.ValueTextEquals("data"u8))
                {
                    (values, count) = Numbers(ref reader, maxBatch, values);
                }
                else
                {
                    reader.Read();
                    reader.Skip();
                }
            }

            bool bytes = (name, type) switch
            {
                (Pixels, "UINT8") => true,
                (Fractions, "FP32") => false,
                _ => throw RefusalException.Bad($"There is no input '{Short(name)}' of datatype '{Short(type)}'. Expected '{Pixels}' of UINT8 or '{Fractions}' of FP32."),
            };
            if (shape is not [var n, 32, 32, 3] || n < 1)
            {
                throw RefusalException.Bad(string.Create(CultureInfo.InvariantCulture, $"The input's shape must be [N, 32, 32, 3] with N from 1 to {maxBatch}. Received: [{string.Join(", ", (shape ?? []).Take(8))}]."));
            }

            Count = n <= maxBatch ? (int)n : throw TooMany(maxBatch);
            int pixels = Count * CnnArchitecture.ImageBytes;
            if (binarySize is { } size)
            {
                FromBinary(body[jsonLength..], size, bytes, pixels, values is not null);
            }
            else
            {
                FromNumbers(values, count, bytes, pixels, body.Length - jsonLength);
            }
        }
        finally
        {
            if (values is not null)
            {
                ArrayPool<float>.Shared.Return(values);
            }
        }
    }

    private void FromBinary(ReadOnlyMemory<byte> tensor, long size, bool bytes, int pixels, bool both)
    {
        long expected = bytes ? pixels : 4L * pixels;
        if (both || size != expected || tensor.Length != expected)
        {
            throw RefusalException.Bad(string.Create(CultureInfo.InvariantCulture, $"A binary input of this shape has {expected:N0} bytes and no 'data'. Received: binary_data_size {size:N0}, {tensor.Length:N0} bytes behind the JSON."));
        }

        if (bytes)
        {
            Images = tensor; // as they came: nothing is copied
            return;
        }

        var target = Rent(pixels);
        var source = tensor.Span;
        for (int i = 0; i < target.Length; i++)
        {
            target[i] = Byte(System.Buffers.Binary.BinaryPrimitives.ReadSingleLittleEndian(source[(4 * i)..]));
        }
    }

    private void FromNumbers(float[]? values, int count, bool bytes, int pixels, int behind)
    {
        if (values is null || count != pixels || behind > 0)
        {
            throw RefusalException.Bad(string.Create(CultureInfo.InvariantCulture, $"An input of this shape has {pixels:N0} numbers in 'data', or 'binary_data_size' and a tensor behind the JSON. Received: {count:N0} numbers, {behind:N0} bytes behind the JSON."));
        }

        var target = Rent(pixels);
        for (int i = 0; i < target.Length; i++)
        {
            float value = values[i];
            target[i] = !bytes ? Byte(value)
                : value is >= 0 and <= 255 && value == MathF.Floor(value) ? (byte)value
                : throw RefusalException.Bad(string.Create(CultureInfo.InvariantCulture, $"A pixel is a whole number from 0 to 255. Received: {value}. For pixels / 255 use the input '{Fractions}'."));
        }
    }

    private Span<byte> Rent(int pixels)
    {
        rented = ArrayPool<byte>.Shared.Rent(pixels);
        Images = rented.AsMemory(0, pixels);
        return rented.AsSpan(0, pixels);
    }

    /// <summary>A pixel / 255 back as the byte that it was; anything else would be scored as another picture, so it is refused.</summary>
    private static byte Byte(float fraction)
    {
        float value = 255 * fraction, nearest = MathF.Round(value);
        return nearest is >= 0 and <= 255 && MathF.Abs(value - nearest) < 0.02f
            ? (byte)nearest
            : throw RefusalException.Bad(string.Create(CultureInfo.InvariantCulture, $"A value of '{Fractions}' is a pixel / 255, one of 256 fractions from 0 to 1. Received: {fraction}. Resize pictures to bytes first, or send '{Pixels}'."));
    }

    private static void ReadOutputs(ref Utf8JsonReader reader, List<(string Name, bool? Binary)> outputs)
    {
        Expect(ref reader, JsonTokenType.StartArray, "'outputs'");
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            string? name = null;
            bool? binary = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("name"u8))
                {
                    name = Text(ref reader, "name");
                }
                else if (reader.ValueTextEquals("parameters"u8))
                {
                    ReadParameters(ref reader, (ref Utf8JsonReader value, string parameter) => binary = parameter == "binary_data" ? value.TokenType == JsonTokenType.True : binary);
                }
                else
                {
                    reader.Read();
                    reader.Skip();
                }
            }

            if (name is not (Probabilities or Labels) || outputs.Exists(output => output.Name == name))
            {
                throw RefusalException.Bad($"Outputs are '{Probabilities}' (FP32) and '{Labels}' (BYTES), each at most once. Received: '{Short(name)}'.");
            }

            outputs.Add((name, binary));
        }

        ExpectEnd(ref reader, "'outputs'");
    }

    private static RefusalException TooMany(int maxBatch) => RefusalException.TooLarge(string.Create(CultureInfo.InvariantCulture, $"The request has more than {maxBatch:N0} images. Send it in parts."));

    /// <summary>Numbers of arrays in arrays, in row order, into rented memory: no more than the largest batch has.</summary>
    private static (float[] Values, int Count) Numbers(ref Utf8JsonReader reader, int maxBatch, float[]? before)
    {
        if (before is not null)
        {
            throw RefusalException.Bad("'data' is given twice.");
        }

        Expect(ref reader, JsonTokenType.StartArray, "'data'");
        int most = maxBatch * CnnArchitecture.ImageBytes, count = 0;
        float[] values = ArrayPool<float>.Shared.Rent(CnnArchitecture.ImageBytes);
        try
        {
            for (int depth = 1; depth > 0 && reader.Read();)
            {
                switch (reader.TokenType)
                {
                    case JsonTokenType.Number when count == most:
                        throw TooMany(maxBatch);
                    case JsonTokenType.StartArray:
                        depth++;
                        break;
                    case JsonTokenType.EndArray:
                        depth--;
                        break;
                    case JsonTokenType.Number when reader.TryGetSingle(out float value):
                        if (count == values.Length)
                        {
                            float[] larger = ArrayPool<float>.Shared.Rent((int)Math.Min(2L * count, most));
                            values.AsSpan(0, count).CopyTo(larger);
                            ArrayPool<float>.Shared.Return(values);
                            values = larger;
                        }

                        values[count++] = value;
                        break;
                    default:
                        throw RefusalException.Bad("'data' must hold numbers.");
                }
            }

            return (values, count);
        }
        catch
        {
            ArrayPool<float>.Shared.Return(values);
            throw;
        }
    }

    private static List<long> Shape(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartArray, "'shape'");
        var shape = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            shape.Add(shape.Count < 8 && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long size) ? size : throw RefusalException.Bad("'shape' must hold at most 8 whole numbers."));
        }

        return shape;
    }

    private delegate void Parameter(ref Utf8JsonReader value, string name);

    private static void ReadParameters(ref Utf8JsonReader reader, Parameter use)
    {
        Expect(ref reader, JsonTokenType.StartObject, "'parameters'");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            use(ref reader, name);
            reader.Skip();
        }
    }

    private static string Text(ref Utf8JsonReader reader, string what)
    {
        reader.Read();
        return reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw RefusalException.Bad($"'{what}' must be a string.");
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType token, string what)
    {
        if (!reader.Read() || reader.TokenType != token)
        {
            throw RefusalException.Bad($"{what} must be {(token == JsonTokenType.StartArray ? "an array" : "an object")}.");
        }
    }

    private static void ExpectEnd(ref Utf8JsonReader reader, string what)
    {
        if (reader.TokenType != JsonTokenType.EndArray)
        {
            throw RefusalException.Bad($"{what} must hold objects only.");
        }
    }

    private static string Short(string? text) => text is null ? "" : text.Length <= 60 ? text : text[..60] + "…";
}

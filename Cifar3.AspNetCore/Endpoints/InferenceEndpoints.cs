using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Cifar3.AspNetCore;

/// <summary>The Open Inference Protocol v2, as Triton, KServe and OpenVINO Model Server speak it; see <see cref="InferenceRequest"/>.</summary>
internal static class InferenceEndpoints
{
    /// <summary>Length of the JSON before binary tensors, in requests and answers.</summary>
    public const string JsonLengthHeader = "Inference-Header-Content-Length";

    public static IResult Live() => Results.Ok();

    /// <summary>200 while requests are welcome; 503 before all models are loaded and once the application is stopping.</summary>
    public static IResult Ready(Cifar3ClassifierPool pool, IHostApplicationLifetime lifetime) =>
        pool.IsReady && !lifetime.ApplicationStopping.IsCancellationRequested ? Results.Ok() : Results.StatusCode(StatusCodes.Status503ServiceUnavailable);

    public static IResult Server() => Write(writer =>
    {
        writer.WriteString("name"u8, "cifar3");
        writer.WriteString("version"u8, ModelMetadata.CurrentVersion);
        writer.WriteStartArray("extensions"u8);
        writer.WriteStringValue("binary_tensor_data");
        writer.WriteEndArray();
    });

    public static IResult ModelReady(HttpContext http, string model, string? version, Cifar3ClassifierPool pool) => Answer(http, model, version, pool, _ => Results.Ok());

    public static IResult Model(HttpContext http, string model, string? version, Cifar3ClassifierPool pool) => Answer(http, model, version, pool, rented => Write(writer =>
    {
        writer.WriteString("name"u8, model);
        writer.WriteStartArray("versions"u8);
        writer.WriteStringValue(rented.Version);
        writer.WriteEndArray();
        writer.WriteString("platform"u8, "onnxruntime_onnx");
        writer.WriteStartArray("inputs"u8);
        Tensor(writer, InferenceRequest.Pixels, "UINT8", [-1, 32, 32, 3]);
        Tensor(writer, InferenceRequest.Fractions, "FP32", [-1, 32, 32, 3]);
        writer.WriteEndArray();
        writer.WriteStartArray("outputs"u8);
        Tensor(writer, InferenceRequest.Probabilities, "FP32", [-1, rented.Classifier.ClassNames.Length]);
        Tensor(writer, InferenceRequest.Labels, "BYTES", [-1]);
        writer.WriteEndArray();
        writer.WriteStartObject("parameters"u8);
        writer.WriteString("classes"u8, JsonSerializer.Serialize([.. rented.Classifier.ClassNames], InferenceJson.Default.StringArray));
        writer.WriteEndObject();
    }));

    public static Task InferAsync(HttpContext http, string model, string? version) => RequestGate.RunAsync(http, model, "infer", RefuseAsync, async served =>
    {
        using var body = await RequestGate.ReadAsync(http, served.Options.MaxRequestBytes).ConfigureAwait(false);
        using var request = InferenceRequest.Read(body.Memory, JsonLength(http.Request, body.Length), served.Options.MaxBatch);
        float[] probabilities;
        RentedClassifier rented;
        int count;
        using (await served.ComputeAsync(http.RequestAborted).ConfigureAwait(false))
        {
            rented = served.Rent();
            try
            {
                CheckVersion(model, version, rented.Version);
                count = request.Count * rented.Classifier.ClassNames.Length;
                probabilities = ArrayPool<float>.Shared.Rent(count);
                rented.Classifier.Score(request.Images.Span, probabilities.AsSpan(0, count));
                RefusalException.ThrowIfNotFinite(probabilities.AsSpan(0, count));
            }
            catch
            {
                rented.Dispose();
                throw;
            }
        }

        using (rented)
        {
            try
            {
                await AnswerAsync(http.Response, request, model, rented, probabilities.AsMemory(0, count)).ConfigureAwait(false);
                return (request.Count, rented.Version);
            }
            finally
            {
                ArrayPool<float>.Shared.Return(probabilities);
            }
        }
    });

    /// <summary>The protocol's form of a refusal.</summary>
    private static async Task RefuseAsync(HttpContext http, int status, string reason)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        var text = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(text))
        {
            writer.WriteStartObject();
            writer.WriteString("error"u8, reason);
            writer.WriteEndObject();
        }

        await http.Response.Body.WriteAsync(text.WrittenMemory).ConfigureAwait(false);
    }

    private static int JsonLength(HttpRequest request, int bodyLength)
    {
        if (!request.Headers.TryGetValue(JsonLengthHeader, out var text))
        {
            return bodyLength;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int length) && length <= bodyLength
            ? length
            : throw RefusalException.Bad($"The header {JsonLengthHeader} must be the length of the JSON, at most that of the body, {bodyLength.ToString(CultureInfo.InvariantCulture)} bytes.");
    }

    private static async Task AnswerAsync(HttpResponse response, InferenceRequest request, string model, RentedClassifier rented, ReadOnlyMemory<float> probabilities)
    {
        var text = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(text))
        {
            WriteAnswer(writer, request, model, rented, probabilities.Span);
        }

        bool binary = request.Outputs.Exists(output => output.Binary);
        byte[]? tensor = binary ? LittleEndian(probabilities.Span) : null;
        response.ContentType = binary ? "application/octet-stream" : "application/json";
        response.ContentLength = text.WrittenCount + (tensor?.Length ?? 0);
        if (binary)
        {
            response.Headers[JsonLengthHeader] = text.WrittenCount.ToString(CultureInfo.InvariantCulture);
        }

        await response.Body.WriteAsync(text.WrittenMemory).ConfigureAwait(false);
        if (tensor is not null)
        {
            await response.Body.WriteAsync(tensor).ConfigureAwait(false);
        }
    }

    private static void WriteAnswer(Utf8JsonWriter writer, InferenceRequest request, string model, RentedClassifier rented, ReadOnlySpan<float> probabilities)
    {
        int classes = rented.Classifier.ClassNames.Length;
        writer.WriteStartObject();
        writer.WriteString("model_name"u8, model);
        writer.WriteString("model_version"u8, rented.Version);
        if (request.Id is not null)
        {
            writer.WriteString("id"u8, request.Id);
        }

        writer.WriteStartArray("outputs"u8);
        foreach (var (name, binary) in request.Outputs)
        {
            bool labels = name == InferenceRequest.Labels;
            writer.WriteStartObject();
            writer.WriteString("name"u8, name);
            writer.WriteString("datatype"u8, labels ? "BYTES" : "FP32");
            Shape(writer, labels ? [request.Count] : [request.Count, classes]);
            if (binary)
            {
                writer.WriteStartObject("parameters"u8);
                writer.WriteNumber("binary_data_size"u8, 4L * probabilities.Length);
                writer.WriteEndObject();
            }
            else
            {
                writer.WriteStartArray("data"u8);
                for (int i = 0; i < (labels ? request.Count : probabilities.Length); i++)
                {
                    if (labels)
                    {
                        var row = probabilities.Slice(i * classes, classes);
                        writer.WriteStringValue(rented.Classifier.ClassNames[System.Numerics.Tensors.TensorPrimitives.IndexOfMax(row)]);
                    }
                    else
                    {
                        writer.WriteNumberValue(probabilities[i]);
                    }
                }

                writer.WriteEndArray();
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static byte[] LittleEndian(ReadOnlySpan<float> values)
    {
        var bytes = new byte[4 * values.Length];
        if (BitConverter.IsLittleEndian)
        {
            MemoryMarshal.AsBytes(values).CopyTo(bytes);
            return bytes;
        }

        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(4 * i), values[i]);
        }

        return bytes;
    }

    private static IResult Answer(HttpContext http, string model, string? version, Cifar3ClassifierPool pool, Func<RentedClassifier, IResult> answer)
    {
        try
        {
            if (pool.Find(model) is { IsReady: false } missing)
            {
                RequestGate.SayWhen(http.Response, missing);
                return Write(writer => writer.WriteString("error"u8, missing.NotLoaded), StatusCodes.Status503ServiceUnavailable);
            }

            using var rented = pool.Rent(model);
            CheckVersion(model, version, rented.Version);
            return answer(rented);
        }
        catch (Exception e) when (e is KeyNotFoundException or RefusalException)
        {
            return Write(writer => writer.WriteString("error"u8, e.Message), StatusCodes.Status404NotFound);
        }
    }

    private static void CheckVersion(string model, string? asked, string found)
    {
        if (asked is not null && asked != found)
        {
            throw new RefusalException(StatusCodes.Status404NotFound, "unknown_version", $"The model '{model}' has the version {found}. Received: '{(asked.Length <= 60 ? asked : asked[..60] + "…")}'.");
        }
    }

    private static IResult Write(Action<Utf8JsonWriter> write, int status = StatusCodes.Status200OK)
    {
        var text = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(text))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        return Results.Text(text.WrittenSpan, "application/json", status);
    }

    private static void Tensor(Utf8JsonWriter writer, string name, string type, ReadOnlySpan<int> shape)
    {
        writer.WriteStartObject();
        writer.WriteString("name"u8, name);
        writer.WriteString("datatype"u8, type);
        Shape(writer, shape);
        writer.WriteEndObject();
    }

    private static void Shape(Utf8JsonWriter writer, ReadOnlySpan<int> shape)
    {
        writer.WriteStartArray("shape"u8);
        foreach (int size in shape)
        {
            writer.WriteNumberValue(size);
        }

        writer.WriteEndArray();
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(string[]))]
internal sealed partial class InferenceJson : System.Text.Json.Serialization.JsonSerializerContext;

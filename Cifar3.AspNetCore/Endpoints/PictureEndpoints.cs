using System.Net.Mime;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;

namespace Cifar3.AspNetCore;

/// <summary>Pictures as people have them: <c>POST /predict</c> and <c>/predict/{model}</c>, one as the request's body or several in a form; <c>GET /models</c>.</summary>
internal static class PictureEndpoints
{
    private const int MaxBoundaryLength = 100;

    /// <summary>A form with files gives a list, a body a single answer.</summary>
    public static Task PredictAsync(HttpContext http, string? model) => RequestGate.RunAsync(http, model, "predict", RefuseAsync, served =>
    {
        string? contentType = http.Request.ContentType;
        return MediaTypeHeaderValue.TryParse(contentType, out var type) && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase) ? FormAsync(http, served, type)
            : contentType is null || type is not null && HoldsPicture(type) ? RawAsync(http, served)
            : throw new RefusalException(StatusCodes.Status415UnsupportedMediaType, "unknown_format", $"The request's content type is none that holds pictures: '{(contentType.Length <= 100 ? contentType : contentType[..100])}'. Send image/*, application/octet-stream or multipart/form-data.");
    });

    /// <summary>A picture, bytes, or what curl says of its <c>--data-binary</c> unless told otherwise.</summary>
    private static bool HoldsPicture(MediaTypeHeaderValue type) => type.Type.Equals("image", StringComparison.OrdinalIgnoreCase)
        || type.MediaType.Equals(MediaTypeNames.Application.Octet, StringComparison.OrdinalIgnoreCase)
        || type.MediaType.Equals(MediaTypeNames.Application.FormUrlEncoded, StringComparison.OrdinalIgnoreCase);

    /// <summary>Names, versions and classes of all models.</summary>
    public static IResult Models(HttpContext http, Cifar3ClassifierPool pool)
    {
        if (pool.Names.Select(pool.Find).FirstOrDefault(model => !model.IsReady) is { } missing)
        {
            RequestGate.SayWhen(http.Response, missing);
            return Results.Problem(missing.NotLoaded, statusCode: StatusCodes.Status503ServiceUnavailable);
        }

        return Results.Json(
            pool.Names.Select(name =>
            {
                using var rented = pool.Rent(name);
                return new ModelAnswer(name, rented.Version, rented.Classifier.Device, [.. rented.Classifier.ClassNames], rented.Classifier.Metadata.TrainedOn, rented.Classifier.Metadata.ValAccuracy);
            }).ToArray(),
            PictureJson.Default.ModelAnswerArray);
    }

    /// <summary>A refusal as problem details (RFC 9457).</summary>
    public static Task RefuseAsync(HttpContext http, int status, string reason) => Results.Problem(reason, statusCode: status).ExecuteAsync(http);

    private static async Task<(int, string)> RawAsync(HttpContext http, ServedModel served)
    {
        using var body = await RequestGate.ReadAsync(http, served.Options.MaxImageBytes).ConfigureAwait(false);
        PredictionAnswer answer;
        string version;
        using (await served.ComputeAsync(http.RequestAborted).ConfigureAwait(false))
        {
            using var rented = served.Rent();
            version = rented.Version;
            answer = PredictionAnswer.Of(null, rented.Classifier.Predict(body.Span), served.Name, version);
        }

        await Results.Json(answer, PictureJson.Default.PredictionAnswer).ExecuteAsync(http).ConfigureAwait(false);
        return (1, version);
    }

    /// <summary>All files of the form are read, then scored by one version of the model. One that cannot be read is told in its place.</summary>
    private static async Task<(int, string)> FormAsync(HttpContext http, ServedModel served, MediaTypeHeaderValue type)
    {
        string boundary = HeaderUtilities.RemoveQuotes(type.Boundary).Value ?? "";
        if (boundary.Length is 0 or > MaxBoundaryLength)
        {
            throw RefusalException.Bad($"The form has no boundary of 1 to {MaxBoundaryLength} characters in its content type.");
        }

        var files = new List<(string Name, Body Content)>();
        try
        {
            try
            {
                await ReadFormAsync(http, served.Options, boundary, files).ConfigureAwait(false);
            }
            catch (IOException e) when (e is not (BadHttpRequestException or ConnectionResetException) && !http.RequestAborted.IsCancellationRequested)
            {
                // The form's reader supposes that another component has read the rest. Where the body has ended well, the form is cut off; else the body says what is wrong once more.
                if (await http.Request.Body.ReadAsync(new byte[1], http.RequestAborted).ConfigureAwait(false) > 0)
                {
                    throw;
                }

                throw new InvalidDataException($"The form is not whole: it ends before the boundary '--{boundary}--' that closes it.", e);
            }

            var answers = new PredictionAnswer[files.Count];
            string version;
            using (await served.ComputeAsync(http.RequestAborted).ConfigureAwait(false))
            {
                using var rented = served.Rent();
                version = rented.Version;
                for (int i = 0; i < answers.Length; i++)
                {
                    http.RequestAborted.ThrowIfCancellationRequested();
                    answers[i] = Answer(files[i].Name, files[i].Content, rented, served.Name, alone: answers.Length == 1);
                }
            }

            await Results.Json(answers, PictureJson.Default.PredictionAnswerArray).ExecuteAsync(http).ConfigureAwait(false);
            return (answers.Count(answer => answer.Error is null), version);
        }
        finally
        {
            files.ForEach(file => file.Content.Dispose());
        }
    }

    private static async Task ReadFormAsync(HttpContext http, Cifar3ModelOptions options, string boundary, List<(string Name, Body Content)> files)
    {
        var reader = new MultipartReader(boundary, http.Request.Body);
        int left = options.MaxRequestBytes;
        while (await reader.ReadNextSectionAsync(http.RequestAborted).ConfigureAwait(false) is { } section)
        {
            if (section.GetContentDispositionHeader() is not { } disposition || !disposition.IsFileDisposition())
            {
                continue;
            }

            if (files.Count == options.MaxBatch)
            {
                throw RefusalException.TooLarge($"The form has more than {options.MaxBatch} files. Send it in parts.");
            }

            string name = HeaderUtilities.RemoveQuotes(disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName).Value ?? "";
            name = name.Length <= 200 ? name : name[..200];
            var content = await RequestGate.ReadAsync(section.Body, declared: null, Math.Min(options.MaxImageBytes, left), "A file of the form", http.RequestAborted).ConfigureAwait(false);
            files.Add((name, content));
            left -= content.Length;
        }

        if (files.Count == 0)
        {
            throw RefusalException.Bad("The form holds no file. Send at least one picture as a file of the form.");
        }
    }

    private static PredictionAnswer Answer(string name, Body content, RentedClassifier rented, string model, bool alone)
    {
        try
        {
            return PredictionAnswer.Of(name, rented.Classifier.Predict(content.Span), model, rented.Version);
        }
        catch (Exception e) when (e is Cifar3ImageException or RefusalException && !alone)
        {
            return new PredictionAnswer { File = name, Error = RequestGate.OneLine(e.Message), Model = model, Version = rented.Version };
        }
    }
}

/// <summary>What the service says of one picture. The names stand here, so that OpenAPI describes those that are written, whatever the application calls properties elsewhere.</summary>
internal sealed record PredictionAnswer
{
    /// <summary>The file's name in the form; null for a body.</summary>
    [JsonPropertyName("file")]
    public string? File { get; init; }

    /// <summary>The most probable class; null where the picture cannot be read.</summary>
    [JsonPropertyName("label")]
    public string? Label { get; init; }

    /// <summary>Its probability, 0 to 1.</summary>
    [JsonPropertyName("confidence")]
    public float? Confidence { get; init; }

    /// <summary>The probability of every class, in the model's order.</summary>
    [JsonPropertyName("probabilities")]
    public ClassAnswer[]? Probabilities { get; init; }

    /// <summary>How much it looks like what the model was trained on; null where the model does not tell (<see cref="Prediction.Familiarity"/>).</summary>
    [JsonPropertyName("familiarity")]
    public float? Familiarity { get; init; }

    /// <summary>Whether that reaches the model's threshold; null where it has none.</summary>
    [JsonPropertyName("isFamiliar")]
    public bool? IsFamiliar { get; init; }

    /// <summary>Why the picture cannot be read; null where it can.</summary>
    [JsonPropertyName("error")]
    public string? Error { get; init; }

    /// <summary>The model's name.</summary>
    [JsonPropertyName("model")]
    public required string Model { get; init; }

    /// <summary>The model's version.</summary>
    [JsonPropertyName("version")]
    public required string Version { get; init; }

    public static PredictionAnswer Of(string? file, Prediction prediction, string model, string version)
    {
        RefusalException.ThrowIfNotFinite(prediction.Probabilities.AsSpan());
        return new PredictionAnswer
        {
            File = file,
            Label = prediction.Label,
            Confidence = prediction.Confidence,
            Probabilities = [.. prediction.Probabilities.Select((probability, i) => new ClassAnswer(prediction.ClassNames[i], probability))],
            Familiarity = prediction.Familiarity,
            IsFamiliar = prediction.IsFamiliar,
            Model = model,
            Version = version,
        };
    }
}

/// <summary>One class and its probability.</summary>
internal sealed record ClassAnswer([property: JsonPropertyName("name")] string Name, [property: JsonPropertyName("probability")] float Probability);

/// <summary>What the service says of a model.</summary>
internal sealed record ModelAnswer(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("version")] string Version,
    [property: JsonPropertyName("device")] string Device,
    [property: JsonPropertyName("classes")] string[] Classes,
    [property: JsonPropertyName("trainedOn")] string? TrainedOn = null,
    [property: JsonPropertyName("valAccuracy")] double? ValAccuracy = null);

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PredictionAnswer))]
[JsonSerializable(typeof(PredictionAnswer[]))]
[JsonSerializable(typeof(ModelAnswer[]))]
[JsonSerializable(typeof(ProblemDetails))]
[JsonSerializable(typeof(ServerDescription))] // the protocol's, for OpenAPI alone
[JsonSerializable(typeof(ModelDescription))]
[JsonSerializable(typeof(InferenceQuestion))]
[JsonSerializable(typeof(InferenceAnswer))]
[JsonSerializable(typeof(InferenceError))]
[JsonSerializable(typeof(byte[]))] // a request's body, of which OpenAPI asks in programs whose JSON has no reflection
internal sealed partial class PictureJson : JsonSerializerContext;

using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Cifar3.AspNetCore;

/// <summary>What every request that scores goes through: admission, limits, one line for each refusal, metrics and a trace.</summary>
internal static class RequestGate
{
    private const int MaxReasonLength = 600;

    /// <summary>Does one request's work and answers what can be wrong with it.</summary>
    /// <param name="http">The request.</param>
    /// <param name="name">The model's name; null = the first.</param>
    /// <param name="endpoint">What the metrics call it.</param>
    /// <param name="refuse">Writes a refusal in the endpoint's own form.</param>
    /// <param name="work">Reads, scores, answers; gives the number of images and the model's version.</param>
    public static async Task RunAsync(HttpContext http, string? name, string endpoint, Func<HttpContext, int, string, Task> refuse, Func<ServedModel, Task<(int Images, string Version)>> work)
    {
        var services = http.RequestServices;
        var metrics = services.GetRequiredService<Cifar3Metrics>();
        var logger = services.GetRequiredService<ILogger<Cifar3ClassifierPool>>();
        ServedModel model;
        try
        {
            model = services.GetRequiredService<Cifar3ClassifierPool>().Find(name);
        }
        catch (KeyNotFoundException e)
        {
            await refuse(http, StatusCodes.Status404NotFound, e.Message).ConfigureAwait(false);
            return;
        }

        Allow(http, model.Options.MaxRequestBytes);
        bool loaded = model.IsReady;
        if (!loaded || !model.TryEnter())
        {
            metrics.Refused(model.Name, loaded ? "busy" : "not_loaded");
            SayWhen(http.Response, model);
            await refuse(http, StatusCodes.Status503ServiceUnavailable, loaded ? "The service is busy: its queue is full. Try again later." : model.NotLoaded).ConfigureAwait(false);
            return;
        }

        using var activity = Cifar3Metrics.Source.StartActivity("cifar3.predict", ActivityKind.Internal);
        activity?.SetTag("cifar3.model", model.Name).SetTag("cifar3.endpoint", endpoint);
        long start = Stopwatch.GetTimestamp();
        try
        {
            var (images, version) = await work(model).ConfigureAwait(false);
            var time = Stopwatch.GetElapsedTime(start);
            activity?.SetTag("cifar3.images", images).SetTag("cifar3.version", version);
            metrics.Predicted(model.Name, version, endpoint, images, time);
            Log.Scored(logger, model.Name, images, time.TotalMilliseconds);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            metrics.Refused(model.Name, "aborted");
            throw; // the server takes it for the end of the connection, and a middleware that has set a time limit answers 504
        }
        catch (IOException e) when (HasLeft(http, e))
        {
            metrics.Refused(model.Name, "aborted");
            Log.Left(logger, model.Name, OneLine(e.Message));
            if (!http.Response.HasStarted)
            {
                http.Response.StatusCode = StatusCodes.Status499ClientClosedRequest; // for the server's log: nobody waits for an answer
            }
        }
        catch (Exception e) when (Refusal(e) is { } refusal && !http.Response.HasStarted)
        {
            activity?.SetStatus(ActivityStatusCode.Error, refusal.Kind);
            metrics.Refused(model.Name, refusal.Kind);
            string reason = OneLine(e is JsonException ? $"The body is no JSON, or not whole: {e.Message}" : e is OutOfMemoryException ? "There is no memory for this request. Try again later, or send smaller or fewer pictures." : e.Message);
            Log.Refused(logger, model.Name, refusal.Status, reason);
            if (e is BadHttpRequestException)
            {
                EndConnection(http); // the server reads no more of the body
            }

            if (refusal.Status == StatusCodes.Status503ServiceUnavailable)
            {
                SayWhen(http.Response, model);
            }

            await refuse(http, refusal.Status, reason).ConfigureAwait(false);
        }
        finally
        {
            model.Leave();
        }
    }

    /// <summary>Says when a client that got no place should come again.</summary>
    public static void SayWhen(HttpResponse response, ServedModel model) =>
        response.Headers.RetryAfter = Math.Max(1, (int)Math.Ceiling(model.Options.RetryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);

    /// <summary>Whether the client has closed or reset the connection: the token may follow the error of the read.</summary>
    private static bool HasLeft(HttpContext http, IOException e) =>
        e is ConnectionResetException || http.RequestAborted.IsCancellationRequested
        || e is not BadHttpRequestException && !HttpProtocol.IsHttp11(http.Request.Protocol) && !HttpProtocol.IsHttp10(http.Request.Protocol) // the later ones tell of a stream that was reset by an error of no kind of its own
        || e is BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest } && http.Request.ContentLength is not null; // of a body of known length only its end can be wrong

    /// <summary>Reads a request's body, at most so many bytes.</summary>
    public static Task<Body> ReadAsync(HttpContext http, int limit) => ReadAsync(http.Request.Body, http.Request.ContentLength, limit, "The request", http.RequestAborted);

    /// <summary>Reads a stream to its end, at most so many bytes, into rented memory.</summary>
    public static async Task<Body> ReadAsync(Stream stream, long? declared, int limit, string what, CancellationToken cancellationToken)
    {
        if (declared > limit)
        {
            throw TooLarge(what, limit);
        }

        byte[] bytes = ArrayPool<byte>.Shared.Rent((int)(declared ?? Math.Min(limit, 32 << 10)) + 1); // one more, so that the end is seen
        int length = 0;
        try
        {
            while (true)
            {
                int read = await stream.ReadAsync(bytes.AsMemory(length), cancellationToken).ConfigureAwait(false);
                if (read == 0)
                {
                    return new Body(bytes, length);
                }

                length += read;
                if (length > limit)
                {
                    throw TooLarge(what, limit);
                }

                if (length == bytes.Length)
                {
                    byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(2L * length, limit + 1L));
                    bytes.AsSpan(0, length).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(bytes);
                    bytes = larger;
                }
            }
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(bytes);
            throw;
        }
    }

    // What a refusal leaves unread of a body up to this limit, the server throws away, so that the client, which sends it whole before it looks for an answer, sees
    // one. A longer body ends the connection, which is said, so that no request follows it.
    private static void Allow(HttpContext http, int limit)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature)
        {
            feature.MaxRequestBodySize = limit;
        }

        if (http.Request.ContentLength > limit)
        {
            EndConnection(http);
        }
    }

    /// <summary>HTTP/2 ends the request's stream alone and knows no such header.</summary>
    private static void EndConnection(HttpContext http)
    {
        if (HttpProtocol.IsHttp11(http.Request.Protocol) || HttpProtocol.IsHttp10(http.Request.Protocol))
        {
            http.Response.Headers.Connection = "close";
        }
    }

    private static RefusalException TooLarge(string what, int limit) =>
        RefusalException.TooLarge(string.Create(CultureInfo.InvariantCulture, $"{what} has too many bytes. Expected at most {limit:N0}. Send smaller or fewer pictures; the network sees 32x32 pixels."));

    /// <summary>Status and kind of what a client did wrong, or where memory ran out; null where the fault is another one.</summary>
    public static (int Status, string Kind)? Refusal(Exception e) => e switch
    {
        RefusalException refusal => (refusal.Status, refusal.Kind),
        OutOfMemoryException => (StatusCodes.Status503ServiceUnavailable, "out_of_memory"),
        Cifar3ImageException { Problem: ImageProblem.UnknownFormat } => (StatusCodes.Status415UnsupportedMediaType, "unknown_format"),
        Cifar3ImageException { Problem: ImageProblem.TooLarge } or Cifar3ImageException { InnerException: OutOfMemoryException } => (StatusCodes.Status413PayloadTooLarge, "too_large"),
        Cifar3ImageException => (StatusCodes.Status400BadRequest, "damaged"),
        BadHttpRequestException bad => (bad.StatusCode, bad.StatusCode == StatusCodes.Status413PayloadTooLarge ? "too_large" : "bad_request"),
        JsonException => (StatusCodes.Status400BadRequest, "bad_json"),
        InvalidDataException or EndOfStreamException => (StatusCodes.Status400BadRequest, "bad_form"),
        IOException => (StatusCodes.Status400BadRequest, "bad_body"),
        _ => null,
    };

    public static string OneLine(string message)
    {
        string line = message.ReplaceLineEndings(" ");
        return Visible(line.Length <= MaxReasonLength ? line : line[..MaxReasonLength] + "…");
    }

    /// <summary>A text as it may stand in a log: it may repeat the client's, and terminals obey control characters.</summary>
    private static string Visible(string text) => string.Concat(text.EnumerateRunes().Select(rune =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            ? string.Create(CultureInfo.InvariantCulture, $"\\u{rune.Value:X4}")
            : rune.ToString()));
}

/// <summary>A request that is answered with a 4xx and one line.</summary>
internal sealed class RefusalException(int status, string kind, string message) : Exception(message)
{
    public int Status => status;

    public string Kind => kind;

    public static RefusalException Bad(string message) => new(StatusCodes.Status400BadRequest, "bad_request", message);

    /// <summary>Refuses to answer with what is no number, which JSON has not: the model is at fault.</summary>
    public static void ThrowIfNotFinite(ReadOnlySpan<float> probabilities)
    {
        if (probabilities.ContainsAnyExceptInRange(float.MinValue, float.MaxValue))
        {
            throw new RefusalException(StatusCodes.Status500InternalServerError, "not_finite", "Cannot score a picture: the model computes no finite numbers for it. Its weights are damaged or too large, or its training diverged: it needs to be replaced.");
        }
    }

    public static RefusalException TooLarge(string message) => new(StatusCodes.Status413PayloadTooLarge, "too_large", message);
}

/// <summary>Bytes in rented memory.</summary>
internal readonly struct Body(byte[] bytes, int length) : IDisposable
{
    public ReadOnlyMemory<byte> Memory => bytes.AsMemory(0, length);

    public ReadOnlySpan<byte> Span => bytes.AsSpan(0, length);

    public int Length => length;

    public void Dispose() => ArrayPool<byte>.Shared.Return(bytes);
}

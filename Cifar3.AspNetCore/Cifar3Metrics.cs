using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace Cifar3.AspNetCore;

/// <summary>The service's instruments, under the name <c>Cifar3</c>, for OpenTelemetry and <c>dotnet-counters</c>.</summary>
/// <remarks>
/// <c>cifar3.predictions</c> (images, by model and version), <c>cifar3.request.duration</c> (seconds, by model and endpoint),
/// <c>cifar3.requests.active</c> (waiting and computing), <c>cifar3.refusals</c> (by model and kind), <c>cifar3.model.loads</c> (by model,
/// version and outcome).
/// </remarks>
public sealed class Cifar3Metrics
{
    /// <summary>The name of the meter and of the activity source: <c>Cifar3</c>.</summary>
    public const string Name = "Cifar3";

    private readonly Counter<long> predictions, refusals, loads;
    private readonly Histogram<double> duration;
    private readonly UpDownCounter<long> active;

    /// <summary>Made by the services.</summary>
    public Cifar3Metrics(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        var meter = meters.Create(Name);
        predictions = meter.CreateCounter<long>("cifar3.predictions", "{image}", "Images scored.");
        duration = meter.CreateHistogram("cifar3.request.duration", "s", "Time of a request, waiting included.", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5] });
        active = meter.CreateUpDownCounter<long>("cifar3.requests.active", "{request}", "Requests that wait or compute.");
        refusals = meter.CreateCounter<long>("cifar3.refusals", "{request}", "Requests refused, by kind.");
        loads = meter.CreateCounter<long>("cifar3.model.loads", "{load}", "Models loaded, replaced, or not replaced.");
    }

    internal static ActivitySource Source { get; } = new(Name);

    internal void Predicted(string model, string version, string endpoint, int images, TimeSpan time)
    {
        predictions.Add(images, new("cifar3.model", model), new("cifar3.version", version));
        duration.Record(time.TotalSeconds, new("cifar3.model", model), new("cifar3.endpoint", endpoint));
    }

    internal void Refused(string model, string kind) => refusals.Add(1, new("cifar3.model", model), new("cifar3.kind", kind));

    internal void Queue(string model, int change) => active.Add(change, new KeyValuePair<string, object?>("cifar3.model", model));

    internal void ModelLoaded(string model, string version) => Loaded(model, version, "loaded");

    internal void ModelReplaced(string model, string? old, string version) => Loaded(model, version, old is null ? "loaded" : "replaced");

    internal void ReloadFailed(string model) => Loaded(model, "", "failed");

    private void Loaded(string model, string version, string outcome) => loads.Add(1, new("cifar3.model", model), new("cifar3.version", version), new("cifar3.outcome", outcome));
}

/// <summary>The service's log messages.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Model '{Model}' is loaded: version {Version}, {Device}")]
    public static partial void ModelLoaded(ILogger logger, string model, string version, string device);

    [LoggerMessage(2, LogLevel.Information, "Model '{Model}' is replaced: version {Old} by {New}")]
    public static partial void ModelReplaced(ILogger logger, string model, string? old, string @new);

    [LoggerMessage(3, LogLevel.Error, "Model '{Model}' stays at version {Version}: the changed file cannot be loaded. {Reason}")]
    public static partial void ReloadFailed(ILogger logger, string model, string? version, string reason);

    [LoggerMessage(4, LogLevel.Warning, "Model '{Model}' refused a request with {Status}: {Reason}")]
    public static partial void Refused(ILogger logger, string model, int status, string reason);

    [LoggerMessage(6, LogLevel.Warning, "Model '{Model}' is scored on the CPU. {Reason}")]
    public static partial void NotOnCuda(ILogger logger, string model, string reason);

    [LoggerMessage(7, LogLevel.Warning, "Model '{Model}' is the one in the library ({Classes}). The configuration has no section '{Section}', or an empty one: check its name, and that appsettings.json lies in the application's content root, mostly the current folder.")]
    public static partial void NoSection(ILogger logger, string model, string classes, string section);

    [LoggerMessage(5, LogLevel.Debug, "Model '{Model}' scored {Images} images in {Milliseconds} ms")]
    public static partial void Scored(ILogger logger, string model, int images, double milliseconds);

    [LoggerMessage(8, LogLevel.Debug, "Model '{Model}': the client left before its request was whole. {Reason}")]
    public static partial void Left(ILogger logger, string model, string reason);
}

/// <summary>Healthy where every model is loaded.</summary>
internal sealed class Cifar3HealthCheck(Cifar3ClassifierPool pool) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(pool.IsReady ? HealthCheckResult.Healthy($"Models: {string.Join(", ", pool.Names)}.") : new HealthCheckResult(context.Registration.FailureStatus, "Not every model is loaded."));
}

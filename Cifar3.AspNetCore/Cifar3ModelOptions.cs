namespace Cifar3.AspNetCore;

/// <summary>How one model is served. Named options: the name is the model's.</summary>
/// <remarks>
/// The service's memory is bounded: at most <see cref="MaxConcurrency"/> + <see cref="MaxQueue"/> requests hold their body, each of at most
/// <see cref="MaxRequestBytes"/>, and at most <see cref="MaxConcurrency"/> decode pictures at once.
/// </remarks>
public sealed class Cifar3ModelOptions
{
    /// <summary>
    /// The model's <c>.onnx</c> file; a relative path counts from the current folder, which need not be the content root of the configuration. null = the model that travels in the library.
    /// Default: null.
    /// </summary>
    public string? ModelPath { get; set; }

    /// <summary>How the classifier computes. Default: all defaults, but pictures of at most 33,554,432 pixels.</summary>
    public ClassifierOptions Classifier { get; set; } = new() { MaxImagePixels = 1 << 25 };

    /// <summary>Whether the model is loaded anew when its file changes. Requests in progress end with the model that they began with. Default: true.</summary>
    public bool WatchForChanges { get; set; } = true;

    /// <summary>Requests that compute at once, 1 to 1,024; 0 = one for each processor. Default: 0.</summary>
    public int MaxConcurrency { get; set; }

    /// <summary>Requests that may wait for their turn, 0 to 65,536; one more is answered with 503 and Retry-After. Default: 256.</summary>
    public int MaxQueue { get; set; } = 256;

    /// <summary>What Retry-After tells, in whole seconds, at least one. Default: 1 second.</summary>
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The most bytes of one encoded picture, 1 to 268,435,456. Default: 16 MiB.</summary>
    public int MaxImageBytes { get; set; } = 16 << 20;

    /// <summary>The most bytes of a request, <see cref="MaxImageBytes"/> to 1,073,741,824. Default: 64 MiB.</summary>
    public int MaxRequestBytes { get; set; } = 64 << 20;

    /// <summary>The most pictures or images of a request, 1 to 4,096. Default: 256.</summary>
    public int MaxBatch { get; set; } = 256;

    /// <summary>The section of the configuration that the model was to be described in and that is not there; null where it is.</summary>
    internal string? MissingSection { get; set; }

    /// <summary>What is wrong with the values, in words; null where nothing is.</summary>
    internal string? Problem() =>
        ModelPath is { } path && string.IsNullOrWhiteSpace(path) ? "ModelPath must name an .onnx file, or be null for the model in the library. Received: nothing."
        : Classifier is null ? "Classifier must not be null. Leave it out for the defaults."
        : MaxConcurrency is < 0 or > 1024 ? $"MaxConcurrency must be 0 (one for each processor) to 1,024. Received: {MaxConcurrency}."
        : MaxQueue is < 0 or > 65_536 ? $"MaxQueue must be 0 to 65,536 requests. Received: {MaxQueue}."
        : RetryAfter < TimeSpan.Zero ? $"RetryAfter must not be negative. Received: {RetryAfter}."
        : MaxImageBytes is < 1 or > 1 << 28 ? $"MaxImageBytes must be 1 to 268,435,456. Received: {MaxImageBytes}."
        : MaxRequestBytes < MaxImageBytes || MaxRequestBytes > 1 << 30 ? $"MaxRequestBytes must be MaxImageBytes, {MaxImageBytes}, to 1,073,741,824. Received: {MaxRequestBytes}."
        : MaxBatch is < 1 or > 4096 ? $"MaxBatch must be 1 to 4,096 images. Received: {MaxBatch}."
        : null;
}

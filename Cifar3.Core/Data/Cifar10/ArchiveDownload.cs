using System.Net;
using System.Net.Http.Headers;
using Polly;
using Polly.Retry;

namespace Cifar3;

/// <summary>
/// Downloads one file: continues where an earlier try or an earlier run stopped, tries again with growing pauses, checks the SHA-256 before
/// the file gets its name, and works when two processes want it at once (the second waits and finds it there).
/// </summary>
/// <param name="Url">Where it is.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Sha256">Its SHA-256, 64 lower-case hexadecimal digits.</param>
internal sealed record ArchiveDownload(Uri Url, long Length, string Sha256)
{
    /// <summary>The published archive of the binary version (https://www.cs.toronto.edu/~kriz/cifar.html).</summary>
    public static readonly ArchiveDownload Cifar10Binary = new(
        new Uri("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"), 170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd");

    private const int MaxRetries = 5;

    private static readonly HttpClient Client = new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(15), PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
    {
        Timeout = Timeout.InfiniteTimeSpan, // a total limit would end slow downloads that are doing well; StallLimit ends those that are not
    };

    /// <summary>The first pause between tries; each next one is about twice as long, up to 30 s.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the server may send nothing before the try counts as failed.</summary>
    public TimeSpan StallLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Downloads the file unless it is there.</summary>
    /// <param name="target">Where to put it; its folder is created.</param>
    /// <param name="progress">Receives bytes done.</param>
    /// <param name="cancellation">Ends the download; what has arrived is kept for the next time.</param>
    /// <exception cref="Cifar3DataException">The server cannot be reached or does not give the file, the checksum is wrong, or the disk is full.</exception>
    public async Task FetchAsync(string target, IProgress<DataProgress>? progress, CancellationToken cancellation)
    {
        FileLock held;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            held = await FileLock.TakeAsync(target + ".lock", cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new Cifar3DataException($"Cannot write to '{Shown.Path(Path.GetDirectoryName(target))}': {Shown.Path(e.Message.TrimEnd('.'))}. Set XDG_CACHE_HOME to a folder that you may write to.", e);
        }

        using (held)
        {
            if (!File.Exists(target))
            {
                var partial = new PartialFile(target);
                await ReceiveAsync(partial, progress, cancellation).ConfigureAwait(false);
                await partial.CompleteAsync(Sha256, Url.ToString(), cancellation).ConfigureAwait(false);
            }
        }
    }

    private async Task ReceiveAsync(PartialFile partial, IProgress<DataProgress>? progress, CancellationToken cancellation)
    {
        bool received = false;
        var retry = new RetryStrategyOptions
        {
            MaxRetryAttempts = MaxRetries,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = RetryDelay,
            MaxDelay = TimeSpan.FromSeconds(30),
            // A server that was never reached is most likely no network: one more try tells, and the user waits no longer than that.
            ShouldHandle = args => ValueTask.FromResult(IsTransient(args.Outcome.Exception) && args.AttemptNumber < (received ? MaxRetries : 1)),
        };
        var pipeline = new ResiliencePipelineBuilder().AddRetry(retry).Build();
        try
        {
            await pipeline.ExecuteAsync(async token =>
            {
                if (partial.Length > Length)
                {
                    partial.Delete();
                }

                if (partial.Length < Length)
                {
                    await ReceiveRestAsync(partial, progress, () => received = true, token).ConfigureAwait(false);
                }
            }, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (IsTransient(e) || e is HttpRequestException)
        {
            string kept = partial.Length > 0 ? $" {partial.Length:N0} of {Length:N0} bytes are kept, and the next try continues there." : "";
            throw new Cifar3DataException($"Cannot download '{Url}': {e.Message.TrimEnd('.')}.{kept} Check the network, or download it elsewhere and give its path.", e);
        }
    }

    private async Task ReceiveRestAsync(PartialFile partial, IProgress<DataProgress>? progress, Action started, CancellationToken cancellation)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        try
        {
            long offset = partial.Length;
            stall.CancelAfter(StallLimit);
            using var request = new HttpRequestMessage(HttpMethod.Get, Url);
            request.Headers.Range = offset > 0 ? new RangeHeaderValue(offset, null) : null;
            using var response = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stall.Token).ConfigureAwait(false);
            if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                partial.Delete(); // it is not the beginning of what the server has
            }

            response.EnsureSuccessStatusCode();
            started();
            bool continues = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == offset;
            offset = continues ? offset : 0; // a server without ranges sends the whole file
            await using var file = partial.Open(offset);
            var counter = new ProgressCounter(progress, DataStage.Downloading, Length);
            counter.Add(offset);
            await using var content = await response.Content.ReadAsStreamAsync(stall.Token).ConfigureAwait(false);
            var buffer = new byte[1 << 16];
            while (true)
            {
                stall.CancelAfter(StallLimit);
                int read = await content.ReadAsync(buffer, stall.Token).ConfigureAwait(false);
                if (read == 0)
                {
                    break;
                }

                // Never more than expected, whatever the server says: the checksum then tells.
                int wanted = (int)Math.Min(read, Length - offset);
                await partial.WriteAsync(file, buffer.AsMemory(0, wanted), cancellation).ConfigureAwait(false);
                offset += wanted;
                counter.Add(wanted);
                if (wanted < read || offset == Length)
                {
                    break;
                }
            }

            if (offset < Length)
            {
                throw new IOException($"the connection ended after {offset:N0} of {Length:N0} bytes");
            }
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new IOException($"the server sent nothing for {StallLimit.TotalSeconds:N0} s", e);
        }
    }

    /// <summary>Whether trying again may help: broken connections and a busy server, but not 404 or a full disk.</summary>
    private static bool IsTransient(Exception? e) => e switch
    {
        HttpRequestException { StatusCode: { } status } => (int)status >= 500 || status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or HttpStatusCode.RequestedRangeNotSatisfiable,
        HttpRequestException or IOException => true,
        _ => false,
    };
}

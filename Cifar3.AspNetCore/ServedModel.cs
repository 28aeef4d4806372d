using System.Security.Cryptography;
using System.Threading.Channels;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;

namespace Cifar3.AspNetCore;

/// <summary>One named model: its classifier, the one that replaces it, and how many requests may use it at once.</summary>
internal sealed class ServedModel : IDisposable
{
    private const string ShippedVersion = "shipped";
    private const int MaxModelBytes = 1 << 30;
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(100), RetryDelay = TimeSpan.FromMilliseconds(250);
    private const int Attempts = 8;

    private readonly Cifar3Metrics metrics;
    private readonly ILogger logger;
    private readonly SemaphoreSlim computing;
    private readonly CancellationTokenSource stopping = new();
    private readonly Channel<bool> changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly int most;
    private PhysicalFileProvider? watcher;
    private IDisposable? registration;
    private volatile Loaded? current;
    private int admitted;

    public ServedModel(string name, Cifar3ModelOptions options, Cifar3Metrics metrics, ILogger logger)
    {
        Name = name;
        Options = options;
        this.metrics = metrics;
        this.logger = logger;
        int concurrency = options.MaxConcurrency > 0 ? options.MaxConcurrency : Environment.ProcessorCount;
        computing = new SemaphoreSlim(concurrency);
        most = concurrency + options.MaxQueue;
    }

    public string Name { get; }

    public Cifar3ModelOptions Options { get; }

    public bool IsReady => current is not null;

    /// <summary>Loads the model, and watches its file.</summary>
    public void Load()
    {
        current = Read();
        metrics.ModelLoaded(Name, current.Version);
        Log.ModelLoaded(logger, Name, current.Version, current.Classifier.Device);
        if (current.Classifier.FallbackReason is { } reason)
        {
            Log.NotOnCuda(logger, Name, reason);
        }

        if (Options.WatchForChanges && Options.ModelPath is { } path)
        {
            string full = Path.GetFullPath(path);
            watcher = new PhysicalFileProvider(Path.GetDirectoryName(full)!);
            registration = ChangeToken.OnChange(() => watcher.Watch(Path.GetFileName(full)), () => changes.Writer.TryWrite(true));
            _ = Task.Run(ReloadAsync);
        }
    }

    /// <summary>The classifier for one piece of work.</summary>
    public RentedClassifier Rent()
    {
        while (true)
        {
            var loaded = current ?? throw new Cifar3ModelException($"The model '{Name}' is not loaded: the application has not started, or has ended.");
            if (loaded.TryAcquire())
            {
                return new RentedClassifier(loaded);
            }
            // It was replaced and freed between the two lines: the next one is there.
        }
    }

    /// <summary>Whether one more request may hold its body; to be left again where it may.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref admitted) <= most)
        {
            metrics.Queue(Name, 1);
            return true;
        }

        Interlocked.Decrement(ref admitted);
        return false;
    }

    public void Leave()
    {
        Interlocked.Decrement(ref admitted);
        metrics.Queue(Name, -1);
    }

    /// <summary>Waits for one of the places that compute.</summary>
    public async Task<Turn> ComputeAsync(CancellationToken cancellationToken)
    {
        await computing.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new Turn(computing);
    }

    public void Dispose()
    {
        stopping.Cancel();
        registration?.Dispose();
        watcher?.Dispose();
        current?.Release();
        current = null;
    }

    private Loaded Read()
    {
        if (Options.ModelPath is not { } path)
        {
            return new Loaded(WithFamiliarity(Cifar3Classifier.LoadDefault), ShippedVersion);
        }

        // Loaded by its path, which also finds the class names beside it; the version is that of the bytes before and after.
        for (int attempt = 1; ; attempt++)
        {
            string before = Version(path);
            var classifier = WithFamiliarity(options => Cifar3Classifier.Load(path, options));
            if (attempt == Attempts || Version(path) == before)
            {
                return new Loaded(classifier, before);
            }

            classifier.Dispose();
        }
    }

    /// <summary>A model that knows what is familiar to it says so, where that asks for no other back end than the one chosen.</summary>
    private Cifar3Classifier WithFamiliarity(Func<ClassifierOptions, Cifar3Classifier> load)
    {
        var classifier = load(Options.Classifier);
        if (Options.Classifier.Familiarity || classifier.Metadata.FamiliarityThreshold is null || classifier.Backend != ScoringBackend.Managed)
        {
            return classifier;
        }

        classifier.Dispose();
        return load(Options.Classifier with { Familiarity = true });
    }

    private static string Version(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return file.Length > MaxModelBytes ? "too large" : Convert.ToHexStringLower(SHA256.HashData(file))[..12];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "unreadable"; // what is wrong, loading tells
        }
    }

    /// <summary>Replaces the classifier whenever the file has changed and is whole. A file that cannot be loaded leaves the old one in its place.</summary>
    private async Task ReloadAsync()
    {
        try
        {
            while (await changes.Reader.WaitToReadAsync(stopping.Token).ConfigureAwait(false))
            {
                await Task.Delay(Quiet, stopping.Token).ConfigureAwait(false); // several changes in a row are one
                changes.Reader.TryRead(out _);
                await ReplaceAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The application has ended.
        }
    }

    private async Task ReplaceAsync()
    {
        for (int attempt = 1; attempt <= Attempts; attempt++)
        {
            if (Version(Options.ModelPath!) == current?.Version)
            {
                return;
            }

            try
            {
                var next = Read();
                if (stopping.IsCancellationRequested)
                {
                    next.Release();
                    return;
                }

                var old = Interlocked.Exchange(ref current, next);
                old?.Release();
                metrics.ModelReplaced(Name, old?.Version, next.Version);
                Log.ModelReplaced(logger, Name, old?.Version, next.Version);
                return;
            }
            catch (Exception e) when (e is Cifar3Exception or IOException or UnauthorizedAccessException)
            {
                // Perhaps it is being copied at this moment: it is tried again, and the last reason is told.
                if (attempt == Attempts)
                {
                    metrics.ReloadFailed(Name);
                    Log.ReloadFailed(logger, Name, current?.Version, e.Message);
                }

                await Task.Delay(RetryDelay, stopping.Token).ConfigureAwait(false);
            }
        }
    }

    /// <summary>One of the places that compute, given back when disposed.</summary>
    public readonly struct Turn(SemaphoreSlim places) : IDisposable
    {
        public void Dispose() => places.Release();
    }

    /// <summary>A classifier and how many use it; the last one to leave after it was replaced frees it.</summary>
    internal sealed class Loaded(Cifar3Classifier classifier, string version)
    {
        private int users = 1; // the pool itself

        public Cifar3Classifier Classifier => classifier;

        public string Version => version;

        public bool TryAcquire()
        {
            int seen = Volatile.Read(ref users);
            while (seen > 0)
            {
                int before = Interlocked.CompareExchange(ref users, seen + 1, seen);
                if (before == seen)
                {
                    return true;
                }

                seen = before;
            }

            return false;
        }

        public void Release()
        {
            if (Interlocked.Decrement(ref users) == 0)
            {
                classifier.Dispose();
            }
        }
    }
}

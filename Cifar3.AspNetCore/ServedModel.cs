using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;

namespace Cifar3.AspNetCore;

/// <summary>One named model: its classifier, the one that replaces it, and how many requests may use it at once.</summary>
internal sealed class ServedModel : IDisposable
{
    private const string ShippedVersion = "shipped";
    private const int MaxModelBytes = 1 << 30;
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1), Quiet = TimeSpan.FromMilliseconds(100), RetryDelay = TimeSpan.FromMilliseconds(250);
    private const int Attempts = 8;

    private readonly Cifar3Metrics metrics;
    private readonly ILogger logger;
    private readonly SemaphoreSlim computing;
    private readonly CancellationTokenSource stopping = new();
    private readonly int most;
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

    /// <summary>What a request is told that comes before the model is loaded, or after the application's end.</summary>
    public string NotLoaded => $"The model '{Name}' is not loaded: the application has not started, or has ended. Try again later.";

    /// <summary>Loads the model, and watches its file.</summary>
    public void Load()
    {
        string? seen = Options is { WatchForChanges: true, ModelPath: { } path } ? Stamp(path) : null; // before the files are read, so that no change falls between
        current = Read();
        metrics.ModelLoaded(Name, current.Version);
        Log.ModelLoaded(logger, Name, current.Version, current.Classifier.Device);
        if (Options is { ModelPath: null, MissingSection: { } section })
        {
            Log.NoSection(logger, Name, string.Join(", ", current.Classifier.ClassNames), section);
        }

        if (current.Classifier.FallbackReason is { } reason)
        {
            Log.NotOnCuda(logger, Name, reason);
        }

        if (seen is not null)
        {
            _ = Task.Run(() => ReloadAsync(seen));
        }
    }

    /// <summary>The classifier for one piece of work.</summary>
    public RentedClassifier Rent()
    {
        while (true)
        {
            var loaded = current ?? throw new Cifar3ModelException($"The model '{Name}' is not loaded: the application has not started, or has ended. Where a hosted service rents it at the start, add it after AddCifar3Classifier; without a host call {nameof(Cifar3ClassifierPool)}.{nameof(Cifar3ClassifierPool.Load)}.");
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
        Interlocked.Exchange(ref current, null)?.Release(); // once, be it that a replacement takes it at this moment
    }

    private Loaded Read()
    {
        if (Options.ModelPath is not { } path)
        {
            return new Loaded(WithFamiliarity(Cifar3Classifier.LoadDefault), ShippedVersion);
        }

        // Loaded by its path, which also finds the files beside it; the version is that of the bytes before and after, which have not been others in between.
        for (int attempt = 1; attempt <= Attempts; attempt++)
        {
            var before = (Stamp(path), Version: Version(path));
            var classifier = WithFamiliarity(options => Cifar3Classifier.Load(path, options));
            if ((Stamp(path), Version(path)) == before)
            {
                return new Loaded(classifier, before.Version);
            }

            classifier.Dispose();
        }

        throw new Cifar3ModelException($"Cannot load model '{path}': it was replaced each of {Attempts} times that it was read. Leave it as it is for a second.");
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

    /// <summary>The files that loading may read: the model, the names of its classes, and its weights under the names that PyTorch, Optimum and onnx give them.</summary>
    private static string[] Files(string path) => [path, Path.ChangeExtension(path, ".classes.txt"), path + ".data", path + "_data", Path.ChangeExtension(path, ".data")];

    /// <summary>The hash of the model's bytes; where files stand beside it, that of all their hashes.</summary>
    private static string Version(string path)
    {
        if (Hash(path) is not { } hash)
        {
            return "unreadable"; // what is wrong, loading tells
        }

        foreach (string part in Files(path).Skip(1).Where(File.Exists))
        {
            hash = SHA256.HashData([.. hash, .. System.Text.Encoding.UTF8.GetBytes(Path.GetFileName(part)), .. Hash(part) ?? []]); // one that cannot be read hides no change of the others: the model may not need it
        }

        return Convert.ToHexStringLower(hash)[..12];
    }

    /// <summary>The hash of a file's bytes; null where there are none that can be read, or more than a model has.</summary>
    private static byte[]? Hash(string part)
    {
        try
        {
            if (!HasContent(part))
            {
                return null;
            }

            using var file = new FileStream(part, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return file.Length <= MaxModelBytes ? SHA256.HashData(file) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// Whether a path leads to bytes on a disk. Pipes and devices have a length of 0, and opening a pipe would wait until somebody writes; an empty file is no
    /// model and names no classes.
    /// </summary>
    private static bool HasContent(string part) => FileBehind.Of(part) is { Length: > 0 };

    /// <summary>Length and time of the files, each opened, so that every link on the way to it is followed: a watcher sees no link swapped elsewhere.</summary>
    private static string Stamp(string path) => string.Join(' ', Files(path).Select(part =>
    {
        try
        {
            if (!HasContent(part))
            {
                return "-";
            }

            using var file = File.OpenHandle(part, share: FileShare.ReadWrite | FileShare.Delete);
            return string.Create(CultureInfo.InvariantCulture, $"{RandomAccess.GetLength(file)}@{File.GetLastWriteTimeUtc(file).Ticks}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException) // the last is of a year beyond .NET's calendar
        {
            return "-";
        }
    }));

    /// <summary>Replaces the classifier whenever a file has changed and is whole. One that cannot be loaded leaves the old one in its place.</summary>
    private async Task ReloadAsync(string seen)
    {
        try
        {
            using var timer = new PeriodicTimer(Look);
            while (await timer.WaitForNextTickAsync(stopping.Token).ConfigureAwait(false))
            {
                if (Stamp(Options.ModelPath!) != seen)
                {
                    await Task.Delay(Quiet, stopping.Token).ConfigureAwait(false); // several changes in a row are one
                    seen = Stamp(Options.ModelPath!);
                    await ReplaceAsync().ConfigureAwait(false);
                }
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
                var old = Interlocked.Exchange(ref current, next);
                old?.Release();
                if (stopping.IsCancellationRequested)
                {
                    Interlocked.Exchange(ref current, null)?.Release(); // the application has ended meanwhile, and looks no more for what there is to free
                    return;
                }

                metrics.ModelReplaced(Name, old?.Version, next.Version);
                Log.ModelReplaced(logger, Name, old?.Version, next.Version);
                return;
            }
            catch (Exception e)
            {
                // Perhaps it is being copied at this moment: it is tried again, and the last reason, whatever it is, is told and ends no watching.
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

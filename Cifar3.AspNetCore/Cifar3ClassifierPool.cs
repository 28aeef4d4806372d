using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Cifar3.AspNetCore;

/// <summary>The application's models by name: gives out their classifiers and replaces those whose file has changed.</summary>
/// <remarks>A singleton, thread-safe.</remarks>
/// <example><code>
/// using var rented = pool.Rent();
/// Prediction prediction = rented.Classifier.Predict(bytes);
/// </code></example>
public sealed class Cifar3ClassifierPool : IDisposable
{
    private readonly SortedDictionary<string, ServedModel> models = new(StringComparer.Ordinal);
    private readonly string? unnamed; // whose requests name no model: added without a name itself, else the first
    private readonly Lock gate = new();
    private bool loaded, disposed;

    /// <summary>Made by the services.</summary>
    public Cifar3ClassifierPool(IEnumerable<RegisteredModel> registered, IOptionsMonitor<Cifar3ModelOptions> options, Cifar3Metrics metrics, ILogger<Cifar3ClassifierPool> logger)
    {
        ArgumentNullException.ThrowIfNull(registered);
        ArgumentNullException.ThrowIfNull(options);
        foreach (var model in registered)
        {
            models.Add(model.Name, new ServedModel(model.Name, Checked(model.Name, options), metrics, logger));
            unnamed = unnamed is null || model.Name == Cifar3ServiceCollectionExtensions.DefaultName ? model.Name : unnamed;
        }
    }

    /// <summary>The models' names, in ordinal order.</summary>
    public IReadOnlyCollection<string> Names => models.Keys;

    /// <summary>Whether every model is loaded.</summary>
    public bool IsReady => loaded && models.Values.All(model => model.IsReady);

    /// <summary>Rents a model's classifier for one piece of work: it stays as it is until the rent ends, even when the model is replaced meanwhile.</summary>
    /// <param name="name">The model's name; null = the one added without a name, else the first added. Default: null.</param>
    /// <returns>The rent, to be disposed soon.</returns>
    /// <exception cref="KeyNotFoundException">There is no such model.</exception>
    /// <exception cref="Cifar3ModelException">The model cannot be loaded.</exception>
    public RentedClassifier Rent(string? name = null) => Find(name).Rent();

    /// <summary>Loads all models that are not loaded yet.</summary>
    /// <exception cref="Cifar3Exception">One cannot be loaded: names the file and the reason, or the options that cannot be used.</exception>
    public void Load()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            foreach (var model in models.Values.Where(model => !model.IsReady))
            {
                try
                {
                    model.Load();
                }
                catch (ArgumentException e)
                {
                    string problem = e.ParamName is { } name ? e.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal) : e.Message;
                    throw Unusable(model.Name, $"{nameof(Cifar3ModelOptions.Classifier)}: {problem.ReplaceLineEndings(" ")}", e);
                }
            }

            loaded = true;
        }
    }

    /// <summary>Frees the classifiers; work in progress ends well.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            foreach (var model in models.Values)
            {
                model.Dispose();
            }
        }
    }

    internal ServedModel Find(string? name)
    {
        if (models.Count == 0)
        {
            throw new InvalidOperationException("No model is registered. Call services.AddCifar3Classifier before app.MapCifar3.");
        }

        name ??= unnamed!;
        return models.TryGetValue(name, out var model) ? model
            : throw new KeyNotFoundException($"There is no model '{(name.Length <= 100 ? name : name[..100] + "…")}'. Models here: {string.Join(", ", models.Keys)}.");
    }

    private static Cifar3Exception Unusable(string name, string problem, Exception cause) => new($"The options of the model '{name}' cannot be used. {problem}", cause);

    private static Cifar3ModelOptions Checked(string name, IOptionsMonitor<Cifar3ModelOptions> monitor)
    {
        try
        {
            return monitor.Get(name);
        }
        catch (OptionsValidationException e)
        {
            throw Unusable(name, string.Join(" ", e.Failures), e);
        }
        catch (InvalidOperationException e)
        {
            throw new Cifar3Exception($"The configuration of the model '{name}' cannot be read. {e.Message} {e.InnerException?.Message}".TrimEnd(), e);
        }
    }
}

/// <summary>A model that <c>AddCifar3Classifier</c> was called for.</summary>
/// <param name="Name">Its name.</param>
public sealed record RegisteredModel(string Name);

/// <summary>How often an application has mapped the service: endpoints' names are one for each of them, or no request is answered.</summary>
internal sealed class TimesMapped
{
    private int times;

    public int Next() => Interlocked.Increment(ref times);
}

/// <summary>A classifier for one piece of work.</summary>
public sealed class RentedClassifier : IDisposable
{
    private ServedModel.Loaded? loaded;

    internal RentedClassifier(ServedModel.Loaded loaded) => this.loaded = loaded;

    /// <summary>The classifier.</summary>
    /// <exception cref="ObjectDisposedException">The rent has ended.</exception>
    public Cifar3Classifier Classifier => (loaded ?? throw new ObjectDisposedException(nameof(RentedClassifier))).Classifier;

    /// <summary>What tells this file's content from others: the first 12 digits of its SHA-256, or of one over all files where class names or weights stand beside it; <c>shipped</c> for the model in the library.</summary>
    /// <exception cref="ObjectDisposedException">The rent has ended.</exception>
    public string Version => (loaded ?? throw new ObjectDisposedException(nameof(RentedClassifier))).Version;

    /// <summary>Ends the rent.</summary>
    public void Dispose() => Interlocked.Exchange(ref loaded, null)?.Release();
}

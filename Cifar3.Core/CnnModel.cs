using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Cifar3;

/// <summary>
/// The CNN: its layer list, its weights in Keras layout and its metadata. Train it with <c>Cifar3Trainer</c>, write it with
/// <see cref="SaveOnnx(string)"/>, score with <c>Cifar3Classifier</c>.
/// </summary>
/// <remarks>Immutable and safe to share between threads.</remarks>
/// <example><code>
/// var model = CnnModel.Create(["aeroplane", "car", "bird"], seed: 1);
/// Console.WriteLine(model.Summary());
/// </code></example>
public sealed partial class CnnModel
{
    private readonly Dictionary<string, WeightTensor> byName;

    private CnnModel(CnnArchitecture architecture, IReadOnlyList<WeightTensor> weights, ModelMetadata metadata)
    {
        ArgumentNullException.ThrowIfNull(architecture);
        ArgumentNullException.ThrowIfNull(metadata);
        Architecture = architecture;
        Layers = architecture.CreateLayers();
        metadata.Check();
        Metadata = metadata;
        Weights = Validate(weights);
        byName = Weights.ToDictionary(w => w.Name);
        if (metadata.ClassNames.Length != architecture.Classes)
        {
            throw new Cifar3ModelException($"The model tells {architecture.Classes} classes apart but {metadata.ClassNames.Length} class names were given: {Shown.Names(metadata.ClassNames)}. Give one name for each class.");
        }
    }

    /// <summary>Filter counts, dropout rates, BatchNormalization's settings and number of classes.</summary>
    public CnnArchitecture Architecture { get; }

    /// <summary>The layers, first to last.</summary>
    public IReadOnlyList<CnnLayer> Layers { get; }

    /// <summary>All weights in Keras' order, named <c>layer/variable</c>.</summary>
    public IReadOnlyList<WeightTensor> Weights { get; }

    /// <summary>Class names, recipe, seed, history, version.</summary>
    public ModelMetadata Metadata { get; }

    /// <summary>The classes' names; the index is the label.</summary>
    public ImmutableArray<string> ClassNames => Metadata.ClassNames;

    /// <summary>The weight of a name, such as <c>conv2d/kernel</c>.</summary>
    /// <param name="name">Full name.</param>
    /// <exception cref="KeyNotFoundException">There is no such weight.</exception>
    public WeightTensor this[string name] =>
        byName.TryGetValue(name, out var weight) ? weight : throw new KeyNotFoundException($"The model has no weight '{Shown.Text(name)}'. It has: {string.Join(", ", byName.Keys)}.");

    /// <summary>A new, untrained model with Keras' initial weights (glorot-uniform kernels).</summary>
    /// <param name="classNames">The classes' names, 2 to 100; their order gives the labels.</param>
    /// <param name="seed">The seed of the initial weights; the same seed gives the same bits everywhere. Default: 0.</param>
    /// <param name="filters">Filters of the three blocks. Default: 32, 64, 128.</param>
    /// <param name="dropoutRates">Dropout rates of the three blocks. Default: 0.5 each.</param>
    /// <returns>The model.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    /// <exception cref="Cifar3ModelException">A class has no name, or two have the same.</exception>
    public static CnnModel Create(IEnumerable<string> classNames, int seed = 0, IEnumerable<int>? filters = null, IEnumerable<double>? dropoutRates = null)
    {
        ArgumentNullException.ThrowIfNull(classNames);
        ImmutableArray<string> names = [.. classNames];
        var architecture = new CnnArchitecture(names.Length, filters, dropoutRates);
        return Create(names, architecture, seed);
    }

    /// <summary>A new, untrained model of an architecture, with Keras' initial weights (glorot-uniform kernels).</summary>
    /// <param name="classNames">The classes' names, as many as the architecture tells apart; their order gives the labels.</param>
    /// <param name="architecture">Filter counts, dropout rates, BatchNormalization's momentum and epsilon.</param>
    /// <param name="seed">The seed of the initial weights; the same seed gives the same bits everywhere. Default: 0.</param>
    /// <returns>The model.</returns>
    /// <exception cref="Cifar3ModelException">Another number of names than of classes, a class has no name, or two have the same.</exception>
    public static CnnModel Create(IEnumerable<string> classNames, CnnArchitecture architecture, int seed = 0)
    {
        ArgumentNullException.ThrowIfNull(classNames);
        ArgumentNullException.ThrowIfNull(architecture);
        return new CnnModel(architecture, GlorotUniform.CreateWeights(architecture.CreateLayers(), seed), new ModelMetadata { ClassNames = [.. classNames], Seed = seed });
    }

    /// <summary>A model of given weights, as a file reader makes it.</summary>
    /// <param name="architecture">Filter counts, dropout rates and classes.</param>
    /// <param name="weights">All weights by full name, in any order, shapes in Keras layout.</param>
    /// <param name="metadata">Class names and origin.</param>
    /// <returns>The model.</returns>
    /// <exception cref="Cifar3ModelException">A weight is missing, unknown, of another shape, or not finite, or the metadata are outside their ranges.</exception>
    public static CnnModel FromWeights(CnnArchitecture architecture, IEnumerable<WeightTensor> weights, ModelMetadata metadata)
    {
        ArgumentNullException.ThrowIfNull(weights);
        WeightTensor[] given = [.. weights];
        return given.Contains(null) ? throw new ArgumentException("One of the weights is null. Leave it out.", nameof(weights)) : new(architecture, given, metadata);
    }

    /// <summary>The same network with other weights.</summary>
    /// <param name="weights">All weights by full name.</param>
    /// <param name="metadata">New metadata; null keeps this model's. Default: null.</param>
    /// <returns>A new model.</returns>
    /// <exception cref="Cifar3ModelException">A weight is missing, unknown, of another shape, or not finite, or the metadata are outside their ranges.</exception>
    public CnnModel With(IEnumerable<WeightTensor> weights, ModelMetadata? metadata = null) => FromWeights(Architecture, weights, metadata ?? Metadata);

    /// <summary>The same model with other metadata.</summary>
    /// <param name="metadata">The new metadata.</param>
    /// <returns>A new model that shares this one's weights.</returns>
    /// <exception cref="Cifar3ModelException">A class has no name, two have the same, or another value is outside its range.</exception>
    public CnnModel With(ModelMetadata metadata) => new(Architecture, Weights, metadata);

    /// <summary>Keras' <c>summary()</c> table: layers, output shapes, parameter counts and totals.</summary>
    /// <param name="style">Whose table, character by character. Default: <see cref="SummaryStyle.Keras3"/>.</param>
    /// <returns>Text of several lines, 65 characters wide.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The style is unknown.</exception>
    public string Summary(SummaryStyle style = SummaryStyle.Keras3) => ModelSummary.Write(Layers, style);

    /// <summary>Classes, filters, number of weights and, where it was trained, epoch and accuracy.</summary>
    /// <returns>One line, such as <c>3 classes (aeroplane, car, bird), filters 32/64/128, 289,443 weights, epoch 9, val_accuracy 0.8993</c>.</returns>
    public override string ToString()
    {
        string trained = Metadata.Epoch == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", epoch {Metadata.Epoch}{(Metadata.ValAccuracy is { } accuracy ? string.Create(CultureInfo.InvariantCulture, $", val_accuracy {accuracy:F4}") : "")}");
        return string.Create(CultureInfo.InvariantCulture, $"{ClassNames.Length} classes ({Shown.First(ClassNames)}), filters {string.Join('/', Architecture.Filters)}, {Weights.Sum(weight => (long)weight.Count):N0} weights{trained}");
    }

    /// <summary>
    /// SHA-256 over names, shapes and little-endian bytes of all weights in Keras' order, as 64 lower-case hexadecimal digits.
    /// Two models of the same <see cref="Architecture"/> with the same hash compute the same; metadata does not enter.
    /// </summary>
    /// <returns>The hash.</returns>
    public string WeightHash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var weight in Weights)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{weight.Name}({string.Join(",", weight.Shape)})\n"));
            hash.AppendData(TensorData.Bytes(weight.Values));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Puts the weights into Keras' order and checks names, shapes and values against the layer list.</summary>
    private ImmutableArray<WeightTensor> Validate(IReadOnlyList<WeightTensor> weights)
    {
        var given = new Dictionary<string, WeightTensor>();
        foreach (var weight in weights)
        {
            if (!given.TryAdd(weight.Name, weight))
            {
                throw new Cifar3ModelException($"Weight '{Shown.Text(weight.Name)}' is given twice.");
            }
        }

        var ordered = ImmutableArray.CreateBuilder<WeightTensor>();
        foreach (var layer in Layers)
        {
            foreach (var spec in layer.Weights)
            {
                string name = $"{layer.Name}/{spec.Name}";
                if (!given.Remove(name, out var weight))
                {
                    throw new Cifar3ModelException($"Weight '{name}' is missing. Expected shape ({string.Join(", ", spec.Shape)}).");
                }

                if (!weight.Shape.SequenceEqual(spec.Shape))
                {
                    throw new Cifar3ModelException($"Weight '{name}' has another shape. Expected ({string.Join(", ", spec.Shape)}), found ({string.Join(", ", weight.Shape)}).");
                }

                int bad = weight.Values.IndexOfAnyExceptInRange(float.MinValue, float.MaxValue);
                if (bad >= 0)
                {
                    throw new Cifar3ModelException($"Weight '{name}' is not finite: element {bad:N0} is {weight.Values[bad]}. The file is damaged or its training diverged (try a lower learning rate).");
                }

                if (spec.Name == "moving_variance" && weight.Values.ContainsAnyInRange(float.MinValue, -float.Epsilon))
                {
                    throw new Cifar3ModelException($"Weight '{name}' has a negative element, which no variance has: every prediction would be NaN. The file is damaged.");
                }

                ordered.Add(weight);
            }
        }

        if (given.Count > 0)
        {
            throw new Cifar3ModelException($"Weight '{Shown.Text(given.Keys.First())}' does not belong to this network. Known weights: {string.Join(", ", ordered.Select(w => w.Name))}.");
        }

        return ordered.ToImmutable();
    }
}

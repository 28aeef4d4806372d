using System.Collections.Immutable;
using System.Globalization;

namespace Cifar3;

/// <summary>
/// What may vary in the network: filter counts, dropout rates, BatchNormalization's momentum and epsilon, and the number of classes.
/// Input size (32×32×3), layer order and kernel sizes are the network's identity and are fixed.
/// </summary>
/// <remarks>Immutable and safe to share between threads. <see cref="Equals(CnnArchitecture)"/> is true when all their numbers are equal; <c>==</c> compares references.</remarks>
public sealed class CnnArchitecture : IEquatable<CnnArchitecture>
{
    /// <summary>Height and width of the input image in pixels: 32.</summary>
    public const int InputSize = 32;

    /// <summary>Colour channels of the input image, in the order red, green, blue: 3.</summary>
    public const int InputChannels = 3;

    /// <summary>Bytes of one input image, 32·32·3 = 3,072.</summary>
    public const int ImageBytes = InputSize * InputSize * InputChannels;

    /// <summary>Number of convolution blocks: 3.</summary>
    public const int Blocks = 3;

    /// <summary>The fewest classes that a model can tell apart: 2.</summary>
    public const int MinClasses = 2;

    /// <summary>The most classes that a model can tell apart: 100.</summary>
    public const int MaxClasses = 100;

    /// <summary>The most filters a block may have: 1,024.</summary>
    public const int MaxFilters = 1024;

    /// <summary>Creates an architecture.</summary>
    /// <param name="classes">Number of classes, 2 to 100. Default: 3.</param>
    /// <param name="filters">Filters of the three blocks, each 1 to 1,024. Default: 32, 64, 128.</param>
    /// <param name="dropoutRates">Share of activations dropped after each block, each in [0, 1). Default: 0.5 each.</param>
    /// <param name="batchNormalizationMomentum">Share of the old moving statistics that an update keeps in each block's BatchNormalization, each in [0, 1]. Default: 0.99 each, as Keras.</param>
    /// <param name="batchNormalizationEpsilon">What each block's BatchNormalization adds to the variance before the root, each above 0. Default: 0.001 each, as Keras (PyTorch: 0.00001).</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public CnnArchitecture(
        int classes = 3, IEnumerable<int>? filters = null, IEnumerable<double>? dropoutRates = null,
        IEnumerable<double>? batchNormalizationMomentum = null, IEnumerable<double>? batchNormalizationEpsilon = null)
    {
        if (classes is < MinClasses or > MaxClasses)
        {
            throw new ArgumentOutOfRangeException(nameof(classes), classes, $"The number of classes must be {MinClasses} to {MaxClasses}. Received: classes={classes}.");
        }

        Classes = classes;
        Filters = filters is null ? [32, 64, 128] : [.. filters];
        DropoutRates = dropoutRates is null ? [0.5, 0.5, 0.5] : [.. dropoutRates];
        BatchNormalizationMomentum = batchNormalizationMomentum is null ? [.. Enumerable.Repeat(BatchNormalizationLayer.DefaultMomentum, Blocks)] : [.. batchNormalizationMomentum];
        BatchNormalizationEpsilon = batchNormalizationEpsilon is null ? [.. Enumerable.Repeat(BatchNormalizationLayer.DefaultEpsilon, Blocks)] : [.. batchNormalizationEpsilon];
        if (Filters.Length != Blocks || Filters.Any(f => f is < 1 or > MaxFilters))
        {
            throw new ArgumentOutOfRangeException(nameof(filters), $"The network has {Blocks} blocks, each with 1 to {MaxFilters} filters. Received: filters=({string.Join(", ", Filters)}).");
        }

        if (DropoutRates.Length != Blocks || DropoutRates.Any(r => !(r >= 0 && r < 1)))
        {
            throw new ArgumentOutOfRangeException(nameof(dropoutRates), $"The network has {Blocks} dropout layers, each with a rate in [0, 1). Received: dropoutRates=({Text(DropoutRates)}).");
        }

        if (BatchNormalizationMomentum.Length != Blocks || BatchNormalizationMomentum.Any(m => !(m >= 0 && m <= 1)))
        {
            throw new ArgumentOutOfRangeException(nameof(batchNormalizationMomentum), $"The network has {Blocks} BatchNormalization layers, each with a momentum in [0, 1]. Received: batchNormalizationMomentum=({Text(BatchNormalizationMomentum)}).");
        }

        if (BatchNormalizationEpsilon.Length != Blocks || BatchNormalizationEpsilon.Any(e => !((float)e > 0 && float.IsFinite((float)e))))
        {
            throw new ArgumentOutOfRangeException(nameof(batchNormalizationEpsilon), $"The network has {Blocks} BatchNormalization layers, each with an epsilon above 0. Received: batchNormalizationEpsilon=({Text(BatchNormalizationEpsilon)}).");
        }
    }

    /// <summary>Number of classes, 2 to 100.</summary>
    public int Classes { get; }

    /// <summary>Filters of the convolutions of the three blocks.</summary>
    public ImmutableArray<int> Filters { get; }

    /// <summary>Dropout rate after each block: the share of activations set to zero in training.</summary>
    public ImmutableArray<double> DropoutRates { get; }

    /// <summary>Share of the old moving statistics that an update keeps, of each block's BatchNormalization. It matters in training only.</summary>
    public ImmutableArray<double> BatchNormalizationMomentum { get; }

    /// <summary>What each block's BatchNormalization adds to the variance before the root.</summary>
    public ImmutableArray<double> BatchNormalizationEpsilon { get; }

    /// <summary>The same network with other dropout rates.</summary>
    /// <param name="rates">Share of activations dropped after each block, each in [0, 1).</param>
    /// <returns>A new architecture.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A rate is outside its range.</exception>
    public CnnArchitecture WithDropoutRates(IEnumerable<double> rates)
    {
        ArgumentNullException.ThrowIfNull(rates);
        return new(Classes, Filters, rates, BatchNormalizationMomentum, BatchNormalizationEpsilon);
    }

    /// <summary>The network as a list of layers, first to last, named as Keras names them.</summary>
    /// <returns>17 layers: three blocks of five, then flatten and dense.</returns>
    public IReadOnlyList<CnnLayer> CreateLayers()
    {
        var layers = new List<CnnLayer>();
        var shape = new[] { InputSize, InputSize, InputChannels };
        for (int block = 0; block < Blocks; block++)
        {
            int filters = Filters[block];
            Add(new Conv2DLayer(Numbered("conv2d", 2 * block), shape, filters, ConvPadding.Same));
            Add(new BatchNormalizationLayer(Numbered("batch_normalization", block), shape, BatchNormalizationMomentum[block], BatchNormalizationEpsilon[block]));
            Add(new Conv2DLayer(Numbered("conv2d", 2 * block + 1), shape, filters, ConvPadding.Valid));
            Add(new MaxPooling2DLayer(Numbered("max_pooling2d", block), shape));
            Add(new DropoutLayer(Numbered("dropout", block), shape, DropoutRates[block]));
        }

        Add(new FlattenLayer("flatten", shape));
        Add(new DenseLayer("dense", shape, Classes));
        return layers;

        void Add(CnnLayer layer)
        {
            layers.Add(layer);
            shape = [.. layer.OutputShape];
        }

        static string Numbered(string name, int index) => index == 0 ? name : $"{name}_{index}";
    }

    /// <inheritdoc/>
    public bool Equals(CnnArchitecture? other) =>
        other is not null && Classes == other.Classes && Filters.SequenceEqual(other.Filters) && DropoutRates.SequenceEqual(other.DropoutRates)
        && BatchNormalizationMomentum.SequenceEqual(other.BatchNormalizationMomentum) && BatchNormalizationEpsilon.SequenceEqual(other.BatchNormalizationEpsilon);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as CnnArchitecture);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Classes, Filters[0], Filters[1], Filters[2]);

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"filters {string.Join("/", Filters)}, dropout {Text(DropoutRates, "/")}, {Classes} classes");

    private static string Text(IEnumerable<double> values, string separator = ", ") => string.Join(separator, values.Select(value => value.ToString(CultureInfo.InvariantCulture)));
}

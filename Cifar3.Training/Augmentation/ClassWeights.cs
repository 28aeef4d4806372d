using System.Globalization;

namespace Cifar3.Training;

/// <summary>
/// How much the images of each class count in the loss: Keras' <c>class_weight</c>. For sets where some classes have many more images than others.
/// </summary>
/// <remarks>The best epoch is chosen by <see cref="EpochLog.ValWeightedAccuracy"/>, in which validation images count in the same way. <see cref="EarlyStopping"/> and <see cref="ModelCheckpoint"/> watch it under its name, <c>val_weighted_accuracy</c>.</remarks>
/// <example><code>
/// var options = new TrainerOptions { ClassWeights = ClassWeights.Balanced };
/// var byName = new TrainerOptions { ClassWeights = ClassWeights.Of(("cat", 2), ("dog", 1)) };
/// </code></example>
public sealed class ClassWeights
{
    private readonly Dictionary<string, float>? byName;

    private ClassWeights(Dictionary<string, float>? byName) => this.byName = byName;

    /// <summary>Every class counts the same in sum: images/(classes · images of the class), scikit-learn's <c>balanced</c>.</summary>
    public static ClassWeights Balanced { get; } = new(null);

    /// <summary>Weights by class name; classes not named have 1.</summary>
    /// <param name="weights">Names and weights, each 0 or more and finite.</param>
    /// <returns>The weights.</returns>
    /// <exception cref="ArgumentException">A name comes twice, or a weight is outside its range.</exception>
    public static ClassWeights Of(params IEnumerable<(string ClassName, float Weight)> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        var byName = new Dictionary<string, float>();
        foreach (var (name, weight) in weights)
        {
            if (name is null || !(weight >= 0 && float.IsFinite(weight)) || !byName.TryAdd(ClassList.Normal(name), weight))
            {
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"Each class may have one weight of 0 or more. Received: {name}={weight}."), nameof(weights));
            }
        }

        return new ClassWeights(byName);
    }

    /// <summary>What the weights are, in words.</summary>
    /// <returns><c>balanced</c>, or names and weights in the names' order, so that the same weights are the same text: a checkpoint is known by it.</returns>
    public override string ToString() => byName is null ? "balanced" : string.Join(", ", byName.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key} {pair.Value}")));

    /// <summary>One weight a class.</summary>
    /// <exception cref="Cifar3DataException">A class is named that the images do not have, or no image counts.</exception>
    internal float[] For(ImageSet images)
    {
        var counts = new int[images.ClassNames.Length];
        foreach (int label in images.Labels)
        {
            counts[label]++;
        }

        if (byName is null)
        {
            int present = counts.Count(count => count > 0);
            return [.. counts.Select(count => count == 0 ? 1 : (float)images.Count / ((float)present * count))];
        }

        string[] names = [.. images.ClassNames.Select(ClassList.Normal)];
        if (byName.Keys.FirstOrDefault(name => !names.Contains(name)) is { } unknown)
        {
            throw new Cifar3DataException($"ClassWeights names a class that the images do not have. Expected one of {Shown.Names(images.ClassNames)}. Found '{Shown.Text(unknown)}'.");
        }

        float[] weights = [.. names.Select(name => byName.GetValueOrDefault(name, 1))];
        return weights.Zip(counts).Any(pair => pair is { First: > 0, Second: > 0 }) ? weights
            : throw new Cifar3DataException($"ClassWeights leave nothing to learn from. Expected a weight above 0 for a class that has images. Found {this}.");
    }
}

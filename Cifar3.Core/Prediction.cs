using System.Collections.Immutable;
using System.Globalization;

namespace Cifar3;

/// <summary>What the classifier says of one image: the most probable class and the probabilities of all.</summary>
/// <remarks>Immutable. Two predictions are equal when class names, probabilities and familiarity are.</remarks>
public sealed record Prediction
{
    /// <summary>Creates a prediction; the label is the most probable class, the first of equals.</summary>
    /// <param name="classNames">The classes' names.</param>
    /// <param name="probabilities">One probability a class, in the same order.</param>
    /// <exception cref="ArgumentException">The numbers of names and probabilities differ, or there are none.</exception>
    public Prediction(ImmutableArray<string> classNames, ImmutableArray<float> probabilities)
    {
        if (classNames.IsDefaultOrEmpty || probabilities.IsDefault || classNames.Length != probabilities.Length)
        {
            throw new ArgumentException($"A prediction needs one probability for each class. Received: {(classNames.IsDefault ? 0 : classNames.Length)} names, {(probabilities.IsDefault ? 0 : probabilities.Length)} probabilities.", nameof(probabilities));
        }

        ClassNames = classNames;
        Probabilities = probabilities;
        for (int i = 1; i < probabilities.Length; i++)
        {
            LabelIndex = probabilities[i] > probabilities[LabelIndex] ? i : LabelIndex;
        }
    }

    /// <summary>The classes' names; the index is the label.</summary>
    public ImmutableArray<string> ClassNames { get; }

    /// <summary>The probability of each class, in the order of <see cref="ClassNames"/>; they sum to 1.</summary>
    public ImmutableArray<float> Probabilities { get; }

    /// <summary>Index of the most probable class.</summary>
    public int LabelIndex { get; }

    /// <summary>Name of the most probable class.</summary>
    public string Label => ClassNames[LabelIndex];

    /// <summary>Probability of the most probable class, 0 to 1.</summary>
    public float Confidence => Probabilities[LabelIndex];

    /// <summary>
    /// How much the image looks like those that the model was trained on: ln Σ exp(logit), higher for images of its classes than for others (Liu et al. 2020,
    /// energy, <see href="https://arxiv.org/abs/2010.03759"/>). Comparable within one model only. Null unless <see cref="ClassifierOptions.Familiarity"/> asks for it.
    /// </summary>
    public float? Familiarity { get; init; }

    /// <summary>
    /// Whether <see cref="Familiarity"/> reaches what 95 % of the validation images reach; where it does not, the image is likely of none of the classes. Null unless
    /// <see cref="ClassifierOptions.Familiarity"/> asks for it and the model tells a <see cref="ModelMetadata.FamiliarityThreshold"/>.
    /// </summary>
    public bool? IsFamiliar { get; init; }

    /// <summary>The probability of a class.</summary>
    /// <param name="className">The class' name, in any Unicode form; CIFAR-10's classes also by their usual other names (airplane, plane; automobile).</param>
    /// <exception cref="KeyNotFoundException">There is no such class.</exception>
    public float this[string className]
    {
        get
        {
            ArgumentNullException.ThrowIfNull(className);
            int index = ClassNames.IndexOf(className);
            index = index >= 0 ? index : ClassList.Find(className, ClassNames); // another Unicode form, or another usual name of a CIFAR-10 class
            return index >= 0 ? Probabilities[index] : throw new KeyNotFoundException($"There is no class '{Shown.Text(className)}'. Known classes: {Shown.Names(ClassNames)}.");
        }
    }

    /// <summary>What is to be said where <see cref="IsFinite"/> is false, after "Cannot score …: ".</summary>
    internal const string NotFinite = "the model computes no finite numbers for it. Its weights are damaged or too large, or its training diverged: take a fresh copy of it, or train again with a lower learning rate (0.001 is usual)";

    /// <summary>Whether all probabilities are numbers. Of NaN the first class is the label, which is no answer.</summary>
    internal bool IsFinite => !Probabilities.AsSpan().ContainsAnyExceptInRange(float.MinValue, float.MaxValue);

    /// <inheritdoc/>
    public bool Equals(Prediction? other) =>
        other is not null && ClassNames.SequenceEqual(other.ClassNames) && Probabilities.SequenceEqual(other.Probabilities)
        && Nullable.Equals(Familiarity, other.Familiarity) && IsFamiliar == other.IsFamiliar;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Label, Confidence);

    /// <summary>Label and confidence, such as <c>bird 0.981</c>.</summary>
    /// <returns>One line.</returns>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Label} {Confidence:F3}");
}

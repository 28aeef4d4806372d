using System.Collections.Immutable;
using Cifar3;

namespace Quickstart;

/// <summary>Counts [true class, predicted class].</summary>
internal sealed class Confusion
{
    public Confusion(ImageSet images, IReadOnlyList<Prediction> predictions)
    {
        ClassNames = images.ClassNames;
        Counts = new int[ClassNames.Length, ClassNames.Length];
        for (int i = 0; i < images.Count; i++)
        {
            Counts[images.Labels[i], predictions[i].LabelIndex]++;
        }

        Accuracy = (double)Enumerable.Range(0, ClassNames.Length).Sum(c => Counts[c, c]) / images.Count;
    }

    public ImmutableArray<string> ClassNames { get; }

    public int[,] Counts { get; }

    /// <summary>Share of right predictions, 0 to 1.</summary>
    public double Accuracy { get; }
}

using System.Collections.Immutable;

namespace Cifar3;

/// <summary>Training and test images of the same classes, and where they come from.</summary>
/// <remarks>Immutable and safe to share between threads.</remarks>
public sealed record ImageData
{
    /// <summary>Puts two sets together.</summary>
    /// <param name="train">The images to train on.</param>
    /// <param name="test">The images to measure on.</param>
    /// <param name="source">Where they come from, in words.</param>
    /// <param name="isSynthetic">Whether they are drawn by <see cref="Cifar3Data.Synthetic"/> rather than photographed. Default: false.</param>
    /// <exception cref="Cifar3DataException">The two sets have other class names, or one of them has no image.</exception>
    public ImageData(ImageSet train, ImageSet test, string source, bool isSynthetic = false)
    {
        if (!train.ClassNames.SequenceEqual(test.ClassNames))
        {
            throw new Cifar3DataException($"Training and test images have different classes. Training: {string.Join(", ", train.ClassNames)}. Test: {string.Join(", ", test.ClassNames)}.");
        }

        if (train.Count == 0 || test.Count == 0)
        {
            throw new Cifar3DataException($"There must be images to train on and to test on. Found {train.Count:N0} and {test.Count:N0}.");
        }

        (Train, Test, Source, IsSynthetic) = (train, test, source, isSynthetic);
    }

    /// <summary>The images to train on: (15000, 32, 32, 3) for the three CIFAR-10 classes.</summary>
    public ImageSet Train { get; }

    /// <summary>The images to measure on: (3000, 32, 32, 3) for the three CIFAR-10 classes.</summary>
    public ImageSet Test { get; }

    /// <summary>Where the images come from, in words, such as <c>image folders '/data/screws'</c>.</summary>
    public string Source { get; }

    /// <summary>Whether the images are drawn by <see cref="Cifar3Data.Synthetic"/>: then every figure measured on them must say so.</summary>
    public bool IsSynthetic { get; }

    /// <summary>The classes' names; the index is the label.</summary>
    public ImmutableArray<string> ClassNames => Train.ClassNames;

    /// <inheritdoc/>
    public override string ToString() => $"{Train.Count:N0} training and {Test.Count:N0} test images of {string.Join(", ", ClassNames)} from {Source}";
}

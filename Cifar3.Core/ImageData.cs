using System.Collections.Immutable;
using System.Globalization;

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
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        ArgumentNullException.ThrowIfNull(source);
        if (!train.ClassNames.SequenceEqual(test.ClassNames))
        {
            throw new Cifar3DataException($"Training and test images have different classes. Training: {Shown.Names(train.ClassNames)}. Test: {Shown.Names(test.ClassNames)}.");
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

    /// <summary>
    /// Images to choose by while training (early stopping, the best epoch): those of a <c>val</c> folder beside <c>train</c> and <c>test</c>. Default: null = there are none; give the trainer
    /// <see cref="Test"/>, as the notebook does, or a part of <see cref="Train"/>.
    /// </summary>
    /// <exception cref="Cifar3DataException">They have other class names.</exception>
    public ImageSet? Validation
    {
        get;
        init => field = value is null || value.ClassNames.SequenceEqual(Train.ClassNames)
            ? value
            : throw new Cifar3DataException($"Training and validation images have different classes. Training: {Shown.Names(Train.ClassNames)}. Validation: {Shown.Names(value.ClassNames)}.");
    }

    /// <summary>What was found among image folders and is not among the images, by reason, with counts. Default: empty.</summary>
    public ImmutableArray<SkippedFiles> Skipped { get; init; } = [];

    /// <summary>Pictures that could not be decoded and folders that could not be listed, where <see cref="DataOptions.OnBadImage"/> is <see cref="OnBadImage.Collect"/>. Default: empty.</summary>
    public ImmutableArray<BadImage> BadImages { get; init; } = [];

    /// <summary>Where the images come from, how they were split and what was left out, in words, such as <c>image folders '/data/screws'</c>.</summary>
    public string Source { get; }

    /// <summary>Whether <see cref="Test"/> was set aside from the same folders as <see cref="Train"/> (<see cref="DataOptions.TestFraction"/>), because there were none of its own. Default: false.</summary>
    public bool IsTestSetAside { get; init; }

    /// <summary>Whether the images are drawn by <see cref="Cifar3Data.Synthetic"/>: then every figure measured on them must say so.</summary>
    public bool IsSynthetic { get; }

    /// <summary>The classes' names; the index is the label.</summary>
    public ImmutableArray<string> ClassNames => Train.ClassNames;

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Train.Count:N0} training{(Validation is { } validation ? string.Create(CultureInfo.InvariantCulture, $", {validation.Count:N0} validation") : "")} and {Test.Count:N0} test images of {Shown.First(ClassNames, Shown.MaxItems)} from {Source}");
}

using System.Diagnostics;
using Cifar3.Training;

namespace Cifar3.Benchmarks;

/// <summary>One training by a recipe and what came of it. The validation images chose the model; the test images are looked at once, at the end.</summary>
/// <param name="Seconds">Of the whole training, validation included.</param>
/// <param name="Model">The best model.</param>
/// <param name="Report">On the test images.</param>
/// <param name="History">Of every epoch.</param>
internal sealed record QualityRun(double Seconds, CnnModel Model, ClassificationReport Report, History History)
{
    /// <summary>Trains on images of a set, some of them set aside to choose the model by.</summary>
    /// <param name="settings">The recipe and what differs from it.</param>
    /// <param name="data">Training and test images.</param>
    /// <param name="perClass">How many training images of each class, drawn by the settings' seed; null = all.</param>
    /// <param name="validation">Share of the training images that is set aside, above 0 and below 1.</param>
    public static QualityRun Train(TrainerOptions settings, ImageData data, IReadOnlyList<int>? perClass = null, double validation = 0.1)
    {
        int seed = settings.Seed ?? 0;
        var (train, chosenBy) = Draw(data.Train, perClass, seed).TrainValidationSplit(validation, seed: seed);
        var clock = Stopwatch.StartNew();
        var result = new Cifar3Trainer(settings with { TrainedOn = FormattableString.Invariant($"{train.Count:N0} images from {data.Source}") }).Fit(train, chosenBy);
        double seconds = clock.Elapsed.TotalSeconds;
        using var classifier = Cifar3Classifier.FromModel(result.BestModel);
        return new QualityRun(seconds, result.BestModel, classifier.Evaluate(data.Test), result.History);
    }

    /// <summary>Seconds until an epoch's validation accuracy was so high; null where none was.</summary>
    public double? SecondsTo(double accuracy)
    {
        double sum = 0;
        foreach (var epoch in History.Epochs)
        {
            sum += epoch.Seconds;
            if (epoch.ValAccuracy >= accuracy)
            {
                return sum;
            }
        }

        return null;
    }

    /// <summary>The images of a class, in their order.</summary>
    public static int[] Members(ImageSet images, int label)
    {
        int[] labels = images.Labels.ToArray();
        return [.. Enumerable.Range(0, labels.Length).Where(i => labels[i] == label)];
    }

    private static ImageSet Draw(ImageSet images, IReadOnlyList<int>? perClass, int seed)
    {
        if (perClass is null)
        {
            return images;
        }

        var random = new Random(seed);
        return images.Select([.. Enumerable.Range(0, images.ClassNames.Length).SelectMany(label =>
        {
            int[] members = Members(images, label);
            random.Shuffle(members);
            return members.Take(perClass[label]);
        }).Order()]);
    }
}

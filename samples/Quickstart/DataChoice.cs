using Cifar3;
using Cifar3.Training;

namespace Quickstart;

/// <summary>Real images where they can be had, else the synthetic set, said loudly; and the recipe that suits them.</summary>
internal static class DataChoice
{
    /// <summary>The training images of CIFAR-10's three classes, which the notebook's recipe is made for.</summary>
    private const int NotebookImages = 15_000;

    public static ImageData Load(string? path, CancellationToken cancel)
    {
        using var progress = new DataProgressBar();
        var options = new DataOptions { Progress = progress, CancellationToken = cancel };
        if (Cifar3Data.TryLoad(path, options, out var data, out string? reason))
        {
            return data;
        }

        progress.Dispose();
        Report.Warning("NO REAL IMAGES: this run trains on the built-in SYNTHETIC set.", $"Its figures say nothing about photographs. {reason}");
        return Cifar3Data.Synthetic();
    }

    /// <summary>The recipe asked for; else the notebook's for the notebook's images, and the one that fits any number for others.</summary>
    public static Recipe RecipeFor(ImageData data, string? name) =>
        name is not null ? Recipe.Named(name) : data.Train.Count == NotebookImages ? Recipe.Keras : Recipe.Auto;

    /// <summary>What is trained on and what chooses the model: the test images for the notebook's recipe, as there; else those of a val folder, or a tenth of each class's training images.</summary>
    public static (ImageSet Train, ImageSet Validation) ValidationFor(ImageData data, Recipe recipe, int seed)
    {
        var (train, validation) = data.Validation is { } own ? (data.Train, own) : data.Train.TrainValidationSplit(seed: seed);
        return recipe == Recipe.Keras || validation.Count == 0 ? (data.Train, data.Test) : (train, validation);
    }
}

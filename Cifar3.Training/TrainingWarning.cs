using System.Globalization;

namespace Cifar3.Training;

/// <summary>Says why a model should not be trusted, and what the likely cause is: one that cannot know a class, or is at chance, must not pass for a model.</summary>
internal static class TrainingWarning
{
    /// <summary>The classes that no image shows, known before the training; null where each class has one.</summary>
    /// <remarks>Folders without pictures are refused; key values of a data view and names given to an image set may be of classes that all their images were filtered or set aside of.</remarks>
    public static string? OfData(ImageSet train, ImageSet? validation)
    {
        string[] unknown = Absent(train), unmeasured = validation is null ? [] : [.. Absent(validation).Except(unknown)];
        return Joined(
            unknown.Length == 0 ? null : $"There is no training image of {Shown.Names(unknown)}: the model cannot learn what such images look like. Add some, set fewer aside, or leave the class out of the class names (in a data view the label's key values: map the training rows alone).",
            unmeasured.Length == 0 ? null : $"There is no validation image of {Shown.Names(unmeasured)}: how well these are recognised is not measured, and the best epoch is chosen without them. Set images of every class aside, as TrainValidationSplit does with classes of two and more.");
    }

    /// <summary>Warnings one after the other; null where there is none.</summary>
    public static string? Joined(params IEnumerable<string?> warnings) => string.Join(' ', warnings.OfType<string>()) is { Length: > 0 } text ? text : null;

    private static string[] Absent(ImageSet images)
    {
        var present = images.Labels.ToArray().ToHashSet();
        return [.. images.ClassNames.Where((_, label) => !present.Contains(label))];
    }

    /// <summary>The warning; null where the best model is better than always naming the most frequent class.</summary>
    public static string? Of(TrainingContext context, ImageSet train, ImageSet? validation)
    {
        if (context.History.Epochs.IsEmpty)
        {
            return null;
        }

        var measured = validation ?? train;
        double chance = measured.Labels.ToArray().CountBy(label => label).Max(group => group.Value) / (double)measured.Count;
        double reached = validation is null ? context.History.Epochs.Max(epoch => epoch.Accuracy) : context.BestEpoch!.ValAccuracy!.Value;
        double margin = 2 * Math.Sqrt(chance * (1 - chance) / measured.Count);
        if (reached > chance + margin || reached == 1 || chance == 1) // of a few images even all right ones stay within the margin
        {
            return null;
        }

        string images = validation is null ? "training images" : "validation images";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"The model is no better than always naming the most frequent class: accuracy {reached:F3} on the {images}, chance {chance:F3}. {Cause(context)}");
    }

    private static string Cause(TrainingContext context)
    {
        var last = context.History.Epochs[^1];
        long steps = (long)context.History.Epochs.Length * context.StepsPerEpoch;
        if (!context.Plan.RecomputeStatistics && steps < 2 * context.Plan.LagSteps)
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"After {steps:N0} training steps batch normalization's moving statistics still lag behind the weights (momentum {context.Plan.StatisticsMomentum}: about {context.Plan.LagSteps} steps), as in Keras. Take Recipe.Auto, set RecomputeStatistics, or train with smaller batches or more epochs.");
        }

        return last.Accuracy > 2.0 / 3
            ? string.Create(CultureInfo.InvariantCulture, $"On the training images it reached {last.Accuracy:F3}: do the validation images show the same classes, labelled in the same order?")
            : string.Create(CultureInfo.InvariantCulture, $"After {steps:N0} training steps the loss is {last.Loss:F3}: train longer, check that the labels fit the images, or try another learning rate (now {context.Plan.LearningRate}).");
    }
}

using System.Globalization;

namespace Cifar3.Training;

/// <summary>Says why a model should not be trusted, and what the likely cause is: one that cannot know a class, or is at chance, must not pass for a model.</summary>
internal static class TrainingWarning
{
    /// <summary>What guessing reaches more rarely than this is no guessing: of many images it is two standard errors above chance.</summary>
    private const double RareByChance = 0.025;

    /// <summary>The share of the training images of one class above which naming it always is nearly all that the loss asks for.</summary>
    private const double Prevailing = 0.75;

    /// <summary>The classes that no image shows, known before the training; null where each class has one.</summary>
    /// <remarks>Folders without pictures are refused; key values of a data view and names given to an image set may be of classes that all their images were filtered or set aside of.</remarks>
    public static string? OfData(ImageSet train, ImageSet? validation)
    {
        string[] unknown = Absent(train), unmeasured = validation is null ? [] : [.. Absent(validation).Except(unknown)];
        return Joined(
            unknown.Length == 0 ? null : $"There is no training image of {Shown.Names(unknown)}: the model cannot learn what such images look like. Add some, set fewer aside, or leave the class out of the class names (in a data view the label's key values: map the training rows alone).",
            unmeasured.Length == 0 ? null : $"There is no validation image of {Shown.Names(unmeasured)}: how well these are recognised is not measured, and the best epoch is chosen without them. Add images of these classes, or set some of every class aside.");
    }

    /// <summary>Classes whose difference the settings augment away; null where there are none.</summary>
    public static string? OfTwins(TrainingPlan plan) =>
        Joined(plan.Twins.Select(twins => $"{twins.Augmentation} teaches that {twins.Classes} are the same, for they {twins.Likeness}: leave it out of Augmentations."));

    /// <summary>Warnings one after the other; null where there is none.</summary>
    public static string? Joined(params IEnumerable<string?> warnings) => string.Join(' ', warnings.OfType<string>()) is { Length: > 0 } text ? text : null;

    private static string[] Absent(ImageSet images)
    {
        var present = images.Labels.ToArray().ToHashSet();
        return [.. images.ClassNames.Where((_, label) => !present.Contains(label))];
    }

    /// <summary>
    /// The warning; null where the best model is better than always naming the most frequent class, or so few images leave that open. With class weights images count by them: such a
    /// training gives up some of the frequent class for the others. Without validation its accuracy, in which they do not, tells nothing.
    /// </summary>
    public static string? Of(TrainingContext context, ImageSet train, Validation? validation)
    {
        if (context.History.Epochs.IsEmpty || (validation is null && context.Plan.ClassWeights is not null))
        {
            return null;
        }

        var measured = validation ?? new Validation(train, null);
        double chance = measured.Chance;
        int count = (int)Math.Round(measured.Count), frequent = (int)Math.Round(chance * count);
        double accuracy = validation is null ? context.History.Epochs.Max(epoch => epoch.Accuracy) : EpochMetrics.Telling(context.BestEpoch!)!.Value;
        int right = (int)Math.Round(accuracy * count);
        int last = validation is not null && EpochMetrics.Telling(context.History.Epochs[^1]) is { } atTheEnd ? (int)Math.Round(atTheEnd * count) : right;
        int tries = ByChance(last, count, chance) < RareByChance ? 1 : context.History.Epochs.Length; // among many epochs at chance a rare one is likely (Bonferroni)
        if (frequent == count || right == count || tries * ByChance(right, count, chance) < RareByChance)
        {
            return null;
        }

        string result = measured.IsWeighted
            ? string.Create(CultureInfo.InvariantCulture, $"counted by class weights, {accuracy:P1} of the {measured.Images.Count:N0} validation images are right, where that gets {chance:P1}")
            : FormattableString.Invariant($"{right:N0} of {count:N0} {(validation is null ? "training images" : "validation images")} are right, where that gets {frequent:N0}");
        string naming = $"always naming the {(measured.IsWeighted ? "same" : "most frequent")} class";
        return right <= frequent ? $"The model is no better than {naming}: {result}. {Cause(context, train)}"
            : ByChance(count, count, chance) < RareByChance ? $"The model cannot be told from {naming}: {result}, which may be luck{(last < right && !measured.IsWeighted ? string.Create(CultureInfo.InvariantCulture, $": it is the best of {tries:N0} epochs, and the last got {last:N0}") : "")}. Measure on more images to know. {Cause(context, train)}"
            : null; // not even all right ones would tell it from chance
    }

    /// <summary>The probability that so many or more images are recognised where each is with the probability of chance: the tail of the binomial distribution.</summary>
    internal static double ByChance(int right, int count, double chance)
    {
        double logarithm = count * Math.Log(1 - chance), sum = 0; // of the probability of exactly k
        for (int k = 0; k <= count; k++)
        {
            sum += k >= right ? Math.Exp(logarithm) : 0;
            logarithm += Math.Log((count - k) * chance / ((k + 1) * (1 - chance)));
        }

        return sum;
    }

    private static string Cause(TrainingContext context, ImageSet train)
    {
        var last = context.History.Epochs[^1];
        long steps = (long)context.History.Epochs.Length * context.StepsPerEpoch;
        string rate = HighestRate(context);
        if (last.ValLoss is { } loss && !double.IsFinite(loss))
        {
            return string.Create(CultureInfo.InvariantCulture, $"On the validation images the loss is {loss}: the weights are so large that no probabilities come of them. Train with a lower learning rate (now {rate}; 0.001 is usual).");
        }

        if (!context.Plan.RecomputeStatistics && steps < 2 * context.Plan.LagSteps)
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"After {steps:N0} training steps batch normalization's moving statistics still lag behind the weights (momentum {context.Plan.StatisticsMomentum}: about {context.Plan.LagSteps} steps), as in Keras. Take the recipe auto (Recipe.Auto), have the statistics computed anew (RecomputeStatistics), or train with smaller batches or more epochs.");
        }

        string flips = context.Plan.Flips && !context.Plan.Twins.Any(twins => twins.Augmentation == nameof(RandomFlip)) ? " Where left and right tell the classes apart, train without RandomFlip, as the recipe keras does." : "";
        string start = context.Options.InitialModel is null ? " With few images a start from a trained model is mostly better: InitialModel = CnnModel.LoadDefault().WithClasses(classNames)." : "";
        var (prevailing, count) = train.Labels.ToArray().CountBy(label => label).MaxBy(group => group.Value);
        if (count > Prevailing * train.Count)
        {
            string weights = context.Options.ClassWeights is null ? ", or have every class count the same in the loss (ClassWeights.Balanced)" : "";
            return string.Create(CultureInfo.InvariantCulture, $"{count:N0} of the {train.Count:N0} training images are of {Shown.Names([train.ClassNames[prevailing]])}, which teaches to name it always: add images of the others{weights}.{start}{flips}");
        }

        return last.Accuracy > 2.0 / 3
            ? string.Create(CultureInfo.InvariantCulture, $"On the training images it reached {last.Accuracy:F3}: do the validation images show the same classes, labelled in the same order, and do {CnnArchitecture.InputSize}x{CnnArchitecture.InputSize} pixels still show what tells these apart?{start}{flips}")
            : string.Create(CultureInfo.InvariantCulture, $"After {steps:N0} training steps the loss is {last.Loss:F3}: train longer, check that the labels fit the images and that {CnnArchitecture.InputSize}x{CnnArchitecture.InputSize} pixels still show what tells the classes apart, or try another learning rate (now {rate}).{flips}");
    }

    /// <summary>The learning rate that a lower one is compared with: a schedule may bring its own, which is not asked for it again, for it may count.</summary>
    private static string HighestRate(TrainingContext context) =>
        context.Plan.Schedule is null or OneCycle { MaxLearningRate: null } or CosineDecay { LearningRate: null }
            ? context.Plan.LearningRate.ToString(CultureInfo.InvariantCulture)
            : context.History.Epochs.Max(epoch => epoch.LearningRate).ToString("G3", CultureInfo.InvariantCulture);
}

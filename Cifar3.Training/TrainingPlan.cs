using System.Collections.Immutable;
using System.Globalization;

namespace Cifar3.Training;

/// <summary>What a training will do, every number known: the settings, and where they say nothing the recipe for so many images.</summary>
internal sealed record TrainingPlan
{
    /// <summary>Shares of old statistics below this no longer matter: what early stopping waits for.</summary>
    private const double Forgotten = 0.01;

    /// <summary>Batch statistics are computed over half of the training images, within these bounds: on small sets all of them would cost a third of the training.</summary>
    private const int FewestStatisticsImages = 640, MostStatisticsImages = 2560, StatisticsBatch = 128;

    /// <summary>Fewer validation images do not calibrate a model: one mistake among thirty gave a temperature of 0.15, probabilities of nearly 1 for everything.</summary>
    public const int FewestCalibrationImages = 100;

    public required string Recipe { get; init; }

    public required int Epochs { get; init; }

    public required int BatchSize { get; init; }

    public required int StepsPerEpoch { get; init; }

    public required float LearningRate { get; init; }

    /// <summary>Null = the learning rate throughout.</summary>
    public required LearningRateScheduler? Schedule { get; init; }

    public required float WeightDecay { get; init; }

    public required float LabelSmoothing { get; init; }

    /// <summary>Null = each image counts the same.</summary>
    public required ClassWeights? ClassWeights { get; init; }

    public required ImmutableArray<double> DropoutRates { get; init; }

    public required ImmutableArray<Augmentation> Augmentations { get; init; }

    /// <summary>Whether images are mirrored.</summary>
    public bool Flips => Augmentations.Any(augmentation => augmentation is RandomFlip);

    /// <summary>Where the recipe was fitted to the images, or leaves a callback nothing to do, and why, in words; null where it was taken as it is.</summary>
    public string? RecipeNote { get; private init; }

    /// <summary>Classes that augmentations turn into each other, as they were told to.</summary>
    public IReadOnlyList<ClassTwins> Twins { get; private init; } = [];

    /// <summary>Null = no averaged weights.</summary>
    public required double? EmaMomentum { get; init; }

    /// <summary>Whether batch statistics are computed anew before each validation.</summary>
    public required bool RecomputeStatistics { get; init; }

    /// <summary>Whether the best model is calibrated on the validation images at the end, where there are enough.</summary>
    public required bool Calibrate { get; init; }

    /// <summary>Whether the best model is calibrated, with this many validation images.</summary>
    public bool Calibrates(int validationImages) => Calibrate && validationImages >= FewestCalibrationImages;

    /// <summary>Images that the statistics are computed over, and the size of their batches.</summary>
    public required (int Images, int Batch) Statistics { get; init; }

    /// <summary>The largest batch that the engine gets.</summary>
    public int EngineBatch => Math.Max(BatchSize, RecomputeStatistics ? Statistics.Batch : 1);

    /// <summary>
    /// The first epoch whose metrics tell how the training does: not while moving statistics lag behind the weights, and not before the end of a
    /// schedule that saves the gain for the end. Early stopping waits for it.
    /// </summary>
    public int FirstTellingEpoch => Schedule is { EndsLow: true } ? Epochs : RecomputeStatistics ? 1 : (LagSteps + StepsPerEpoch - 1) / StepsPerEpoch;

    /// <summary>Steps after which moving statistics have forgotten what they began with.</summary>
    public int LagSteps => (int)Math.Min(Math.Ceiling(Math.Log(Forgotten) / Math.Log(Math.Clamp(StatisticsMomentum, 0.001, 0.99999))), TrainingSettings.MaxEpoch);

    /// <summary>Share of the moving statistics that each step keeps.</summary>
    public required double StatisticsMomentum { get; init; }

    /// <summary>What the schedule is asked for a step's rate with.</summary>
    /// <param name="epoch">Number of the epoch, from 0.</param>
    /// <param name="batch">Number of the batch within it, from 0.</param>
    public TrainState StateAt(int epoch, int batch) => new(epoch, batch, StepsPerEpoch, BatchSize) { Epochs = Epochs, LearningRate = LearningRate };

    /// <summary>Settles everything for a number of training images.</summary>
    public static TrainingPlan Create(TrainingSettings settings, int images)
    {
        var recipe = settings.Recipe;
        int batch = settings.BatchSize ?? recipe.BatchSizeFor(images);
        return new TrainingPlan
        {
            Recipe = recipe.Name,
            BatchSize = batch,
            Epochs = settings.Epoch ?? recipe.EpochsFor(images),
            StepsPerEpoch = (images + batch - 1) / batch,
            LearningRate = settings.LearningRate ?? recipe.LearningRate,
            Schedule = settings.LearningRateScheduler ?? recipe.LearningRateScheduler,
            WeightDecay = settings.WeightDecay ?? recipe.WeightDecay,
            LabelSmoothing = settings.LabelSmoothing ?? recipe.LabelSmoothing,
            ClassWeights = settings.ClassWeights,
            DropoutRates = settings.DropoutRates is { } rates ? [.. rates] : settings.InitialModel?.Architecture.DropoutRates ?? recipe.DropoutRates,
            Augmentations = settings.Augmentations is { } list ? [.. list] : recipe.Augmentations,
            EmaMomentum = (settings.EmaMomentum ?? recipe.EmaMomentum) is { } momentum and > 0 ? momentum : null,
            RecomputeStatistics = settings.RecomputeStatistics ?? recipe.RecomputeStatistics,
            Calibrate = settings.Calibrate ?? recipe.Calibrate,
            StatisticsMomentum = settings.InitialModel?.Architecture.BatchNormalizationMomentum.Max() ?? BatchNormalizationLayer.DefaultMomentum,
            Statistics = (Math.Min(images, Math.Clamp(images / 2, FewestStatisticsImages, MostStatisticsImages)), Math.Min(images, StatisticsBatch)),
        };
    }

    /// <summary>The plan for these images: a recipe's augmentations are left out where they turn classes into each other, those that the settings ask for stay.</summary>
    public TrainingPlan For(ImageSet train, TrainingSettings settings)
    {
        var found = ClassTwins.Of(train, Augmentations);
        var plan = found.Count == 0 || settings.Augmentations is not null ? this with { Twins = found } : this with
        {
            Augmentations = Augmentations.RemoveAll(augmentation => found.Any(twins => twins.Augmentation == augmentation.GetType().Name)),
            RecipeNote = string.Join(' ', found.Select(twins => $"The recipe's {twins.Augmentation} is left out: {twins.Classes} {twins.Likeness}, and it would teach that they are the same.")),
        };
        bool nothingToStop = Schedule is { EndsLow: true } && settings.Callbacks.Any(callback => callback is EarlyStopping { IsAskedFor: true });
        return plan with { RecipeNote = TrainingWarning.Joined(plan.RecipeNote, nothingToStop ? EarlyStopping.NothingToStop : null) };
    }

    /// <summary>The plan in words, as the model's metadata tell it.</summary>
    public override string ToString()
    {
        string[] parts =
        [
            string.Create(CultureInfo.InvariantCulture, $"{(WeightDecay > 0 ? "AdamW" : "Adam")} {LearningRate}{(Schedule is null ? "" : $" {Schedule}")}"),
            string.Create(CultureInfo.InvariantCulture, $"batch {BatchSize}, {Epochs} epochs"),
            $"dropout {string.Join("/", DropoutRates.Select(r => r.ToString(CultureInfo.InvariantCulture)))}",
            .. WeightDecay > 0 ? [string.Create(CultureInfo.InvariantCulture, $"weight decay {WeightDecay}")] : Array.Empty<string>(),
            .. LabelSmoothing > 0 ? [string.Create(CultureInfo.InvariantCulture, $"label smoothing {LabelSmoothing}")] : Array.Empty<string>(),
            .. ClassWeights is { } weights ? [$"class weights {Shown.Text(weights.ToString())}"] : Array.Empty<string>(),
            .. Augmentations.Select(a => a.ToString()),
            .. EmaMomentum is { } ema ? [string.Create(CultureInfo.InvariantCulture, $"averaged weights {ema}")] : Array.Empty<string>(),
        ];
        return $"{Recipe}: {string.Join(", ", parts)}";
    }
}

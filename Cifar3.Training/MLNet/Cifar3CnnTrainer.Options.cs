using Microsoft.ML;

namespace Cifar3.Training;

public sealed partial class Cifar3CnnTrainer
{
    /// <summary>
    /// Settings of the trainer, named as ML.NET's <c>ImageClassificationTrainer.Options</c> names them where the meaning is the same; what differs
    /// says so.
    /// </summary>
    /// <remarks>Immutable; use <c>with</c> to change a value.</remarks>
    public sealed record Options : TrainingSettings
    {
        /// <summary>The column of images, found by its type: MLImage, encoded files, file paths, or pixels (see <see cref="Cifar3CnnTrainer"/>). Default: <c>Features</c>. (ML.NET: Features, encoded files only.)</summary>
        public string FeatureColumnName { get; init; } = "Features";

        /// <summary>The column of labels: a key. Default: <c>Label</c>. (ML.NET: Label.)</summary>
        public string LabelColumnName { get; init; } = "Label";

        /// <summary>The column of probabilities that the model adds. Default: <c>Score</c>. (ML.NET: Score.)</summary>
        public string ScoreColumnName { get; init; } = "Score";

        /// <summary>The column of keys that the model adds. Default: <c>PredictedLabel</c>. (ML.NET: PredictedLabel.)</summary>
        public string PredictedLabelColumnName { get; init; } = "PredictedLabel";

        /// <summary>The column of class names that the model adds; null = none. Default: null. (ML.NET: none; MapKeyToValue makes one.)</summary>
        public string? PredictedLabelValueColumnName { get; init; }

        /// <summary>When to stop before the last epoch; null = never. It holds no state, so options can be used again. Default: all defaults, accuracy and patience 3. (ML.NET: accuracy, patience 20, minDelta 0.01.)</summary>
        public EarlyStoppingCriterion? EarlyStoppingCriteria { get; init; } = new();

        /// <summary>Is told after every epoch what each set measured, on the thread that called Fit; an exception in it ends the training. Default: null. (ML.NET: null, called for every image too.)</summary>
        public Action<ImageClassificationMetrics>? MetricsCallback { get; init; }

        /// <summary>Whether <see cref="MetricsCallback"/> is told of the training set too: the running means of the epoch, which cost nothing. Default: true. (ML.NET: true, measured anew.)</summary>
        public bool TestOnTrainSet { get; init; } = true;

        /// <summary>Images to measure each epoch's model on, with the same columns and classes; null = a share of the training images, <see cref="ValidationSetFraction"/>. Default: null. (ML.NET: null.)</summary>
        public IDataView? ValidationSet { get; init; }

        /// <summary>The share of the training images, at least 0 and below 1, that is set aside for validation where there is no <see cref="ValidationSet"/>; null or 0 = none. Drawn with <see cref="TrainingSettings.Seed"/>, of each class the same share (<see cref="ImageSet.TrainValidationSplit"/>). Default: 0.1. (ML.NET: 0.1, of all images together, so that small classes may get none.)</summary>
        public float? ValidationSetFraction { get; init; } = 0.1f;

        /// <summary>What the name of the best model so far in <see cref="TrainingSettings.WorkspacePath"/> begins with; <c>model.onnx</c> follows. Default: <c>cifar3_</c>. (ML.NET: custom_retrained_model_based_on_.)</summary>
        public string FinalModelPrefix { get; init; } = "cifar3_";

        /// <summary>Stops reading and training with <see cref="OperationCanceledException"/>, as cancelling the MLContext does, which ML.NET leaves to its AutoML. Default: none. (ML.NET: none.)</summary>
        public CancellationToken CancellationToken { get; init; }

        /// <summary>How the fitted model scores: CPU or GPU, threads. Default: null, CUDA where it can be had, else the CPU. (ML.NET: none.)</summary>
        public ClassifierOptions? Scoring { get; init; }

        internal ScoreColumns Columns => new(FeatureColumnName, ScoreColumnName, PredictedLabelColumnName, PredictedLabelValueColumnName);

        internal override void Validate()
        {
            Columns.Validate(Scoring?.Familiarity == true);
            ArgumentException.ThrowIfNullOrWhiteSpace(LabelColumnName);
            ArgumentNullException.ThrowIfNull(FinalModelPrefix);
            Scoring?.Validate();
            if (Scoring?.ClassNames is not null)
            {
                throw new ArgumentException($"The classes are named by the label's keys. Received: {nameof(Scoring)}.{nameof(ClassifierOptions.ClassNames)}. Leave it out, and name the keys as the classes shall be called.");
            }

            if (ValidationSetFraction is { } fraction && !(fraction >= 0 && fraction < 1))
            {
                throw new ArgumentOutOfRangeException(nameof(ValidationSetFraction), fraction, $"The share of validation images must be at least 0 and below 1. Received: ValidationSetFraction={fraction}.");
            }

            base.Validate();
        }

        internal TrainerOptions ToTrainerOptions(IReadOnlyList<Callback> callbacks, int? contextSeed) =>
            TrainerOptions.From(this) with { Callbacks = callbacks, Seed = Seed ?? contextSeed };
    }
}

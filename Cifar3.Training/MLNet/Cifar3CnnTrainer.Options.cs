using Microsoft.ML;

namespace Cifar3.Training;

public sealed partial class Cifar3CnnTrainer
{
    /// <summary>
    /// Settings of the trainer, named as ML.NET's <c>ImageClassificationTrainer.Options</c> names them where the meaning is the same; what differs
    /// says so.
    /// </summary>
    /// <remarks>Immutable; use <c>with</c> to change a value.</remarks>
    public sealed record Options
    {
        private readonly int? epoch, batchSize;
        private readonly float? learningRate;
        private readonly IReadOnlyList<double>? dropoutRates;

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

        /// <summary>Where the values come from that are not given here. Default: <see cref="Recipe.Seed"/>. (ML.NET: none.)</summary>
        public Recipe Recipe { get; init; } = Recipe.Seed;

        /// <summary>Number of passes over the training images, 1 to 1,000,000. Default: the recipe's, 10. (ML.NET: 200.)</summary>
        public int Epoch
        {
            get => epoch ?? Recipe.Epoch;
            init => epoch = value;
        }

        /// <summary>Images in a training step, 1 to 1,024; fewer images than that are one short step. Default: the recipe's, 128. (ML.NET: 10.)</summary>
        public int BatchSize
        {
            get => batchSize ?? Recipe.BatchSize;
            init => batchSize = value;
        }

        /// <summary>Adam's learning rate, above 0; not used where a <see cref="LearningRateScheduler"/> is set. Default: the recipe's, 0.001. (ML.NET: 0.01, which its default scheduler ignores.)</summary>
        public float LearningRate
        {
            get => learningRate ?? Recipe.LearningRate;
            init => learningRate = value;
        }

        /// <summary>Sets the learning rate of every training step and wins over <see cref="LearningRate"/>; null = that rate throughout. Default: null. (ML.NET: ExponentialLRDecay.)</summary>
        public LearningRateScheduler? LearningRateScheduler { get; init; }

        /// <summary>When to stop before the last epoch; null = never. It holds no state, so options can be used again. Default: all defaults, accuracy and patience 3. (ML.NET: accuracy, patience 20, minDelta 0.01.)</summary>
        public EarlyStopping? EarlyStoppingCriteria { get; init; } = new();

        /// <summary>Is told after every epoch what each set measured, on the thread that called Fit; an exception in it ends the training. Default: null. (ML.NET: null, called for every image too.)</summary>
        public Action<ImageClassificationMetrics>? MetricsCallback { get; init; }

        /// <summary>Whether <see cref="MetricsCallback"/> is told of the training set too: the running means of the epoch, which cost nothing. Default: true. (ML.NET: true, measured anew.)</summary>
        public bool TestOnTrainSet { get; init; } = true;

        /// <summary>Images to measure each epoch's model on, with the same columns and classes; null = a share of the training images, <see cref="ValidationSetFraction"/>. Default: null. (ML.NET: null.)</summary>
        public IDataView? ValidationSet { get; init; }

        /// <summary>The share of the training images, at least 0 and below 1, that is set aside for validation where there is no <see cref="ValidationSet"/>; null or 0 = none. Drawn with <see cref="Seed"/>. Default: 0.1. (ML.NET: 0.1.)</summary>
        public float? ValidationSetFraction { get; init; } = 0.1f;

        /// <summary>
        /// Folder for the checkpoint <c>training.checkpoint</c>, replaced after every epoch, and the best model so far as ONNX; null = nothing is written.
        /// Default: null. (ML.NET: null, a folder in the system's temporary one.)
        /// </summary>
        public string? WorkspacePath { get; init; }

        /// <summary>What the name of the model in <see cref="WorkspacePath"/> begins with; <c>model.onnx</c> follows. Default: <c>cifar3_</c>. (ML.NET: custom_retrained_model_based_on_.)</summary>
        public string FinalModelPrefix { get; init; } = "cifar3_";

        /// <summary>Whether to go on from the checkpoint in <see cref="WorkspacePath"/>, if there is one. Default: false. (ML.NET: none.)</summary>
        public bool Resume { get; init; }

        /// <summary>What computes the training steps. Default: <see cref="TrainingEngine.Auto"/>, the best engine of this machine. (ML.NET: TensorFlow.)</summary>
        public TrainingEngine Engine { get; init; } = TrainingEngine.Auto;

        /// <summary>What the TensorFlow engine alone needs to know: library, device, memory. Default: all defaults. (ML.NET: none.)</summary>
        public TensorFlowOptions TensorFlow { get; init; } = new();

        /// <summary>The seed of initial weights, order, dropout and the validation share: the same seed gives the same model. Default: 0. (ML.NET: the MLContext's.)</summary>
        public int Seed { get; init; }

        /// <summary>Number of threads; 0 = one for each processor. On a deterministic engine the result does not depend on it. Default: 0. (ML.NET: none.)</summary>
        public int Threads { get; init; }

        /// <summary>Share of activations dropped after each of the three blocks, each in [0, 1). Default: the recipe's, 0.5 each. (ML.NET: none.)</summary>
        public IReadOnlyList<double> DropoutRates
        {
            get => dropoutRates ?? Recipe.DropoutRates;
            init => dropoutRates = value;
        }

        /// <summary>Filters of the three blocks, each 1 to 1,024; null = 32, 64, 128, or those of <see cref="InitialModel"/>. Default: null. (ML.NET: Arch.)</summary>
        public IReadOnlyList<int>? Filters { get; init; }

        /// <summary>A model of the same classes whose weights to start from; null = new weights from <see cref="Seed"/>. Default: null. (ML.NET: always a downloaded one.)</summary>
        public CnnModel? InitialModel { get; init; }

        /// <summary>Callbacks of this library, such as <see cref="ProgressBar"/>; they hold state while a training runs. Default: none. (ML.NET: none.)</summary>
        public IReadOnlyList<Callback> Callbacks { get; init; } = [];

        /// <summary>Stops reading and training with <see cref="OperationCanceledException"/>, as cancelling the MLContext does. Default: none. (ML.NET: none.)</summary>
        public CancellationToken CancellationToken { get; init; }

        /// <summary>How the fitted model scores: CPU or GPU, threads. Default: null, CUDA where it can be had, else the CPU. (ML.NET: none.)</summary>
        public ClassifierOptions? Scoring { get; init; }

        internal ScoreColumns Columns => new(FeatureColumnName, ScoreColumnName, PredictedLabelColumnName, PredictedLabelValueColumnName);

        internal void Validate()
        {
            Columns.Validate();
            ArgumentException.ThrowIfNullOrWhiteSpace(LabelColumnName);
            ArgumentNullException.ThrowIfNull(FinalModelPrefix);
            Scoring?.Validate();
            if (ValidationSetFraction is { } fraction && !(fraction >= 0 && fraction < 1))
            {
                throw new ArgumentOutOfRangeException(nameof(ValidationSetFraction), fraction, $"The share of validation images must be at least 0 and below 1. Received: ValidationSetFraction={fraction}.");
            }

            ToTrainerOptions([]).Validate();
        }

        internal TrainerOptions ToTrainerOptions(IReadOnlyList<Callback> callbacks)
        {
            var options = new TrainerOptions
            {
                Recipe = Recipe,
                Epoch = Epoch,
                BatchSize = BatchSize,
                LearningRate = LearningRate,
                Filters = Filters,
                Seed = Seed,
                Engine = Engine,
                TensorFlow = TensorFlow,
                Threads = Threads,
                Callbacks = callbacks,
                InitialModel = InitialModel,
                WorkspacePath = WorkspacePath,
                Resume = Resume,
            };
            return dropoutRates is null ? options : options with { DropoutRates = dropoutRates };
        }
    }
}

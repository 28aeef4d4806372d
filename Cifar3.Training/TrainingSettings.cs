using System.Collections.Immutable;
using System.Globalization;

namespace Cifar3.Training;

/// <summary>
/// What decides a training, whichever way it is started: the settings that <see cref="TrainerOptions"/> and
/// <see cref="Cifar3CnnTrainer.Options"/> share. Named as ML.NET's <c>ImageClassificationTrainer.Options</c> names them where the meaning is the same.
/// </summary>
/// <remarks>
/// Immutable; use <c>with</c> to change a value. Where a value is null, the <see cref="Recipe"/> decides, with the number of training images. Callbacks
/// hold state while a training runs, so two trainings at the same time need two lists of callbacks.
/// </remarks>
public abstract record TrainingSettings
{
    /// <summary>The most epochs a training may have, which a model's file can tell of: 100,000.</summary>
    public const int MaxEpoch = ModelMetadata.MaxEpochs;

    /// <summary>The largest batch: 1,024.</summary>
    public const int MaxBatchSize = 1024;

    private protected TrainingSettings()
    {
    }

    /// <summary>Where the values come from that are not given here. Default: <see cref="Recipe.Auto"/>, good on small sets and large ones. (ML.NET: none.)</summary>
    public Recipe Recipe { get; init; } = Recipe.Auto with { }; // its own: a configuration's binder sets values within what it finds

    /// <summary>Number of passes over the training images, 1 to 100,000; null = the recipe's. Default: null. (ML.NET: 200.)</summary>
    public int? Epoch { get; init; }

    /// <summary>Images in a training step, 1 to 1,024; the last step of an epoch takes what is left; null = the recipe's. Default: null. (ML.NET: 10.)</summary>
    public int? BatchSize { get; init; }

    /// <summary>Adam's learning rate, above 0, with a schedule that names none its highest; null = the recipe's. Default: null. (ML.NET: 0.01, which its default scheduler ignores.)</summary>
    public float? LearningRate { get; init; }

    /// <summary>Sets the learning rate of every training step; null = the recipe's, which may be none. Default: null. (ML.NET: ExponentialLRDecay.)</summary>
    public LearningRateScheduler? LearningRateScheduler { get; init; }

    /// <summary>
    /// λ of decoupled weight decay, 0 or more, of convolution and dense kernels only: AdamW (<see href="https://arxiv.org/abs/1711.05101"/>), Keras'
    /// <c>weight_decay</c>; null = the recipe's. Default: null. (ML.NET: none.)
    /// </summary>
    public float? WeightDecay { get; init; }

    /// <summary>Share of each label that is spread over all classes, at least 0 and below 1: Keras' <c>label_smoothing</c>; null = the recipe's. Default: null. (ML.NET: none.)</summary>
    public float? LabelSmoothing { get; init; }

    /// <summary>Share of activations dropped after each of the three blocks, each in [0, 1); null = those of <see cref="InitialModel"/>, and without one the recipe's. Default: null. (ML.NET: none.)</summary>
    public IReadOnlyList<double>? DropoutRates { get; init; }

    /// <summary>What training images are changed by each time they are shown, in this order; empty = nothing, null = the recipe's (without its <see cref="RandomFlip"/> where classes are each other's mirror images, and its <see cref="ColorJitter"/> where light alone tells them apart: <see cref="TrainingResult.RecipeNote"/>). Default: null. (ML.NET: none.)</summary>
    public IReadOnlyList<Augmentation>? Augmentations { get; init; }

    /// <summary>
    /// Momentum of the averaged weights that are validated and kept in place of the last step's, below 1: Keras' <c>ema_momentum</c>; 0 = no averaging,
    /// null = the recipe's. Default: null. (ML.NET: none.)
    /// </summary>
    public double? EmaMomentum { get; init; }

    /// <summary>
    /// Whether batch normalization's moving statistics are computed anew, over up to 2,560 training images, before each validation; null = the recipe's.
    /// False leaves them as the steps make them, which is Keras' way: on small sets they lag hundreds of steps behind. Default: null. (ML.NET: none.)
    /// </summary>
    public bool? RecomputeStatistics { get; init; }

    /// <summary>
    /// Whether the best model is calibrated on the validation images, where there are 100 or more, when the training ends (<see cref="CnnModel.Calibrate"/>): a temperature in its dense
    /// layer, which changes no label, and the familiarity that 95 % of them reach; null = the recipe's. Models of callbacks are as they were trained.
    /// Default: null. (ML.NET: none.)
    /// </summary>
    public bool? Calibrate { get; init; }

    /// <summary>How much the images of each class count in the loss, Keras' <c>class_weight</c>; null = all the same. Default: null. (ML.NET: none.)</summary>
    public ClassWeights? ClassWeights { get; init; }

    /// <summary>Filters of the three blocks, each 1 to 1,024; null = 32, 64, 128, or those of <see cref="InitialModel"/>. Default: null. (ML.NET: Arch.)</summary>
    public IReadOnlyList<int>? Filters { get; init; }

    /// <summary>
    /// The seed of initial weights, order, dropout, augmentation and the validation share: the same seed gives the same model; null = the MLContext's where
    /// there is one that has a seed, else 0. Default: null. (ML.NET: the MLContext's.)
    /// </summary>
    public int? Seed { get; init; }

    /// <summary>What computes the training steps. Default: <see cref="TrainingEngine.Auto"/>, the best engine of this machine. (ML.NET: TensorFlow.)</summary>
    public TrainingEngine Engine { get; init; } = TrainingEngine.Auto;

    /// <summary>Creates an engine of your own in place of <see cref="Engine"/>; the trainer disposes it. Default: null. (ML.NET: none.)</summary>
    public Func<CnnModel, EngineOptions, ITrainingEngine>? EngineFactory { get; init; }

    /// <summary>What the TensorFlow engine alone needs to know: library, device, memory. Default: all defaults. (ML.NET: none.)</summary>
    public TensorFlowOptions TensorFlow { get; init; } = new();

    /// <summary>Number of threads, at most 1,024; 0 = one for each processor. On a deterministic engine the result does not depend on it. Default: 0. (ML.NET: none.)</summary>
    public int Threads { get; init; }

    /// <summary>Who is told of the training's moments: progress bar, early stopping, files. Default: none. (ML.NET: none.)</summary>
    public IReadOnlyList<Callback> Callbacks { get; init; } = [];

    /// <summary>A model of the same classes whose weights to start from, read from ONNX or Keras or just trained; null = new weights from <see cref="Seed"/>. Default: null. (ML.NET: always a downloaded one.)</summary>
    public CnnModel? InitialModel { get; init; }

    /// <summary>
    /// Adam's moments and step that belong to <see cref="InitialModel"/>, as <see cref="KerasFile.Load"/> reads them: training goes on where Keras
    /// stopped. Null = a new optimizer. Default: null. (ML.NET: none.)
    /// </summary>
    public EngineState? InitialState { get; init; }

    /// <summary>
    /// Names of layers that are not trained, Keras' <c>trainable = False</c>: their weights stay, and batch normalization among them computes with its
    /// moving statistics. Default: none. (ML.NET: all but the last.)
    /// </summary>
    public IReadOnlyList<string> FrozenLayers { get; init; } = [];

    /// <summary>
    /// Folder for what an interrupted training needs to go on: after every epoch the file <c>training.checkpoint</c> is replaced there. One training at a
    /// time may use it: it is locked (<c>training.lock</c>) while one runs, and a second one is refused. Null = nothing is written. Default: null. (ML.NET: null, a folder in the system's temporary one.)
    /// </summary>
    public string? WorkspacePath { get; init; }

    /// <summary>
    /// Whether to go on from the checkpoint in <see cref="WorkspacePath"/>. Where none is there yet, training starts at the beginning, so
    /// a job may always say true; more epochs may be asked for than before, fewer than are done are refused. On the same deterministic engine the result is bit for bit that of a training never interrupted: the managed engine goes
    /// on with the instruction set that it began with where the processor has it. Another one, or another engine, may go on too:
    /// <see cref="TrainingResult.ResumeNote"/> says so. Default: false. (ML.NET: none.)
    /// </summary>
    public bool Resume { get; init; }

    /// <summary>What the images are, in words, for the model's metadata; null = their number and classes. Default: null. (ML.NET: none.)</summary>
    public string? TrainedOn { get; init; }

    /// <summary>The seed, where nobody gives one: 0.</summary>
    internal int SeedOrZero => Seed ?? 0;

    /// <summary>Throws when a value is outside its range, be it given here or taken from the recipe.</summary>
    internal virtual void Validate()
    {
        ArgumentNullException.ThrowIfNull(Recipe);
        ArgumentNullException.ThrowIfNull(TensorFlow);
        WithoutNulls(Callbacks, nameof(Callbacks));
        WithoutNulls(FrozenLayers, nameof(FrozenLayers));
        WithoutNulls(Augmentations ?? AsList(Recipe.Augmentations, nameof(Recipe.Augmentations)), nameof(Augmentations));
        _ = DropoutRates ?? AsList(Recipe.DropoutRates, nameof(Recipe.DropoutRates));
        Within(Epoch, Recipe.Epoch, 1, MaxEpoch, nameof(Epoch), $"The number of epochs must be 1 to {MaxEpoch:N0}.");
        Within(BatchSize, Recipe.BatchSize, 1, MaxBatchSize, nameof(BatchSize), $"The batch size must be 1 to {MaxBatchSize:N0} images.");
        Within(LearningRate, Recipe.LearningRate, float.Epsilon, float.MaxValue, nameof(LearningRate), "The learning rate must be above 0 and finite; 0.001 is usual.");
        Within(WeightDecay, Recipe.WeightDecay, 0, float.MaxValue, nameof(WeightDecay), "The weight decay must be 0 or more and finite; 0.05 is usual.");
        Within(LabelSmoothing, Recipe.LabelSmoothing, 0, MathF.BitDecrement(1), nameof(LabelSmoothing), "The label smoothing must be at least 0 and below 1; 0.1 is usual.");
        Within(EmaMomentum, Recipe.EmaMomentum, 0, Math.BitDecrement(1), nameof(EmaMomentum), "The momentum of averaged weights must be at least 0 and below 1; 0.999 is usual.");
        Within(Threads, null, 0, WorkerPool.MaxThreads, nameof(Threads), $"The number of threads must be 1 to {WorkerPool.MaxThreads:N0}, or 0 (one for each processor).");
        if (Resume && WorkspacePath is null)
        {
            throw new ArgumentException("Resume needs the folder that holds the checkpoint. Received: Resume=true, WorkspacePath=null. Set WorkspacePath to the folder of the interrupted training.", nameof(WorkspacePath));
        }

        if (WorkspacePath is "")
        {
            throw new ArgumentException("The workspace must be a folder. Received: WorkspacePath=''. Name one ('.' is the current folder), or leave it null to write nothing.", nameof(WorkspacePath));
        }

        if (InitialState is not null && (InitialModel is null ? "InitialState needs the model that it belongs to. Received: InitialModel=null. Set InitialModel to the model of the same file." : InitialState.DifferenceFrom(InitialModel)) is { } problem)
        {
            throw new ArgumentException(problem, nameof(InitialState));
        }

        static void Within(double? given, double? recipes, double least, double most, string name, string rule)
        {
            if ((given ?? recipes) is { } value && !(value >= least && value <= most))
            {
                throw new ArgumentOutOfRangeException(name, string.Create(CultureInfo.InvariantCulture, $"{rule} Received: {(given is null ? $"{nameof(Recipe)}." : "")}{name}={value}."));
            }
        }

        static void WithoutNulls<T>(IReadOnlyList<T> list, string name)
            where T : class
        {
            ArgumentNullException.ThrowIfNull(list, name);
            if (list.Contains(null!))
            {
                throw new ArgumentException($"One of {name} is null. Leave it out.", name);
            }
        }

        static IReadOnlyList<T> AsList<T>(ImmutableArray<T> list, string name) =>
            list.IsDefault ? throw new ArgumentException($"{nameof(Recipe)}.{name} is no list (default(ImmutableArray)). Leave it out for its default.", name) : list;
    }

    /// <summary>The model that training starts from, checked against the data's classes.</summary>
    internal CnnModel CreateInitialModel(ImageSet train, TrainingPlan plan)
    {
        if (InitialModel is null)
        {
            return CnnModel.Create(train.ClassNames, SeedOrZero, Filters, plan.DropoutRates.Select(rate => rate));
        }

        var architecture = InitialModel.Architecture;
        if (!InitialModel.ClassNames.SequenceEqual(train.ClassNames))
        {
            throw new Cifar3ModelException($"InitialModel tells other classes apart than the training images. Expected {Shown.Names(train.ClassNames)}. Found {Shown.Names(InitialModel.ClassNames)}. Start without InitialModel or train on the same classes in the same order.");
        }

        if (Filters is not null && !Filters.SequenceEqual(architecture.Filters))
        {
            throw new Cifar3ModelException($"InitialModel has other filter counts than Filters. Expected {string.Join("/", Filters)}. Found {string.Join("/", architecture.Filters)}. Leave Filters out to take the model's.");
        }

        return CnnModel.FromWeights(architecture.WithDropoutRates(plan.DropoutRates), InitialModel.Weights, InitialModel.Metadata with { Seed = SeedOrZero });
    }
}

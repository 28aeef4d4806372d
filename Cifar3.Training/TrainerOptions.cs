using System.Globalization;

namespace Cifar3.Training;

/// <summary>
/// Settings of <see cref="Cifar3Trainer"/>, named as ML.NET's <c>ImageClassificationTrainer.Options</c> names them where the meaning is the same.
/// </summary>
/// <remarks>
/// Immutable; use <c>with</c> to change a value. The callbacks hold state while a training runs, so two trainings at the same time need
/// two lists of callbacks.
/// </remarks>
/// <example><code>
/// var options = new TrainerOptions { Epoch = 20, Seed = 1, Callbacks = [new ProgressBar(), new EarlyStopping()] };
/// </code></example>
public sealed record TrainerOptions
{
    /// <summary>The most epochs a training may have: 1,000,000.</summary>
    public const int MaxEpoch = 1_000_000;

    /// <summary>The largest batch: 1,024.</summary>
    public const int MaxBatchSize = 1024;

    private readonly int? epoch, batchSize;
    private readonly float? learningRate;
    private readonly IReadOnlyList<double>? dropoutRates;

    /// <summary>Where the values come from that are not given here. Default: <see cref="Recipe.Seed"/>.</summary>
    public Recipe Recipe { get; init; } = Recipe.Seed;

    /// <summary>Number of passes over the training images, 1 to 1,000,000. Default: the recipe's, 10. (ML.NET: 200.)</summary>
    public int Epoch
    {
        get => epoch ?? Recipe.Epoch;
        init => epoch = value;
    }

    /// <summary>Images in a training step, 1 to 1,024; the last step of an epoch takes what is left. Default: the recipe's, 128. (ML.NET: 10.)</summary>
    public int BatchSize
    {
        get => batchSize ?? Recipe.BatchSize;
        init => batchSize = value;
    }

    /// <summary>Adam's learning rate, above 0. Default: the recipe's, 0.001. (ML.NET: 0.01.)</summary>
    public float LearningRate
    {
        get => learningRate ?? Recipe.LearningRate;
        init => learningRate = value;
    }

    /// <summary>Share of activations dropped after each of the three blocks, each in [0, 1). Default: the recipe's, 0.5 each.</summary>
    public IReadOnlyList<double> DropoutRates
    {
        get => dropoutRates ?? Recipe.DropoutRates;
        init => dropoutRates = value;
    }

    /// <summary>Filters of the three blocks, each 1 to 1,024; null = 32, 64, 128, or those of <see cref="InitialModel"/>. Default: null.</summary>
    public IReadOnlyList<int>? Filters { get; init; }

    /// <summary>The seed of initial weights, shuffling and dropout: the same seed gives the same model. Default: 0.</summary>
    public int Seed { get; init; }

    /// <summary>What computes the training steps. Default: <see cref="TrainingEngine.Auto"/>, the best engine of this machine.</summary>
    public TrainingEngine Engine { get; init; } = TrainingEngine.Auto;

    /// <summary>What the TensorFlow engine alone needs to know: library, device, memory. Default: all defaults.</summary>
    public TensorFlowOptions TensorFlow { get; init; } = new();

    /// <summary>Number of threads; 0 = one for each processor. On a deterministic engine the result does not depend on it. Default: 0.</summary>
    public int Threads { get; init; }

    /// <summary>Who is told of the training's moments: progress bar, early stopping, checkpoints. Default: none.</summary>
    public IReadOnlyList<Callback> Callbacks { get; init; } = [];

    /// <summary>A model whose weights to start from, read from ONNX or Keras or just trained; null = new weights from <see cref="Seed"/>. Default: null.</summary>
    public CnnModel? InitialModel { get; init; }

    /// <summary>
    /// Adam's moments and step that belong to <see cref="InitialModel"/>, as <see cref="KerasFile.Load"/> reads them: training goes on where Keras
    /// stopped. Null = a new optimizer. Default: null.
    /// </summary>
    public EngineState? InitialState { get; init; }

    /// <summary>
    /// Folder for what an interrupted training needs to go on: after every epoch the file <c>training.checkpoint</c> is
    /// replaced there. Null = nothing is written. Default: null.
    /// </summary>
    public string? WorkspacePath { get; init; }

    /// <summary>
    /// Whether to go on from the checkpoint in <see cref="WorkspacePath"/>. Where none is there yet, training starts at the beginning, so
    /// a job may always say true. On the same deterministic engine the result is bit for bit that of a training never interrupted;
    /// another engine may go on too. Default: false.
    /// </summary>
    public bool Resume { get; init; }

    /// <summary>What the images are, in words, for the model's metadata; null = their number and classes. Default: null.</summary>
    public string? TrainedOn { get; init; }

    /// <summary>The settings in words, as the model's metadata tells them: <c>seed: Adam 0.001, batch 128, 10 epochs, dropout 0.5/0.5/0.5</c>.</summary>
    /// <returns>One line.</returns>
    public override string ToString() =>
        (Recipe with { Epoch = Epoch, BatchSize = BatchSize, LearningRate = LearningRate, DropoutRates = [.. DropoutRates] }).ToString();

    /// <summary>Throws when a value is outside its range.</summary>
    internal void Validate()
    {
        if (Epoch is < 1 or > MaxEpoch)
        {
            throw new ArgumentOutOfRangeException(nameof(Epoch), $"The number of epochs must be 1 to {MaxEpoch:N0}. Received: Epoch={Epoch}.");
        }

        if (BatchSize is < 1 or > MaxBatchSize)
        {
            throw new ArgumentOutOfRangeException(nameof(BatchSize), $"The batch size must be 1 to {MaxBatchSize:N0} images. Received: BatchSize={BatchSize}.");
        }

        if (!(LearningRate > 0 && float.IsFinite(LearningRate)))
        {
            throw new ArgumentOutOfRangeException(nameof(LearningRate), string.Create(CultureInfo.InvariantCulture, $"The learning rate must be above 0 and finite; 0.001 is usual. Received: LearningRate={LearningRate}."));
        }

        if (Threads < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(Threads), $"The number of threads must be 0 (one for each processor) or more. Received: Threads={Threads}.");
        }

        if (Resume && WorkspacePath is null)
        {
            throw new ArgumentException("Resume needs the folder that holds the checkpoint. Received: Resume=true, WorkspacePath=null. Set WorkspacePath to the folder of the interrupted training.", nameof(WorkspacePath));
        }

        if (InitialState is not null && (InitialModel is null ? "InitialState needs the model that it belongs to. Received: InitialModel=null. Set InitialModel to the model of the same file." : InitialState.DifferenceFrom(InitialModel)) is { } problem)
        {
            throw new ArgumentException(problem, nameof(InitialState));
        }
    }

    /// <summary>The model that training starts from, checked against the data's classes.</summary>
    internal CnnModel CreateInitialModel(ImageSet train)
    {
        if (InitialModel is null)
        {
            return CnnModel.Create(train.ClassNames, Seed, Filters, DropoutRates);
        }

        var architecture = InitialModel.Architecture;
        if (!InitialModel.ClassNames.SequenceEqual(train.ClassNames))
        {
            throw new Cifar3ModelException($"InitialModel tells other classes apart than the training images. Expected {string.Join(", ", train.ClassNames)}. Found {string.Join(", ", InitialModel.ClassNames)}. Start without InitialModel or train on the same classes in the same order.");
        }

        if (Filters is not null && !Filters.SequenceEqual(architecture.Filters))
        {
            throw new Cifar3ModelException($"InitialModel has other filter counts than Filters. Expected {string.Join("/", Filters)}. Found {string.Join("/", architecture.Filters)}. Leave Filters out to take the model's.");
        }

        var rates = dropoutRates ?? [.. architecture.DropoutRates];
        return CnnModel.FromWeights(architecture.WithDropoutRates(rates), InitialModel.Weights, InitialModel.Metadata with { Seed = Seed });
    }
}

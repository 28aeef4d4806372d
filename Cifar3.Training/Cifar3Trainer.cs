namespace Cifar3.Training;

/// <summary>
/// Trains the CNN on labelled images: Keras' <c>fit</c> loop with Adam, dropout, a new order every epoch, validation, callbacks,
/// cancellation and resumable checkpoints.
/// </summary>
/// <remarks>
/// A trainer holds settings only and may be used again; trainings that run at the same time need trainers with callbacks of their own.
/// The same images, settings and seed give the same weights bit for bit on a deterministic engine, whatever the number of threads and
/// however often the training was interrupted and resumed.
/// </remarks>
/// <example><code>
/// var (train, validation) = data.Train.TrainValidationSplit(0.1, seed: 1);
/// var result = new Cifar3Trainer(new TrainerOptions { Seed = 1, Callbacks = [new ProgressBar()] }).Fit(train, validation);
/// result.BestModel.SaveOnnx("cifar3.onnx");
/// </code></example>
public sealed class Cifar3Trainer
{
    /// <summary>Creates a trainer.</summary>
    /// <param name="options">The settings; null = all defaults, without callbacks. Default: null.</param>
    /// <exception cref="ArgumentException">A setting is outside its range, or the recipe's value that stands in for it.</exception>
    public Cifar3Trainer(TrainerOptions? options = null)
    {
        Options = options ?? new TrainerOptions();
        Options.Validate();
    }

    /// <summary>The settings.</summary>
    public TrainerOptions Options { get; }

    /// <summary>Trains a model.</summary>
    /// <param name="train">Training images, at least 1; fewer than a batch are one short batch.</param>
    /// <param name="validation">Images to measure each epoch's model on, of the same classes; null = none. Default: null.</param>
    /// <param name="cancellationToken">Stops the training between two batches; files of the epochs done stay.</param>
    /// <returns>The last and the best model, and the history.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="Cifar3DataException">The image sets are empty or do not fit together.</exception>
    /// <exception cref="Cifar3ModelException">The checkpoint or the initial model does not belong to this training, or the checkpoint is damaged.</exception>
    /// <exception cref="TensorFlowException">The TensorFlow engine was asked for, and its library is absent, unusable, or refused.</exception>
    /// <exception cref="GpuException">A GPU was asked for, and there is none, or its driver refused.</exception>
    /// <exception cref="ArgumentException">A setting does not fit the network: its filters, dropout rates or frozen layers, or a number of classes that is not 2 to 100.</exception>
    /// <exception cref="Cifar3Exception">The loss is no longer finite, a file cannot be written, or another training uses the workspace.</exception>
    public TrainingResult Fit(ImageSet train, ImageSet? validation = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        Check(train, validation);
        cancellationToken.ThrowIfCancellationRequested();
        var plan = TrainingPlan.Create(Options, train.Count).For(train, Options);
        var model = Options.CreateInitialModel(train, plan);
        var engineOptions = new EngineOptions
        {
            Seed = Options.SeedOrZero,
            Threads = Options.Threads,
            MaxBatchSize = plan.EngineBatch,
            WeightDecay = plan.WeightDecay,
            FrozenLayers = Options.FrozenLayers,
            TensorFlow = Options.TensorFlow,
        };
        using var workspace = TrainingWorkspace.Open(Options, plan, model, train, validation);
        using var engine = Options.EngineFactory is { } create ? create(model, engineOptions) ?? throw new Cifar3Exception("EngineFactory gave null in place of an engine. Return one, or leave EngineFactory out to train on Engine.")
            : TrainingEngines.CreateOn(Arithmetic.LevelFor(workspace?.Interrupted), Options.Engine, model, engineOptions);
        return new TrainingRun(Options, plan, model, engine, train, validation, workspace, cancellationToken).Run(cancellationToken);
    }

    private static void Check(ImageSet train, ImageSet? validation)
    {
        if (train.Count == 0)
        {
            throw new Cifar3DataException($"There are no training images. Expected at least 1. Found {train}. Check the folder or the filter that chose them.");
        }

        if (validation is null)
        {
            return;
        }

        if (validation.Count == 0)
        {
            throw new Cifar3DataException($"There are no validation images. Expected at least 1. Found {validation}. Pass null to train without validation.");
        }

        if (!validation.ClassNames.SequenceEqual(train.ClassNames))
        {
            throw new Cifar3DataException($"Training and validation images have other classes. Expected {Shown.Names(train.ClassNames)}. Found {Shown.Names(validation.ClassNames)}. Load both with the same classes in the same order.");
        }
    }
}

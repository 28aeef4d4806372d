namespace Cifar3.Training;

/// <summary>A running training as its callbacks see it: how far it is, its weights, its learning rate, and the way to stop it.</summary>
/// <remarks>Valid only while Fit runs, on the thread that called it.</remarks>
public sealed class TrainingContext
{
    private readonly ITrainingEngine engine;
    private readonly CnnModel initial;
    private readonly string trainedOn;
    private CnnModel? current;
    private bool isMeasured; // whether the weights are those that the last epoch's validation saw

    internal TrainingContext(TrainerOptions options, TrainingPlan plan, CnnModel initial, ITrainingEngine engine, ImageSet train, ImageSet? validation)
    {
        Options = options;
        Plan = plan;
        this.initial = initial;
        this.engine = engine;
        TrainImages = train.Count;
        ValidationImages = validation?.Count ?? 0;
        trainedOn = options.TrainedOn ?? FormattableString.Invariant($"{train.Count:N0} images: {string.Join(", ", train.ClassNames)}");
        LearningRate = Plan.LearningRate;
        this.initial = initial.With(MetadataAfter(0)); // words that a model's file has no room for are refused now, not after the first epoch
    }

    /// <summary>The settings of the training.</summary>
    public TrainerOptions Options { get; }

    /// <summary>Number of epochs planned.</summary>
    public int Epochs => Plan.Epochs;

    /// <summary>Images in a training step.</summary>
    public int BatchSize => Plan.BatchSize;

    /// <summary>Training steps in an epoch.</summary>
    public int StepsPerEpoch => Plan.StepsPerEpoch;

    /// <summary>The recipe and every value that was settled, in words: what the model's metadata tell.</summary>
    public string Recipe => Plan.ToString();

    /// <summary>Number of training images.</summary>
    public int TrainImages { get; }

    /// <summary>Number of validation images; 0 without validation.</summary>
    public int ValidationImages { get; }

    /// <summary>What computes, such as <c>Managed 0.1.0 (CPU, AVX-512, 2 threads)</c>.</summary>
    public string Engine => $"{engine.Name} ({engine.Device})";

    /// <summary>Whether the same seed gives the same bits again with this engine.</summary>
    public bool IsDeterministic => engine.IsDeterministic;

    /// <summary>The epochs done so far, those before an interruption included.</summary>
    public History History
    {
        get;
        internal set => (field, current, isMeasured) = (value, null, true); // a model tells of its epochs: who looked at it within one has kept the former epoch's
    } = new([]);

    /// <summary>Names of the metrics that this training measures: the values that a callback may monitor.</summary>
    public IReadOnlyList<string> Metrics => EpochMetrics.Names(validated: ValidationImages > 0, weighted: IsWeighted);

    /// <summary>Adam's learning rate from the next step on, above 0. A schedule sets it before every step.</summary>
    public float LearningRate { get; set; }

    /// <summary>Why a callback asked to stop, in words; null where none did.</summary>
    public string? StopReason { get; internal set; }

    /// <summary>
    /// The epoch of the best model so far, by validation accuracy (with class weights <see cref="EpochLog.ValWeightedAccuracy"/>) and then loss; under a schedule that ends low (<see cref="OneCycle"/>, <see cref="CosineDecay"/>) the
    /// latest whose accuracy is within a standard error of the highest. Null without validation.
    /// </summary>
    public EpochLog? BestEpoch { get; internal set; }

    /// <summary>
    /// Why the result should not be trusted, in words; null where nothing speaks against it. At the beginning what can be seen of the images: classes without any, the same
    /// ones in two classes or in training and validation. Once the training has ended, also a model that is no better than chance.
    /// </summary>
    public string? Warning { get; internal set; }

    /// <summary>
    /// Which files of callbacks could not be written so far, such as those of <see cref="CsvLogger"/> and <see cref="ModelCheckpoint"/>, and why, in words; null where none is
    /// missing. They are tried again after the next epoch and at the end.
    /// </summary>
    public string? FilesNote => Files.Note;

    /// <summary>Where the recipe was fitted to the images, and why, in words: <see cref="RandomFlip"/> is left out where classes are each other's mirror images, <see cref="ColorJitter"/> where light alone tells them apart. Null where it was taken as it is.</summary>
    public string? RecipeNote => Plan.RecipeNote;

    /// <summary>Number of the epoch after which an interrupted training went on; 0 where it began.</summary>
    public int ResumedAfterEpoch { get; internal set; }

    /// <summary>
    /// Why an interrupted training that goes on may not end in the bits of one never interrupted, in words: another instruction set, device, engine or version
    /// computed before. Null where nothing changed.
    /// </summary>
    public string? ResumeNote { get; internal set; }

    /// <summary>The model as it is now: a copy of the weights, with what is known of them (epochs done, history, and, until the next step changes them, validation accuracy).</summary>
    public CnnModel Model => current ??= initial.With(CopyWeights(), isMeasured ? MetadataAfter(History.Epochs.Length) : MetadataAfter(History.Epochs.Length) with { ValAccuracy = null });

    /// <summary>Writes the files of callbacks.</summary>
    internal EpochFiles Files { get; } = new();

    /// <summary>Whether validation images count by class weights too.</summary>
    internal bool IsWeighted { get; init; }

    /// <summary>Everything settled.</summary>
    internal TrainingPlan Plan { get; }

    /// <summary>The engine's weights, Adam's moments and step as they are now.</summary>
    internal EngineState ExportState() => engine.ExportState();

    /// <summary>The engine's weights alone, a third of its state, as they are now.</summary>
    internal IReadOnlyList<WeightTensor> CopyWeights()
    {
        var values = new float[initial.Weights.Sum(weight => weight.Count)];
        engine.ReadWeights(values);
        return AveragedWeights.Tensors(values, initial.Weights);
    }

    /// <summary>Ends the training after the epoch that is running: Keras' <c>model.stop_training = True</c>.</summary>
    /// <param name="reason">Why, in words.</param>
    public void StopTraining(string reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        StopReason ??= reason;
    }

    /// <summary>Replaces the weights; the optimizer's state stays.</summary>
    /// <param name="model">A model of the same network.</param>
    /// <exception cref="Cifar3ModelException">The model is another network.</exception>
    public void SetWeights(CnnModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        engine.ImportState(engine.ExportState() with { Weights = model.Weights });
        (current, isMeasured) = (IsOfThisTraining(model) ? model : null, false); // another one's names are not those of these labels, nor its epochs these
    }

    private bool IsOfThisTraining(CnnModel model)
    {
        var told = model.Metadata;
        return model.ClassNames.SequenceEqual(initial.ClassNames) && told.Epoch <= History.Epochs.Length && told.History.SequenceEqual(History.Epochs[..told.Epoch]);
    }

    /// <summary>Says that the model is now one of these weights: those validated, which may be averaged ones.</summary>
    internal void ModelIs(IReadOnlyList<WeightTensor> weights, int epochs) => current = initial.With(weights, MetadataAfter(epochs));

    /// <summary>To be called after every training step: <see cref="Model"/> is then out of date, and no accuracy was measured of it.</summary>
    internal void WeightsChanged() => (current, isMeasured) = (null, false);

    /// <summary>What is known of the weights after a number of epochs.</summary>
    internal ModelMetadata MetadataAfter(int epochs) => initial.Metadata with
    {
        Recipe = Plan.ToString(),
        TrainedOn = trainedOn,
        Epoch = epochs,
        ValAccuracy = epochs == 0 ? null : History.Epochs[epochs - 1].ValAccuracy,
        History = History.Epochs[..epochs],
        Warning = null, // an initial model's; this training's is known at its end
        Temperature = null, // of the initial model's weights
        FamiliarityThreshold = null,
        LibraryVersion = ModelMetadata.CurrentVersion,
    };

    /// <summary>A model of this training from stored weights.</summary>
    internal CnnModel ModelAfter(int epochs, IEnumerable<WeightTensor> weights) => initial.With(weights, MetadataAfter(epochs));
}

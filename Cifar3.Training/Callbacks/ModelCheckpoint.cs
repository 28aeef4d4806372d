namespace Cifar3.Training;

/// <summary>Saves the model after every epoch, or after every epoch that is the best so far: Keras' <c>ModelCheckpoint</c>.</summary>
/// <remarks>
/// A file is complete or not there: it is written beside its place and then renamed. One that cannot be written is tried again after the next epoch
/// (<see cref="TrainingContext.FilesNote"/>), also by a resumed training. State is reset when a training begins and is kept in
/// checkpoints. Defaults are the published recipe's; Keras' own are monitor <c>val_loss</c> and every epoch.
/// <see href="https://keras.io/api/callbacks/model_checkpoint/"/>
/// </remarks>
/// <example><code>
/// new ModelCheckpoint("models/model_{val_accuracy:.3f}.onnx", saveBestOnly: true)
/// new ModelCheckpoint("models/model_{val_accuracy:.3f}.keras") // with Adam's state, so that Keras' fit continues from it
/// </code></example>
public sealed class ModelCheckpoint : Callback
{
    private readonly FilePattern pattern;
    private readonly MetricMonitor monitor;
    private readonly bool saveBestOnly;
    private readonly Action<CnnModel, string>? save; // null for Keras' files, which also hold what a training alone knows
    private FilePattern files; // of this training
    private double? best;
    private Content? waiting; // of a file that could not be written yet
    private (EpochFiles Files, History History)? begun;

    /// <summary>Creates the callback.</summary>
    /// <param name="filePath">
    /// The file: ending in <c>.onnx</c> it is written as ONNX, in <c>.keras</c>, <c>.h5</c>, <c>.hdf5</c> or <c>.weights.h5</c> for Keras 3
    /// with Adam's state, as <see cref="KerasFile.Save"/> does. Placeholders are filled in as in Keras: <c>{epoch}</c> or <c>{epoch:02d}</c>, and metrics such as
    /// <c>{val_accuracy:.3f}</c>. A missing folder is created. A relative path counts from the current folder
    /// when the training begins.
    /// </param>
    /// <param name="monitor">The metric that tells what is best: <c>val_accuracy</c>, <c>val_loss</c>, <c>accuracy</c> or <c>loss</c>. Default: <c>val_accuracy</c>.</param>
    /// <param name="saveBestOnly">Whether only a model better than all before is saved. Default: true.</param>
    /// <param name="mode">Which direction is better. Default: <see cref="MonitorMode.Auto"/>, from the metric's name.</param>
    /// <exception cref="ArgumentException">The file name has another ending or an unknown placeholder, no training measures the metric, or the mode cannot be told from the metric's name.</exception>
    public ModelCheckpoint(string filePath, string monitor = "val_accuracy", bool saveBestOnly = true, MonitorMode mode = MonitorMode.Auto)
        : this(filePath, monitor, saveBestOnly, mode, Writer(filePath))
    {
    }

    /// <summary>Creates the callback with a writer of its own; null = Keras'.</summary>
    internal ModelCheckpoint(string filePath, string monitor, bool saveBestOnly, MonitorMode mode, Action<CnnModel, string>? save)
    {
        files = pattern = new FilePattern(nameof(ModelCheckpoint), filePath);
        this.monitor = new MetricMonitor(nameof(ModelCheckpoint), monitor, mode);
        this.saveBestOnly = saveBestOnly;
        this.save = save;
    }

    /// <summary>The file written last by this training, be it before an interruption; null before the first.</summary>
    public string? LastFile { get; private set; }

    /// <inheritdoc/>
    public override void OnTrainBegin(TrainingContext context)
    {
        if (saveBestOnly)
        {
            monitor.CheckAvailable(context);
        }

        pattern.CheckAvailable(context);
        files = pattern.FromHere();
        OutputFolder.Prepare(files.Folder);
        best = null;
        waiting = null;
        LastFile = WrittenBefore(context.History);
        begun = (context.Files, context.History);
    }

    /// <inheritdoc/>
    public override void OnEpochEnd(TrainingContext context, EpochLog log)
    {
        if (IsToSave(log, ref best))
        {
            Write(context.Files, log, new Content(context.Model, save is null ? context.ExportState() : null, context.LearningRate));
        }
    }

    /// <inheritdoc/>
    public override void SaveState(CallbackState state)
    {
        state.Set("best", best);
        waiting?.SaveTo(state);
    }

    /// <inheritdoc/>
    public override void RestoreState(CallbackState state)
    {
        best = state.Number("best");
        if (begun is { } training && Content.From(state) is { } content && training.History.Epochs.FirstOrDefault(log => log.Epoch == content.Model.Metadata.Epoch) is { } epoch)
        {
            Write(training.Files, epoch, content); // no later epoch may be better
        }
    }

    /// <summary>What the part of a training before an interruption wrote last; null where nothing was written, as by a training that begins.</summary>
    private string? WrittenBefore(History history)
    {
        double? found = null;
        string[] written = [.. history.Epochs.Where(epoch => IsToSave(epoch, ref found)).Select(files.Format)];
        return written.LastOrDefault(File.Exists); // what could not be written waits
    }

    /// <summary>Whether an epoch's files are written, the best value of those before it given; it becomes this one's where that is better.</summary>
    private bool IsToSave(EpochLog log, ref double? before)
    {
        if (!saveBestOnly)
        {
            return true;
        }

        double value = monitor.Value(log);
        bool improves = monitor.IsImprovement(value, before);
        before = improves ? value : before;
        return improves;
    }

    private void Write(EpochFiles written, EpochLog log, Content content)
    {
        string file = files.Format(log);
        waiting = content;
        written.Write(this, file, Save, replaces: saveBestOnly);

        void Save()
        {
            if (save is not null)
            {
                save(content.Model, file);
            }
            else
            {
                KerasFile.Save(file, content.Model, content.Adam, learningRate: content.LearningRate);
            }

            (LastFile, waiting) = (file, null);
        }
    }

    private static Action<CnnModel, string>? Writer(string filePath) => Path.GetExtension(filePath ?? throw new ArgumentNullException(nameof(filePath))).ToUpperInvariant() switch
    {
        ".ONNX" => (model, file) => model.SaveOnnx(file),
        ".KERAS" or ".H5" or ".HDF5" => null,
        _ => throw new ArgumentException($"ModelCheckpoint cannot tell the format of '{Shown.Path(filePath)}'. Expected a name ending in '.onnx', '.keras', '.h5' or '.hdf5'.", nameof(filePath)),
    };

    /// <inheritdoc/>
    public override string ToString() => $"ModelCheckpoint(monitor: {monitor}, saveBestOnly: {saveBestOnly})";

    /// <summary>What a file is made of, be it at once, after later epochs or by a training that goes on.</summary>
    /// <param name="Model">The model.</param>
    /// <param name="Adam">Its optimizer's state; null where the file holds none.</param>
    /// <param name="LearningRate">The optimizer's learning rate.</param>
    private sealed record Content(CnnModel Model, EngineState? Adam = null, float LearningRate = 1e-3f)
    {
        public void SaveTo(CallbackState state)
        {
            state.Set("waiting", Model);
            if (Adam is { } adam)
            {
                state.Set("waiting_rate", LearningRate);
                state.Set("waiting_step", adam.Step);
                state.Set("waiting_m", Whole(adam.AdamM));
                state.Set("waiting_v", Whole(adam.AdamV));
            }
        }

        public static Content? From(CallbackState state) =>
            state.Model("waiting") is not { } model ? null
            : state.Model("waiting_m") is { } m && state.Model("waiting_v") is { } v && state.Number("waiting_step") is { } step && state.Number("waiting_rate") is { } rate
                ? new Content(model, EngineState.Initial(model) with { AdamM = Moments(m), AdamV = Moments(v), Step = (long)step }, (float)rate)
            : new Content(model);

        /// <summary>Moments as a checkpoint keeps them: in the place of the weights that they belong to, beside the moving statistics, which have none.</summary>
        private CnnModel Whole(IReadOnlyList<WeightTensor> moments) =>
            Model.With(Model.Weights.Select(weight => moments.FirstOrDefault(moment => moment.Name == weight.Name) ?? weight));

        private static IReadOnlyList<WeightTensor> Moments(CnnModel whole) => [.. EngineState.Initial(whole).AdamM.Select(trainable => whole[trainable.Name])];
    }
}

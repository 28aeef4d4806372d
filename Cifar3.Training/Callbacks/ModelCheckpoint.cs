namespace Cifar3.Training;

/// <summary>Saves the model after every epoch, or after every epoch that is the best so far: Keras' <c>ModelCheckpoint</c>.</summary>
/// <remarks>
/// A file is complete or not there: it is written beside its place and then renamed. One that cannot be written is tried again after the next epoch
/// (<see cref="TrainingContext.FilesNote"/>), an ONNX file also by a resumed training. State is reset when a training begins and is kept in
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
    private CnnModel? waiting; // whose file could not be written yet
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

    /// <summary>The file written last by this training; null before the first.</summary>
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
        LastFile = null;
        begun = (context.Files, context.History);
    }

    /// <inheritdoc/>
    public override void OnEpochEnd(TrainingContext context, EpochLog log)
    {
        if (saveBestOnly)
        {
            double value = monitor.Value(log);
            if (!monitor.IsImprovement(value, best))
            {
                return;
            }

            best = value;
        }

        Write(context.Files, log, context.Model, save is null ? KerasWriter(context) : ModelWriter(context.Model, save));
    }

    /// <inheritdoc/>
    public override void SaveState(CallbackState state)
    {
        state.Set("best", best);
        state.Set("waiting", save is null ? null : waiting);
    }

    /// <inheritdoc/>
    public override void RestoreState(CallbackState state)
    {
        best = state.Number("best");
        if (save is not null && begun is { } training && state.Model("waiting") is { } model && training.History.Epochs.FirstOrDefault(log => log.Epoch == model.Metadata.Epoch) is { } epoch)
        {
            Write(training.Files, epoch, model, ModelWriter(model, save)); // no later epoch may be better
        }
    }

    private void Write(EpochFiles written, EpochLog log, CnnModel model, Action<string> write)
    {
        string file = files.Format(log);
        waiting = model;
        written.Write(this, file, Save, replaces: saveBestOnly);

        void Save()
        {
            write(file);
            (LastFile, waiting) = (file, null);
        }
    }

    private static Action<CnnModel, string>? Writer(string filePath) => Path.GetExtension(filePath ?? throw new ArgumentNullException(nameof(filePath))).ToUpperInvariant() switch
    {
        ".ONNX" => (model, file) => model.SaveOnnx(file),
        ".KERAS" or ".H5" or ".HDF5" => null,
        _ => throw new ArgumentException($"ModelCheckpoint cannot tell the format of '{Shown.Path(filePath)}'. Expected a name ending in '.onnx', '.keras', '.h5' or '.hdf5'.", nameof(filePath)),
    };

    // What writes a model at once or after later epochs: it keeps what it needs.
    private static Action<string> ModelWriter(CnnModel model, Action<CnnModel, string> save) => file => save(model, file);

    private static Action<string> KerasWriter(TrainingContext context)
    {
        var (model, state, rate) = (context.Model, context.ExportState(), context.LearningRate);
        return file => KerasFile.Save(file, model, state, learningRate: rate);
    }

    /// <inheritdoc/>
    public override string ToString() => $"ModelCheckpoint(monitor: {monitor.Metric}, saveBestOnly: {saveBestOnly})";
}

using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Cifar3.Training;

/// <summary>
/// Trains the CNN as an ML.NET estimator; create it with <c>mlContext.MulticlassClassification.Trainers.Cifar3Cnn(…)</c>.
/// </summary>
/// <remarks>
/// <list type="table">
/// <listheader><term>Column</term><description>Type</description></listheader>
/// <item><term>feature, in</term><description>The images, found by type: MLImage of any size; encoded files (vector of Byte of unknown size); paths of files (Text); or 3,072 pixels (vector of Byte, or of Single from 0 to 255 neither scaled nor shifted; 32×32×3, or 3×32×32 as ExtractPixels makes them by default). Paths and encoded files are decoded on all cores.</description></item>
/// <item><term>label, in</term><description>Key of 2 to 100 values, which name the classes.</description></item>
/// <item><term>Score, out</term><description>Vector of Single: the classes' probabilities; slot names are the class names.</description></item>
/// <item><term>PredictedLabel, out</term><description>Key (UInt32) with the label's key values.</description></item>
/// </list>
/// <list type="table">
/// <listheader><term>Trainer</term><description>characteristics</description></listheader>
/// <item><term>Machine learning task</term><description>Multiclass classification</description></item>
/// <item><term>Is normalization required?</term><description>No</description></item>
/// <item><term>Is caching required?</term><description>No: the images are read once, 3,072 bytes each</description></item>
/// <item><term>Required NuGet in addition to Microsoft.ML</term><description>Cifar3 (or Cifar3.Training; saving a <c>model.zip</c> needs a package of ONNX Runtime too)</description></item>
/// <item><term>Exportable to ONNX</term><description>Yes: <c>transformer.Model.SaveOnnx(path)</c></description></item>
/// </list>
/// <para>
/// The loop is <see cref="Cifar3Trainer"/>'s. The fitted model is its best one (<see cref="TrainingResult.BestModel"/>), or that of the last epoch where nothing is
/// validated. Progress goes to <c>MLContext.Log</c>, and as warnings what speaks against the model (<see cref="TrainingResult.Warning"/>), which nothing else tells; cancelling the MLContext ends Fit with <see cref="OperationCanceledException"/> between two batches, and
/// files of the epochs done stay. An image that is missing or cannot be decoded ends Fit with an error that names its row; none is skipped.
/// </para>
/// <para>A trainer holds settings only: it may be fitted again, and from several threads unless its options have callbacks.</para>
/// </remarks>
/// <example><code>
/// var pipeline = mlContext.MulticlassClassification.Trainers.Cifar3Cnn(new Cifar3CnnTrainer.Options { FeatureColumnName = "ImagePath", Epoch = 10 });
/// Cifar3Transformer model = pipeline.Fit(trainSet);
/// var metrics = mlContext.MulticlassClassification.Evaluate(model.Transform(testSet));
/// </code></example>
public sealed partial class Cifar3CnnTrainer : IEstimator<Cifar3Transformer>
{
    private const string LoadName = "Cifar3Cnn";

    private readonly IHostEnvironment environment;
    private readonly Func<TrainerOptions, Cifar3Trainer> createTrainer;

    internal Cifar3CnnTrainer(IHostEnvironment environment, Options options)
        : this(environment, options, trainerOptions => new Cifar3Trainer(trainerOptions))
    {
    }

    /// <summary>Creates the estimator over a trainer of the caller's.</summary>
    internal Cifar3CnnTrainer(IHostEnvironment environment, Options options, Func<TrainerOptions, Cifar3Trainer> createTrainer)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (this.environment, Settings, this.createTrainer) = (environment, options, createTrainer);
    }

    /// <summary>The settings.</summary>
    public Options Settings { get; }

    /// <summary>Reads the images and trains.</summary>
    /// <param name="input">One row an image.</param>
    /// <returns>The model as a transformer.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or has another type: names it, expected and found.</exception>
    /// <exception cref="OperationCanceledException">The MLContext or the options' token was cancelled.</exception>
    /// <exception cref="Cifar3DataException">There are no rows, a row has no label, or training and validation sets do not fit together.</exception>
    /// <exception cref="Cifar3ImageException">An image is missing or cannot be decoded: names the row.</exception>
    /// <exception cref="Cifar3ModelException">The checkpoint or the initial model does not belong to this training.</exception>
    /// <exception cref="TensorFlowException">The TensorFlow engine was asked for, and its library is absent, unusable, or refused.</exception>
    /// <exception cref="GpuException">A GPU was asked for, and there is none, or its driver refused.</exception>
    /// <exception cref="ArgumentException">A setting does not fit the network: its filters, dropout rates or frozen layers.</exception>
    /// <exception cref="Cifar3Exception">The loss is no longer finite, or a file cannot be written.</exception>
    public Cifar3Transformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var (feature, label) = CheckSchema(input.Schema);
        if (Settings.ValidationSet is { } validationSet)
        {
            CheckSchema(validationSet.Schema, "validation set's ");
        }

        var host = environment.Register(LoadName);
        using var channel = host.Start("Training");
        using var cancellation = new HostCancellation(host, Settings.CancellationToken);
        try
        {
            return Fit(input, feature, label, channel, cancellation.Token);
        }
        catch (OperationCanceledException e) when (Settings.CancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(e.Message, e, Settings.CancellationToken); // the caller's token, which callers compare
        }
    }

    private Cifar3Transformer Fit(IDataView input, DataViewSchema.Column feature, DataViewSchema.Column label, IChannel channel, CancellationToken cancellation)
    {
        int? seed = Settings.Seed ?? ContextSeed.Of(environment);
        var (train, validation) = ReadImages(input, seed ?? 0, cancellation);
        var options = Settings.ToTrainerOptions(Callbacks(channel, validation is not null, validation is not null && Validation.IsWeightedBy(validation, Settings.ClassWeights?.For(train))), seed);
        CheckFamiliarity(TrainingPlan.Create(options, train.Count), validation?.Count ?? 0);
        var result = createTrainer(options).Fit(train, validation, cancellation);
        return new Cifar3Transformer(result.BestModel, Settings.Columns, LabelKeys.FromColumn(label, train.ClassNames), feature.Type, Settings.Scoring);
    }

    /// <summary>The columns that the fitted transformer will give.</summary>
    /// <param name="inputSchema">The columns of the input.</param>
    /// <returns>Those of the input and the ones added.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or has another type: names it, expected and found.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        SchemaShapes.CheckImages(inputSchema, Settings.FeatureColumnName);
        var label = SchemaShapes.Find(inputSchema, "label", Settings.LabelColumnName);
        if (!label.IsKey || label.Kind != SchemaShape.Column.VectorKind.Scalar)
        {
            throw LabelMismatch(SchemaShapes.Describe(label));
        }

        return SchemaShapes.AddScores(inputSchema, Settings.Columns, SchemaShapes.KeyValueType(label), Settings.Scoring?.Familiarity == true);
    }

    private (DataViewSchema.Column Feature, DataViewSchema.Column Label) CheckSchema(DataViewSchema schema, string whose = "")
    {
        var (feature, _) = SchemaMismatch.FindImages(schema, Settings.FeatureColumnName, whose + "feature");
        var label = schema.GetColumnOrNull(Settings.LabelColumnName) ?? throw SchemaMismatch.Missing(whose + "label", Settings.LabelColumnName, schema.Select(c => c.Name));
        return label.Type is KeyDataViewType ? (feature, label) : throw LabelMismatch(label.Type.ToString()!, whose);
    }

    private ArgumentOutOfRangeException LabelMismatch(string found, string whose = "") =>
        SchemaMismatch.Type(whose + "label", Settings.LabelColumnName, "a key (Conversion.MapValueToKey makes one)", found);

    /// <summary>The column IsFamiliar needs a threshold, which only a calibration on enough images gives: said now, not after the training.</summary>
    private void CheckFamiliarity(TrainingPlan plan, int validationImages)
    {
        if (Settings.Scoring?.Familiarity == true && !plan.Calibrates(validationImages))
        {
            throw new Cifar3DataException(FormattableString.Invariant($"The columns of {nameof(Settings.Scoring)}.{nameof(ClassifierOptions.Familiarity)} need a model that is calibrated. Expected at least {TrainingPlan.FewestCalibrationImages} validation images and {nameof(TrainingSettings.Calibrate)} not false. Found {validationImages:N0} and {plan.Calibrate}. Set aside more (ValidationSetFraction, ValidationSet), or train without familiarity and call CnnModel.Calibrate on the model."));
        }
    }

    private (ImageSet Train, ImageSet? Validation) ReadImages(IDataView input, int seed, CancellationToken cancellation)
    {
        var train = Read(input, null);
        if (Settings.ValidationSet is { } validationSet)
        {
            try
            {
                return (train, Read(validationSet, train.ClassNames));
            }
            catch (Cifar3DataException e)
            {
                throw new Cifar3DataException($"In the validation set: {e.Message}", e);
            }
        }

        if (Settings.ValidationSetFraction is null or 0)
        {
            return (train, null);
        }

        var (rest, validation) = train.TrainValidationSplit((double)(decimal)Settings.ValidationSetFraction.Value, seed); // decimal: 0.1, not the float's 0.100000001
        return validation.Count == 0 ? (train, null) : (rest, validation);

        ImageSet Read(IDataView view, IReadOnlyList<string>? classNames) => ImageSet.FromDataView(view, Settings.FeatureColumnName, Settings.LabelColumnName, classNames, cancellation);
    }

    private List<Callback> Callbacks(IChannel channel, bool validated, bool weighted)
    {
        var (accuracy, loss) = validated ? (EpochMetrics.TellingName(weighted), "val_loss") : ("accuracy", "loss");
        List<Callback> callbacks = [.. Settings.Callbacks, new ChannelLog(channel)];
        if (Settings.EarlyStoppingCriteria is { } criterion)
        {
            callbacks.Add(criterion.ToCallback(accuracy, loss));
        }

        if (Settings.WorkspacePath is { } folder)
        {
            callbacks.Add(new ModelCheckpoint(FilePattern.Literal(Path.Combine(folder, $"{Settings.FinalModelPrefix}model.onnx")), accuracy));
        }

        if (Settings.MetricsCallback is { } report)
        {
            callbacks.Add(new MetricsReport(report, Settings.TestOnTrainSet));
        }

        return callbacks;
    }
}

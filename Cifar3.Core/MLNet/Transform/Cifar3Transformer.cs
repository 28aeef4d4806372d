using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>
/// Classifies the images of a data view: what fitting <c>mlContext.MulticlassClassification.Trainers.Cifar3Cnn</c> or
/// <c>mlContext.Transforms.ApplyCifar3</c> gives.
/// </summary>
/// <remarks>
/// <para>Input and output columns:</para>
/// <list type="table">
/// <listheader><term>Column</term><description>Type and content</description></listheader>
/// <item><term>feature</term><description>The images, found by type: MLImage of any size; encoded files (vector of Byte of unknown size); paths of files (Text); or 3,072 pixels (vector of Byte, or of Single from 0 to 255; 32×32×3, or 3×32×32 as ExtractPixels makes them by default).</description></item>
/// <item><term>Score</term><description>Vector of Single: the classes' probabilities, which sum to 1; its slot names are the class names.</description></item>
/// <item><term>PredictedLabel</term><description>Key (UInt32): the most probable class; its key values are those of the training label.</description></item>
/// <item><term>PredictedLabelValue</term><description>Where a name is given for it: the key value itself, usually the class name as Text.</description></item>
/// <item><term>Familiarity, IsFamiliar</term><description>Where <see cref="ClassifierOptions.Familiarity"/> asks for them: Single and Boolean, for models that tell a <see cref="ModelMetadata.FamiliarityThreshold"/>; see <see cref="Prediction"/>.</description></item>
/// </list>
/// <para>
/// Lazy: rows are scored as a cursor asks for them, up to 256 ahead (one where pictures in memory are asked for with their scores), decoded on all cores. A
/// cursor reads the input once. An image that is missing or cannot be decoded is an error that names its row; it never gets another row's scores.
/// </para>
/// <para>
/// <c>mlContext.Model.Save</c> writes a chain of ML.NET's own transformers, for which the program needs ONNX Runtime's package whatever scores, so that a program without this library loads and scores it with the packages
/// Microsoft.ML.ImageAnalytics, Microsoft.ML.OnnxTransformer and Microsoft.ML.OnnxRuntime. Encoded files are the exception: ML.NET cannot decode them, so such a model needs
/// Cifar3.Core, and files of the flavours for ONNX Runtime (<see cref="OnnxFlavor.Optimized"/>, <see cref="OnnxFlavor.Int8"/>) or of other tools are not
/// written: save a chain made of the model itself; nor are familiarity and averaging over the mirrored picture (<see cref="ClassifierOptions.Familiarity"/>, <see cref="ClassifierOptions.FlipAveraging"/>). The saved chain drops
/// columns of the data that are called Score or PredictedLabel, under which ML.NET's own transformers work, takes any vector of 3,072 pixels as the layout that it was fitted to (3×32×32 or 32×32×3), and
/// scores what ML.NET's loader decodes of a picture that is cut off, which this transformer refuses. A row without a path or picture, or whose picture is transparent everywhere, is an error of ONNX Runtime there, which names the node "the row has no picture"; a pixel of Single that is no whole number from 0 to 255 is one too. <see cref="ClassifierOptions.MaxImagePixels"/> does not travel: paths have no bound there, encoded files the default one. <c>mlContext.Model.ConvertToOnnx</c> leaves this step out of its file, as every step that it cannot convert: call <see cref="CnnModel.SaveOnnx(string)"/>. Pictures other than 32×32 in a column of unknown size are resized there by ML.NET, which takes the nearest pixel, and score differently.
/// Of paths the saved chain turns no picture upright, for ML.NET's loader drops the EXIF orientation: where pictures may be turned, give files as bytes (<c>LoadRawImageBytes</c>), which score the same
/// before and after the model was saved.
/// </para>
/// <para>Thread-safe. What scores is <see cref="ClassifierOptions.Backend"/>'s choice, as for <see cref="Cifar3Classifier"/>. Disposing it frees memory and
/// threads; it may still be used afterwards, which prepares the model again.</para>
/// </remarks>
public sealed class Cifar3Transformer : ISingleFeaturePredictionTransformer<CnnModel>, IDisposable
{
    private readonly ScoringModel model;
    private readonly ClassifierOptions options;
    private readonly Lock gate = new();
    private IScorer? scorer;

    internal Cifar3Transformer(ScoringModel model, ScoreColumns columns, LabelKeys keys, DataViewType featureType, ClassifierOptions? options)
    {
        (Columns, Keys, FeatureColumnType) = (columns, keys, featureType);
        this.model = model;
        this.options = ClassifierOptions.Checked(options);
        Rows = ScoreRows.Of(model.Metadata, this.options);
        if (Rows is { HasFamiliarity: true, Threshold: null })
        {
            throw new Cifar3ModelException($"The column '{ScoreColumns.IsFamiliar}' needs a model that tells from which familiarity on an image is one of its classes, and {model.Name} tells none. Train with validation images, or call CnnModel.Calibrate on images that it was not trained on.");
        }

    }

    internal Cifar3Transformer(CnnModel model, ScoreColumns columns, LabelKeys keys, DataViewType featureType, ClassifierOptions? options)
        : this(ScoringModel.Of(model), columns, keys, featureType, options)
    {
    }

    /// <summary>The network.</summary>
    /// <exception cref="InvalidOperationException">The transformer scores a file whose layers are no longer those of a <see cref="CnnModel"/>: folded, 8-bit or another tool's.</exception>
    public CnnModel Model => model.Network ?? throw new InvalidOperationException($"'{model.Name}' is no model in full but a graph for ONNX Runtime (OnnxFlavor.Optimized, Int8, or another tool's). Apply the file that SaveOnnx wrote without options.");

    /// <summary>The classes' names: the slot names of the scores.</summary>
    public ImmutableArray<string> ClassNames => model.Metadata.ClassNames;

    /// <summary>The column that has the images.</summary>
    public string FeatureColumnName => Columns.Feature;

    /// <summary>The type of that column in the data that the transformer was fitted to.</summary>
    public DataViewType FeatureColumnType { get; }

    /// <summary>The column of probabilities that is added.</summary>
    public string ScoreColumnName => Columns.Score;

    /// <summary>The column of keys that is added.</summary>
    public string PredictedLabelColumnName => Columns.PredictedLabel;

    /// <summary>The column of key values that is added; null = none.</summary>
    public string? PredictedLabelValueColumnName => Columns.PredictedLabelValue;

    /// <summary>Always true: each row is scored by itself, so a PredictionEngine can use the transformer.</summary>
    public bool IsRowToRowMapper => true;

    internal ScoreColumns Columns { get; }

    internal LabelKeys Keys { get; }

    /// <summary>What is scored for an image.</summary>
    internal ScoreRows Rows { get; }

    /// <summary>The columns of the result.</summary>
    /// <param name="inputSchema">The columns of the input.</param>
    /// <returns>Those of the input and the ones added.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The feature column is missing or has another type: names it, expected and found.</exception>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => GetRowToRowMapper(inputSchema).OutputSchema;

    /// <summary>Adds the scores to a data view.</summary>
    /// <param name="input">Rows with images.</param>
    /// <returns>A view that computes as it is read.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The feature column is missing or has another type: names it, expected and found.</exception>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new ScoringDataView(input, new RowMapper(this, input.Schema), this);
    }

    /// <summary>Binds the transformer to a schema, to score single rows.</summary>
    /// <param name="inputSchema">The columns of the input.</param>
    /// <returns>A mapper.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The feature column is missing or has another type: names it, expected and found.</exception>
    public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return new RowMapper(this, inputSchema);
    }

    /// <summary>Frees native memory and threads. A later use prepares the model again, so an engine that is disposed takes nothing from another.</summary>
    public void Dispose()
    {
        IScorer? old;
        lock (gate)
        {
            (old, scorer) = (scorer, null);
        }

        old?.Dispose();
    }

    /// <inheritdoc/>
    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        if (model.Network is not { } network)
        {
            throw new Cifar3Exception($"Cannot save the chain: '{model.Name}' is a graph for ONNX Runtime (OnnxFlavor.Optimized, Int8, or another tool's), and ML.NET's own transformers are written for the layers of Keras. Apply the file that SaveOnnx wrote without options, and save that chain.");
        }

        if (Rows.HasFamiliarity)
        {
            throw new Cifar3Exception("Cannot save the chain: ML.NET's own transformers have no familiarity. Fit it without ClassifierOptions.Familiarity, and save that chain.");
        }

        if (options.FlipAveraging)
        {
            throw new Cifar3Exception("Cannot save the chain: ML.NET's own transformers score each picture once, not mirrored too, and would give other scores. Fit it without ClassifierOptions.FlipAveraging, and save that chain.");
        }

        OnnxRuntimeLibrary.Load("Cannot save the chain, in which ML.NET's ApplyOnnxModel scores");
        var temporary = Directory.CreateTempSubdirectory("cifar3-");
        try
        {
            using var chain = StockChain.Create(network, Columns, Keys, FeatureColumnType, temporary.FullName);
            ((ICanSaveModel)chain).Save(ctx);
        }
        finally
        {
            temporary.Delete(recursive: true);
        }
    }

    /// <summary>Probabilities of images.</summary>
    /// <param name="pixels">[N, 32, 32, 3].</param>
    /// <param name="probabilities">Receives <see cref="Rows"/>.</param>
    internal void Score(ReadOnlySpan<byte> pixels, Span<float> probabilities)
    {
        while (true)
        {
            var current = Scorer();
            try
            {
                current.Score(pixels, probabilities);
                return;
            }
            catch (ObjectDisposedException) when (!ReferenceEquals(Volatile.Read(ref scorer), current))
            {
                // Another thread disposed the transformer in between.
            }
        }
    }

    /// <summary>The most pixels of an encoded picture.</summary>
    internal int MaxImagePixels => options.MaxImagePixels;

    private IScorer Scorer()
    {
        if (Volatile.Read(ref scorer) is { } found)
        {
            return found;
        }

        lock (gate)
        {
            return scorer ??= ScorerFactory.Create(model, options, typeof(Cifar3Transformer)).Scorer;
        }
    }
}

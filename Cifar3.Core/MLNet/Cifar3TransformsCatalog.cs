using Cifar3;

namespace Microsoft.ML;

/// <summary>Adds this library's network to <c>mlContext.Transforms</c>.</summary>
public static class Cifar3TransformsCatalog
{
    /// <summary>Scores images with a model file, of any flavour or of another tool, as <see cref="Cifar3Classifier.Load(string, ClassifierOptions)"/> takes it: several times as fast as LoadImages, ResizeImages, ExtractPixels and ApplyOnnxModel.</summary>
    /// <param name="catalog">The transforms' catalog.</param>
    /// <param name="modelFile">The <c>.onnx</c> file.</param>
    /// <param name="featureColumnName">The column of images, found by type: MLImage, encoded files, paths, or pixels (see <see cref="Cifar3Transformer"/>). Default: <c>Features</c>.</param>
    /// <param name="scoreColumnName">The column of probabilities to add. Default: <c>Score</c>.</param>
    /// <param name="predictedLabelColumnName">The column of keys to add. Default: <c>PredictedLabel</c>.</param>
    /// <param name="predictedLabelValueColumnName">The column of class names to add; null = none. Default: null.</param>
    /// <param name="options">What scores, threads, limits; null = all defaults, <see cref="ScoringBackend.Auto"/> among them. Default: null.</param>
    /// <returns>An estimator; its Fit reads no rows.</returns>
    /// <exception cref="Cifar3ModelException">The file is missing or damaged, names no classes, or its graph is none that scores 32×32 colour images.</exception>
    /// <exception cref="ArgumentException">A column name is empty, or two of the columns to add have the same.</exception>
    /// <example><code>
    /// var scored = mlContext.Transforms.ApplyCifar3("cifar3.onnx", "ImagePath").Fit(files).Transform(files);
    /// </code></example>
    public static Cifar3ScoringEstimator ApplyCifar3(
        this TransformsCatalog catalog,
        string modelFile,
        string featureColumnName = "Features",
        string scoreColumnName = "Score",
        string predictedLabelColumnName = "PredictedLabel",
        string? predictedLabelValueColumnName = null,
        ClassifierOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        options = ClassifierOptions.Checked(options);
        var columns = new ScoreColumns(featureColumnName, scoreColumnName, predictedLabelColumnName, predictedLabelValueColumnName);
        columns.Validate(options.Familiarity); // before the file is read: a wrong name is the caller's, whatever the file is
        return new Cifar3ScoringEstimator(ScoringModel.Open(OnnxFile.Open(modelFile), options), columns, options);
    }

    /// <summary>Scores images with a model in memory, such as one just trained.</summary>
    /// <param name="catalog">The transforms' catalog.</param>
    /// <param name="model">The model.</param>
    /// <param name="featureColumnName">The column of images, found by type: MLImage, encoded files, paths, or pixels (see <see cref="Cifar3Transformer"/>). Default: <c>Features</c>.</param>
    /// <param name="scoreColumnName">The column of probabilities to add. Default: <c>Score</c>.</param>
    /// <param name="predictedLabelColumnName">The column of keys to add. Default: <c>PredictedLabel</c>.</param>
    /// <param name="predictedLabelValueColumnName">The column of class names to add; null = none. Default: null.</param>
    /// <param name="options">What scores, threads, limits; null = all defaults, <see cref="ScoringBackend.Auto"/> among them. Default: null.</param>
    /// <returns>An estimator; its Fit reads no rows.</returns>
    /// <exception cref="ArgumentException">A column name is empty, two of the columns to add have the same, an option is outside its range, or it is one for other tools' files.</exception>
    public static Cifar3ScoringEstimator ApplyCifar3(
        this TransformsCatalog catalog,
        CnnModel model,
        string featureColumnName = "Features",
        string scoreColumnName = "Score",
        string predictedLabelColumnName = "PredictedLabel",
        string? predictedLabelValueColumnName = null,
        ClassifierOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(model);
        options = ClassifierOptions.Checked(options);
        return new Cifar3ScoringEstimator(ScoringModel.Of(model, options), new ScoreColumns(featureColumnName, scoreColumnName, predictedLabelColumnName, predictedLabelValueColumnName), options);
    }
}

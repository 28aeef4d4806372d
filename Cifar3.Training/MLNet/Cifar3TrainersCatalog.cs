using System.Runtime.CompilerServices;
using Cifar3.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML;

/// <summary>Adds this library's trainer to <c>mlContext.MulticlassClassification.Trainers</c>.</summary>
public static class Cifar3TrainersCatalog
{
    /// <summary>Creates a trainer of the CNN with the settings of <see cref="Recipe.Auto"/>.</summary>
    /// <param name="catalog">The trainers' catalog.</param>
    /// <param name="labelColumnName">The column of labels: a key. Default: <c>Label</c>.</param>
    /// <param name="featureColumnName">The column of images, found by type: MLImage, encoded files, file paths, or pixels (see <see cref="Cifar3CnnTrainer"/>). Default: <c>Features</c>.</param>
    /// <param name="scoreColumnName">The column of probabilities that the model adds. Default: <c>Score</c>.</param>
    /// <param name="predictedLabelColumnName">The column of keys that the model adds. Default: <c>PredictedLabel</c>.</param>
    /// <param name="validationSet">Images to measure each epoch's model on; null = a tenth of the training images. Default: null.</param>
    /// <returns>The estimator.</returns>
    /// <exception cref="ArgumentException">A column name is empty, or two of the columns to add have the same.</exception>
    /// <example><code>
    /// var model = mlContext.MulticlassClassification.Trainers.Cifar3Cnn(featureColumnName: "Image").Fit(trainSet);
    /// </code></example>
    public static Cifar3CnnTrainer Cifar3Cnn(
        this MulticlassClassificationCatalog.MulticlassClassificationTrainers catalog,
        string labelColumnName = "Label",
        string featureColumnName = "Features",
        string scoreColumnName = "Score",
        string predictedLabelColumnName = "PredictedLabel",
        IDataView? validationSet = null) => catalog.Cifar3Cnn(new Cifar3CnnTrainer.Options
        {
            LabelColumnName = labelColumnName,
            FeatureColumnName = featureColumnName,
            ScoreColumnName = scoreColumnName,
            PredictedLabelColumnName = predictedLabelColumnName,
            ValidationSet = validationSet,
        });

    /// <summary>Creates a trainer of the CNN.</summary>
    /// <param name="catalog">The trainers' catalog.</param>
    /// <param name="options">The settings.</param>
    /// <returns>The estimator.</returns>
    /// <exception cref="ArgumentException">A setting is outside its range.</exception>
    public static Cifar3CnnTrainer Cifar3Cnn(this MulticlassClassificationCatalog.MulticlassClassificationTrainers catalog, Cifar3CnnTrainer.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new Cifar3CnnTrainer(Environment(Owner(catalog)), options);
    }

    /// <summary>A catalog knows the MLContext that it belongs to, but tells only ML.NET's own trainers.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Owner")]
    private static extern TrainCatalogBase Owner(TrainCatalogBase.CatalogInstantiatorBase catalog);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Environment")]
    private static extern IHostEnvironment Environment(TrainCatalogBase catalog);
}

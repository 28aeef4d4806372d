using Cifar3.Training;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3.Tests;

/// <summary>An estimator and the inputs that ML.NET's own check of estimators, TestEstimatorCore, asks for.</summary>
/// <param name="Context">The context of all of it.</param>
/// <param name="Estimator">The estimator.</param>
/// <param name="FitInput">Data that it can be fitted to.</param>
/// <param name="TransformInput">Data that its transformer can score but that it cannot be fitted to; null = none.</param>
/// <param name="InvalidInput">Data that neither can take.</param>
internal sealed record EstimatorCase(MLContext Context, IEstimator<Cifar3Transformer> Estimator, IDataView FitInput, IDataView? TransformInput, IDataView InvalidInput)
{
    /// <summary>Both estimators, on columns that a model file can hold.</summary>
    public static IEnumerable<TestFixtureData> All()
    {
        yield return new TestFixtureData("trainer, pixels");
        yield return new TestFixtureData("trainer, paths");
        yield return new TestFixtureData("ready model, encoded files");
    }

    /// <summary>Makes the case of a name, with files in a folder of its own.</summary>
    public static EstimatorCase Create(string name)
    {
        var context = new MLContext(seed: 1);
        string feature = name switch { "trainer, pixels" => "Pixels", "trainer, paths" => "Path", _ => "Encoded" };
        var images = MLNetData.Images(24);
        string folder = TestFiles.NewFolder();
        var rows = Enumerable.Range(0, images.Count).Select(i =>
        {
            byte[] png = TestImages.Encode(images.Image(i), 32, 32, SkiaSharp.SKEncodedImageFormat.Png);
            string path = Path.Combine(folder, $"{i}.png");
            File.WriteAllBytes(path, png);
            return new MLNetData.Row { Path = path, Encoded = png, Pixels = images.Image(i).ToArray(), Name = images.ClassNames[images.Labels[i]], Number = i };
        }).ToList();
        var unlabelled = context.Data.LoadFromEnumerable(rows);
        var labelled = context.Transforms.Conversion.MapValueToKey("Label", "Name").Fit(unlabelled).Transform(unlabelled);
        var withoutImages = context.Transforms.DropColumns("Path", "Encoded", "Pixels").Fit(labelled).Transform(labelled);
        return name.StartsWith("trainer", StringComparison.Ordinal)
            ? new EstimatorCase(
                context,
                context.MulticlassClassification.Trainers.Cifar3Cnn(new Cifar3CnnTrainer.Options { FeatureColumnName = feature, PredictedLabelValueColumnName = "Class", Epoch = 1, BatchSize = 8, Filters = [2, 2, 2], Engine = TrainingEngine.Managed }),
                labelled,
                unlabelled,
                withoutImages)
            : new EstimatorCase(context, context.Transforms.ApplyCifar3(MLNetData.SmallModel(), feature), unlabelled, null, withoutImages);
    }
}

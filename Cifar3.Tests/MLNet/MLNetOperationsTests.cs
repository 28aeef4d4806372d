using Cifar3.Training;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3.Tests;

/// <summary>ML.NET's own operations over the trainer and its transformer.</summary>
public sealed class MLNetOperationsTests
{
    private static readonly ImageSet Images = ColourImages.Create(60);

    [Test]
    public void CrossValidate_ThreeFolds_EvaluatesEach()
    {
        var context = new MLContext(seed: 1);

        var folds = context.MulticlassClassification.CrossValidate(Images.ToDataView(), Trainer(context), numberOfFolds: 3);

        Assert.That(folds, Has.Count.EqualTo(3));
        Assert.That(folds.Select(fold => fold.Metrics.LogLoss), Is.All.GreaterThan(0).And.All.LessThan(10));
    }

    [Test]
    public void Evaluate_OfATestSplit_AgreesWithTheClassifierAndNamesTheClasses()
    {
        var context = new MLContext(seed: 1);
        var split = context.Data.TrainTestSplit(Images.ToDataView(), 0.4);
        using var model = Trainer(context).Fit(split.TrainSet);

        var metrics = context.MulticlassClassification.Evaluate(model.Transform(split.TestSet));

        var test = ImageSet.FromDataView(split.TestSet);
        using var classifier = Cifar3Classifier.FromModel(model.Model);
        Assert.That(metrics.MicroAccuracy, Is.EqualTo(classifier.Evaluate(test).Accuracy).Within(1e-9));
        Assert.That(metrics.ConfusionMatrix.GetFormattedConfusionTable(), Does.Contain("red").And.Contain("green").And.Contain("blue"));
        Assert.That(metrics.PerClassLogLoss, Has.Count.EqualTo(3));
    }

    [Test]
    public void Fit_InsideALongerChain_FeedsTheStepsBehind()
    {
        var context = new MLContext(seed: 1);
        var view = MLNetData.View(context, MLNetData.Images(24));
        var pipeline = context.Transforms.CopyColumns("Features", "Path")
            .Append(Trainer(context, "Features"))
            .Append(context.Transforms.Conversion.MapKeyToValue("Class", "PredictedLabel"))
            .Append(context.Transforms.Concatenate("Both", "Score", "Score"));

        var model = pipeline.Fit(view);
        using var zip = new MemoryStream();
        context.Model.Save(model, view.Schema, zip);

        var scored = model.Transform(view);
        var loaded = new MLContext().Model.Load(zip, out _).Transform(view);
        Assert.That(scored.GetColumn<string>("Class").Distinct(), Is.SubsetOf(new[] { "aeroplane", "car", "bird" }));
        Assert.That(loaded.GetColumn<string>("Class"), Is.EqualTo(scored.GetColumn<string>("Class")));
        MLNetData.AssertEqual(MLNetData.Scores(loaded, "Both"), MLNetData.Scores(scored, "Both"), 2e-5); // saved, ONNX Runtime scores it: its rounding, for weights of a few steps
    }

    [Test]
    public void Fit_LabelKeysThatAreNumbers_PredictsThoseNumbers()
    {
        var context = new MLContext(seed: 1);
        var view = context.Data.LoadFromEnumerable(Enumerable.Range(0, 60).Select(i => new MLNetData.Row { Pixels = Images.Image(i).ToArray(), Number = 10 * (Images.Labels[i] + 1) }));
        var pipeline = context.Transforms.Conversion.MapValueToKey("Label", "Number").Append(Trainer(context, "Pixels", "Value"));
        var model = pipeline.Fit(view);
        using var zip = new MemoryStream();
        context.Model.Save(model, view.Schema, zip);

        var scored = model.Transform(view);

        int[] values = [.. scored.GetColumn<int>("Value")];
        VBuffer<int> keys = default;
        scored.Schema["PredictedLabel"].Annotations.GetValue("KeyValues", ref keys);
        int[] keyValues = [.. keys.DenseValues()];
        Assert.That(values.Distinct(), Is.SubsetOf(new[] { 10, 20, 30 }));
        Assert.That(scored.GetColumn<uint>("PredictedLabel").Select(key => keyValues[key - 1]), Is.EqualTo(values));
        Assert.That(new MLContext().Model.Load(zip, out _).Transform(view).GetColumn<int>("Value"), Is.EqualTo(values));
    }

    [Test, Explicit("3,072 evaluations, one for each value of a pixel vector: half a minute.")]
    public void PermutationFeatureImportance_OfPixels_Runs()
    {
        var context = new MLContext(seed: 1);
        var images = Images.Take(4);
        var view = context.Transforms.Conversion.ConvertType("Features", "Pixels", DataKind.Single).Fit(images.ToDataView()).Transform(images.ToDataView());
        using var model = context.Transforms.ApplyCifar3(CnnModel.Create(Images.ClassNames, filters: [1, 1, 1])).Fit(view);

        var importance = context.MulticlassClassification.PermutationFeatureImportance(model, view, permutationCount: 1);

        Assert.That(importance, Has.Length.EqualTo(3072));
    }

    [Test]
    public void Classifier_SharedByEightThreads_GivesTheSerialResults()
    {
        using var classifier = Cifar3Classifier.FromModel(MLNetData.SmallModel());
        float[][] serial = [.. Enumerable.Range(0, Images.Count).Select(i => classifier.PredictPixels(Images.Image(i)).Probabilities.ToArray())];
        var actual = new float[8][][];

        Threads.Run(8, thread => actual[thread] = [.. Enumerable.Range(0, Images.Count).Select(i => classifier.PredictPixels(Images.Image(i)).Probabilities.ToArray())]);

        foreach (var scores in actual)
        {
            MLNetData.AssertEqual(scores, serial, tolerance: 0);
        }
    }

    private static Cifar3CnnTrainer Trainer(MLContext context, string feature = "Pixels", string? value = null) => context.MulticlassClassification.Trainers.Cifar3Cnn(
        new Cifar3CnnTrainer.Options { FeatureColumnName = feature, PredictedLabelValueColumnName = value, Epoch = 1, BatchSize = 8, Filters = [2, 2, 2], Engine = TrainingEngine.Managed });
}

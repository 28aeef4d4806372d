using System.Collections.Immutable;

namespace Cifar3.Tests;

public sealed class ClassificationReportTests
{
    private static readonly ImmutableArray<string> Names = ["aeroplane", "car", "bird"];

    /// <summary>Ten predictions whose figures scikit-learn 1.x gives as below (zero_division=0).</summary>
    private static readonly int[] Labels = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2], Predicted = [0, 0, 0, 1, 1, 1, 2, 2, 0, 2];

    [Test]
    public void Create_KnownCounts_GivesKnownFigures()
    {
        var report = ClassificationReport.Create(Images(Labels), Predictions(Predicted));

        Assert.Multiple(() =>
        {
            Assert.That(report.Count, Is.EqualTo(10));
            Assert.That(report.Correct, Is.EqualTo(7));
            Assert.That(report.Accuracy, Is.EqualTo(0.7).Within(1e-12));
            Assert.That(report.LogLoss, Is.EqualTo((7 * -Math.Log(0.8f) + 3 * -Math.Log(0.1f)) / 10).Within(1e-7));
            Assert.That(report.Classes.Select(c => c.Precision), Is.EqualTo(new[] { 3 / 4.0, 2 / 3.0, 2 / 3.0 }).Within(1e-12));
            Assert.That(report.Classes.Select(c => c.Recall), Is.EqualTo(new[] { 3 / 4.0, 2 / 3.0, 2 / 3.0 }).Within(1e-12));
            Assert.That(report.Classes.Select(c => c.F1), Is.EqualTo(new[] { 3 / 4.0, 2 / 3.0, 2 / 3.0 }).Within(1e-12));
            Assert.That(report.Classes.Select(c => c.Support), Is.EqualTo(new[] { 4, 3, 3 }));
            Assert.That(report.ConfusionMatrix.Counts.Select(row => string.Join(" ", row)), Is.EqualTo(new[] { "3 1 0", "0 2 1", "1 0 2" }));
            Assert.That(report.ConfusionMatrix.GetFormattedConfusionTable(), Does.Contain("aeroplane"));
        });
    }

    [Test]
    public void ToString_KnownCounts_IsScikitLearnsTable() =>
        Assert.That(ClassificationReport.Create(Images(Labels), Predictions(Predicted)).ToString(), Is.EqualTo(
            """
                          precision    recall  f1-score   support

               aeroplane      0.750     0.750     0.750         4
                     car      0.667     0.667     0.667         3
                    bird      0.667     0.667     0.667         3

                accuracy                          0.700        10
               macro avg      0.694     0.694     0.694        10
            weighted avg      0.700     0.700     0.700        10

            """.ReplaceLineEndings("\n")));

    [Test]
    public void Create_ClassWithoutImagesOrPredictions_CountsAsZero()
    {
        var report = ClassificationReport.Create(Images([0, 0]), Predictions([0, 1]));

        Assert.That(report.Classes[2], Is.EqualTo(new ClassReport("bird", 0, 0, 0)));
        Assert.That(report.Classes[2].F1, Is.Zero);
        Assert.That(new ClassReport("bird", .5, 1, 3).F1, Is.EqualTo(2 / 3.0).Within(1e-12), "the harmonic mean");
        Assert.That(report.Classes[0].Recall, Is.EqualTo(0.5));
        Assert.That(report.Accuracy, Is.EqualTo(0.5));
    }

    [Test]
    public void Create_WhatDoesNotFitTogether_IsRefused()
    {
        Prediction other = new(["car", "aeroplane", "cat"], [1, 0, 0]), nan = new(Names, [float.NaN, 0, 0]);

        Assert.Multiple(() =>
        {
            Assert.That(() => ClassificationReport.Create(Images([0]), Predictions([0, 1])), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("1 images and 2 predictions"));
            Assert.That(() => ClassificationReport.Create(Images([]), []), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("0 images"));
            Assert.That(() => ClassificationReport.Create(Images([0]), [other]), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("only in the images: 'bird'"));
            Assert.That(() => ClassificationReport.Create(new ImageSet(new byte[CnnArchitecture.ImageBytes], [0], ["plane", "aeroplane", "car"]), Predictions([0])), Throws.TypeOf<Cifar3DataException>(), "two classes of the images are one of the model's");
            Assert.That(() => ClassificationReport.Create(Images([0]), [nan]), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("no number"));
        });
    }

    /// <summary>Another usual name counts only where the name itself is not there.</summary>
    [Test]
    public void Places_NamesThatAreEachOthersSynonyms_AreFoundAsTheyAre() =>
        Assert.That(ClassList.Places(["automobile", "car"], ["car", "automobile"]), Is.EqualTo(new[] { 1, 0 }));

    [Test]
    public void Create_SameClassesInAnotherOrderOrUnderOtherNames_AreMatchedByName()
    {
        var images = new ImageSet(new byte[3 * CnnArchitecture.ImageBytes], [0, 1, 2], ["bird", "car", "plane"]);
        Prediction[] right = [new(Names, [0, 0, 1]), new(Names, [0, 1, 0]), new(Names, [1, 0, 0])];

        var report = ClassificationReport.Create(images, right);

        Assert.That(report.Accuracy, Is.EqualTo(1));
        Assert.That((report.Calibration.BrierScore, report.Calibration.ExpectedCalibrationError), Is.EqualTo((0.0, 0.0)), "every prediction is right and sure");
        Assert.That(report.ClassNames, Is.EqualTo(Names));
        Assert.That(report.ClassMapping, Is.EqualTo("bird = bird, car = car, plane = aeroplane"));
        Assert.That(ClassificationReport.Create(Images([0]), Predictions([0])).ClassMapping, Is.Null);
    }

    [Test]
    public void Create_ModelOfMoreClasses_IsMeasuredOnThoseOfTheImages()
    {
        var images = new ImageSet(new byte[2 * CnnArchitecture.ImageBytes], [0, 1], ["cat", "bird"]);
        ImmutableArray<string> names = ["bird", "cat", "dog"];

        var report = ClassificationReport.Create(images, [new(names, [0.1f, 0.8f, 0.1f]), new(names, [0.1f, 0.2f, 0.7f])]);

        Assert.That((report.Correct, report.Count), Is.EqualTo((1, 2)));
        Assert.That(report.Classes.Select(c => c.Support), Is.EqualTo(new[] { 1, 1, 0 }));
    }

    [Test]
    public void Evaluate_Classifier_AgreesWithItsPredictions()
    {
        const int Count = 100;
        var model = TestModels.Random(filters: [4, 8, 8]);
        var random = new Random(1);
        var images = new ImageSet(EngineTestData.RandomImages(Count, seed: 1), [.. Enumerable.Range(0, Count).Select(_ => random.Next(3))], model.ClassNames);
        using var classifier = Cifar3Classifier.FromModel(model);
        var predictions = classifier.PredictBatch(images);

        var report = classifier.Evaluate(images);

        int[] labels = images.Labels.ToArray();
        Assert.That(report.Correct, Is.EqualTo(predictions.Where((p, i) => p.LabelIndex == labels[i]).Count()));
        Assert.That(report.LogLoss, Is.EqualTo(predictions.Select((p, i) => -Math.Log(p.Probabilities[labels[i]])).Average()).Within(1e-9));
    }

    private static ImageSet Images(int[] labels) => new(new byte[labels.Length * CnnArchitecture.ImageBytes], labels, Names);

    private static Prediction[] Predictions(int[] predicted) => [.. predicted.Select(p => new Prediction(Names, [.. Enumerable.Range(0, 3).Select(c => c == p ? 0.8f : 0.1f)]))];
}

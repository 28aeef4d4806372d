using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The code of the packages' own pages, run.</summary>
public sealed class PackageReadMeTests : IDisposable
{
    private readonly UserFolder user = new();

    public void Dispose() => user.Dispose(); // NUnit calls it after the last test

    [Test]
    public void Cifar3_TrainAndScore_WritesTheFile()
    {
        Both();

        using var classifier = Cifar3Classifier.Load("cifar3.onnx");
        Assert.That(classifier.ClassNames, Is.EqualTo(new[] { "aeroplane", "car", "bird" }));
        Assert.That(classifier.Evaluate(Cifar3Data.Load().Test).Accuracy, Is.GreaterThan(.8));
    }

    [Test]
    public void Core_ScoreAPhoto_PrintsAClass()
    {
        File.Copy(Path.Combine(user.Images, "test", "bird", "0.png"), "photo.jpg");

        var prediction = Core();

        Assert.That(prediction.Label, Is.AnyOf("aeroplane", "car", "bird"));
    }

    [Test]
    public void Training_TrainAndPlot_WritesBothFiles()
    {
        Training();

        Assert.That(File.Exists("model.onnx") && File.Exists("curves.png"));
        using var classifier = Cifar3Classifier.Load("model.onnx");
        Assert.That(classifier.Evaluate(Cifar3Data.Load("images").Test).Accuracy, Is.GreaterThan(.8));
    }

    private static void Both()
    {
        // packages/Cifar3/README.md
        var data = Cifar3Data.Load();                                // CIFAR-10's aeroplanes, cars and birds, or your folders: Load(folder)
        var (train, validation) = data.Train.TrainValidationSplit(); // a tenth set aside: the best model is chosen on it
        var result = new Cifar3Trainer(new TrainerOptions { Seed = 1, Callbacks = [new ProgressBar()] }).Fit(train, validation);
        result.BestModel.SaveOnnx("cifar3.onnx");

        using var classifier = Cifar3Classifier.Load("cifar3.onnx"); // or LoadDefault(): the model inside the package
        Console.WriteLine(classifier.PredictPixels(data.Test.Image(0)));
        // end
    }

    private static Prediction Core()
    {
        // Cifar3.Core/README.md
        using var classifier = Cifar3Classifier.LoadDefault(); // the model inside: aeroplane, car or bird
        var prediction = classifier.Predict("photo.jpg");      // any size, JPEG, PNG, WEBP, BMP, GIF
        Console.WriteLine($"{prediction.Label} {prediction.Confidence:P1}");
        // end
        return prediction;
    }

    private static void Training()
    {
        // Cifar3.Training/README.md
        var data = Cifar3Data.Load("images"); // folders train/<class>/* and test/<class>/*
        var (train, validation) = data.Train.TrainValidationSplit();
        var result = new Cifar3Trainer().Fit(train, validation);
        result.BestModel.SaveOnnx("model.onnx");
        TrainingCurves.Save("curves.png", result.History);
        // end
    }
}

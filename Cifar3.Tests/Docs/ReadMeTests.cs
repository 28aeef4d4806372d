using System.Text.RegularExpressions;
using Cifar3.Training;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Cifar3.Tests;

/// <summary>The code of README.md, run.</summary>
public sealed partial class ReadMeTests
{
    /// <summary>The real thing, with CIFAR3_DATA at a folder of few images, so that ten epochs take seconds.</summary>
    [Test]
    public void ReadMe_TrainExportPredict_Works()
    {
        using var user = new UserFolder();

        TrainExportPredict();

        using var classifier = Cifar3Classifier.Load("cifar3.onnx");
        Assert.That(classifier.ClassNames, Is.EqualTo(new[] { "aeroplane", "car", "bird" }));
        Assert.That(classifier.Evaluate(Cifar3Data.Load().Test).Accuracy, Is.GreaterThan(.8), "the first program of README.md must not end in a model at chance");
    }

    [Test]
    public void ReadMe_OwnFolders_Work()
    {
        string folder = TestFiles.NewFolder();
        UserFolder.WriteImages(folder, "screw", "nut");

        var data = OwnFolders(folder);

        Assert.That(data.ClassNames, Is.EqualTo(new[] { "nut", "screw" }));
        Assert.That(data.Train.Shape, Is.EqualTo((24, 32, 32, 3)));
    }

    [Test]
    public void ReadMe_ShippedModel_SaysWhatThePhotoShows()
    {
        using var user = new UserFolder();
        File.Copy(Path.Combine(user.Images, "test", "bird", "0.png"), "photo.jpg");

        Assert.DoesNotThrow(Shipped);
    }

    [Test]
    public void ReadMe_Estimator_SavesBothModels()
    {
        using var user = new UserFolder();

        Estimator();

        using var classifier = Cifar3Classifier.Load("model.onnx");
        Assert.That(classifier.ClassNames, Is.EqualTo(new[] { "aeroplane", "car", "bird" }));
        Assert.That(classifier.Evaluate(Cifar3Data.Load().Test).Accuracy, Is.GreaterThan(.8), "the ML.NET program of README.md must not end in a model at chance");
        Assert.That(new MLContext().Model.Load("model.zip", out var schema), Is.Not.Null);
        Assert.That(schema.Select(column => column.Name), Does.Contain("Label"));
    }

    /// <summary>The table of messages holds no message that the code does not give; "…" stands for what differs.</summary>
    [Test]
    public void ReadMe_Messages_AreThoseOfTheCode()
    {
        string page = new DocPage("README.md").Text;
        var rows = MessageRow().Matches(page[page.IndexOf("## When something goes wrong", StringComparison.Ordinal)..page.IndexOf("## Where things are", StringComparison.Ordinal)]);
        string code = string.Concat(new[] { "Cifar3.Core", "Cifar3.Training", "packages" }
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(DocPage.Root, folder), "*", SearchOption.AllDirectories))
            .Where(file => Path.GetExtension(file) is ".cs" or ".targets").Select(File.ReadAllText));

        Assert.That(rows, Has.Count.GreaterThan(5));
        foreach (string part in rows.SelectMany(row => row.Groups["message"].Value.Replace("error CIFAR3001", "CIFAR3001", StringComparison.Ordinal).Split('…')).Where(part => part.Trim().Length > 2))
        {
            Assert.That(code, Does.Contain(part.Trim()), "a message of README.md");
        }
    }

    private static void TrainExportPredict()
    {
        // README.md
        var data = Cifar3Data.Load();                                // 15,000 training and 3,000 test images
        var (train, validation) = data.Train.TrainValidationSplit(); // a tenth set aside: the best model is chosen on it
        var trainer = new Cifar3Trainer(new TrainerOptions
        {
            Seed = 1,                                                // same seed, same model, bit for bit
            Callbacks = [new ProgressBar()],
        });
        var result = trainer.Fit(train, validation);                 // Recipe.Auto: batch and epochs follow from the images
        result.BestModel.SaveOnnx("cifar3.onnx");                    // any ONNX runtime scores it

        using var classifier = Cifar3Classifier.Load("cifar3.onnx"); // CUDA when present, CPU otherwise
        var prediction = classifier.PredictPixels(data.Test.Image(0));
        Console.WriteLine($"{prediction.Label} {prediction.Confidence:P1}");
        // end
    }

    private static ImageData OwnFolders(string folder)
    {
        // README.md
        var data = Cifar3Data.Load(folder); // train/screw/*, train/nut/*, test/screw/*, test/nut/*
        // end
        return data;
    }

    private static void Shipped()
    {
        // README.md
        using var shipped = Cifar3Classifier.LoadDefault(); // aeroplane, car or bird
        Console.WriteLine(shipped.Predict("photo.jpg"));    // any size, JPEG, PNG, WEBP, BMP, GIF
        // end
    }

    private static void Estimator()
    {
        // README.md
        var context = new MLContext(seed: 1);
        context.Log += (_, message) => { if (message.Kind == ChannelMessageKind.Warning) Console.WriteLine(message.RawMessage); }; // what speaks against the model
        var images = Cifar3Data.Load();
        IDataView train = images.Train.ToDataView(), test = images.Test.ToDataView(); // Image: MLImage 32x32, Pixels: vector of 3,072, Label: key

        var trainer = context.MulticlassClassification.Trainers.Cifar3Cnn(new Cifar3CnnTrainer.Options
        {
            FeatureColumnName = "Image", // MLImage, file paths, encoded files or pixels: found by the column's type
            MetricsCallback = metrics => Console.WriteLine(metrics),
        });
        var model = trainer.Fit(train);
        var metrics = context.MulticlassClassification.Evaluate(model.Transform(test));
        Console.WriteLine(metrics.ConfusionMatrix.GetFormattedConfusionTable());

        context.Model.Save(model, train.Schema, "model.zip"); // for any ML.NET program
        model.Model.SaveOnnx("model.onnx");                   // for any ONNX runtime
        // end
    }

    /// <summary><c>| `message` | what to do |</c>; ML.NET's own message, in two backticks, is another test's.</summary>
    [GeneratedRegex(@"^\| `(?<message>[^`]+)` \|", RegexOptions.Multiline)]
    private static partial Regex MessageRow();
}

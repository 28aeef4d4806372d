using Cifar3.Training;
using Microsoft.ML;

namespace Cifar3.Tests;

/// <summary>The code of README.md, run.</summary>
public sealed class ReadMeTests
{
    /// <summary>The real thing, with CIFAR3_DATA at a folder of few images, so that ten epochs take seconds.</summary>
    [Test]
    public void ReadMe_TrainExportPredict_Works()
    {
        using var user = new UserFolder();

        TrainExportPredict();

        using var classifier = Cifar3Classifier.Load("cifar3.onnx");
        Assert.That(classifier.ClassNames, Is.EqualTo(new[] { "aeroplane", "car", "bird" }));
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
    public void ReadMe_DataView_HasImagePixelsAndLabel()
    {
        var view = DataView(Cifar3Data.Synthetic(trainCount: 6, testCount: 3, seed: 1));

        Assert.That(view.Schema.Select(column => column.Name), Is.EqualTo(new[] { "Image", "Pixels", "Label" }));
        Assert.That(view.GetRowCount(), Is.EqualTo(6));
    }

    private static void TrainExportPredict()
    {
        // README.md
        var data = Cifar3Data.Load();                                // 15,000 training and 3,000 test images
        var trainer = new Cifar3Trainer(new TrainerOptions
        {
            Seed = 1,                                                // same seed, same model, bit for bit
            Callbacks = [new ProgressBar(), new EarlyStopping("val_accuracy", patience: 3)],
        });
        var result = trainer.Fit(data.Train, data.Test);             // Adam, batch 128, 10 epochs: Keras' semantics
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

    private static IDataView DataView(ImageData data)
    {
        // README.md
        IDataView view = data.Train.ToDataView(); // Image: MLImage 32x32, Pixels: vector of 3,072, Label: key with the class names
        // end
        return view;
    }
}

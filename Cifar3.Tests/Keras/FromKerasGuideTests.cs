using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The code of docs/from-keras.md: one program, run.</summary>
public sealed class FromKerasGuideTests
{
    [Test]
    public void Guide_OnSmallImages_RunsAndWritesItsFiles()
    {
        using var user = new UserFolder();

        Guide();

        var files = Directory.GetFiles("results").Select(file => Path.GetFileName(file)!).ToList();
        Assert.That(files, Is.SupersetOf(new[] { "examples.png", "curves.png", "confusion-matrix.png", "predictions.png", "cifar3.onnx", "more.keras" }));
        Assert.That(files, Has.Some.Match("^model_[01].[0-9]{3}.h5$"));
        var keras = KerasFile.Load(Path.Combine("results", "more.keras"));
        Assert.That(keras.Model.ClassNames, Has.Length.EqualTo(3));
        var best = CnnModel.LoadOnnx(Path.Combine("results", "cifar3.onnx"));
        Assert.That(best.ClassNames, Is.EqualTo(keras.Model.ClassNames));
        Assert.That(best.Metadata.Recipe, Does.StartWith("keras: Adam"), "what the page's Keras code compiles");
    }

    private static void Guide()
    {
        // docs/from-keras.md
        string? path = null;        // a CIFAR-10 archive or folder, or folders train/<class>/* and test/<class>/*; null: found or downloaded
        string results = "results"; // where files go
        // end

        // docs/from-keras.md
        Console.Write(Cifar3Classifier.Diagnose());                      // processor, ONNX Runtime, CUDA; each that is missing with its reason
        Console.WriteLine(TensorFlowEngine.IsAvailable ? TensorFlowEngine.GetInfo() : "trains with the managed engine, on the CPU");
        // end

        // docs/from-keras.md
        var data = Cifar3Data.Load(path);                                // the same three classes; pixels stay bytes, the division by 255 is inside
        Console.WriteLine($"{data.Train.Shape} {data.Test.Shape}");
        ExampleGrid.Save(Path.Combine(results, "examples.png"), ExampleGrid.Choose(data.Train, 10), "10 training images");
        // end

        // docs/from-keras.md
        var model = CnnModel.Create(data.ClassNames, seed: 1, filters: [32, 64, 128], dropoutRates: [0.5, 0.5, 0.5]);
        Console.Write(model.Summary());                                  // SummaryStyle.Keras2 and Keras231 print the tables of older Keras
        // end

        // docs/from-keras.md
        var options = new TrainerOptions
        {
            InitialModel = model,
            Recipe = Recipe.Keras,                                       // without it: Recipe.Auto, which augments and follows a schedule of its own
            LearningRate = 1e-3f,                                        // Adam and categorical cross-entropy, as compiled above
            BatchSize = 128,
            Epoch = 10,
            Seed = 1,
            Callbacks =
            [
                new ProgressBar(),
                new EarlyStopping(monitor: "val_accuracy", patience: 3),
                new ModelCheckpoint(Path.Combine(results, "model_{val_accuracy:.3f}.h5"), monitor: "val_accuracy", saveBestOnly: true),
            ],
        };
        var result = new Cifar3Trainer(options).Fit(data.Train, data.Test);
        // end

        // docs/from-keras.md
        Console.WriteLine(string.Join(" ", result.History["val_accuracy"]));
        TrainingCurves.Save(Path.Combine(results, "curves.png"), result.History);
        using var classifier = Cifar3Classifier.FromModel(result.BestModel);
        var report = classifier.Evaluate(data.Test);
        Console.WriteLine(report);
        ConfusionMatrixPlot.Save(Path.Combine(results, "confusion-matrix.png"), report, $"accuracy {report.Accuracy:P2}");
        Console.WriteLine(classifier.PredictPixels(data.Test.Image(0)));
        // end

        // docs/from-keras.md
        string kerasFile = Directory.GetFiles(results, "model_*.h5").Order().Last();
        using var saved = Cifar3Classifier.FromModel(CnnModel.LoadKeras(kerasFile, data.ClassNames));
        var predicted = saved.PredictBatch(data.Test);                   // all of them
        Console.WriteLine($"{predicted.Where((prediction, i) => prediction.LabelIndex == data.Test.Labels[i]).Count()} of {predicted.Count} right");
        var shown = ExampleGrid.Choose(data.Test, 15);
        ExampleGrid.Save(Path.Combine(results, "predictions.png"), shown, saved.PredictBatch(shown), "15 test images"); // labels green where right, red where wrong
        // end

        // docs/from-keras.md
        string onnx = Path.Combine(results, "cifar3.onnx");
        result.BestModel.SaveOnnx(onnx);
        // end

        // docs/from-keras.md
        using var scorer = Cifar3Classifier.Load(onnx, new ClassifierOptions { ClassNames = data.ClassNames });
        Console.WriteLine(scorer.PredictPixels(data.Test.Image(0)).Label);
        // end

        // docs/from-keras.md
        var keras = KerasFile.Load(kerasFile, data.ClassNames);          // Keras files name no classes: give them in the order of its outputs
        Console.WriteLine($"Keras {keras.KerasVersion}, Adam at step {keras.State?.Step}");
        var more = new Cifar3Trainer(new TrainerOptions
        {
            Recipe = Recipe.Keras,
            InitialModel = keras.Model,
            InitialState = keras.State,
            LearningRate = (float?)keras.LearningRate,                   // as compiled, or as a schedule left it
            Epoch = 1,
        }).Fit(data.Train, data.Test);
        more.Model.SaveKeras(Path.Combine(results, "more.keras"));
        // end
    }
}

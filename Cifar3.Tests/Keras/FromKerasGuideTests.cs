using System.Runtime.CompilerServices;
using Cifar3.Training;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>The C# of docs/from-keras.md: it is what stands below, line for line, and it runs.</summary>
public sealed class FromKerasGuideTests
{
    private const string Begin = "// the guide begins", End = "// the guide ends";

    [Test]
    public void Guide_CodeOfThePage_IsTheCodeThatRuns()
    {
        string[] fences = [.. File.ReadAllText(Path.Combine(SourceFolder(), "..", "..", "docs", "from-keras.md")).ReplaceLineEndings("\n").Split("```csharp\n")[1..].Select(part => part.Split("```")[0])];
        string source = File.ReadAllText(ThisFile()).ReplaceLineEndings("\n");
        string body = source[(source.IndexOf("        " + Begin, StringComparison.Ordinal) + Begin.Length + 8)..source.IndexOf("        " + End, StringComparison.Ordinal)];

        Assert.That(Lines(fences[0])[..2], Is.EqualTo(new[] { "using Cifar3;", "using Cifar3.Training;" }));
        Assert.That(Lines(fences[0])[2..].Select(line => line.Split('=')[0].Trim()), Is.EqualTo(new[] { "string? path", "string results" }), "the two parameters below");
        Assert.That(string.Join('\n', fences[1..].SelectMany(Lines)), Is.EqualTo(string.Join('\n', Lines(body.Replace("\n        ", "\n", StringComparison.Ordinal)))));
    }

    [Test]
    public void Guide_OnSmallImages_RunsAndWritesItsFiles()
    {
        string folder = TestFiles.NewFolder(), results = Path.Combine(folder, "results");
        Draw(folder);

        Guide(folder, results);

        var files = Directory.GetFiles(results).Select(file => Path.GetFileName(file)!).ToList();
        Assert.That(files, Is.SupersetOf(new[] { "examples.png", "curves.png", "confusion-matrix.png", "cifar3.onnx", "more.keras" }));
        Assert.That(files, Has.Some.Match("^model_[01].[0-9]{3}.h5$"));
        var keras = KerasFile.Load(Path.Combine(results, "more.keras"));
        Assert.That(keras.Model.ClassNames, Has.Length.EqualTo(3));
        Assert.That(CnnModel.LoadOnnx(Path.Combine(results, "cifar3.onnx")).ClassNames, Is.EqualTo(keras.Model.ClassNames));
    }

    private static void Guide(string? path, string results)
    {
        // the guide begins
        var data = Cifar3Data.Load(path);                                // the same three classes; pixels stay bytes, the division by 255 is inside
        Console.WriteLine($"{data.Train.Shape} {data.Test.Shape}");
        ExampleGrid.Save(Path.Combine(results, "examples.png"), ExampleGrid.Choose(data.Train, 10), "10 training images");

        var model = CnnModel.Create(data.ClassNames, seed: 1, filters: [32, 64, 128], dropoutRates: [0.5, 0.5, 0.5]);
        Console.Write(model.Summary());                                  // SummaryStyle.Keras2 and Keras231 print the tables of older Keras

        var options = new TrainerOptions
        {
            InitialModel = model,
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

        Console.WriteLine(string.Join(" ", result.History["val_accuracy"]));
        TrainingCurves.Save(Path.Combine(results, "curves.png"), result.History);
        using var classifier = Cifar3Classifier.FromModel(result.BestModel);
        var report = classifier.Evaluate(data.Test);
        Console.WriteLine(report);
        ConfusionMatrixPlot.Save(Path.Combine(results, "confusion-matrix.png"), report, $"accuracy {report.Accuracy:P2}");
        Console.WriteLine(classifier.PredictPixels(data.Test.Image(0)));

        string onnx = Path.Combine(results, "cifar3.onnx");
        result.BestModel.SaveOnnx(onnx);

        using var scorer = Cifar3Classifier.Load(onnx, new ClassifierOptions { ClassNames = data.ClassNames });
        Console.WriteLine(scorer.PredictPixels(data.Test.Image(0)).Label);

        string kerasFile = Directory.GetFiles(results, "model_*.h5").Order().Last();
        var keras = KerasFile.Load(kerasFile, data.ClassNames);          // Keras files name no classes: give them in the order of its outputs
        Console.WriteLine($"Keras {keras.KerasVersion}, Adam at step {keras.State?.Step}");
        var more = new Cifar3Trainer(new TrainerOptions { InitialModel = keras.Model, InitialState = keras.State, Epoch = 1 }).Fit(data.Train, data.Test);
        more.Model.SaveKeras(Path.Combine(results, "more.keras"));

        // the guide ends
    }

    /// <summary>Code lines without blank ones.</summary>
    private static string[] Lines(string code) => [.. code.Split('\n').Select(line => line.TrimEnd()).Where(line => line.Length > 0)];

    /// <summary>Folders of the three classes with one colour each and noise.</summary>
    private static void Draw(string folder)
    {
        string[] classes = ["airplane", "automobile", "bird"];
        var random = new Random(1);
        foreach (var (set, count) in new[] { ("train", 12), ("test", 4) })
        {
            for (int label = 0; label < classes.Length; label++)
            {
                Directory.CreateDirectory(Path.Combine(folder, set, classes[label]));
                for (int i = 0; i < count; i++)
                {
                    byte[] rgb = new byte[CnnArchitecture.ImageBytes];
                    random.NextBytes(rgb);
                    for (int p = label; p < rgb.Length; p += 3)
                    {
                        rgb[p] = 255;
                    }

                    File.WriteAllBytes(Path.Combine(folder, set, classes[label], $"{i}.png"), TestImages.Encode(rgb, 32, 32, SKEncodedImageFormat.Png));
                }
            }
        }
    }

    private static string ThisFile([CallerFilePath] string file = "") => file;

    private static string SourceFolder() => Path.GetDirectoryName(ThisFile())!;
}

using System.Runtime.CompilerServices;
using Cifar3.Training;
using Microsoft.ML;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>
/// The README's code is this file's code: each C# block there must stand here, between "// README" and "// end", inside a test that
/// runs it and checks what it does.
/// </summary>
public sealed class ReadMeTests
{
    /// <summary>The real thing, with CIFAR3_DATA at a folder of few images, so that ten epochs take seconds.</summary>
    [Test]
    public void ReadMe_TrainExportPredict_Works()
    {
        string folder = TestFiles.NewFolder(), before = Directory.GetCurrentDirectory();
        string? variable = Environment.GetEnvironmentVariable(Cifar3Data.PathVariable);
        WriteFolders(Path.Combine(folder, "images"), "airplane", "automobile", "bird");
        try
        {
            Directory.SetCurrentDirectory(folder);
            Environment.SetEnvironmentVariable(Cifar3Data.PathVariable, Path.Combine(folder, "images"));
            TrainExportPredict();
            using var classifier = Cifar3Classifier.Load("cifar3.onnx");
            Assert.That(classifier.ClassNames, Is.EqualTo(new[] { "aeroplane", "car", "bird" }));
        }
        finally
        {
            Environment.SetEnvironmentVariable(Cifar3Data.PathVariable, variable);
            Directory.SetCurrentDirectory(before);
        }
    }

    [Test]
    public void ReadMe_OwnFolders_Work()
    {
        string folder = TestFiles.NewFolder();
        WriteFolders(folder, "screw", "nut");

        var data = OwnFolders(folder);

        Assert.That(data.ClassNames, Is.EqualTo(new[] { "nut", "screw" }));
        Assert.That(data.Train.Shape, Is.EqualTo((8, 32, 32, 3)));
    }

    [Test]
    public void ReadMe_DataView_HasImagePixelsAndLabel()
    {
        var view = DataView(Cifar3Data.Synthetic(trainCount: 6, testCount: 3, seed: 1));

        Assert.That(view.Schema.Select(column => column.Name), Is.EqualTo(new[] { "Image", "Pixels", "Label" }));
        Assert.That(view.GetRowCount(), Is.EqualTo(6));
    }

    [Test]
    public void ReadMe_EveryCodeBlock_IsTestedHere()
    {
        string source = File.ReadAllText(SourceFile()).ReplaceLineEndings("\n");
        string readMe = File.ReadAllText(Path.Combine(Path.GetDirectoryName(SourceFile())!, "..", "..", "README.md")).ReplaceLineEndings("\n");
        string[] tested = [.. Between(source, "        // README\n", "        // end\n").Select(Dedent)];
        string[] shown = [.. Between(readMe, "```csharp\n", "```\n")];

        Assert.That(shown, Is.EquivalentTo(tested));
        Assert.That(shown, Is.Not.Empty);
    }

    private static void TrainExportPredict()
    {
        // README
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
        // README
        var data = Cifar3Data.Load(folder); // train/screw/*, train/nut/*, test/screw/*, test/nut/*
        // end
        return data;
    }

    private static IDataView DataView(ImageData data)
    {
        // README
        IDataView view = data.Train.ToDataView(); // Image: MLImage 32x32, Pixels: vector of 3,072, Label: key with the class names
        // end
        return view;
    }

    /// <summary>Four synthetic pictures, 48×40 PNG, for each class in train, two in test.</summary>
    private static void WriteFolders(string folder, params string[] classes)
    {
        var random = new Random(1);
        foreach (var (part, count) in new[] { ("train", 4), ("test", 2) })
        {
            foreach (string name in classes)
            {
                Directory.CreateDirectory(Path.Combine(folder, part, name));
                for (int i = 0; i < count; i++)
                {
                    var pixels = new byte[48 * 40 * 3];
                    random.NextBytes(pixels);
                    File.WriteAllBytes(Path.Combine(folder, part, name, $"{i}.png"), TestImages.Encode(pixels, 48, 40, SKEncodedImageFormat.Png));
                }
            }
        }
    }

    private static IEnumerable<string> Between(string text, string start, string end) =>
        text.Split(start).Skip(1).Select(part => part[..part.IndexOf(end, StringComparison.Ordinal)]);

    private static string Dedent(string code) =>
        string.Concat(code.Split('\n').Select(line => (line.Length >= 8 ? line[8..] : line) + "\n"))[..^1].TrimEnd(' ');

    private static string SourceFile([CallerFilePath] string file = "") => file;
}

using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>The code of docs/scoring.md.</summary>
public sealed class ScoringPageTests
{
    private static readonly ImageData Data = Cifar3Data.Synthetic(trainCount: 60, testCount: 12, seed: 1);
    private static readonly CnnModel Model = CnnModel.Create(Data.ClassNames, seed: 1, filters: [4, 8, 8]);

    [Test]
    public void Page_Flavors_ScoreAlike()
    {
        string folder = TestFiles.NewFolder();

        var int8 = Flavors(Model, Data, folder);

        Assert.That(int8.Probabilities.Sum(), Is.EqualTo(1).Within(1e-5));
        Assert.That(Directory.GetFiles(folder).Select(Path.GetFileName), Is.EquivalentTo(new[] { "model.onnx", "model.fast.onnx", "model.int8.onnx" }));
    }

    [Test]
    public async Task Page_Streams_ScoreAllFiles()
    {
        string folder = TestFiles.NewFolder();
        for (int i = 0; i < 5; i++)
        {
            File.WriteAllBytes(Path.Combine(folder, $"{i}.png"), TestImages.Encode(Data.Test.Image(i).ToArray(), 32, 32, SKEncodedImageFormat.Png));
        }

        using var classifier = Cifar3Classifier.FromModel(Model);

        Assert.That(Files(classifier, folder, default), Is.EqualTo(5));
        Assert.That(Skipping(classifier, folder), Is.EqualTo(5));
        Assert.That(await Frames(classifier, Camera()), Is.EqualTo(3));

        static async IAsyncEnumerable<byte[]> Camera()
        {
            for (int i = 0; i < 3; i++)
            {
                await Task.Yield();
                yield return TestImages.Encode(Data.Test.Image(i).ToArray(), 32, 32, SKEncodedImageFormat.Jpeg);
            }
        }
    }

    [Test]
    public void Page_OwnMemory_GetsProbabilities()
    {
        using var classifier = Cifar3Classifier.FromModel(Model);

        Assert.That(OwnMemory(classifier, Data.Test.Image(0)), Is.EqualTo(classifier.PredictPixels(Data.Test.Image(0)).Confidence));
    }

    [Test]
    public void Page_Options_GiveTheSamePrediction()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        Model.SaveOnnx(path);
        using var plain = Cifar3Classifier.Load(path);

        var expected = plain.PredictPixels(Data.Test.Image(0));

        Assert.That(Chosen(path, Data.Test.Image(0)).Label, Is.EqualTo(expected.Label));
    }

    [Test]
    public void Page_Cuda_IsUsedOrSaysWhyNot()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        Model.SaveOnnx(path);

        try
        {
            Assert.That(Cuda(path), Does.Contain("CUDA device 0"));
        }
        catch (Cifar3Exception e)
        {
            Assert.That(e.Message, Does.StartWith("Cannot use CUDA"));
        }
    }

    [Test]
    public void Page_Table_Works() => Assert.That(Table().Works, Is.True);

    /// <summary>The table of flavours beside what is written: names and types of inputs, and whether the weights come back.</summary>
    [Test]
    public void Page_TableOfFlavors_IsWhatIsWritten()
    {
        var rows = new DocPage("docs/scoring.md").Table("`OnnxFlavor`");

        Assert.That(rows.Select(cells => cells[0].Split('`')[1]), Is.EqualTo(Enum.GetNames<OnnxFlavor>()));
        foreach (string[] cells in rows)
        {
            byte[] bytes = Model.ToOnnxBytes(new OnnxExportOptions { Flavor = Enum.Parse<OnnxFlavor>(cells[0].Split('`')[1]), CalibrationImages = Data.Train });
            var input = Onnx.ModelProto.Parser.ParseFrom(bytes).Graph.Input.Single();
            string type = input.Type.TensorType.ElemType == (int)Onnx.TensorProto.Types.DataType.Uint8 ? "uint8" : "float", shape = string.Join(", ", input.Type.TensorType.Shape.Dim.Select(dim => dim.HasDimValue ? $"{dim.DimValue}" : dim.DimParam));
            bool comesBack = true;
            try
            {
                Assert.That(CnnModel.LoadOnnx(bytes).WeightHash(), Is.EqualTo(Model.WeightHash()));
            }
            catch (Cifar3ModelException)
            {
                comesBack = false;
            }

            Assert.That(cells[1], Does.StartWith($"`{input.Name}`: {type} [{shape}]"));
            Assert.That(cells[3], Does.StartWith(comesBack ? "yes, bit for bit" : "no"));
        }
    }

    /// <summary>The table of back ends: which of them take which files, and what <c>Auto</c> takes here.</summary>
    [Test]
    public void Page_TableOfBackends_IsWhatScores()
    {
        var rows = new DocPage("docs/scoring.md").Table("`ScoringBackend`").ToDictionary(cells => cells[0].Split('`')[1], cells => cells[2]);
        Assert.That(rows.Keys, Is.EquivalentTo(Enum.GetNames<ScoringBackend>()));
        Assert.That(rows["Auto"], Is.EqualTo("all"));
        Assert.That(rows["Managed"], Is.EqualTo("`Keras`"));
        Assert.That(rows["OnnxRuntime"], Does.StartWith("all"));
        foreach (var flavor in Enum.GetValues<OnnxFlavor>())
        {
            byte[] bytes = Model.ToOnnxBytes(new OnnxExportOptions { Flavor = flavor, CalibrationImages = Data.Train });
            using var auto = Cifar3Classifier.Load(bytes);
            using var runtime = Cifar3Classifier.Load(bytes, new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime });

            Assert.That(auto.Backend, Is.EqualTo(flavor == OnnxFlavor.Keras ? ScoringBackend.Managed : ScoringBackend.OnnxRuntime));
            Assert.That(runtime.Backend, Is.EqualTo(ScoringBackend.OnnxRuntime));
            if (flavor != OnnxFlavor.Keras)
            {
                Assert.That(() => Cifar3Classifier.Load(bytes, new ClassifierOptions { Backend = ScoringBackend.Managed }), Throws.TypeOf<Cifar3ModelException>());
            }
        }
    }

    private static Prediction Flavors(CnnModel model, ImageData data, string folder)
    {
        // docs/scoring.md
        model.SaveOnnx($"{folder}/model.onnx");   // Keras' layers one by one: for any tool, read back bit for bit
        model.SaveOnnx($"{folder}/model.fast.onnx", new OnnxExportOptions { Flavor = OnnxFlavor.Optimized });
        model.SaveOnnx($"{folder}/model.int8.onnx", new OnnxExportOptions { Flavor = OnnxFlavor.Int8, CalibrationImages = data.Train });

        using var classifier = Cifar3Classifier.Load($"{folder}/model.int8.onnx");
        var prediction = classifier.PredictPixels(data.Test.Image(0));
        // end
        return prediction;
    }

    private static int Files(Cifar3Classifier classifier, string folder, CancellationToken cancellation)
    {
        var labels = new List<string>();
        // docs/scoring.md
        var progress = new Progress<long>(done => Console.Error.WriteLine($"{done:N0} pictures"));
        foreach (var prediction in classifier.PredictMany(Directory.EnumerateFiles(folder), progress, cancellationToken: cancellation))
        {
            labels.Add(prediction.Label);   // in the order of the files, while the next ones are being decoded and scored
        }
        // end
        return labels.Count;
    }

    private static int Skipping(Cifar3Classifier classifier, string folder)
    {
        var labels = new List<string>();
        // docs/scoring.md
        var bad = new List<string>();
        foreach (var prediction in classifier.PredictMany(Directory.EnumerateFiles(folder), onBadImage: (index, error) => bad.Add(error.Message)))
        {
            labels.Add(prediction.Label);
        }
        // end
        return labels.Count - bad.Count;
    }

    private static async Task<int> Frames(Cifar3Classifier classifier, IAsyncEnumerable<byte[]> frames)
    {
        var labels = new List<string>();
        // docs/scoring.md
        await foreach (var prediction in classifier.PredictMany(frames))   // encoded pictures, as they come
        {
            labels.Add(prediction.Label);
        }
        // end
        return labels.Count;
    }

    private static float OwnMemory(Cifar3Classifier classifier, ReadOnlySpan<byte> pixels)
    {
        // docs/scoring.md
        Span<float> probabilities = stackalloc float[classifier.ClassNames.Length];
        classifier.Score(pixels, probabilities);   // pixels: 32x32x3 bytes, red, green, blue
        // end
        float best = 0;
        foreach (float probability in probabilities)
        {
            best = Math.Max(best, probability);
        }

        return best;
    }

    private static Prediction Chosen(string path, ReadOnlySpan<byte> pixels)
    {
        // docs/scoring.md
        using var classifier = Cifar3Classifier.Load(path, new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime });
        Console.WriteLine(classifier.Device);   // ONNX Runtime 1.31.1, CPU
        // end
        return classifier.PredictPixels(pixels);
    }

    private static Diagnosis Table()
    {
        // docs/scoring.md
        Console.Write(Cifar3Classifier.Diagnose());
        // end
        return Cifar3Classifier.Diagnose();
    }

    private static string Cuda(string path)
    {
        // docs/scoring.md
        var options = new ClassifierOptions { Backend = ScoringBackend.Cuda, DeviceId = 0, DeviceMemoryLimit = 2L << 30 };
        using var classifier = Cifar3Classifier.Load(path, options);
        Console.WriteLine(classifier.Device);   // ONNX Runtime 1.31.0, CUDA device 0
        // end
        return classifier.Device;
    }
}

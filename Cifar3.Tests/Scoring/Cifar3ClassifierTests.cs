using Microsoft.ML;

namespace Cifar3.Tests;

public sealed class Cifar3ClassifierTests
{
    private static readonly ClassifierOptions Cpu = new() { Backend = ScoringBackend.OnnxRuntime, Threads = 1 };

    [TestCase(3, new[] { 32, 64, 128 })]
    [TestCase(2, new[] { 3, 5, 4 })]
    [TestCase(10, new[] { 8, 16, 24 })]
    [TestCase(100, new[] { 5, 7, 3 })]
    public void Score_RandomWeights_EqualsTheReferenceInDouble(int classes, int[] filters)
    {
        var model = TestModels.Random(classes, filters);
        byte[] pixels = EngineTestData.RandomImages(5, seed: 1);
        double[] expected = new ReferenceNetwork(model).Predict(pixels);
        var probabilities = new float[5 * classes];
        using var classifier = Cifar3Classifier.FromModel(model, Cpu);

        classifier.Score(pixels, probabilities);

        double worst = EngineComparison.Farthest(probabilities, expected);
        TestContext.Out.WriteLine($"probabilities differ by up to {worst:e1}");
        Assert.That(worst, Is.LessThan(1e-5));
        Assert.That(expected.Max(), Is.GreaterThan(1.05 / classes), "the test's probabilities are not all alike");
    }

    [Test]
    public void Predict_FileBytesAndModel_GiveTheSameBits()
    {
        var model = TestModels.Random();
        byte[] pixels = EngineTestData.RandomImages(1, seed: 1);
        string path = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        model.SaveOnnx(path);
        using var file = Cifar3Classifier.Load(path, Cpu);
        using var bytes = Cifar3Classifier.Load(File.ReadAllBytes(path), Cpu);
        using var memory = Cifar3Classifier.FromModel(model, Cpu);

        var prediction = file.PredictPixels(pixels);

        Assert.That(bytes.PredictPixels(pixels), Is.EqualTo(prediction));
        Assert.That(memory.PredictPixels(pixels), Is.EqualTo(prediction));
        Assert.That(file.ClassNames, Is.EqualTo(new[] { "aeroplane", "car", "bird" }));
        Assert.That(file.Metadata.TrainedOn, Is.EqualTo("random numbers"));
        Assert.That(prediction.Probabilities.Sum(), Is.EqualTo(1).Within(1e-6));
        Assert.That(prediction.Label, Is.EqualTo(file.ClassNames[prediction.LabelIndex]));
    }

    /// <summary>1 to 200 images: less than one run, exactly one, several with a remainder.</summary>
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(63)]
    [TestCase(64)]
    [TestCase(65)]
    [TestCase(200)]
    public void PredictPixelsBatch_AnySize_GivesWhatSingleImagesGive(int count)
    {
        byte[] pixels = EngineTestData.RandomImages(count, seed: 1);
        using var classifier = Cifar3Classifier.FromModel(TestModels.Random(filters: [4, 8, 8]), Cpu);

        var batch = classifier.PredictPixelsBatch(pixels);

        Assert.That(batch, Has.Count.EqualTo(count));
        double worst = Enumerable.Range(0, count).Max(i => Difference(batch[i], classifier.PredictPixels(pixels.AsSpan(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes))));
        TestContext.Out.WriteLine($"probabilities differ by up to {worst:e1}");
        Assert.That(worst, Is.LessThan(1e-6));
        Assert.That(batch.Select(p => p.Confidence).Distinct().Count(), Is.EqualTo(count), "all images are different");
    }

    [Test]
    public void PredictBatch_ImageSet_KeepsItsOrder()
    {
        byte[] pixels = EngineTestData.RandomImages(70, seed: 1);
        using var classifier = Cifar3Classifier.FromModel(TestModels.Random(filters: [4, 8, 8]), Cpu);

        Assert.That(classifier.PredictBatch(new ImageSet(pixels, new int[70], classifier.ClassNames)), Is.EqualTo(classifier.PredictPixelsBatch(pixels)));
        Assert.That(classifier.PredictPixelsBatch([]), Is.Empty);
    }

    [Test]
    public void Predict_EightThreads_GiveTheSerialResults()
    {
        const int Images = 80, Rounds = 5;
        byte[] pixels = EngineTestData.RandomImages(Images, seed: 1);
        using var classifier = Cifar3Classifier.FromModel(TestModels.Random(filters: [8, 8, 8]), new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime, Threads = 2 });
        var serialBatch = classifier.PredictPixelsBatch(pixels);
        Prediction[] serial = [.. Enumerable.Range(0, Images).Select(Single)];

        int different = 0;
        var threads = Enumerable.Range(0, 8).Select(t => new Thread(() =>
        {
            for (int round = 0; round < Rounds; round++)
            {
                bool same = t % 2 == 0
                    ? classifier.PredictPixelsBatch(pixels).SequenceEqual(serialBatch)
                    : Enumerable.Range(0, Images).All(i => Single(i).Equals(serial[i]));
                Interlocked.Add(ref different, same ? 0 : 1);
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());

        Assert.That(different, Is.Zero);

        Prediction Single(int i) => classifier.PredictPixels(pixels.AsSpan(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes));
    }

    [Test]
    public void Predict_WrongSizes_SayTheRightOnes()
    {
        using var classifier = Cifar3Classifier.FromModel(TestModels.Random(2, [1, 1, 1]), Cpu);

        Assert.Multiple(() =>
        {
            Assert.That(() => classifier.PredictPixels(new byte[3071]), Throws.ArgumentException.With.Message.Contains("3,072 bytes").And.Message.Contains("3,071"));
            Assert.That(() => classifier.PredictPixels(new byte[2 * 3072]), Throws.ArgumentException.With.Message.Contains("PredictPixelsBatch"));
            Assert.That(() => classifier.PredictPixelsBatch(new byte[3073]), Throws.ArgumentException.With.Message.Contains("multiple"));
            Assert.That(() => classifier.Score(new byte[3072], new float[3]), Throws.ArgumentException.With.Message.Contains("need 2 probabilities"));
        });
    }

    [Test]
    public void Predict_Null_NamesTheParameter()
    {
        using var classifier = Cifar3Classifier.FromModel(TestModels.Random(2, [1, 1, 1]), Cpu);

        Assert.Multiple(() =>
        {
            Assert.That(() => classifier.Predict((string)null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("path"));
            Assert.That(() => classifier.Predict((Stream)null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("stream"));
            Assert.That(() => classifier.Predict((Microsoft.ML.Data.MLImage)null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("image"));
            Assert.That(() => classifier.PredictBatch(null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("images"));
            Assert.That(() => classifier.PredictMany((IEnumerable<string>)null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("paths"));
            Assert.That(() => classifier.PredictMany((IAsyncEnumerable<byte[]>)null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("encoded"));
            Assert.That(() => Cifar3Classifier.Load((string)null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("path"));
            Assert.That(() => Cifar3Classifier.Load((byte[])null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("onnx"));
        });
    }

    [Test]
    public void Predict_Disposed_Throws()
    {
        var classifier = Cifar3Classifier.FromModel(TestModels.Random(2, [1, 1, 1]), Cpu);
        classifier.PredictPixels(new byte[3072]);
        classifier.Dispose();
        classifier.Dispose();

        Assert.That(() => classifier.PredictPixels(new byte[3072]), Throws.TypeOf<ObjectDisposedException>().With.Message.Contains(nameof(Cifar3Classifier)));
        Assert.That(() => classifier.PredictPixelsBatch([]), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void Dispose_WhileOthersPredict_LetsThemEndWell()
    {
        byte[] pixels = EngineTestData.RandomImages(30, seed: 1);
        var model = TestModels.Random(2, [2, 2, 2]);
        for (int round = 0; round < 8; round++)
        {
            var classifier = Cifar3Classifier.FromModel(model, Cpu);
            int ended = 0;
            var threads = Enumerable.Range(0, 4).Select(_ => new Thread(() =>
            {
                try
                {
                    while (true)
                    {
                        classifier.PredictPixelsBatch(pixels);
                    }
                }
                catch (ObjectDisposedException)
                {
                    Interlocked.Increment(ref ended);
                }
            })).ToList();
            threads.ForEach(t => t.Start());
            Thread.Sleep(2 * round);
            classifier.Dispose();

            threads.ForEach(t => Assert.That(t.Join(TimeSpan.FromSeconds(20))));
            Assert.That(ended, Is.EqualTo(4));
        }
    }

    [Test]
    public void Load_CpuPackage_SaysWhatItIsAndCudaNamesThePackage()
    {
        ScoringBackendTests.SkipWhereCudaIsOffered();
        var model = TestModels.Random(2, [1, 1, 1]);
        using var runtime = Cifar3Classifier.FromModel(model, Cpu);

        Assert.That(runtime.Device, Does.Match(@"^ONNX Runtime \d+\.\d+\.\d+, CPU$"));
        Assert.That(
            () => Cifar3Classifier.FromModel(model, new ClassifierOptions { Backend = ScoringBackend.Cuda }),
            Throws.TypeOf<Cifar3Exception>().With.Message.Contains("Cifar3.Gpu instead of Cifar3, or Microsoft.ML.OnnxRuntime.Gpu instead of Microsoft.ML.OnnxRuntime"));
    }

    [Test]
    public void Load_OptionsOutOfRange_NamesThem()
    {
        var model = TestModels.Random(2, [1, 1, 1]);

        Assert.That(() => Cifar3Classifier.FromModel(model, new ClassifierOptions { Threads = -1 }), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Threads"));
        Assert.That(() => Cifar3Classifier.FromModel(model, new ClassifierOptions { Threads = WorkerPool.MaxThreads + 1 }), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Threads"));
        Assert.That(() => Cifar3Classifier.FromModel(model, new ClassifierOptions { DeviceId = -1 }), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("DeviceId"));
        Assert.That(() => Cifar3Classifier.FromModel(model, new ClassifierOptions { Backend = (ScoringBackend)9 }), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Auto, Managed, OnnxRuntime, Cuda"));
    }

    [Test]
    public void Load_ForeignOrDamagedModel_IsAModelError()
    {
        Assert.That(() => Cifar3Classifier.Load("/no/such.onnx"), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("/no/such.onnx"));
        Assert.That(() => Cifar3Classifier.Load(new byte[100]), Throws.TypeOf<Cifar3ModelException>());
    }

    /// <summary>Warm calls from pixels leave no work to the garbage collector: one image, and batches on one thread or several.</summary>
    [TestCase(1, 1)]
    [TestCase(1, 2)]
    [TestCase(70, 1)]
    [TestCase(70, 2)]
    public void Score_Warm_AllocatesNothing(int count, int threads)
    {
        byte[] pixels = EngineTestData.RandomImages(count, seed: 1);
        var probabilities = new float[2 * count];
        using var classifier = Cifar3Classifier.FromModel(TestModels.Random(2, [1, 1, 1]), new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime, Threads = threads });
        Score(100);

        // The thread pool, which helps with batches, now and then allocates a few bytes of its own: not in every round.
        long least = long.MaxValue;
        for (int round = 0; round < 5; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Score(100);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.That(least, Is.Zero);

        void Score(int rounds)
        {
            for (int i = 0; i < rounds; i++)
            {
                classifier.Score(pixels, probabilities);
            }
        }
    }

    private static double Difference(Prediction a, Prediction b) => EngineComparison.Farthest(a.Probabilities, b.Probabilities);

    /// <summary>A data set's order, mostly that of the alphabet: with it each car would be called a bird, by Evaluate too, which compares names.</summary>
    [Test]
    public void Load_OwnFileWithItsNamesInAnotherOrder_IsRefused()
    {
        var model = CnnModel.Create(["aeroplane", "car", "bird"], filters: [4, 4, 4]);
        string onnx = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        model.SaveOnnx(onnx);

        foreach (string[] names in new string[][] { ["aeroplane", "bird", "car"], ["airplane", "bird", "automobile"] })
        {
            var options = new ClassifierOptions { ClassNames = names };
            TestDelegate[] uses =
            [
                () => Cifar3Classifier.Load(onnx, options), () => Cifar3Classifier.FromModel(model, options), () => new MLContext().Transforms.ApplyCifar3(onnx, options: options),
                () => Cifar3Classifier.Load(model.ToOnnxBytes(new OnnxExportOptions { Flavor = OnnxFlavor.Optimized }), options),
            ];
            foreach (var use in uses)
            {
                Assert.That(use, Throws.TypeOf<Cifar3ModelException>().With.Message.Contains($"its outputs are 'aeroplane', 'car', 'bird', in this order, and the same names were given in another: {Shown.Names(names)}. Leave ClassifierOptions.ClassNames out"));
            }
        }

        using var classifier = Cifar3Classifier.Load(onnx, new ClassifierOptions { ClassNames = ["airplane", "automobile", "bird"] });
        Assert.That(classifier.ClassNames, Is.EqualTo(new[] { "airplane", "automobile", "bird" }), "other names in the same order");
    }
}

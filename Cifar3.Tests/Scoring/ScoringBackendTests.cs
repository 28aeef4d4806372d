using System.Diagnostics;

namespace Cifar3.Tests;

/// <summary>The one choice of what scores: what each back end takes, what Auto takes, and that both give the same probabilities.</summary>
public sealed class ScoringBackendTests
{
    private static readonly ClassifierOptions Managed = new() { Backend = ScoringBackend.Managed, Threads = 3 };
    private static readonly ClassifierOptions OnnxRuntime = new() { Backend = ScoringBackend.OnnxRuntime, Threads = 2 };

    [TestCase("kernel")]
    [TestCase("bias")]
    [TestCase("gamma")]
    [TestCase("beta")]
    [TestCase("moving_mean")]
    public void Load_WeightsBeyondFloat32_AreRefused(string variable)
    {
        var model = TestModels.Random(filters: [4, 4, 8]);
        var large = model.With(model.Weights.Select(weight => weight.Name.EndsWith(variable, StringComparison.Ordinal) ? new WeightTensor(weight.Name, weight.Shape, [.. Enumerable.Range(0, weight.Count).Select(i => i % 2 == 0 ? 3e38f : -3e38f)]) : weight));

        Assert.That(() => Cifar3Classifier.FromModel(large), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("grey image"));
        Assert.That(() => Cifar3Classifier.Load(large.ToOnnxBytes(), new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("grey image"));
    }

    [TestCase(3, new[] { 32, 64, 128 })]
    [TestCase(2, new[] { 3, 5, 4 })]
    [TestCase(100, new[] { 5, 7, 3 })]
    public void Score_AnyArchitecture_IsOnnxRuntimes(int classes, int[] filters)
    {
        var model = TestModels.Random(classes, filters);
        byte[] pixels = EngineTestData.RandomImages(70, seed: 1);
        float[] expected = new float[70 * classes], found = new float[70 * classes];
        using var runtime = Cifar3Classifier.FromModel(model, OnnxRuntime);
        using var managed = Cifar3Classifier.Load(model.ToOnnxBytes(), Managed);

        runtime.Score(pixels, expected);
        managed.Score(pixels, found);

        double worst = EngineComparison.Farthest(found, expected);
        TestContext.Out.WriteLine($"probabilities differ by up to {worst:e1}");
        Assert.That(worst, Is.LessThan(1e-5));
        Assert.That(managed.Device, Does.StartWith($"Managed {ModelMetadata.CurrentVersion}, CPU").And.EndsWith("3 threads"));
        Assert.That(managed.Backend, Is.EqualTo(ScoringBackend.Managed));
        Assert.That(runtime.Backend, Is.EqualTo(ScoringBackend.OnnxRuntime));
        Assert.That(managed.FallbackReason, Is.Null);
    }

    [Test]
    public void Evaluate_ShippedModel_IsOnnxRuntimes()
    {
        var test = Cifar3Data.Load(TestFiles.RealImages()).Test;
        using var runtime = Cifar3Classifier.LoadDefault(OnnxRuntime);
        using var managed = Cifar3Classifier.LoadDefault(Managed);
        float[] expected = new float[3 * test.Count], found = new float[3 * test.Count];

        runtime.Score(test.Pixels, expected);
        managed.Score(test.Pixels, found);

        double worst = EngineComparison.Farthest(found, expected);
        TestContext.Out.WriteLine($"probabilities of {test.Count} images differ by up to {worst:e1}");
        Assert.That(worst, Is.LessThan(1e-5));
        Assert.That(managed.Evaluate(test).Accuracy, Is.EqualTo(runtime.Evaluate(test).Accuracy));
    }

    [Test]
    public void Load_Auto_TakesManagedForThisNetworkAndOnnxRuntimeForGraphs()
    {
        SkipWhereCudaIsOffered();
        var model = TestModels.Random(filters: [4, 4, 4]);
        var foreign = Onnx.ModelProto.Parser.ParseFrom(model.ToOnnxBytes());
        foreign.MetadataProps.Clear();
        byte[] foreignBytes = Google.Protobuf.MessageExtensions.ToByteArray(foreign);

        Assert.Multiple(() =>
        {
            AssertTaken(Cifar3Classifier.FromModel(model), ScoringBackend.Managed);
            AssertTaken(Cifar3Classifier.Load(model.ToOnnxBytes()), ScoringBackend.Managed);
            AssertTaken(Cifar3Classifier.LoadDefault(), ScoringBackend.Managed);
            AssertTaken(Cifar3Classifier.Load(model.ToOnnxBytes(new OnnxExportOptions { Flavor = OnnxFlavor.Optimized })), ScoringBackend.OnnxRuntime);
            AssertTaken(Cifar3Classifier.Load(foreignBytes, new ClassifierOptions { ClassNames = ["a", "b", "c"] }), ScoringBackend.OnnxRuntime);
        });

        static void AssertTaken(Cifar3Classifier classifier, ScoringBackend expected)
        {
            using (classifier)
            {
                Assert.That(classifier.Backend, Is.EqualTo(expected));
                Assert.That(classifier.FallbackReason, Is.Null);
            }
        }
    }

    /// <summary>The machine offers no CUDA, whatever the program brings: Auto goes on and says why.</summary>
    [Test]
    public void Create_CudaOfferedButAbsent_AutoGoesOnTheCpuAndLogsTheReasonOnce()
    {
        SkipWhereCudaIsOffered();
        var model = ScoringModel.Of(TestModels.Random(filters: [1, 1, 1]));
        using var log = new StringWriter();
        using var listener = new TextWriterTraceListener(log);
        Trace.Listeners.Add(listener);
        try
        {
            for (int i = 0; i < 3; i++)
            {
                var (scorer, reason) = CreateWithCuda(model, new ClassifierOptions(), () => OnnxRuntimeScorer.OnCuda(model, new ClassifierOptions(), typeof(Cifar3Classifier)));
                using (scorer)
                {
                    scorer.Score(new byte[3072], new float[3]);
                    Assert.That(scorer.Backend, Is.EqualTo(ScoringBackend.Managed));
                    Assert.That(reason, Does.StartWith("Cannot use CUDA"));
                }
            }
        }
        finally
        {
            Trace.Listeners.Remove(listener);
        }

        Assert.That(log.ToString().Split("scores on the CPU"), Has.Length.EqualTo(2), log.ToString());
    }

    /// <summary>Of a card of a generation that it has no code for, ONNX Runtime makes a session and fails at the first image: Auto takes the CPU, Cuda tells at once.</summary>
    [Test]
    public void Create_CudaFailsAtItsFirstImage_AutoGoesOnTheCpu()
    {
        var model = ScoringModel.Of(TestModels.Random(filters: [1, 1, 1]));
        var card = new CardWithoutCode();

        var (scorer, reason) = CreateWithCuda(model, new ClassifierOptions(), () => card);

        using (scorer)
        {
            Assert.That(scorer.Backend, Is.EqualTo(ScoringBackend.Managed));
            Assert.That(reason, Is.EqualTo(CardWithoutCode.Reason));
            Assert.That(card.IsDisposed);
        }

        card = new CardWithoutCode();
        Assert.That(() => CreateWithCuda(model, new ClassifierOptions { Backend = ScoringBackend.Cuda }, () => card), Throws.TypeOf<Cifar3Exception>().With.Message.EqualTo(CardWithoutCode.Reason));
        Assert.That(card.IsDisposed);
    }

    /// <summary>A model that cannot be run is no reason to score it elsewhere.</summary>
    [Test]
    public void Create_CudaRefusesTheModel_IsTold()
    {
        var model = ScoringModel.Of(TestModels.Random(filters: [1, 1, 1]));

        Assert.That(() => CreateWithCuda(model, new ClassifierOptions(), () => throw new Cifar3ModelException("damaged")), Throws.TypeOf<Cifar3ModelException>().With.Message.EqualTo("damaged"));
    }

    /// <summary>The rows of ONNX Runtime have none.</summary>
    [Test]
    public void Create_Familiarity_IsManagedWhateverCardThereIs()
    {
        var model = ScoringModel.Of(TestModels.Random(filters: [1, 1, 1]));

        var (scorer, reason) = CreateWithCuda(model, new ClassifierOptions { Familiarity = true }, () => new CardWithoutCode());

        using (scorer)
        {
            Assert.That(scorer.Backend, Is.EqualTo(ScoringBackend.Managed));
            Assert.That(reason, Is.Null, "the card was not asked");
        }
    }

    /// <summary>In a process of its own, where no other test has loaded anything; the same with ONNX Runtime shows that the list would tell.</summary>
    [Test]
    public void Load_Managed_LoadsNoNativeLibraryOfOnnxRuntime()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        TestModels.Random(filters: [4, 4, 8]).SaveOnnx(path);

        string[] managed = ChildProgram.Run(path, "Managed"), auto = ChildProgram.Run(path, "Auto"), runtime = ChildProgram.Run(path, "OnnxRuntime");

        Assert.That(managed[0], Does.Match(@"^(aeroplane|car|bird) [01]\.\d{3}$").And.EqualTo(runtime[0]));
        Assert.That(runtime, Has.Some.Matches<string>(IsNative), "the list tells of ONNX Runtime where it is loaded");
        Assert.That(managed, Has.None.Matches<string>(IsNative));
        Assert.That(auto, Has.None.Matches<string>(IsNative));

        static bool IsNative(string module) => module is "onnxruntime.dll" || module.StartsWith("libonnxruntime", StringComparison.Ordinal);
    }

    [Test]
    public void PredictMany_Pictures_AreThoseOfPixels()
    {
        byte[] pixels = EngineTestData.RandomImages(40, seed: 1);
        byte[][] pngs = [.. pixels.Chunk(CnnArchitecture.ImageBytes).Select(image => TestImages.Encode(image, 32, 32, SkiaSharp.SKEncodedImageFormat.Png))];
        using var classifier = Cifar3Classifier.FromModel(TestModels.Random(filters: [4, 4, 8]), Managed with { ClassNames = ["a", "b", "c"] });

        var batch = classifier.PredictMany(pngs).ToList();

        Assert.That(batch, Is.EqualTo(classifier.PredictPixelsBatch(pixels)), "bit for bit, however they are grouped");
        Assert.That(batch[0].ClassNames, Is.EqualTo(new[] { "a", "b", "c" }));
    }

    [Test]
    public void Score_Warm_AllocatesNothing()
    {
        using var classifier = Cifar3Classifier.FromModel(TestModels.Random(2, [1, 1, 1]), Managed);
        var (pixels, probabilities) = (new byte[3072], new float[2]);
        Score();

        long before = GC.GetAllocatedBytesForCurrentThread();
        Score();

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Score()
        {
            for (int i = 0; i < 50; i++)
            {
                classifier.Score(pixels, probabilities);
            }
        }
    }

    [Test]
    public void Predict_Disposed_Throws()
    {
        var classifier = Cifar3Classifier.FromModel(TestModels.Random(2, [1, 1, 1]), Managed);
        classifier.Dispose();

        Assert.That(() => classifier.PredictPixels(new byte[3072]), Throws.TypeOf<ObjectDisposedException>().With.Message.Contains(nameof(Cifar3Classifier)));
    }

    [Test]
    public void Load_FileForOnnxRuntime_SaysSo()
    {
        var model = TestModels.Random(filters: [4, 4, 4]);
        var foreign = Onnx.ModelProto.Parser.ParseFrom(model.ToOnnxBytes());
        foreign.MetadataProps.Clear();

        Assert.Multiple(() =>
        {
            Assert.That(() => Cifar3Classifier.Load(model.ToOnnxBytes(new OnnxExportOptions { Flavor = OnnxFlavor.Optimized }), Managed), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("ScoringBackend.Auto or OnnxRuntime"));
            Assert.That(() => Cifar3Classifier.Load(Google.Protobuf.MessageExtensions.ToByteArray(foreign), Managed with { ClassNames = ["a", "b", "c"] }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("another tool's"));
            Assert.That(() => Cifar3Classifier.Load([1, 2, 3], Managed), Throws.TypeOf<Cifar3ModelException>());
            Assert.That(() => Cifar3Classifier.FromModel(model, Managed with { Backend = (ScoringBackend)9 }), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Auto, Managed, OnnxRuntime, Cuda"));
            Assert.That(() => Cifar3Classifier.FromModel(model, Managed with { ClassNames = ["a"] }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("3 classes"));
        });
    }

    private static ChosenScorer CreateWithCuda(ScoringModel model, ClassifierOptions options, Func<IScorer> onCuda) => ScorerFactory.Create(model, options, typeof(Cifar3Classifier), cudaIsOffered: true, onCuda);

    internal static void SkipWhereCudaIsOffered()
    {
        if (CudaLibrary.IsOffered())
        {
            Assert.Ignore("This run's ONNX Runtime offers CUDA.");
        }
    }

    private sealed class CardWithoutCode : IScorer
    {
        public const string Reason = "Cannot score on a card without code.";

        public ScoringBackend Backend => ScoringBackend.Cuda;

        public string Device => "a card";

        public int Threads => 1;

        public int PieceSize => 1;

        public bool IsDisposed { get; private set; }

        public void Score(ReadOnlySpan<byte> pixels, Span<float> probabilities) => throw new Cifar3Exception(Reason);

        public void ScorePiece(ReadOnlySpan<byte> pixels, Span<float> probabilities, CancellationToken cancellation) => throw new Cifar3Exception(Reason);

        public void Dispose() => IsDisposed = true;
    }
}

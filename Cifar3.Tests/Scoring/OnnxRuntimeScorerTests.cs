namespace Cifar3.Tests;

/// <summary>How runs are shared out, and what failures say.</summary>
public sealed class OnnxRuntimeScorerTests
{
    private static readonly ClassifierOptions Cuda = new() { Backend = ScoringBackend.Cuda };
    private static readonly string[] WithCuda = [CudaLibrary.Provider, "CPUExecutionProvider"];

    /// <summary>Every way in which a batch can be cut for two, three or more threads.</summary>
    [Test]
    public void Score_AnySizeAndThreads_GivesWhatOneThreadGives()
    {
        const int Most = 131;
        var model = TestModels.Random(filters: [2, 3, 2]);
        byte[] pixels = EngineTestData.RandomImages(Most, seed: 1);
        float[] expected = new float[Most * 3];
        using (var single = Scorer(model, new ClassifierOptions { Threads = 1 }))
        {
            single.Score(pixels, expected);
        }

        foreach (int threads in new[] { 2, 3, 8 })
        {
            using var scorer = Scorer(model, new ClassifierOptions { Threads = threads });
            foreach (int count in Enumerable.Range(0, 40).Concat([63, 64, 65, 96, 97, Most]))
            {
                var found = new float[count * 3];
                scorer.Score(pixels.AsSpan(0, count * CnnArchitecture.ImageBytes), found);
                Assert.That(found, Is.EqualTo(expected.Take(count * 3)).Within(1e-6f), $"{count} images, {threads} threads");
            }
        }
    }

    /// <summary>Nobody disposed them: what a batch needed on two threads, .8 MB of the heap and more of ONNX Runtime's, was kept as long as the process lived.</summary>
    [Test]
    public void Score_ScorersThatAreForgotten_AreCollected()
    {
        const int Forgotten = 16;
        var model = TestModels.Random(filters: [2, 3, 2]);
        byte[] pixels = EngineTestData.RandomImages(64, seed: 1);
        Forget();
        long before = Heap();
        for (int i = 0; i < Forgotten; i++)
        {
            Forget();
        }

        Assert.That(Heap() - before, Is.LessThan(2_000_000), $"{Forgotten} scorers");

        void Forget() => Scorer(model, new ClassifierOptions { Threads = 2 }).Score(pixels, new float[64 * 3]);

        static long Heap()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return GC.GetTotalMemory(forceFullCollection: true);
        }
    }

    [Test]
    public void ScorePiece_MoreThanOnePiece_GivesTheSame()
    {
        using var scorer = Scorer(TestModels.Random(filters: [2, 3, 2]), new ClassifierOptions { Threads = 2 });
        int count = 2 * scorer.PieceSize + 1;
        byte[] pixels = EngineTestData.RandomImages(count, seed: 1);
        float[] expected = new float[count * 3], found = new float[count * 3];
        scorer.Score(pixels, expected);

        scorer.ScorePiece(pixels, found, CancellationToken.None);

        Assert.That(found, Is.EqualTo(expected).Within(1e-6f));
    }

    /// <summary>A graph that ONNX Runtime loads but cannot run: pixels where it wants floats.</summary>
    [Test]
    public void Score_RuntimeFails_SaysSoAndGoesOn()
    {
        var model = TestModels.Random(filters: [2, 3, 2]);
        var wrong = OnnxSignature.Own(3) with { TakesBytes = true };
        using var scorer = OnnxRuntimeScorer.OnCpu(ScoringModel.OfGraph(model.ToOnnxBytes(), "model", model.Metadata, wrong), new ClassifierOptions { Threads = 2 }, typeof(Cifar3Classifier));

        for (int round = 0; round < 3; round++)
        {
            Assert.That(() => scorer.Score(new byte[100 * 3072], new float[300]), Throws.TypeOf<Cifar3Exception>().With.Message.Contains("Cannot score on ONNX Runtime"));
            Assert.That(() => scorer.Score(new byte[3072], new float[3]), Throws.TypeOf<Cifar3Exception>());
        }
    }

    [Test]
    public void Create_CudaOfferedButAbsent_ExplicitRequestNamesDeviceAndRemedy()
    {
        ScoringBackendTests.SkipWhereCudaIsOffered();
        var model = ScoringModel.Of(TestModels.Random(filters: [1, 1, 1]));
        var options = Cuda with { DeviceId = 3, DeviceMemoryLimit = 1L << 30, AllowTf32 = true };

        Assert.That(
            () => OnnxRuntimeScorer.OnCuda(model, options, typeof(Cifar3Classifier), "1.2.3", WithCuda),
            Throws.TypeOf<Cifar3Exception>().With.Message.Contains("Cannot use CUDA device 3").And.Message.Contains("ScoringBackend.Auto scores on the CPU"));
    }

    [Test]
    public void FromModel_MemoryLimitOfNothing_IsRefused() =>
        Assert.That(() => Cifar3Classifier.FromModel(TestModels.Random(filters: [1, 1, 1]), new ClassifierOptions { DeviceMemoryLimit = 0 }), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("DeviceMemoryLimit"));

    [TestCase(0)]
    [TestCase(3072)]
    [TestCase(3 * 3072)]
    public void Scale_AnyByte_HasTheBitsOfDivision(int length)
    {
        byte[] pixels = [.. Enumerable.Range(0, length).Select(i => (byte)(i * 7))];
        float[] scaled = new float[length];

        PixelScaling.Scale(pixels, scaled);

        Assert.That(scaled, Is.EqualTo(pixels.Select(pixel => pixel / 255f)));
    }

    private static OnnxRuntimeScorer Scorer(CnnModel model, ClassifierOptions options) => OnnxRuntimeScorer.OnCpu(ScoringModel.Of(model), options, typeof(Cifar3Classifier));
}

using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;

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

    /// <summary>A number of threads written for another machine, or a container with less: ONNX Runtime's own look for work all the time, so 16 on two processors took eight times as long for an image as two.</summary>
    [Test]
    [NonParallelizable]
    public void Score_MoreThreadsThanProcessors_StartsNoMoreThanThose()
    {
        const int Beyond = 60;
        int before = ThreadsOfProcess();
        using var scorer = Scorer(TestModels.Random(filters: [2, 3, 2]), new ClassifierOptions { Threads = Environment.ProcessorCount + Beyond });

        scorer.Score(new byte[CnnArchitecture.ImageBytes], new float[3]);

        Assert.That(ThreadsOfProcess() - before, Is.LessThan(Environment.ProcessorCount + Beyond / 2));
        Assert.That(scorer.Threads, Is.EqualTo(Environment.ProcessorCount + Beyond));

        static int ThreadsOfProcess()
        {
            using var process = Process.GetCurrentProcess();
            return process.Threads.Count;
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

    /// <summary>Names are the other tool's: ONNX Runtime repeats them as they are.</summary>
    [Test]
    public void Load_NodeThatOnnxRuntimeRefuses_IsNamedWithoutWhatATerminalObeys()
    {
        byte[] onnx = ForeignOnnxTests.Foreign(TestModels.Random(filters: [2, 3, 2]), proto =>
        {
            var node = proto.Graph.Node.First(node => node.OpType == "Relu");
            (node.Name, node.OpType) = ("red\u001b[31m\u202E", "Dropout");
            node.Attribute.Add(new Onnx.AttributeProto { Name = "ratio", Type = Onnx.AttributeProto.Types.AttributeType.Float, F = 0.5f }); // an input since operator set 12
        });

        Assert.That(() => Cifar3Classifier.Load(onnx, new ClassifierOptions { ClassNames = ["a", "b", "c"] }),
            Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(@"red\u001B[31m\u202E").And.Message.Contains("refuses it").And.Message.Not.Contain("\u001b"));
    }

    /// <summary>ONNX Runtime reads and writes the buffers where they were when it was told of them.</summary>
    [TestCase(OnnxFlavor.Keras)] // takes floats
    [TestCase(OnnxFlavor.Optimized)] // takes bytes
    public void Score_HeapThatWasCompacted_GivesTheSame(OnnxFlavor flavor)
    {
        const int Images = 9;
        byte[] pixels = EngineTestData.RandomImages(Images, seed: 1), others = EngineTestData.RandomImages(Images, seed: 2);
        float[] expected = new float[3 * Images], found = new float[3 * Images];
        using var classifier = Load();

        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        classifier.Score(pixels, found);

        using var fresh = Load();
        fresh.Score(pixels, expected);
        Assert.That(found, Is.EqualTo(expected));

        // Between arrays that are gone when the heap is compacted.
        Cifar3Classifier Load()
        {
            byte[] onnx = TestModels.Random(filters: [2, 3, 2]).ToOnnxBytes(new OnnxExportOptions { Flavor = flavor });
            var garbage = Enumerable.Range(0, 2000).Select(i => new byte[i % 2 == 0 ? 10_000 : 100_000]).ToList();
            var loaded = Cifar3Classifier.Load(onnx, new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime, Threads = 1 });
            loaded.Score(others, new float[3 * Images]);
            GC.KeepAlive(garbage);
            return loaded;
        }
    }

    /// <summary>What a batch failed with is that batch's alone, also where the next one takes over what the first has used.</summary>
    [Test]
    public void ParallelRun_AfterABatchThatFailed_ScoresTheNext()
    {
        byte[] onnx = TestModels.Random(filters: [2, 3, 2]).ToOnnxBytes(), pixels = EngineTestData.RandomImages(20, seed: 1);
        using var sound = new OnnxSession(new InferenceSession(onnx), OnnxSignature.Own(3), capacity: 4, onDevice: false);
        using var wrong = new OnnxSession(new InferenceSession(onnx), OnnxSignature.Own(3) with { TakesBytes = true }, capacity: 4, onDevice: false);
        var home = new ConcurrentQueue<ParallelRun>();
        float[] found = new float[60];

        Assert.That(() => ParallelRun.Score(home, wrong, 1, pixels, found), Throws.TypeOf<OnnxRuntimeException>());
        Assert.That(home, Has.Count.EqualTo(1));
        Assert.That(() => ParallelRun.Score(home, sound, 1, pixels, found), Throws.Nothing);
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

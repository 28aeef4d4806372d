using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;

namespace Cifar3.Tests;

/// <summary>How sessions share out work and choose a provider.</summary>
public sealed class OnnxSessionTests
{
    private static readonly ClassifierOptions Auto = new(), Cuda = new() { ExecutionProvider = ExecutionProvider.Cuda };
    private static readonly string[] WithCuda = ["CUDAExecutionProvider", "CPUExecutionProvider"];

    /// <summary>Every way in which a batch can be cut for two, three or more threads.</summary>
    [Test]
    public void Run_AnySizeAndThreads_GivesWhatOneThreadGives()
    {
        const int Most = 131;
        var model = TestModels.Random(filters: [2, 3, 2]);
        byte[] pixels = EngineTestData.RandomImages(Most, seed: 1);
        float[] expected = new float[Most * 3];
        using (var single = Session(model, new ClassifierOptions { Threads = 1 }))
        {
            single.Run(pixels, expected);
        }

        foreach (int threads in new[] { 2, 3, 8 })
        {
            using var session = Session(model, new ClassifierOptions { Threads = threads });
            foreach (int count in Enumerable.Range(0, 40).Concat([63, 64, 65, 96, 97, Most]))
            {
                var found = new float[count * 3];
                session.Run(pixels.AsSpan(0, count * CnnArchitecture.ImageBytes), found);
                Assert.That(found, Is.EqualTo(expected.Take(count * 3)).Within(1e-6f), $"{count} images, {threads} threads");
            }
        }
    }

    [Test]
    public void RunPiece_MoreThanOnePiece_GivesTheSame()
    {
        using var session = Session(TestModels.Random(filters: [2, 3, 2]), new ClassifierOptions { Threads = 2 });
        int count = 2 * session.PieceSize + 1;
        byte[] pixels = EngineTestData.RandomImages(count, seed: 1);
        float[] expected = new float[count * 3], found = new float[count * 3];
        session.Run(pixels, expected);

        session.RunPiece(pixels, found);

        Assert.That(found, Is.EqualTo(expected).Within(1e-6f));
    }

    /// <summary>A graph that ONNX Runtime loads but cannot run: pixels where it wants floats.</summary>
    [Test]
    public void Run_RuntimeFails_SaysSoAndGoesOn()
    {
        var model = TestModels.Random(filters: [2, 3, 2]);
        var wrong = OnnxSignature.Own(3) with { TakesBytes = true };
        using var session = OnnxSession.Create(model.ToOnnxBytes(), "model", wrong, new ClassifierOptions { Threads = 2 });

        for (int round = 0; round < 3; round++)
        {
            Assert.That(() => session.Run(new byte[100 * 3072], new float[300]), Throws.TypeOf<Cifar3Exception>().With.Message.Contains("Cannot score on ONNX Runtime"));
            Assert.That(() => session.Run(new byte[3072], new float[3]), Throws.TypeOf<Cifar3Exception>());
        }
    }

    [Test]
    public void Create_CudaOfferedButAbsent_AutoTakesTheCpuAndLogsTheReasonOnce()
    {
        SkipWhereCudaIs();
        var model = TestModels.Random(filters: [1, 1, 1]);
        using var log = new StringWriter();
        using var listener = new TextWriterTraceListener(log);
        Trace.Listeners.Add(listener);
        try
        {
            for (int i = 0; i < 3; i++)
            {
                using var session = OnnxSession.Create(model.ToOnnxBytes(), "model", OnnxSignature.Own(3), Auto, "1.2.3", WithCuda);
                session.Run(new byte[3072], new float[3]);

                Assert.That(session.Provider, Is.EqualTo(ExecutionProvider.Cpu));
                Assert.That(session.Device, Is.EqualTo("ONNX Runtime 1.2.3, CPU"));
                Assert.That(session.FallbackReason, Is.Not.Empty);
            }
        }
        finally
        {
            Trace.Listeners.Remove(listener);
        }

        Assert.That(log.ToString().Split("CUDA cannot be used"), Has.Length.EqualTo(2), log.ToString());
    }

    [Test]
    public void Create_CudaOfferedButAbsent_ExplicitRequestNamesDeviceAndRemedy()
    {
        SkipWhereCudaIs();
        byte[] model = TestModels.Random(filters: [1, 1, 1]).ToOnnxBytes();
        var options = Cuda with { DeviceId = 3, DeviceMemoryLimit = 1L << 30, AllowTf32 = true };

        Assert.That(
            () => OnnxSession.Create(model, "model", OnnxSignature.Own(3), options, "1.2.3", WithCuda),
            Throws.TypeOf<Cifar3Exception>().With.Message.Contains("Cannot use CUDA device 3").And.Message.Contains("ExecutionProvider.Auto or Cpu"));
    }

    [Test]
    public void Create_CpuAsked_DoesNotTryCuda()
    {
        using var session = OnnxSession.Create(TestModels.Random(filters: [1, 1, 1]).ToOnnxBytes(), "model", OnnxSignature.Own(3), new ClassifierOptions { ExecutionProvider = ExecutionProvider.Cpu }, "1.2.3", WithCuda);

        Assert.That(session.FallbackReason, Is.Null);
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

    private static OnnxSession Session(CnnModel model, ClassifierOptions options) =>
        OnnxSession.Create(model.ToOnnxBytes(), "model", OnnxSignature.Own(3), options with { ExecutionProvider = ExecutionProvider.Cpu });

    private static void SkipWhereCudaIs()
    {
        if (OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider"))
        {
            Assert.Ignore("This run's ONNX Runtime offers CUDA.");
        }
    }
}

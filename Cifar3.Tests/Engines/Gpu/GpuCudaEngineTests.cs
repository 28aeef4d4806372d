using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// The whole engine behind both hosts: the CUDA host with the embedded PTX, interpreted, and OpenCL with the text. Same launches, same arguments, same bits.
/// </summary>
public sealed class GpuCudaEngineTests : GpuTestBase
{
    private const float LearningRate = OracleStep.LearningRate;
    private static readonly CnnModel Model = EngineTestData.Model([2, 3, 4], 3, .5);
    private static readonly EngineOptions Options = new() { Seed = 3, MaxBatchSize = 3, FrozenLayers = [Model.Layers[6].Name] };

    [Test]
    public void Engine_EveryCall_IsThatOfOpenCl()
    {
        var cuda = new FakeCuda();
        using var engine = new GpuEngine(Model, Options, () => cuda.Open());
        using var other = CreateEngine(Model, Options);
        byte[] images = EngineTestData.RandomImages(3, 1);
        int[] labels = [0, 1, 2];
        float[] targets = [.1f, .9f, 0, .5f, .25f, .25f, 0, 0, 1];

        var (first, second) = (Steps(engine), Steps(other));

        Assert.That(cuda.Faults, Is.Empty);
        Assert.That(first, Is.EqualTo(second));
        EngineComparison.AssertSameBits(engine.ExportState(), other.ExportState(), "after a step, its statistics, and a step with targets");
        Assert.That(engine.Device, Is.EqualTo("Fake H100 (CUDA driver 12.4, sm_90)"));

        (BatchResult, BatchResult, BatchResult, string) Steps(GpuEngine trained)
        {
            var step = trained.TrainStep(images, labels, LearningRate, 1);
            trained.UpdateStatistics(images.AsSpan(0, 2 * 3072), .5);
            var soft = trained.TrainStep(images, labels, targets, LearningRate, (1L << 32) + 2);
            float[] probabilities = new float[2 * 3];
            trained.Predict(images.AsSpan(3072), probabilities);
            return (step, soft, trained.Evaluate(images, labels), string.Join(' ', probabilities));
        }
    }

    /// <summary>Once warm, a step waits for its losses alone: the host prepares the next while the card computes this one's gradients.</summary>
    [Test]
    public void TrainStep_Warm_WaitsForItsLossesAlone()
    {
        var cuda = new FakeCuda();
        using var engine = new GpuEngine(Model, Options, () => cuda.Open());
        byte[] images = EngineTestData.RandomImages(1, 1);
        engine.TrainStep(images, [0], LearningRate, 1);
        cuda.Calls.Clear();

        engine.TrainStep(images, [1], LearningRate, 2);

        var waits = cuda.Calls.Where(call => call.EndsWith("Synchronize", StringComparison.Ordinal));
        Assert.That(waits, Is.EqualTo(new[] { "cuEventSynchronize" }));
        int copy = cuda.Calls.IndexOf("cuMemcpyDtoHAsync_v2"), wait = cuda.Calls.IndexOf("cuEventSynchronize");
        Assert.That(cuda.Calls[copy..wait].Count(call => call == "cuLaunchKernel"), Is.GreaterThan(10), "the backward pass is under way");
        Assert.That(cuda.Calls[wait..], Does.Contain("cuLaunchKernel"), "weights change after it");
    }
}

using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>What the GPU engine promises beyond the contract (EngineContract runs over it too): what it says, what a failing driver leaves, no garbage.</summary>
public sealed class GpuEngineTests : GpuTestBase
{
    private const float LearningRate = OracleStep.LearningRate;
    private static readonly CnnModel Model = EngineTestData.Model([3, 4, 5], 3, .5);
    private static readonly EngineOptions Options = new() { Seed = 3, MaxBatchSize = 4 };
    private static readonly byte[] Images = EngineTestData.RandomImages(4, 1);
    private static readonly int[] Labels = [0, 1, 2, 0];

    [Test]
    public void Device_Always_NamesDeviceAndDriver()
    {
        using var engine = CreateEngine(Model, Options);

        TestContext.Out.WriteLine($"{engine.Name} on {engine.Device}");
        Assert.That(engine.Name, Is.EqualTo($"GPU {ModelMetadata.CurrentVersion}"));
        Assert.That(engine.Device, Does.Match(@"^.+ \((OpenCL, .+ .+|CUDA driver \d+\.\d+.*)\)$"));
        Assert.That(engine.IsDeterministic);
    }

    /// <summary>The driver refuses the first call of a step, the second, and so on to the last: nothing has changed, and the next step is unharmed.</summary>
    [Test]
    public void TrainStepAndUpdateStatistics_AnyCallFails_ChangesNothing()
    {
        FailingDevice device = null!;
        using var engine = new GpuEngine(Model, Options, () => device = new FailingDevice(OpenDevice()));
        using var untouched = CreateEngine(Model, Options);
        engine.TrainStep(Images, Labels, LearningRate, 1);
        untouched.TrainStep(Images, Labels, LearningRate, 1);
        var before = engine.ExportState();

        int calls = CallsUntilItWorks(() => engine.TrainStep(Images, Labels, LearningRate, 2));
        untouched.TrainStep(Images, Labels, LearningRate, 2);
        before = engine.ExportState();
        EngineComparison.AssertSameBits(before, untouched.ExportState(), "the step that worked at last");
        int statisticsCalls = CallsUntilItWorks(() => engine.UpdateStatistics(Images, .5));

        TestContext.Out.WriteLine($"driver calls of a step: {calls}, of an update of the statistics: {statisticsCalls}");
        Assert.That(calls, Is.GreaterThan(50));
        Assert.That(statisticsCalls, Is.GreaterThan(15));

        int CallsUntilItWorks(Action step)
        {
            for (int allowed = 0; ; allowed++)
            {
                device.CallsLeft = allowed;
                try
                {
                    step();
                    device.CallsLeft = int.MaxValue;
                    return allowed;
                }
                catch (GpuException)
                {
                    device.CallsLeft = int.MaxValue;
                    EngineComparison.AssertSameBits(engine.ExportState(), before, $"after a failure of call {allowed + 1}");
                }
            }
        }
    }

    /// <summary>
    /// A launch that fails while it runs shows when the driver is waited for, and OpenCL does not promise that those behind it do not take place: the statistics are not touched before.
    /// </summary>
    [Test]
    public void UpdateStatistics_ALaunchFailsWhileItRuns_ChangesNothing([Values(0, 5, 12)] int launch)
    {
        FailingDevice device = null!;
        using var engine = new GpuEngine(Model, Options, () => device = new FailingDevice(OpenDevice()));
        var before = engine.ExportState();
        device.LaunchesUntilALateFailure = launch;

        Assert.That(() => engine.UpdateStatistics(Images, .5), Throws.TypeOf<GpuException>());

        EngineComparison.AssertSameBits(engine.ExportState(), before, $"after a failure of launch {launch + 1}");
    }

    /// <summary>One weight that is no number shows in every loss and probability, whichever it is: a training that diverged ends, and no prediction hides it.</summary>
    [Test]
    public void TrainStepAndPredict_AWeightIsNaN_GiveNaN([Values] GpuHost on)
    {
        using var engine = new GpuEngine(Model, Options, () => on == GpuHost.Ptx ? new FakeCuda().Open() : OpenDevice());
        var state = EngineTestData.RandomState(Model, seed: 1);
        Assert.Multiple(() =>
        {
            for (int i = 0; i < state.Weights.Count; i++)
            {
                var weight = state.Weights[i];
                float[] values = [.. weight.Values];
                values[^1] = float.NaN;
                engine.ImportState(state with { Weights = [.. state.Weights.Take(i), new WeightTensor(weight.Name, weight.Shape, [.. values]), .. state.Weights.Skip(i + 1)] });
                var probabilities = new float[3];
                engine.Predict(Images.AsSpan(0, CnnArchitecture.ImageBytes), probabilities);

                Assert.That(probabilities[2], Is.NaN, weight.Name);
                if (!weight.Name.Contains("moving", StringComparison.Ordinal))
                {
                    Assert.That(engine.TrainStep(Images.AsSpan(0, 2 * CnnArchitecture.ImageBytes), [2, 2], LearningRate, 1).LossSum, Is.NaN, weight.Name);
                }
            }
        });
    }

    [Test]
    public void TrainStep_ManyTimes_AllocatesNothing()
    {
        using var engine = CreateEngine(Model, Options);
        long step = 0;
        for (int i = 0; i < 3; i++)
            engine.TrainStep(Images, Labels, [], LearningRate, ++step);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 5; i++)
            engine.TrainStep(Images, Labels, [], LearningRate, ++step);

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void Create_AfterDispose_GivesTheDeviceBack()
    {
        FailingDevice device = null!;
        var engine = new GpuEngine(Model, Options, () => device = new FailingDevice(OpenDevice()));

        engine.Dispose();

        Assert.That(device.IsDisposed);
        Assert.That(() => new GpuEngine(Model, Options, () => device = new FailingDevice(OpenDevice()) { CallsLeft = 3 }), Throws.TypeOf<GpuException>());
        Assert.That(device.IsDisposed, "an engine that could not be made");
    }

    /// <summary>The real device, whose driver refuses after some calls.</summary>
    private sealed class FailingDevice(GpuDevice device) : GpuDevice
    {
        private bool isFailing;

        public int CallsLeft { get; set; } = int.MaxValue;

        /// <summary>The launch that does not take place, told when the device is waited for.</summary>
        public int LaunchesUntilALateFailure { get; set; } = -1;

        public bool IsDisposed { get; private set; }

        public override string Description => device.Description;

        public override GpuBuffer Allocate(long bytes) => device.Allocate(bytes);

        public override GpuKernel Kernel(string name) => device.Kernel(name);

        public override void Write(GpuBuffer buffer, ReadOnlySpan<byte> values)
        {
            Call();
            device.Write(buffer, values);
        }

        public override void Read(GpuBuffer buffer, Span<byte> values)
        {
            Call();
            Wait();
            device.Read(buffer, values);
        }

        public override void StartRead(GpuBuffer buffer, int bytes)
        {
            Call();
            device.StartRead(buffer, bytes);
        }

        public override void EndRead(Span<byte> values)
        {
            Call();
            Wait();
            device.EndRead(values);
        }

        public override void Secure()
        {
            Call();
            Wait();
            device.Secure();
        }

        public override void Launch(GpuKernel kernel, int x, int y, int z, params ReadOnlySpan<GpuArgument> arguments)
        {
            Call();
            if (LaunchesUntilALateFailure-- != 0)
            {
                device.Launch(kernel, x, y, z, arguments);
            }
            else
            {
                isFailing = true;
            }
        }

        protected override void Dispose(bool disposing)
        {
            IsDisposed = true;
            device.Dispose();
        }

        private void Wait()
        {
            if (isFailing)
            {
                isFailing = false;
                throw new GpuException("A launch has failed.", -5);
            }
        }

        private void Call()
        {
            if (CallsLeft-- <= 0)
            {
                throw new GpuException("The driver refuses.", -5);
            }
        }
    }
}

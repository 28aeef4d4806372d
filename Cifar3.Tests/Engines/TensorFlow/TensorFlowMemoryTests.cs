using System.Globalization;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Resident memory of the process: neither steps nor engines may leave any.</summary>
public sealed class TensorFlowMemoryTests : TensorFlowTestBase
{
    [Test]
    public void TrainStep_ManySteps_LeaveNoMemory() => AssertStepsAreFlat(SmallModel(), batch: 16, from: 60, to: 200, ceiling: 8);

    [Test]
    [Explicit("The real network from step 200 to step 1,200: about two minutes.")]
    public void TrainStep_ThousandFullSteps_LeaveNoMemory() =>
        AssertStepsAreFlat(CnnModel.Create(Names), batch: 128, from: 200, to: 1200, ceiling: 5);

    [Test]
    [Explicit("70 engines: about half a minute.")]
    public void Dispose_FiftyEngines_LeaveNoMemory()
    {
        var (images, labels) = Batch(8);
        double before = 0;
        for (int i = 1; i <= 70; i++)
        {
            using (var engine = new TensorFlowEngine(CnnModel.Create(Names), Options))
            {
                engine.TrainStep(images, labels, 0.001f, 1);
            }

            before = i == 20 ? ResidentMegabytes() : before; // the first ones pay for compiled code and TensorFlow's caches
        }

        double after = ResidentMegabytes();
        TestContext.Out.WriteLine($"after 20 engines {before:F1} MB, after 70 {after:F1} MB");
        Assert.That(after - before, Is.LessThan(25), "50 engines left behind would be 175 MB of variables alone");
    }

    private static void AssertStepsAreFlat(CnnModel model, int batch, int from, int to, double ceiling)
    {
        using var engine = new TensorFlowEngine(model, Options with { MaxBatchSize = batch });
        var (images, labels) = Batch(batch);
        double before = 0;
        for (int step = 1; step <= to; step++)
        {
            int count = step % 20 == 0 ? batch / 5 : batch; // short batches exchange the tensors
            engine.TrainStep(images.AsSpan(0, count * CnnArchitecture.ImageBytes), labels.AsSpan(0, count), 0.001f, step);
            before = step == from ? ResidentMegabytes() : before;
        }

        double after = ResidentMegabytes();
        TestContext.Out.WriteLine($"step {from}: {before:F1} MB, step {to}: {after:F1} MB");
        Assert.That(after - before, Is.LessThan(ceiling));
    }

    private static double ResidentMegabytes()
    {
        Assume.That(OperatingSystem.IsLinux(), "Resident memory is read from /proc.");
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        string line = File.ReadLines("/proc/self/status").First(text => text.StartsWith("VmRSS", StringComparison.Ordinal));
        return double.Parse(line.Split(':')[1].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) / 1024;
    }
}

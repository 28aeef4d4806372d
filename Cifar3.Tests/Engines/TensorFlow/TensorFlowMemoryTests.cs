using System.Globalization;
using System.Runtime.CompilerServices;
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

    /// <summary>The engine's sessions beside TensorFlow's own, which <c>session_cost.py</c> creates through the C library without any of our code.</summary>
    [Test]
    [Explicit("470 engines: about a minute and a half.")]
    public void Dispose_FiftyEngines_LeaveNoMoreThanTensorFlowsOwnSessions()
    {
        var (images, labels) = Batch(8);
        var resident = new List<double>();
        for (int i = 1; i <= 470; i++)
        {
            using (var engine = new TensorFlowEngine(CnnModel.Create(Names), Options))
            {
                engine.TrainStep(images, labels, 0.001f, 1);
            }

            if (i % 50 == 20)
            {
                resident.Add(ResidentMegabytes()); // the first ones pay for compiled code and TensorFlow's caches
            }
        }

        double[] own = [.. PythonPeer.Run(File.ReadAllText(SessionCost()), TensorFlowEngine.GetInfo(Options).LibraryPath).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => double.Parse(line, CultureInfo.InvariantCulture))];
        double[] growth = Growth(resident), ownGrowth = Growth(own);
        TestContext.Out.WriteLine($"each 50 engines: {string.Join(", ", growth.Select(mb => $"{mb:F2}"))} MB; each 50 sessions of TensorFlow alone: {string.Join(", ", ownGrowth.Select(mb => $"{mb:F2}"))} MB");

        // .NET compiles hot code anew during the first 50, which is not the engine's memory, and its heap moves now and then; a leak would be in every 50.
        Assert.That(EngineComparison.Median(growth.Skip(1)), Is.LessThan(EngineComparison.Median(ownGrowth.Skip(1)) + 0.25), "one engine's variables alone are 3.5 MB");

        static double[] Growth(IReadOnlyList<double> resident) => [.. resident.Zip(resident.Skip(1), (before, after) => after - before)];
    }

    private static string SessionCost([CallerFilePath] string source = "") => Path.Combine(Path.GetDirectoryName(source)!, "session_cost.py");

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

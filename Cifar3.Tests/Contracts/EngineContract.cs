using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// What <see cref="ITrainingEngine"/> promises, checked on every engine present against the double-precision oracle.
/// Most checks use few filters, so that oracle and engines are quick; sizes of the real network come in where they matter.
/// </summary>
[TestFixtureSource(typeof(EnginesUnderTest), nameof(EnginesUnderTest.Names))]
[Category(TestCategories.Numerics)]
public sealed partial class EngineContract(string engineName)
{
    private const float LearningRate = OracleStep.LearningRate;
    private const int Seed = 7;
    private EngineUnderTest engine = null!;

    private static int[] Small => [8, 16, 24];

    [OneTimeSetUp]
    public void RequireEngine() => engine = EnginesUnderTest.Require(engineName);

    [Test]
    public void NameAndDevice_Always_SaySomething()
    {
        using var e = Create(EngineTestData.Model(Small, 3, .5));

        Assert.That(e.Name, Is.Not.Empty);
        Assert.That(e.Device, Is.Not.Empty);
        TestContext.Out.WriteLine($"{e.Name} on {e.Device}, {(e.IsDeterministic ? "deterministic" : "not deterministic")}");
    }

    [Test]
    public void TrainStep_SameBatchAgainAndAgain_LearnsItByHeart()
    {
        var model = EngineTestData.Model(Small, 3, 0);
        using var e = Create(model);
        byte[] images = EngineTestData.RandomImages(6, 1);
        int[] labels = EngineTestData.RandomLabels(6, 3, 1);
        string hash = model.WeightHash();

        double first = e.TrainStep(images, labels, LearningRate, 1).LossSum, last = 0;
        for (int step = 2; step <= 30; step++)
            last = e.TrainStep(images, labels, LearningRate, step).LossSum;

        Assert.That(last, Is.LessThan(first / 4));
        Assert.That(model.WeightHash(), Is.EqualTo(hash), "The engine changed the model it was given.");
    }

    [Test]
    public void Dispose_Twice_IsFineAndLaterCallsAreRefused()
    {
        var e = Create(EngineTestData.Model([1, 2, 3], 2, .5));

        e.Dispose();
        e.Dispose();

        Assert.Multiple(() =>
        {
            Assert.That(() => e.TrainStep(new byte[CnnArchitecture.ImageBytes], [0], LearningRate, 1), Throws.InstanceOf<ObjectDisposedException>());
            Assert.That(() => e.Evaluate(new byte[CnnArchitecture.ImageBytes], [0]), Throws.InstanceOf<ObjectDisposedException>());
            Assert.That(() => e.Predict(new byte[CnnArchitecture.ImageBytes], new float[2]), Throws.InstanceOf<ObjectDisposedException>());
            Assert.That(e.ExportState, Throws.InstanceOf<ObjectDisposedException>());
        });
    }

    [Test]
    public void TrainStepEvaluateAndPredict_ManyTimes_KeepNoManagedMemory()
    {
        const int batch = 3, rounds = 20;
        using var e = Create(EngineTestData.Model(Small, 3, .5));
        byte[] images = EngineTestData.RandomImages(batch, 1);
        int[] labels = EngineTestData.RandomLabels(batch, 3, 1);
        var p = new float[batch * 3];
        long step = 0;
        Action[] calls = [() => e.TrainStep(images, labels, LearningRate, ++step), () => e.Evaluate(images, labels), () => e.Predict(images, p)];
        Array.ForEach(calls, call => AllocatedBy(call, rounds: 5));

        long before = GC.GetTotalMemory(forceFullCollection: true);
        long[] allocated = [.. calls.Select(call => AllocatedBy(call, rounds) / rounds)];
        long kept = GC.GetTotalMemory(forceFullCollection: true) - before;

        TestContext.Out.WriteLine($"bytes allocated by TrainStep, Evaluate, Predict: {string.Join(", ", allocated)}; kept after {rounds} of each: {kept:N0}");
        Assert.That(kept, Is.LessThan(256 * 1024));

        static long AllocatedBy(Action call, int rounds)
        {
            long start = GC.GetTotalAllocatedBytes(precise: true);
            for (int round = 0; round < rounds; round++)
                call();
            return GC.GetTotalAllocatedBytes(precise: true) - start;
        }
    }

    private ITrainingEngine Create(CnnModel model, EngineState? state = null, int seed = Seed, int threads = 2, int maxBatch = 32)
    {
        var e = engine.Create(model, new EngineOptions { Seed = seed, Threads = threads, MaxBatchSize = maxBatch });
        if (state is not null)
        {
            e.ImportState(state);
        }

        return e;
    }
}

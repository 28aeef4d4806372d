using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>What only this engine promises; what every engine promises is in the engine contract.</summary>
[Category(TestCategories.Numerics)]
internal sealed class ManagedEngineTests
{
    private static readonly string[] Seven = ["a", "b", "c", "d", "e", "f", "g"];

    [Test]
    public void Evaluate_MoreImagesThanAtOnce_IsTheSumOfAll()
    {
        const int count = 1_100;
        byte[] images = EngineTestData.RandomImages(count, 1);
        int[] labels = EngineTestData.RandomLabels(count, 2, 1);
        using var engine = new ManagedEngine(EngineTestData.Model([1, 2, 3], 2, .5), new EngineOptions { Threads = 2 });

        var whole = engine.Evaluate(images, labels);

        var parts = engine.Evaluate(images.AsSpan(0, 600 * CnnArchitecture.ImageBytes), labels.AsSpan(0, 600)) + engine.Evaluate(images.AsSpan(600 * CnnArchitecture.ImageBytes), labels.AsSpan(600));
        Assert.That((whole.Correct, whole.Count), Is.EqualTo((parts.Correct, count)));
        Assert.That(whole.LossSum, Is.EqualTo(parts.LossSum).Within(1e-9 * parts.LossSum));
    }

    [Test]
    public void TrainStep_AnyNumberOfThreads_GivesTheSameBits([ValueSource(typeof(SimdLevels), nameof(SimdLevels.Available))] SimdLevel simd)
    {
        var hashes = new List<string>();
        foreach (int threads in new[] { 1, 2, 3, 5, 8 })
        {
            using var engine = Trained(simd, threads, [5, 17, 33], batches: [131, 37, 16, 5, 3, 1], maxBatch: 131);
            hashes.Add(Hash(engine.ExportState()));
        }

        Assert.That(hashes, Is.All.EqualTo(hashes[0]));
    }

    [Test]
    public void TrainStep_EveryVectorWidth_ComputesTheSameNetwork()
    {
        using var narrow = Trained(SimdLevel.V128, 2, [20, 17, 33], batches: [19]);
        byte[] images = Images(30, 5);
        float[] expected = new float[30 * 7], found = new float[30 * 7];
        narrow.Predict(images, expected);

        foreach (var simd in SimdLevels.Available)
        {
            using var engine = Trained(simd, 2, [20, 17, 33], batches: [19]);
            engine.Predict(images, found);
            Assert.That(found, Is.EqualTo(expected).Within(1e-5), simd.ToString());
        }
    }

    [Test]
    public void EvaluateAndPredict_SmallBatchSize_GiveTheBitsOfALargeOne()
    {
        using var small = Trained(SimdLevels.Best, 2, [4, 8, 12], batches: [10], maxBatch: 10);
        using var large = Trained(SimdLevels.Best, 1, [4, 8, 12], batches: [10], maxBatch: 64);
        byte[] images = Images(53, 6);
        int[] labels = Labels(53, 6);
        float[] p = new float[53 * 7], q = new float[53 * 7];

        small.Predict(images, p);
        large.Predict(images, q);

        Assert.That(p, Is.EqualTo(q));
        Assert.That(small.Evaluate(images, labels), Is.EqualTo(large.Evaluate(images, labels)));
    }

    [Test]
    public void TrainStepAndEvaluate_SteadyState_AllocateNothing()
    {
        using var engine = Trained(SimdLevels.Best, 2, [4, 8, 12], batches: [16]);
        byte[] images = Images(16, 7);
        int[] labels = Labels(16, 7);
        engine.Evaluate(images, labels);
        long before = GC.GetAllocatedBytesForCurrentThread();

        for (int step = 2; step < 12; step++)
        {
            engine.TrainStep(images, labels, 1e-3f, step);
            engine.Evaluate(images, labels);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    /// <summary>Guards around every buffer are intact, and what a kernel reads of them would make the loss not a number.</summary>
    [TestCase(new[] { 5, 17, 33 })]
    [TestCase(new[] { 32, 64, 128 })]
    public void TrainStepAndEvaluate_EveryVectorWidth_StayWithinTheirBuffers(int[] filters)
    {
        foreach (var simd in SimdLevels.Available)
        {
            using var engine = Trained(simd, 2, filters, batches: [9, 1], maxBatch: 9);
            Assert.That(engine.Evaluate(Images(20, 8), Labels(20, 8)).LossSum, Is.Not.NaN, simd.ToString());
            Assert.That(engine.FindOverruns(), Is.Empty, simd.ToString());
        }
    }

    [Test]
    public void FindOverruns_ByteBeforeOrAfter_NamesTheBuffer()
    {
        using var arena = new Arena();
        Overwrite(arena, "early", -1);
        Overwrite(arena, "inside", 99);
        Overwrite(arena, "late", 100);

        Assert.That(arena.FindOverruns(), Is.EqualTo(new[] { "early", "late" }));

        static unsafe void Overwrite(Arena arena, string name, int at) => arena.Allocate(name, 100)[at] = 1;
    }

    /// <summary>Without dropout a batch of the same 8 images again and again has their statistics, their mean loss and their gradients.</summary>
    [Test]
    public void TrainStep_LargestBatch_IsThatOfTheImagesItRepeats()
    {
        const int images = 8, repeats = 1024 / images;
        var model = CnnModel.Create(Seven, seed: 3, filters: [5, 17, 33], dropoutRates: [0, 0, 0]);
        using var small = new ManagedEngine(model, new EngineOptions { MaxBatchSize = images });
        using var large = new ManagedEngine(model, new EngineOptions { MaxBatchSize = 1024 });
        byte[] pixels = Images(images, 9);
        int[] labels = Labels(images, 9);

        var expected = small.TrainStep(pixels, labels, 1e-3f, 1);
        var found = large.TrainStep([.. Enumerable.Repeat(pixels, repeats).SelectMany(p => p)], [.. Enumerable.Repeat(labels, repeats).SelectMany(l => l)], 1e-3f, 1);

        Assert.That(found.LossSum, Is.EqualTo(repeats * expected.LossSum).Within(1e-6 * repeats * expected.LossSum));
        Assert.That((found.Correct, found.Count), Is.EqualTo((repeats * expected.Correct, 1024)));
        Assert.That(large.FindOverruns(), Is.Empty);
        foreach (var (a, b) in large.ExportState().AdamM.Zip(small.ExportState().AdamM))
        {
            Assert.That(EngineComparison.RelativeToLargest(a.Doubles(), b.Doubles()), Is.LessThan(1e-4), a.Name);
        }
    }

    /// <summary>A program that trains on one thread after another, such as a service, keeps no engine's memory: the C library would, in pools of each thread.</summary>
    [Test]
    [Platform("Linux")]
    public unsafe void Dispose_ArenasOfManyThreads_GiveTheirMemoryBackToTheSystem()
    {
        long before = 0;
        for (int i = 0; i < 8; i++)
        {
            var thread = new Thread(() =>
            {
                using var arena = new Arena();
                for (int buffer = 0; buffer < 12; buffer++)
                {
                    new Span<byte>(arena.Allocate("activations", 8 << 20), 8 << 20).Fill(1);
                    _ = arena.Allocate("bias", 1024);
                }
            });
            thread.Start();
            thread.Join();
            before = i == 0 ? Environment.WorkingSet : before;
        }

        Assert.That((Environment.WorkingSet - before) >> 20, Is.LessThan(40), "MB that seven more left");
    }

    [Test]
    [Platform("Linux")]
    public void Allocate_MoreThanTheSystemGives_IsRefusedInTheSameWords()
    {
        using var arena = new Arena(limit: long.MaxValue);
        Assert.That(Reserve(arena), Throws.InstanceOf<Cifar3Exception>().With.Message.Contains("'weights'").And.Message.Contains("The system gives this process no more").And.Message.Contains("smaller batches"));

        static unsafe TestDelegate Reserve(Arena arena) => () => arena.Allocate("weights", 1L << 60);
    }

    [Test]
    public void Allocate_BeyondTheMachinesMemory_IsRefusedBeforeAnythingIsTouched()
    {
        using var small = new Arena(limit: 1000);
        using var real = new Arena();
        Assert.That(Reserve(small, 600), Throws.Nothing);

        Assert.That(Reserve(small, 500), Throws.InstanceOf<Cifar3Exception>().With.Message.Contains("need 1,100 bytes or more. Expected at most 1,000").And.Message.Contains("DOTNET_GCHeapHardLimit"), "a limit of .NET's own is far below the machine's memory");
        Assert.That(Reserve(real, 1L << 50), Throws.InstanceOf<Cifar3Exception>().With.Message.Contains("Use fewer filters"));
        Assert.That(small.Bytes, Is.EqualTo(600));

        static unsafe TestDelegate Reserve(Arena arena, long bytes) => () => arena.Allocate("weights", bytes);
    }

    [Test]
    public void TrainStep_DivergedWeights_ReportNotANumber()
    {
        var model = CnnModel.Create(Seven, filters: [4, 4, 4]);
        var state = EngineState.Initial(model);
        var broken = new WeightTensor(state.Weights[0].Name, state.Weights[0].Shape, [.. Enumerable.Repeat(float.NaN, state.Weights[0].Count)]);
        using var engine = new ManagedEngine(model);
        engine.ImportState(state with { Weights = [broken, .. state.Weights.Skip(1)] });

        Assert.That(engine.TrainStep(Images(3, 1), Labels(3, 1), 1e-3f, 1).LossSum, Is.NaN);
    }

    /// <summary>CI runs the tests again under each of .NET's two switches: they must do what their names say.</summary>
    [Test]
    public void Device_UnderTheRuntimesSwitches_NamesTheVectorsTheyLeave()
    {
        var widest = IsOff("DOTNET_EnableAVX2") ? SimdLevel.V128 : IsOff("DOTNET_EnableAVX512") ? SimdLevel.V256 : SimdLevel.V512;
        string[] names = SimdLevels.Best switch { SimdLevel.V512 => ["AVX-512"], SimdLevel.V256 => ["AVX2"], _ => ["SSE", "NEON"] };
        using var engine = new ManagedEngine(CnnModel.Create(["a", "b"], filters: [1, 1, 1]), new EngineOptions { MaxBatchSize = 1 });

        Assert.That(SimdLevels.Best, Is.LessThanOrEqualTo(widest));
        Assert.That(names.Any(engine.Device.Contains), engine.Device);
        Assert.That(V128.IsFused, Is.EqualTo(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 || SimdLevels.Best > SimdLevel.V128));

        static bool IsOff(string variable) => Environment.GetEnvironmentVariable(variable) == "0";
    }

    [TestCase(0, 1)]
    [TestCase(1025, 1)]
    [TestCase(8, -1)]
    public void Constructor_OptionOutOfRange_IsRefused(int maxBatch, int threads) =>
        Assert.That(
            () => new ManagedEngine(CnnModel.Create(["a", "b"]), new EngineOptions { MaxBatchSize = maxBatch, Threads = threads }),
            Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("Received"));

    private static ManagedEngine Trained(SimdLevel simd, int threads, int[] filters, int[] batches, int maxBatch = 40)
    {
        var engine = new ManagedEngine(CnnModel.Create(Seven, seed: 3, filters), new EngineOptions { Seed = 4, Threads = threads, MaxBatchSize = maxBatch }, simd);
        for (int i = 0; i < batches.Length; i++)
        {
            engine.TrainStep(Images(batches[i], i), Labels(batches[i], i), 1e-3f, i + 1);
        }

        return engine;
    }

    private static byte[] Images(int count, int seed)
    {
        var random = new PhiloxRandom(seed, RandomStreams.Examples);
        return [.. Enumerable.Range(0, count * CnnArchitecture.ImageBytes).Select(_ => (byte)random.Next(256))];
    }

    private static int[] Labels(int count, int seed)
    {
        var random = new PhiloxRandom(seed, RandomStreams.Split);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(Seven.Length))];
    }

    private static string Hash(EngineState state)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var tensor in state.Weights.Concat(state.AdamM).Concat(state.AdamV))
        {
            hash.AppendData(MemoryMarshal.AsBytes(tensor.Values));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

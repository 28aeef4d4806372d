using System.Diagnostics;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The scorer without native libraries, against the training engine (the same bits) and ONNX Runtime.</summary>
internal sealed class ManagedScorerTests
{
    private static readonly CnnModel Small = CnnModel.Create(["a", "b", "c", "d", "e"], seed: 2, filters: [5, 17, 33]);

    [Test]
    public void Predict_AnyNumberOfImages_GivesTheEnginesBits(
        [ValueSource(typeof(SimdLevels), nameof(SimdLevels.Available))] SimdLevel simd, [Values(1, 2, 3)] int threads)
    {
        foreach (var model in new[] { Small, CnnModel.Create(["a", "b"], seed: 3) })
        {
            int classes = model.Architecture.Classes;
            byte[] images = EngineTestData.RandomImages(75, seed: 1);
            float[] expected = new float[75 * classes];
            using var engine = new ManagedEngine(model, new EngineOptions { Threads = 2, MaxBatchSize = 40 }, simd);
            engine.Predict(images, expected);
            using var scorer = new ManagedScorer(model, threads, simd);

            foreach (int count in new[] { 1, 2, 7, 8, 9, 32, 33, 75, 0 })
            {
                float[] found = new float[count * classes];
                scorer.Score(images.AsSpan(0, count * CnnArchitecture.ImageBytes), found);
                Assert.That(found, Is.EqualTo(expected.Take(count * classes)), $"{count} images");
            }

            Assert.That(scorer.FindOverruns(), Is.Empty);
        }
    }

    [Test]
    public void Predict_TrainedModelOn3000Images_IsOnnxRuntimes()
    {
        var test = Cifar3Data.Load(TestFiles.RealImages()).Test;
        float[] expected = new float[test.Count * 3], found = new float[test.Count * 3];
        using var classifier = Cifar3Classifier.LoadDefault(new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime });
        classifier.Score(test.Pixels, expected);
        using var scorer = new ManagedScorer(CnnModel.LoadOnnx(ShippedModel.Read()), threads: 2);

        scorer.Score(test.Pixels, found);

        double worst = EngineComparison.Farthest(found, expected);
        TestContext.Out.WriteLine($"{test.Count} images: probabilities differ by up to {worst:e1}");
        Assert.That(worst, Is.LessThan(1e-5));
    }

    [Test]
    public void Predict_FromManyThreads_GivesEachItsOwn()
    {
        const int callers = 6, rounds = 20;
        using var scorer = new ManagedScorer(Small, threads: 2);
        byte[][] images = [.. Enumerable.Range(0, callers).Select(i => EngineTestData.RandomImages(1 + 9 * i, seed: i))];
        float[][] expected = [.. images.Select(Predict)];

        Parallel.For(0, callers * rounds, new ParallelOptions { MaxDegreeOfParallelism = callers }, n =>
            Assert.That(Predict(images[n % callers]), Is.EqualTo(expected[n % callers])));

        float[] Predict(byte[] pixels)
        {
            float[] p = new float[pixels.Length / CnnArchitecture.ImageBytes * 5];
            scorer.Score(pixels, p);
            return p;
        }
    }

    [Test]
    public void Predict_OneImageAtATime_HasTheSameBitsWhetherAHelperComesOrNot([ValueSource(typeof(SimdLevels), nameof(SimdLevels.Available))] SimdLevel simd)
    {
        foreach (var model in new[] { Small, CnnModel.Create(["a", "b"], seed: 3, filters: [32, 80, 112]), CnnModel.Create(["a", "b"], seed: 3) })
        {
            const int images = 20;
            int classes = model.Architecture.Classes;
            byte[] pixels = EngineTestData.RandomImages(images, seed: 4);
            float[] expected = new float[images * classes], found = new float[images * classes];
            using var alone = new ManagedScorer(model, threads: 1, simd);
            using var shared = new ManagedScorer(model, threads: 2, simd);
            alone.Score(pixels, expected);

            for (int round = 0; round < 30; round++)
            {
                for (int i = 0; i < images; i++)
                {
                    shared.Score(pixels.AsSpan(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes), found.AsSpan(i * classes, classes));
                }

                Assert.That(found, Is.EqualTo(expected), $"round {round}");
                Array.Clear(found);
                Thread.Sleep(round % 2); // the helper sleeps, or still looks
            }

            Assert.That(shared.FindOverruns(), Is.Empty);
        }
    }

    [Test]
    public void Predict_Warm_AllocatesNothing()
    {
        using var scorer = new ManagedScorer(Small, threads: 2);
        byte[] images = EngineTestData.RandomImages(70, seed: 1);
        float[] p = new float[70 * 5];
        Action[] calls = [() => scorer.Score(images, p), () => scorer.Score(images.AsSpan(0, CnnArchitecture.ImageBytes), p.AsSpan(0, 5))];
        for (int i = 0; i < 20; i++)
        {
            Array.ForEach(calls, call => call());
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++)
        {
            calls[0]();
            calls[1]();
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void Predict_WrongSizes_AreRefused()
    {
        using var scorer = new ManagedScorer(Small, threads: 1);

        Assert.That(() => scorer.Score(new byte[3071], new float[5]), Throws.ArgumentException.With.Message.Contains("3,071 bytes"));
        Assert.That(() => scorer.ScorePiece(new byte[3072], new float[6]), Throws.ArgumentException.With.Message.Contains("need 5 numbers each"));
        Assert.That(() => new ManagedScorer(Small, threads: -1), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    [NonParallelizable]
    public void Dispose_ManyThreads_EndsThem()
    {
        const int Threads = 100;
        int before = ThreadsOfProcess();
        using (var scorer = new ManagedScorer(Small, Threads))
        {
            scorer.Score(EngineTestData.RandomImages(2, seed: 1), new float[2 * 5]);
            Assert.That(ThreadsOfProcess() - before, Is.GreaterThan(Threads / 2));
        }

        Assert.That(() => ThreadsOfProcess() - before, Is.LessThan(Threads / 2).After(10_000, 20));

        static int ThreadsOfProcess()
        {
            using var process = Process.GetCurrentProcess();
            return process.Threads.Count;
        }
    }

    [Test]
    public void Dispose_Twice_LaterCallsAreRefused()
    {
        var scorer = new ManagedScorer(Small, threads: 2);
        Assert.That(scorer.Device, Does.Contain("2 threads"));

        scorer.Dispose();
        scorer.Dispose();

        Assert.That(() => scorer.Score(new byte[3072], new float[5]), Throws.InstanceOf<ObjectDisposedException>());
    }
}

using System.Diagnostics;
using System.Globalization;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>
/// Threads that score, stream, leave, cancel and are interrupted over classifiers that are disposed meanwhile: no wrong result, no hang, no crash. The long form takes
/// ten minutes, or the seconds that CIFAR3_STRESS names.
/// </summary>
public sealed class StressTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(double.TryParse(Environment.GetEnvironmentVariable("CIFAR3_STRESS"), CultureInfo.InvariantCulture, out double seconds) ? seconds : 600);

    /// <summary>
    /// Threads interrupted while they score: a call throws ThreadInterruptedException or gives the right result, and later calls come back. Before, 33 of
    /// 1,308 calls that returned normally were wrong.
    /// </summary>
    [TestCase(ScoringBackend.Managed), TestCase(ScoringBackend.OnnxRuntime), CancelAfter(120_000)]
    public void Interrupt_WhileScoring_ResultsAreRightAndNothingHangs(ScoringBackend backend) => Interrupt(backend, TimeSpan.FromSeconds(2));

    /// <summary>The same for long.</summary>
    [TestCase(ScoringBackend.Managed), TestCase(ScoringBackend.OnnxRuntime), Category(TestCategories.Slow)]
    public void Interrupt_ForLong_ResultsAreRightAndNothingHangs(ScoringBackend backend) => Interrupt(backend, Long);

    /// <summary>32 threads, for long.</summary>
    [Test, Category(TestCategories.Slow)]
    public void Stress_ForLong_NoWrongResult() => Stress(Long, threads: 32);

    /// <summary>Its short form.</summary>
    [Test, CancelAfter(120_000)]
    public void Stress_Short_NoWrongResult() => Stress(TimeSpan.FromSeconds(2), threads: 8);

    private static void Interrupt(ScoringBackend backend, TimeSpan time)
    {
        const int Images = 67;
        byte[] pixels = EngineTestData.RandomImages(Images, seed: 1);
        byte[][] pngs = [.. pixels.Chunk(CnnArchitecture.ImageBytes).Select(image => TestImages.Encode(image, 32, 32, SKEncodedImageFormat.Png))];
        using var classifier = Cifar3Classifier.FromModel(TestModels.Random(filters: [4, 8, 8]), new ClassifierOptions { Backend = backend, Threads = 4 });
        float[] expected = new float[3 * Images];
        classifier.Score(pixels, expected);
        int right = 0, wrong = 0, interrupted = 0;
        bool stop = false;
        var threads = Enumerable.Range(0, 3).Select(t => new Thread(() =>
        {
            float[] found = new float[3 * Images];
            while (!Volatile.Read(ref stop))
            {
                try
                {
                    Array.Fill(found, -1);
                    if (t == 0)
                    {
                        found = [.. classifier.PredictMany(pngs).SelectMany(prediction => prediction.Probabilities)];
                    }
                    else
                    {
                        classifier.Score(pixels, found);
                    }

                    bool same = EngineComparison.Farthest(found, expected) < 1e-6;
                    Interlocked.Increment(ref same ? ref right : ref wrong);
                }
                catch (ThreadInterruptedException)
                {
                    interrupted++;
                }
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        var watch = Stopwatch.StartNew();
        for (int i = 0; watch.Elapsed < time; i++)
        {
            threads[i % threads.Count].Interrupt();
            Thread.Sleep(i % 3);
        }

        Volatile.Write(ref stop, true);
        foreach (var thread in threads)
        {
            Assert.That(thread.Join(TimeSpan.FromSeconds(30)), "a thread hangs");
        }

        TestContext.Out.WriteLine($"{right} right, {wrong} wrong, {interrupted} interrupted");
        Assert.That(wrong, Is.Zero);
        Assert.That(right, Is.GreaterThan(10));
    }

    private static void Stress(TimeSpan time, int threads)
    {
        const int Images = 40;
        byte[] pixels = EngineTestData.RandomImages(Images, seed: 2);
        byte[][] pngs = [.. pixels.Chunk(CnnArchitecture.ImageBytes).Select(image => TestImages.Encode(image, 32, 32, SKEncodedImageFormat.Png))];
        var model = TestModels.Random(filters: [4, 8, 8]);
        var current = Create(0);
        float[] expected = new float[3 * Images];
        current.Score(pixels, expected);
        int right = 0, wrong = 0, left = 0, cancelled = 0, disposed = 0, interrupted = 0;
        bool stop = false;
        var workers = Enumerable.Range(0, threads).Select(t => new Thread(() =>
        {
            var random = new Random(t);
            while (!Volatile.Read(ref stop))
            {
                try
                {
                    Work(random);
                }
                catch (ThreadInterruptedException)
                {
                    Interlocked.Increment(ref interrupted);
                }
            }
        })).ToList();
        workers.ForEach(thread => thread.Start());
        var watch = Stopwatch.StartNew();
        for (int i = 1; watch.Elapsed < time; i++)
        {
            Thread.Sleep(20);
            workers[i % workers.Count].Interrupt();
            var old = Volatile.Read(ref current);
            Volatile.Write(ref current, Create(i));
            old.Dispose();
        }

        Volatile.Write(ref stop, true);
        foreach (var worker in workers)
        {
            Assert.That(worker.Join(TimeSpan.FromSeconds(60)), "a thread hangs");
        }

        current.Dispose();
        TestContext.Out.WriteLine($"{right} right, {wrong} wrong, {left} left early, {cancelled} cancelled, {disposed} over a disposed classifier, {interrupted} interrupted, {threads} threads, {time.TotalSeconds:N0} s");
        Assert.That(wrong, Is.Zero);
        Assert.That(new[] { right, left, cancelled, disposed, interrupted }, Has.All.GreaterThan(0));

        Cifar3Classifier Create(int i) => Cifar3Classifier.FromModel(model, new ClassifierOptions { Backend = i % 2 == 0 ? ScoringBackend.Managed : ScoringBackend.OnnxRuntime, Threads = 2 });

        void Work(Random random)
        {
            float[] found = new float[3 * Images];
            var classifier = Volatile.Read(ref current);
            using var cancel = new CancellationTokenSource();
            int end = random.Next(2 * Images), i = 0;
            try
            {
                switch (random.Next(4))
                {
                    case 0:
                        classifier.Score(pixels, found);
                        Check(found, 0);
                        break;
                    case 1:
                        int one = random.Next(Images);
                        Check([.. classifier.PredictPixels(pixels.AsSpan(one * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes)).Probabilities], one);
                        break;
                    case 2:
                        foreach (var prediction in classifier.PredictMany(pngs, cancellationToken: cancel.Token))
                        {
                            Next(prediction);
                            if (i >= end)
                            {
                                Interlocked.Increment(ref left);
                                break;
                            }
                        }

                        break;
                    default:
                        Read(classifier, cancel, Next).GetAwaiter().GetResult();
                        break;
                }
            }
            catch (ObjectDisposedException)
            {
                Interlocked.Increment(ref disposed);
            }
            catch (OperationCanceledException)
            {
                Interlocked.Increment(ref cancelled);
            }

            void Next(Prediction prediction)
            {
                Check([.. prediction.Probabilities], i++);
                if (i == end / 2 && end % 3 == 0)
                {
                    cancel.Cancel();
                }
            }
        }

        async Task Read(Cifar3Classifier classifier, CancellationTokenSource cancel, Action<Prediction> next)
        {
            await foreach (var prediction in classifier.PredictMany(Slowly(), cancellationToken: cancel.Token).ConfigureAwait(false))
            {
                next(prediction);
            }
        }

        async IAsyncEnumerable<byte[]> Slowly()
        {
            foreach (byte[] png in pngs)
            {
                await Task.Yield();
                yield return png;
            }
        }

        void Check(float[] found, int first)
        {
            bool same = EngineComparison.Farthest(found, expected.Skip(3 * first)) < 1e-5;
            Interlocked.Increment(ref same ? ref right : ref wrong);
        }
    }
}

namespace Cifar3.Tests;

/// <summary>Single images of many threads scored together: same results, really together, bounded delay, errors to all concerned.</summary>
public sealed class CoalescingScorerTests
{
    private static readonly TimeSpan LongDelay = TimeSpan.FromSeconds(20);

    [TestCase(0)]
    [TestCase(2)]
    public void PredictPixels_EightThreadsTogether_GiveTheSerialResults(int delayMilliseconds)
    {
        const int Images = 60;
        byte[] pixels = EngineTestData.RandomImages(Images, seed: 1);
        var model = TestModels.Random(filters: [8, 8, 8]);
        var options = new ClassifierOptions { ExecutionProvider = ExecutionProvider.Cpu, Threads = 2 };
        using var alone = Cifar3Classifier.FromModel(model, options);
        using var together = Cifar3Classifier.FromModel(model, options with { MaxQueueDelay = TimeSpan.FromMilliseconds(delayMilliseconds) });
        Prediction[] expected = [.. Enumerable.Range(0, Images).Select(i => alone.PredictPixels(Image(i)))];

        int different = 0;
        InThreads(8, thread =>
        {
            for (int round = 0; round < 3; round++)
            {
                for (int i = 0; i < Images; i++)
                {
                    int image = (i + thread) % Images;
                    var found = together.PredictPixels(Image(image));
                    bool same = found.Probabilities.Zip(expected[image].Probabilities).All(pair => Math.Abs(pair.First - pair.Second) < 1e-6f);
                    Interlocked.Add(ref different, same ? 0 : 1);
                }
            }
        });

        Assert.That(different, Is.Zero);
        Assert.That(together.PredictPixelsBatch(pixels), Has.Count.EqualTo(Images), "batches pass by the queue");
        Assert.That(together.PredictBatch([TestImages.Encode(Image(0).ToArray(), 32, 32, SkiaSharp.SKEncodedImageFormat.Png)]), Has.Count.EqualTo(1));

        ReadOnlySpan<byte> Image(int i) => pixels.AsSpan(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes);
    }

    /// <summary>The one core is held until four have called: they must then come in one run.</summary>
    [Test]
    public void Run_CallersWaitForACore_ComeInOneRun()
    {
        using var inner = new RecordingScorer { HoldFirst = true };
        using var scorer = new CoalescingScorer(inner, classes: 2, TimeSpan.Zero);
        var first = new Thread(() => scorer.Run(new byte[3072], new float[2]));
        first.Start();
        inner.Entered.Wait();

        var others = Start(4, thread => AssertOwnResult(scorer, (byte)(thread + 1)));
        SpinWait.SpinUntil(() => others.All(t => t.ThreadState.HasFlag(ThreadState.WaitSleepJoin)), TimeSpan.FromSeconds(20));
        inner.Hold.Set();
        first.Join();
        others.ForEach(t => t.Join());

        Assert.That(inner.Sizes, Is.EqualTo(new[] { 1, 4 }));
    }

    /// <summary>A caller alone does not wait, however long the delay allowed.</summary>
    [Test, CancelAfter(15_000)]
    public void Run_NobodyElseCalls_DoesNotWait(CancellationToken cancellation)
    {
        using var inner = new RecordingScorer();
        using var scorer = new CoalescingScorer(inner, classes: 2, LongDelay);

        for (int i = 0; i < 100 && !cancellation.IsCancellationRequested; i++)
        {
            AssertOwnResult(scorer, (byte)i);
        }

        Assert.That(inner.Sizes, Is.EqualTo(Enumerable.Repeat(1, 100)));
    }

    /// <summary>A full batch does not wait either.</summary>
    [Test]
    public void Run_BatchFull_StartsAtOnce()
    {
        using var inner = new RecordingScorer { Threads = 2, HoldFirst = true };
        using var scorer = new CoalescingScorer(inner, classes: 2, LongDelay);
        var first = new Thread(() => scorer.Run(new byte[3072], new float[2]));
        first.Start();
        inner.Entered.Wait();

        var others = Start(RecordingScorer.Capacity, thread => AssertOwnResult(scorer, (byte)thread));
        others.ForEach(t => Assert.That(t.Join(LongDelay / 2)));
        inner.Hold.Set();
        first.Join();

        Assert.That(inner.Sizes.Order(), Is.EqualTo(new[] { 1, RecordingScorer.Capacity }));
    }

    [Test]
    public void Run_RunFails_ThrowsInEveryCallerAndGoesOn()
    {
        using var inner = new RecordingScorer { Error = new Cifar3Exception("no memory") };
        using var scorer = new CoalescingScorer(inner, classes: 2, TimeSpan.FromMilliseconds(1));
        int failed = 0;

        InThreads(6, _ => Interlocked.Add(ref failed, Throws(() => scorer.Run(new byte[3072], new float[2])) ? 1 : 0));
        inner.Error = null;

        Assert.That(failed, Is.EqualTo(6));
        AssertOwnResult(scorer, 7);

        static bool Throws(Action action)
        {
            try
            {
                action();
                return false;
            }
            catch (Cifar3Exception)
            {
                return true;
            }
        }
    }

    [Test]
    public void Score_Warm_AllocatesNothing()
    {
        using var classifier = Cifar3Classifier.FromModel(TestModels.Random(2, [1, 1, 1]), new ClassifierOptions { ExecutionProvider = ExecutionProvider.Cpu, Threads = 1, MaxQueueDelay = TimeSpan.Zero });
        var (pixels, probabilities) = (new byte[3072], new float[2]);
        Score();

        long before = GC.GetAllocatedBytesForCurrentThread();
        Score();

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Score()
        {
            for (int i = 0; i < 100; i++)
            {
                classifier.Score(pixels, probabilities);
            }
        }
    }

    [TestCase(-1)]
    [TestCase(61_000)]
    public void FromModel_DelayOutOfRange_IsRefused(int milliseconds) => Assert.That(
        () => Cifar3Classifier.FromModel(TestModels.Random(2, [1, 1, 1]), new ClassifierOptions { MaxQueueDelay = TimeSpan.FromMilliseconds(milliseconds) }),
        Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("MaxQueueDelay"));

    private static void AssertOwnResult(CoalescingScorer scorer, byte value)
    {
        byte[] pixels = new byte[3072];
        pixels.AsSpan().Fill(value);
        float[] probabilities = new float[2];
        scorer.Run(pixels, probabilities);
        Assert.That(probabilities, Is.EqualTo(new float[] { value, -value }));
    }

    private static void InThreads(int count, Action<int> action) => Start(count, action).ForEach(thread => thread.Join());

    private static List<Thread> Start(int count, Action<int> action)
    {
        var threads = Enumerable.Range(0, count).Select(i => new Thread(() => action(i))).ToList();
        threads.ForEach(thread => thread.Start());
        return threads;
    }

    /// <summary>Gives each image its first byte and the negative of it as probabilities; remembers the sizes of its runs.</summary>
    private sealed class RecordingScorer : IScorer
    {
        public const int Capacity = 16;

        public int Threads { get; init; } = 1;

        public bool HoldFirst { get; set; }

        public ManualResetEventSlim Hold { get; } = new();

        public ManualResetEventSlim Entered { get; } = new();

        public Exception? Error { get; set; }

        public List<int> Sizes { get; } = [];

        public int PieceSize => Capacity;

        public ExecutionProvider Provider => ExecutionProvider.Cpu;

        public string Device => "test";

        public string? FallbackReason => null;

        public void Run(ReadOnlySpan<byte> pixels, Span<float> probabilities) => RunPiece(pixels, probabilities);

        public void RunPiece(ReadOnlySpan<byte> pixels, Span<float> probabilities)
        {
            bool hold;
            lock (Sizes)
            {
                Sizes.Add(pixels.Length / 3072);
                (hold, HoldFirst) = (HoldFirst, false);
            }

            if (hold)
            {
                Entered.Set();
                Hold.Wait();
            }

            if (Error is not null)
            {
                throw Error;
            }

            for (int i = 0; i < pixels.Length / 3072; i++)
            {
                (probabilities[2 * i], probabilities[2 * i + 1]) = (pixels[i * 3072], -pixels[i * 3072]);
            }
        }

        public void Dispose()
        {
            Hold.Dispose();
            Entered.Dispose();
        }
    }
}

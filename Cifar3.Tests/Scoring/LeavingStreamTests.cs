using Microsoft.ML.Data;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>Readers who leave streams early, cancel, are interrupted, or free what they gave: nothing goes on behind their back.</summary>
public sealed class LeavingStreamTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5); // for what takes 0.1 s on a machine that is free

    private readonly Cifar3Classifier classifier = Cifar3Classifier.FromModel(TestModels.Random(filters: [4, 8, 8]), new ClassifierOptions { Threads = 2 });
    private readonly byte[] photo = Photo();

    [OneTimeTearDown]
    public void Dispose() => classifier.Dispose();

    /// <summary>
    /// The images are disposed as soon as the loop is left. Work that went on would read freed memory, of which the process died in about half of 100 rounds
    /// before; that none goes on is told without luck by the next test.
    /// </summary>
    [Test]
    public async Task Leave_ImagesDisposedAtOnce_NoneIsReadAfterwards()
    {
        for (int round = 0; round < 6; round++)
        {
            var images = new List<MLImage>();
            await foreach (var _ in classifier.PredictMany(Camera(images)))
            {
                if (round % 2 == 0)
                {
                    break;
                }

                if (images.Count > 20)
                {
                    break;
                }
            }

            images.ForEach(image => image.Dispose());
            images.Clear();
            foreach (var _ in classifier.PredictMany(Frames(images)))
            {
                break;
            }

            images.ForEach(image => image.Dispose());
        }
    }

    /// <summary>What every reader may rely on, told without images: no item is being read when the enumerator's dispose has returned.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public async Task Leave_WorkUnderWay_HasEnded(bool cancels)
    {
        int reading = 0, after = 0;
        bool left = false;
        for (int round = 0; round < 20; round++)
        {
            Volatile.Write(ref left, false);
            using var cancel = new CancellationTokenSource();
            var stream = new PredictionStream<int>(Score, pieceSize: 4, ahead: 4, null, null, cancel.Token);
            try
            {
                await foreach (var _ in stream.RunAsync(Numbers(round)))
                {
                    if (!cancels)
                    {
                        break;
                    }

                    await cancel.CancelAsync();
                }
            }
            catch (OperationCanceledException e)
            {
                Assert.That(e.CancellationToken, Is.EqualTo(cancel.Token));
            }

            Volatile.Write(ref left, true);
            Assert.That(Volatile.Read(ref reading), Is.Zero, $"round {round}");
        }

        await Task.Delay(50);
        Assert.That(after, Is.Zero);

        PieceResult Score(IReadOnlyList<int> items, long first, CancellationToken stop)
        {
            foreach (int _ in items)
            {
                if (stop.IsCancellationRequested)
                {
                    break;
                }

                Interlocked.Increment(ref reading);
                after += Volatile.Read(ref left) ? 1 : 0;
                Thread.Sleep(2);
                Interlocked.Decrement(ref reading);
            }

            return new PieceResult([.. items.Select(_ => new Prediction(["a"], [1]))], [], null);
        }

        static async IAsyncEnumerable<int> Numbers(int round)
        {
            for (int i = 0; i < 1000; i++)
            {
                if (i % (1 + round % 5) == 0)
                {
                    await Task.Yield();
                }

                yield return i;
            }
        }
    }

    /// <summary>A loop over a stream that is not asynchronous: the piece under way is told to stop, and is waited for.</summary>
    [Test]
    public void Leave_PieceUnderWay_IsToldToStopAndHasEnded()
    {
        bool told = false, ended = false;
        using var begun = new ManualResetEventSlim();
        var stream = new PredictionStream<int>(Score, pieceSize: 1, ahead: 2, null, null, CancellationToken.None);

        foreach (var _ in stream.Run([0, 1, 2]))
        {
            Assert.That(begun.Wait(TimeSpan.FromMinutes(1)), Is.True, "the second one");
            break;
        }

        Assert.That(Volatile.Read(ref ended), Is.True);
        Assert.That(told, Is.True);

        PieceResult Score(IReadOnlyList<int> items, long first, CancellationToken stop)
        {
            if (first > 0)
            {
                begun.Set();
                told = stop.WaitHandle.WaitOne(Soon);
                Thread.Sleep(50); // long enough that a reader who did not wait is gone
                Volatile.Write(ref ended, true);
            }

            return new PieceResult([new Prediction(["a"], [1])], [], null);
        }
    }

    /// <summary>A source that has each item at once, but only after a while on the reading thread (files of a slow disk, through <c>ToAsyncEnumerable</c>): it was asked for up to a piece's worth of further items.</summary>
    [Test]
    public async Task Leave_SourceThatTakesItsTime_IsAskedForNothingMore()
    {
        int asked = 0;
        byte[] small = TestModels.Picture(1, 2, 3);
        await foreach (var _ in classifier.PredictMany(Slow()))
        {
            break;
        }

        int left = Volatile.Read(ref asked);
        await Task.Delay(2000);
        Assert.That(Volatile.Read(ref asked), Is.LessThanOrEqualTo(left + 1), "one was being made");

        async IAsyncEnumerable<byte[]> Slow()
        {
            for (int i = 0; i < 1000; i++)
            {
                Interlocked.Increment(ref asked);
                Thread.Sleep(i < 32 ? 0 : 300);
                await Task.CompletedTask;
                yield return small;
            }
        }
    }

    /// <summary>A source that waits for ever and ignores its token: break and Cancel return, and its end is not waited for.</summary>
    [TestCase(false), TestCase(true), CancelAfter(60_000)]
    public async Task Leave_SourceIgnoresItsToken_IsNotHeld(bool cancels)
    {
        using var cancel = new CancellationTokenSource();
        var never = new TaskCompletionSource();
        bool ended = false;
        var watch = System.Diagnostics.Stopwatch.StartNew();
        int given = 0;
        try
        {
            await foreach (var _ in classifier.PredictMany(Stubborn(), cancellationToken: cancel.Token))
            {
                if (++given == 3)
                {
                    if (!cancels)
                    {
                        break;
                    }

                    watch.Restart();
                    cancel.CancelAfter(1);
                }
            }
        }
        catch (OperationCanceledException)
        {
            Assert.That(cancels);
        }

        Assert.That(given, Is.EqualTo(3));
        Assert.That(watch.Elapsed, Is.LessThan(Soon));
        Assert.That(ended, Is.False);
        never.SetResult();
        Assert.That(() => Volatile.Read(ref ended), Is.True.After(5000, 10), "the source's enumerator is disposed when its wait ends");

        async IAsyncEnumerable<byte[]> Stubborn()
        {
            try
            {
                for (int i = 0; i < 3; i++)
                {
                    yield return photo;
                }

                await never.Task;
            }
            finally
            {
                Volatile.Write(ref ended, true);
            }
        }
    }

    /// <summary>Cancelling takes one picture's time, not a piece's (32).</summary>
    [Test]
    public void Cancel_WithinAPiece_EndsAfterOnePicture()
    {
        using var cancel = new CancellationTokenSource();
        int read = 0;
        var stream = new PredictionStream<int>((items, first, stop) => PieceScorer.Score(new Constant(), new ScoreRows(["a", "b"]), items, first, Read, skipsBad: false, stop), pieceSize: 32, ahead: 1, null, null, cancel.Token);

        var error = Assert.Catch<OperationCanceledException>(() => stream.Run(Enumerable.Range(0, 320)).Count());

        Assert.That(error!.CancellationToken, Is.EqualTo(cancel.Token));
        Assert.That(read, Is.EqualTo(5));

        void Read(int item, long index, Span<byte> pixels)
        {
            if (Interlocked.Increment(ref read) == 5)
            {
                cancel.Cancel();
            }
        }
    }

    /// <summary>A run of ONNX Runtime that takes long ends when the caller cancels.</summary>
    [Test]
    public void Cancel_OnnxRuntimeRunning_EndsTheRun()
    {
        var model = TestModels.Random(3, [64, 128, 256]);
        using var scorer = OnnxRuntimeScorer.OnCpu(ScoringModel.Of(model), new ClassifierOptions { Threads = 1 }, typeof(Cifar3Classifier));
        byte[] pixels = EngineTestData.RandomImages(32, seed: 1);
        float[] found = new float[96], expected = new float[96];
        var whole = System.Diagnostics.Stopwatch.StartNew();
        scorer.Score(pixels, expected);
        whole.Stop();

        int cancelled = 0;
        for (int round = 1; round <= 5; round++)
        {
            using var cancel = new CancellationTokenSource(whole.Elapsed * (round / 10.0));
            try
            {
                scorer.ScorePiece(pixels, found, cancel.Token);
            }
            catch (OperationCanceledException e)
            {
                Assert.That(e.CancellationToken, Is.EqualTo(cancel.Token));
                cancelled++;
            }
        }

        Assert.That(cancelled, Is.GreaterThan(0), $"a run takes {whole.ElapsedMilliseconds} ms");
        scorer.ScorePiece(pixels, found, CancellationToken.None);
        Assert.That(found, Is.EqualTo(expected), "and the next one is whole");
    }

    private static byte[] Photo()
    {
        using var bitmap = new SKBitmap(600, 600);
        bitmap.Erase(SKColors.SteelBlue);
        using var encoded = bitmap.Encode(SKEncodedImageFormat.Jpeg, 90);
        return encoded.ToArray();
    }

    private async IAsyncEnumerable<MLImage> Camera(List<MLImage> images)
    {
        for (int i = 0; i < 60; i++)
        {
            images.Add(MLImage.CreateFromStream(new MemoryStream(photo)));
            await Task.Yield();
            yield return images[^1];
        }
    }

    private IEnumerable<MLImage> Frames(List<MLImage> images)
    {
        for (int i = 0; i < 60; i++)
        {
            images.Add(MLImage.CreateFromStream(new MemoryStream(photo)));
            yield return images[^1];
        }
    }

    /// <summary>Scores nothing: even probabilities.</summary>
    private sealed class Constant : IScorer
    {
        public ScoringBackend Backend => ScoringBackend.Managed;

        public string Device => "none";

        public int Threads => 1;

        public int PieceSize => 32;

        public void Score(ReadOnlySpan<byte> pixels, Span<float> probabilities) => probabilities.Fill(0.5f);

        public void ScorePiece(ReadOnlySpan<byte> pixels, Span<float> probabilities, CancellationToken cancellation) => probabilities.Fill(0.5f);

        public void Dispose()
        {
        }
    }
}

using System.Runtime.CompilerServices;
using Microsoft.ML.Data;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>Streams of pictures: in order, a bounded number ahead, cancelled, interrupted by bad pictures and by their own source.</summary>
public sealed class PredictManyTests
{
    private const int Count = 150;

    private readonly Cifar3Classifier classifier = Cifar3Classifier.FromModel(TestModels.Random(filters: [4, 8, 8]), new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime, Threads = 2 });
    private readonly byte[] pixels = EngineTestData.RandomImages(Count, seed: 1);
    private byte[][] pngs = [];
    private IReadOnlyList<Prediction> expected = [];

    [OneTimeSetUp]
    public void Encode()
    {
        pngs = [.. pixels.Chunk(CnnArchitecture.ImageBytes).Select(image => TestImages.Encode(image, CnnArchitecture.InputSize, CnnArchitecture.InputSize, SKEncodedImageFormat.Png))];
        expected = classifier.PredictPixelsBatch(pixels);
    }

    [OneTimeTearDown]
    public void Dispose() => classifier.Dispose();

    [Test]
    public async Task PredictMany_AnySource_KeepsTheOrder()
    {
        string folder = TestFiles.NewFolder();
        string[] paths = [.. pngs.Select((_, i) => Path.Combine(folder, $"{i}.png"))];
        for (int i = 0; i < Count; i++)
        {
            File.WriteAllBytes(paths[i], pngs[i]);
        }

        MLImage[] images = [.. pixels.Chunk(CnnArchitecture.ImageBytes).Select(image => MLImagePixels.Create(image))];

        AssertExpected(classifier.PredictMany(paths));
        AssertExpected(classifier.PredictMany(pngs));
        AssertExpected(classifier.PredictMany(images));
        AssertExpected(await classifier.PredictMany(Slowly(paths)).ToListAsync());
        AssertExpected(await classifier.PredictMany(Slowly(pngs)).ToListAsync());
        AssertExpected(await classifier.PredictMany(Slowly(images)).ToListAsync());
        Assert.That(classifier.PredictMany(Array.Empty<string>()), Is.Empty);
        Assert.That(await classifier.PredictMany(Slowly(Array.Empty<string>())).CountAsync(), Is.Zero);
        Array.ForEach(images, image => image.Dispose());
    }

    [Test]
    public async Task PredictMany_EnumeratedTwice_CountsFromTheBeginning()
    {
        byte[][] images = [.. pngs.Take(20)];
        images[7] = [1, 2, 3];
        var bad = new List<long>();
        var progress = new Recorder();
        var stream = classifier.PredictMany(images, progress, (image, _) => bad.Add(image));
        var slow = classifier.PredictMany(Slowly(images), progress, (image, _) => bad.Add(image));

        int[] counts = [stream.Count(), stream.Count(), await slow.CountAsync(), await slow.CountAsync()];

        Assert.That(counts, Is.All.EqualTo(19));
        Assert.That(bad, Is.EqualTo(new long[] { 7, 7, 7, 7 }));
        Assert.That(progress.Values.Max(), Is.EqualTo(19));
    }

    /// <summary>An endless stream: what is read of it stays a bounded number ahead.</summary>
    [Test]
    public async Task PredictMany_EndlessSource_ReadsABoundedNumberAhead()
    {
        const int Most = 300; // 2 threads: 4 pieces of 32, one more that waits for room, one being read, and the pull's own
        int read = 0;

        Assert.That(classifier.PredictMany(Endless()).Take(50).Count(), Is.EqualTo(50));
        TestContext.Out.WriteLine($"{read} read for 50");
        Assert.That(read, Is.LessThan(Most));

        read = 0;
        Assert.That(await classifier.PredictMany(Slowly(Endless())).Take(50).CountAsync(), Is.EqualTo(50));
        TestContext.Out.WriteLine($"{read} read for 50, asynchronously");
        Assert.That(read, Is.LessThan(Most));

        IEnumerable<byte[]> Endless()
        {
            while (true)
            {
                yield return pngs[read++ % Count];
            }
        }
    }

    [Test]
    public async Task PredictMany_BadPicture_ThrowsInItsPlace()
    {
        byte[][] broken = [.. pngs];
        broken[70] = [1, 2, 3];
        var before = new List<Prediction>();
        var beforeAsync = new List<Prediction>();

        Assert.That(() => before.AddRange(Collect(classifier.PredictMany(broken), before)), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("image 70"));
        Assert.That(before, Has.Count.EqualTo(70));
        try
        {
            await foreach (var prediction in classifier.PredictMany(Slowly(broken)))
            {
                beforeAsync.Add(prediction);
            }

            Assert.Fail("no exception");
        }
        catch (Cifar3ImageException e)
        {
            Assert.That(e.Message, Does.Contain("image 70"));
        }

        Assert.That(beforeAsync, Has.Count.EqualTo(70));
        Assert.That(() => classifier.PredictMany([pngs[0], null!]).Count(), Throws.ArgumentException.With.Message.Contains("Item 1 is null"));
        Assert.That(() => classifier.PredictMany((IEnumerable<string>)null!), Throws.ArgumentNullException);
    }

    /// <summary>Bad pictures are left out and told in order, each before the prediction that follows it.</summary>
    [Test]
    public async Task PredictMany_BadPicturesAllowed_AreLeftOutAndTold()
    {
        byte[][] broken = [.. pngs];
        int[] bad = [0, 1, 70, 96, Count - 1];
        Array.ForEach(bad, i => broken[i] = [1, 2, 3]);
        var expectedRest = expected.Where((_, i) => !bad.Contains(i)).Select(prediction => prediction.LabelIndex).ToList();
        var told = new List<(long Index, int Given)>();
        var found = new List<Prediction>();

        foreach (var prediction in classifier.PredictMany(broken, onBadImage: Tell))
        {
            found.Add(prediction);
        }

        AssertLeftOut();
        (found, told) = ([], []);
        await foreach (var prediction in classifier.PredictMany(Slowly(broken), onBadImage: Tell))
        {
            found.Add(prediction);
        }

        AssertLeftOut();
        Assert.That(() => classifier.PredictMany([pngs[0], null!], onBadImage: Tell).Count(), Throws.ArgumentException, "a null is the caller's mistake, not a bad picture");

        void Tell(long index, Cifar3ImageException error)
        {
            Assert.That(error.Message, Does.Contain($"image {index}"));
            told.Add((index, found.Count));
        }

        void AssertLeftOut()
        {
            Assert.That(found.Select(prediction => prediction.LabelIndex), Is.EqualTo(expectedRest));
            Assert.That(told, Is.EqualTo(bad.Select((i, before) => ((long)i, i - before))));
        }
    }

    [Test]
    public async Task PredictMany_Cancelled_Stops()
    {
        using var cancel = new CancellationTokenSource();
        int given = 0;
        Assert.That(() => CountUntil(classifier.PredictMany(Forever(), cancellationToken: cancel.Token)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(given, Is.InRange(100, 300));

        using var other = new CancellationTokenSource();
        given = 0;
        try
        {
            await foreach (var prediction in classifier.PredictMany(Slowly(Forever())).WithCancellation(other.Token))
            {
                CancelAt100(other);
            }

            Assert.Fail("no exception");
        }
        catch (OperationCanceledException)
        {
            Assert.That(given, Is.InRange(100, 300));
        }

        void CountUntil(IEnumerable<Prediction> predictions)
        {
            foreach (var prediction in predictions)
            {
                CancelAt100(cancel);
            }
        }

        void CancelAt100(CancellationTokenSource source)
        {
            if (++given == 100)
            {
                source.Cancel();
            }
        }
    }

    [Test]
    public async Task PredictMany_SourceFails_GivesWhatCameBefore()
    {
        var before = new List<Prediction>();

        Assert.That(() => Collect(classifier.PredictMany(Failing()), before), Throws.TypeOf<IOException>().With.Message.EqualTo("disk gone"));
        Assert.That(before, Has.Count.EqualTo(64));

        var beforeAsync = new List<Prediction>();
        try
        {
            await foreach (var prediction in classifier.PredictMany(Slowly(Failing())))
            {
                beforeAsync.Add(prediction);
            }

            Assert.Fail("no exception");
        }
        catch (IOException e)
        {
            Assert.That(e.Message, Is.EqualTo("disk gone"));
            Assert.That(beforeAsync, Has.Count.EqualTo(64));
        }

        IEnumerable<byte[]> Failing()
        {
            foreach (byte[] png in pngs.Take(64))
            {
                yield return png;
            }

            throw new IOException("disk gone");
        }
    }

    /// <summary>A source that waits after each picture until that picture's prediction has come: nothing may wait for a piece to fill.</summary>
    [Test, CancelAfter(60_000)]
    public async Task PredictMany_SourceWaitsForEachPrediction_DoesNotStall(CancellationToken cancellation)
    {
        var come = new SemaphoreSlim(1);
        int count = 0;

        await foreach (var prediction in classifier.PredictMany(OneAtATime(cancellation), cancellationToken: cancellation))
        {
            Assert.That(prediction.LabelIndex, Is.EqualTo(expected[count++].LabelIndex));
            come.Release();
        }

        Assert.That(count, Is.EqualTo(10));

        async IAsyncEnumerable<byte[]> OneAtATime([EnumeratorCancellation] CancellationToken token = default)
        {
            for (int i = 0; i < 10; i++)
            {
                await come.WaitAsync(token);
                yield return pngs[i];
            }
        }
    }

    [Test]
    public void PredictMany_Progress_CountsToTheEnd()
    {
        var progress = new Recorder();

        int count = classifier.PredictMany(pngs, progress).Count();

        Assert.That(count, Is.EqualTo(Count));
        Assert.That(progress.Values, Is.Ordered.Ascending);
        Assert.That(progress.Values[^1], Is.EqualTo(Count));
        Assert.That(progress.Values, Has.Count.GreaterThan(3));
    }

    [Test]
    public void PredictMany_Disposed_Throws()
    {
        var other = Cifar3Classifier.FromModel(TestModels.Random(2, [1, 1, 1]), new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime, Threads = 1 });
        Assert.That(other.PredictMany(pngs).Count(), Is.EqualTo(Count), "one thread");
        other.Dispose();

        Assert.That(() => other.PredictMany(pngs).Count(), Throws.TypeOf<ObjectDisposedException>());
    }

    private void AssertExpected(IEnumerable<Prediction> found)
    {
        var list = found.ToList();
        Assert.That(list, Has.Count.EqualTo(Count));
        for (int i = 0; i < Count; i++)
        {
            Assert.That(list[i].Probabilities, Is.EqualTo(expected[i].Probabilities).Within(1e-6f), $"image {i}");
        }
    }

    private IEnumerable<byte[]> Forever()
    {
        for (int i = 0; ; i++)
        {
            yield return pngs[i % Count];
        }
    }

    private static List<Prediction> Collect(IEnumerable<Prediction> predictions, List<Prediction> into)
    {
        foreach (var prediction in predictions)
        {
            into.Add(prediction);
        }

        return [];
    }

    private static async IAsyncEnumerable<T> Slowly<T>(IEnumerable<T> source)
    {
        int i = 0;
        foreach (var item in source)
        {
            if (i++ % 7 == 0)
            {
                await Task.Yield();
            }

            yield return item;
        }
    }

    private sealed class Recorder : IProgress<long>
    {
        public List<long> Values { get; } = [];

        public void Report(long value) => Values.Add(value);
    }
}

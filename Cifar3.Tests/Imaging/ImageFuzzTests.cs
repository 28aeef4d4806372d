using System.Diagnostics;

namespace Cifar3.Tests;

/// <summary>Damaged pictures of every kind through a classifier: a prediction or a <see cref="Cifar3ImageException"/>, never anything else, never more memory than documented.</summary>
public sealed class ImageFuzzTests
{
    private const int MaxPixels = 1 << 22; // so that headers may claim much and memory stays measurable
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(2);

    [Test]
    public void Predict_DamagedPicture_IsAPredictionOrAnImageException() => Run(count: 4_000, seed: 1);

    /// <summary>The full size, 100,000 of all kinds: <c>dotnet test -c Release Cifar3.Tests --filter Name~HundredThousandDamagedPictures --logger "console;verbosity=detailed"</c>.</summary>
    [Test]
    [Category(TestCategories.Slow)]
    public void Predict_HundredThousandDamagedPictures_ArePredictionsOrImageExceptions() => Run(count: 100_000, seed: 1_000_000);

    private static void Run(int count, int seed)
    {
        var corpus = ImageCorpus.Files.OrderBy(file => file.Key, StringComparer.Ordinal).ToArray();
        using var classifier = Cifar3Classifier.FromModel(TestModels.Random(filters: [4, 4, 8]), new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime, Threads = 1, MaxImagePixels = MaxPixels });
        classifier.Predict(corpus[0].Value);
        var counts = corpus.ToDictionary(file => file.Key, _ => (Predictions: 0, Refusals: 0));
        var slowest = TimeSpan.Zero;
        object gate = new();
        using var growth = new MemoryGrowth();

        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = 2 }, i =>
        {
            using var watch = new Timer(_ => Environment.FailFast($"{nameof(ImageFuzzTests)}: picture {i} hangs the decoder."), null, Hang, Timeout.InfiniteTimeSpan);
            var random = new Random(seed + i);
            var (kind, file) = corpus[i % corpus.Length];
            byte[] other = corpus[random.Next(corpus.Length)].Value;
            byte[] damaged = random.Next(2) == 0 ? ByteMutation.Damage(file, other, random) : PictureMutation.Damage(file, other, random);
            if (kind.StartsWith("png", StringComparison.Ordinal) && random.Next(4) > 0)
            {
                damaged = PngFile.WithChecksums(damaged); // else libpng looks no further than the checksum
            }

            long start = Stopwatch.GetTimestamp();
            bool predicted = true;
            try
            {
                var prediction = classifier.Predict(damaged);
                Assert.That(prediction.Probabilities.Sum(), Is.EqualTo(1).Within(1e-4));
            }
            catch (Cifar3ImageException e)
            {
                predicted = false;
                Assert.That(e.Message, Does.StartWith("Cannot read image '").And.Length.LessThan(1000));
            }
            catch (Exception e)
            {
                throw new AssertionException($"Picture {i} ({kind}) gives {e.GetType().Name} instead of a Cifar3ImageException: {e}", e);
            }

            var time = Stopwatch.GetElapsedTime(start);
            lock (gate)
            {
                var (predictions, refusals) = counts[kind];
                counts[kind] = predicted ? (predictions + 1, refusals) : (predictions, refusals + 1);
                slowest = time > slowest ? time : slowest;
            }
        });

        foreach (var (kind, (predictions, refusals)) in counts)
        {
            TestContext.Out.WriteLine($"{kind,-32} {predictions,7:N0} predictions {refusals,7:N0} refusals");
        }

        int all = counts.Values.Sum(c => c.Predictions + c.Refusals);
        TestContext.Out.WriteLine(
            $"{all:N0} pictures: {counts.Values.Sum(c => c.Predictions):N0} predictions, {counts.Values.Sum(c => c.Refusals):N0} refusals, {count - all} others; slowest {slowest.TotalMilliseconds:F0} ms; the process grew by {growth.Peak / 1e6:F0} MB");
        Assert.That(all, Is.EqualTo(count));
        Assert.That(counts.Values, Has.All.Matches<(int Predictions, int Refusals)>(c => c.Refusals > 0));
        Assert.That(growth.Peak, Is.LessThan(2L * ((8 << 20) + (long)ImageDecoder.BytesPerPixel * MaxPixels) + (64 << 20)), "two pictures at a time, and the test's own garbage");
    }
}

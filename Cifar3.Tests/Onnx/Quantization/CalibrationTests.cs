namespace Cifar3.Tests;

/// <summary>Histogram, choice of range and rounding, against sorting and plain arithmetic.</summary>
public sealed class CalibrationTests
{
    [TestCase(50.5)]
    [TestCase(99)]
    [TestCase(99.9)]
    public void Choose_Percentile_IsTheSortedValue(double percentile)
    {
        float[] values = Exponential(20_000);
        float[] sorted = [.. values.Order()];

        float range = ActivationRange.Choose(Histogram(values), CalibrationMethod.Percentile, percentile);

        int rank = (int)Math.Round(values.Length * percentile / 100);
        float bin = sorted[^1] / (ActivationHistogram.Bins / 2);
        Assert.That(range, Is.InRange(sorted[rank - 1], sorted[rank] + bin), "exact to one bin");
    }

    [Test]
    public void Choose_MinMaxOrAllPercent_IsTheLargest()
    {
        float[] values = Exponential(1000);

        Assert.That(ActivationRange.Choose(Histogram(values), CalibrationMethod.MinMax, 0), Is.EqualTo(values.Max()));
        Assert.That(ActivationRange.Choose(Histogram(values), CalibrationMethod.Percentile, 100), Is.EqualTo(values.Max()));
    }

    [Test]
    public void Choose_Entropy_CutsOffAnOutlierButNoMore()
    {
        float[] values = [.. Exponential(50_000).Select(v => Math.Min(v, 8)), 100];

        float range = ActivationRange.Choose(Histogram(values), CalibrationMethod.Entropy, 0);

        Assert.That(range, Is.InRange(5, 20));
    }

    /// <summary>552 of the bins behind the first, by an implementation of the method in Python; bins are a 128th wide.</summary>
    [Test]
    public void Choose_EntropyOfKnownCounts_IsTheRangeOfTheLeastDivergence()
    {
        var counts = Enumerable.Range(0, 900).Select(bin => (Bin: bin, Count: bin == 0 ? 100_000 : (int)(1000 * Math.Exp(-bin / 81.0)))).Append((Bin: 3000, Count: 3));
        float[] values = [.. counts.SelectMany(bin => Enumerable.Repeat((bin.Bin + .5f) / 128, bin.Count))];

        Assert.That(ActivationRange.Choose(Histogram(values), CalibrationMethod.Entropy, 0), Is.EqualTo((552 + 1) / 128f));
    }

    [Test]
    public void Choose_PercentileThatABinJustReaches_IsItsEnd() =>
        Assert.That(ActivationRange.Choose(Histogram([.. Enumerable.Repeat(.001f, 5), .. Enumerable.Repeat(31f, 5)]), CalibrationMethod.Percentile, 50), Is.EqualTo(1 / 128f));

    [TestCase(CalibrationMethod.MinMax)]
    [TestCase(CalibrationMethod.Percentile)]
    [TestCase(CalibrationMethod.Entropy)]
    public void Choose_NothingButZeros_IsAboveZero(CalibrationMethod method)
    {
        Assert.That(ActivationRange.Choose(Histogram(new float[10]), method, 99), Is.EqualTo(1));
        Assert.That(ActivationRange.Choose(new ActivationHistogram(), method, 99), Is.EqualTo(1));
    }

    [Test]
    public void Add_ValuesInAnyOrder_CountsThemAll()
    {
        float[] values = [0, 1e-9f, 3e-3f, 5e4f, 7, 7, 2e-3f];
        var histogram = Histogram(values);

        Assert.That(histogram.Counts.ToArray().Sum(), Is.EqualTo(values.Length));
        Assert.That(histogram.Max, Is.EqualTo(5e4f));
        Assert.That(histogram.Width * ActivationHistogram.Bins, Is.InRange(5e4f, 1e5f));
        Assert.That(histogram.Counts.ToArray(), Is.EqualTo(Histogram([.. values.Order()]).Counts.ToArray()));
    }

    [TestCase(false, 127)]
    [TestCase(true, 64)]
    public void Weights_AnyChannel_AreWithinHalfAStep(bool sevenBits, int most)
    {
        float[] weights = [0.5f, -1, 0.25f, 0, 0, 0, 1e-3f, 2e-3f, -3e-3f];

        var (values, scales) = QuantizedTensor.Weights(weights, channels: 3, i => i / 3, sevenBits);

        Assert.That(scales, Is.EqualTo(new[] { 1f / most, 1, 3e-3f / most }));
        Assert.That((sbyte)values[1], Is.EqualTo(-most));
        for (int i = 0; i < weights.Length; i++)
        {
            Assert.That((sbyte)values[i] * scales[i / 3], Is.EqualTo(weights[i]).Within(scales[i / 3] * 0.5001f));
        }
    }

    [Test]
    public void Bias_LargerThanItsStepsReach_IsClipped()
    {
        var (values, scales) = QuantizedTensor.Bias([0.104f, -0.207f, 1e30f], activationScale: 0.5f, [0.01f, 0.02f, 1e-30f]);

        Assert.That(scales, Is.EqualTo(new[] { 0.5f * 0.01f, 0.5f * 0.02f, 0.5f * 1e-30f }));
        Assert.That(values, Is.EqualTo(new[] { 21, -21, int.MaxValue }), "20.8 and -20.7, to the nearest");
    }

    /// <summary>Evened channels: the same function, and ranges that lie closer together.</summary>
    [Test]
    public void Apply_AnyNetwork_ComputesTheSameWithEvenerChannels()
    {
        var images = Cifar3Data.Synthetic(trainCount: 40, testCount: 3, seed: 1).Train;
        var options = new OnnxExportOptions { CalibrationImages = images };
        var network = FoldedNetwork.Create(TestModels.Random(filters: [6, 5, 7]));
        var before = Calibrator.ChannelMaxima(network, options);

        var evened = ChannelEqualizer.Apply(network, before);

        var after = Calibrator.ChannelMaxima(evened, options);
        Assert.That(Probabilities(evened, images), Is.EqualTo(Probabilities(network, images)).Within(1e-5f));
        Assert.That(after.Average(Spread), Is.LessThan(0.8 * before.Average(Spread)));

        static double Spread(float[] maxima) => maxima.Max() / maxima.Where(m => m > 0).Min();
    }

    /// <summary>Folders come class by class: the first images are of one class.</summary>
    [Test]
    public void ChannelMaxima_FewerImagesThanThereAre_AreNotTheFirst()
    {
        var images = Cifar3Data.Synthetic(trainCount: 40, testCount: 3, seed: 1).Train;
        var network = FoldedNetwork.Create(TestModels.Random(filters: [6, 5, 7]));

        var some = Calibrator.ChannelMaxima(network, new OnnxExportOptions { CalibrationImages = images, CalibrationCount = 4 });

        Assert.That(some, Is.Not.EqualTo(Calibrator.ChannelMaxima(network, new OnnxExportOptions { CalibrationImages = images.Take(4) })));
        Assert.That(some, Is.Not.EqualTo(Calibrator.ChannelMaxima(network, new OnnxExportOptions { CalibrationImages = images })));
    }

    private static float[] Probabilities(FoldedNetwork network, ImageSet images)
    {
        byte[] onnx = Google.Protobuf.MessageExtensions.ToByteArray(OnnxExporter.Wrap(OptimizedGraph.Create(network)));
        var signature = new OnnxSignature(OptimizedGraph.InputName, OnnxGraphBuilder.OutputName, 3) { TakesBytes = true };
        using var scorer = OnnxRuntimeScorer.OnCpu(ScoringModel.OfGraph(onnx, "network", new ModelMetadata { ClassNames = ["a", "b", "c"] }, signature), new ClassifierOptions(), typeof(CalibrationTests));
        var probabilities = new float[images.Count * 3];
        scorer.Score(images.Pixels, probabilities);
        return probabilities;
    }

    private static ActivationHistogram Histogram(float[] values)
    {
        var histogram = new ActivationHistogram();
        histogram.Add(values);
        return histogram;
    }

    private static float[] Exponential(int count)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ => (float)-Math.Log(1 - random.NextDouble()))];
    }
}

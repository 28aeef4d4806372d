using System.Collections.Immutable;
using Cifar3.Training;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>Temperature, calibration error, familiarity: what is fitted after training.</summary>
public sealed class ModelCalibrationTests
{
    private static readonly ImmutableArray<string> Names = ["aeroplane", "car", "bird"];

    /// <summary>Labels drawn from softmax(z): at temperature 1 the probabilities are right, so those of 3·z need 3, those of z / 2 need 1 / 2.</summary>
    [TestCase(1.0)]
    [TestCase(3.0)]
    [TestCase(0.5)]
    public void Fit_LogitsTimesAFactor_FindsTheFactor(double factor)
    {
        var (probabilities, labels) = Drawn(20_000, factor);

        Assert.That(TemperatureScaling.Fit(probabilities, labels), Is.EqualTo(factor).Within(4).Percent);
    }

    /// <summary>Two classes, all images of one confidence p, a share q of them right: ln(p / (1 − p)) / T = ln(q / (1 − q)).</summary>
    [TestCase(.9f, 3, 4)]
    [TestCase(.6f, 4, 5)]
    [TestCase(.999f, 51, 100)]
    [TestCase(.501f, 99, 100, Description = "below the lowest: the bound")]
    [TestCase(.999f, 1, 2, Description = "no finite one: the bound")]
    public void Fit_OneConfidence_FindsTheClosedForm(float confidence, int right, int of)
    {
        float[] probabilities = [.. Enumerable.Range(0, of).SelectMany(_ => new[] { confidence, 1 - confidence })];
        int[] labels = [.. Enumerable.Range(0, of).Select(i => i < right ? 0 : 1)];
        double logit = Math.Log(confidence / (1 - confidence)), exact = logit / Math.Log((double)right / (of - right));

        Assert.That(TemperatureScaling.Fit(probabilities, labels), Is.EqualTo(Math.Clamp(exact, TemperatureScaling.Lowest, TemperatureScaling.Highest)).Within(1e-4).Percent);
    }

    [Test]
    public void Fit_FoundTemperature_HasTheLowestLoss()
    {
        var (probabilities, labels) = Drawn(500, 2.3);

        double t = TemperatureScaling.Fit(probabilities, labels);

        Assert.That(Loss(probabilities, labels, t), Is.LessThan(Loss(probabilities, labels, 1.02 * t)).And.LessThan(Loss(probabilities, labels, t / 1.02)));
    }

    /// <summary>Without one wrong image the likelihood has no maximum: nothing may be made surer of it.</summary>
    [Test]
    public void Fit_ProbabilityThatIsNoNumber_IsOne() => Assert.That(TemperatureScaling.Fit([.7f, .3f, .6f, .4f, float.NaN, float.NaN], [0, 1, 0]), Is.EqualTo(1));

    [Test]
    public void Fit_EveryImageRight_IsOne() => Assert.That(TemperatureScaling.Fit([.7f, .2f, .1f, .1f, .6f, .3f], [0, 1]), Is.EqualTo(1));

    [Test]
    public void Calibration_KnownPredictions_GivesKnownErrors()
    {
        // Two of confidence .8, one of them right; one of .5, right.
        int[] labels = [0, 1, 2];
        var calibration = Report(labels, [.8f, .1f, .1f], [.8f, .1f, .1f], [.25f, .25f, .5f]).Calibration;

        Assert.Multiple(() =>
        {
            Assert.That(calibration.ExpectedCalibrationError, Is.EqualTo((2 * Math.Abs(.5 - .8) + 1 * Math.Abs(1 - .5)) / 3).Within(1e-6));
            Assert.That(calibration.BrierScore, Is.EqualTo((.04 + .01 + .01 + .64 + .81 + .01 + .0625 + .0625 + .25) / 3).Within(1e-6));
            Assert.That(calibration.Bins, Has.Length.EqualTo(15));
            Assert.That(calibration.Bins.Where(bin => bin.Count > 0).Select(bin => (bin.Count, bin.Accuracy)), Is.EqualTo(new[] { (1, 1.0), (2, .5) }));
            Assert.That(calibration.Bins.Sum(bin => bin.Count), Is.EqualTo(3));
        });
    }

    [Test]
    public void Calibrate_Model_KeepsLabelsAndTellsTemperatureAndThreshold()
    {
        // A trained model, right on four images of five: its best temperature lies well inside the range that is searched.
        var model = CnnModel.LoadDefault();
        var drawn = Cifar3Data.Synthetic(trainCount: 3, testCount: 300, seed: 3).Test;
        using var teller = Cifar3Classifier.FromModel(model);
        int[] labels = [.. teller.PredictBatch(drawn).Select((prediction, i) => (prediction.LabelIndex + (i % 5 == 0 ? 1 : 0)) % 3)];
        var images = new ImageSet(drawn.Pixels.ToArray(), labels, drawn.ClassNames);

        var calibrated = model.Calibrate(images);

        using var before = Cifar3Classifier.FromModel(model);
        using var after = Cifar3Classifier.FromModel(calibrated, new ClassifierOptions { Familiarity = true });
        var predictions = after.PredictBatch(images);
        Assert.Multiple(() =>
        {
            Assert.That(predictions.Select(p => p.Label), Is.EqualTo(before.PredictBatch(images).Select(p => p.Label)));
            Assert.That(calibrated.Metadata.Temperature, Is.GreaterThan(0).And.Not.EqualTo(1));
            Assert.That(after.Evaluate(images).LogLoss, Is.LessThan(before.Evaluate(images).LogLoss));
            Assert.That(predictions.Count(p => p.IsFamiliar == true), Is.EqualTo(285), "95 % of 300");
            Assert.That(calibrated.Calibrate(images).Metadata.Temperature, Is.EqualTo(calibrated.Metadata.Temperature).Within(0.1).Percent, "calibrated already");
        });
    }

    [Test]
    public void WithTemperature_Probabilities_AreTheSoftmaxOfLogitsDivided()
    {
        var model = TestModels.Random();
        var images = Cifar3Data.Synthetic(trainCount: 3, testCount: 20, seed: 3).Test;
        using var plain = Cifar3Classifier.FromModel(model);
        using var soft = Cifar3Classifier.FromModel(model.WithTemperature(2));

        var (a, b) = (plain.PredictBatch(images), soft.PredictBatch(images));

        for (int i = 0; i < images.Count; i++)
        {
            double[] roots = [.. a[i].Probabilities.Select(p => Math.Sqrt(p))];
            Assert.That(b[i].Probabilities.Select(p => (double)p), Is.EqualTo(roots.Select(root => root / roots.Sum())).Within(1e-5));
        }
    }

    /// <summary>Familiarity is measured in what the temperature changes.</summary>
    [Test]
    public void WithTemperature_CalibratedModel_ForgetsItsThreshold()
    {
        var changed = TestModels.Random().With(TestModels.Random().Metadata with { Temperature = 3, FamiliarityThreshold = -0.1 }).WithTemperature(2);

        Assert.That((changed.Metadata.Temperature, changed.Metadata.FamiliarityThreshold), Is.EqualTo((6.0, (double?)null)));
    }

    [TestCase(0, "0")]
    [TestCase(-1, "-1")]
    [TestCase(1e300, "1E+300")]
    [TestCase(1e-300, "1E-300")]
    [TestCase(double.NaN, "NaN")]
    [TestCase(double.PositiveInfinity, "Infinity")]
    public void WithTemperature_OutsideItsRange_IsRefused(double temperature, string received) =>
        Assert.That(() => TestModels.Random().WithTemperature(temperature), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains($"must be 0.001 to 1,000; trained networks need 0.5 to 5. Received: temperature={received}."));

    [Test]
    public void Onnx_CalibratedModel_ComesBackTheSame()
    {
        var model = TestModels.Random().With(TestModels.Random().Metadata with { Temperature = 1.0 / 3, FamiliarityThreshold = -0.1 });

        var loaded = CnnModel.LoadOnnx(model.ToOnnxBytes());

        Assert.That((loaded.Metadata.Temperature, loaded.Metadata.FamiliarityThreshold), Is.EqualTo((1.0 / 3, -0.1)));
        Assert.That(CnnModel.LoadOnnx(TestModels.Random().ToOnnxBytes()).Metadata.Temperature, Is.Null);
    }

    [Test]
    public void Calibrate_ImagesOfOtherClasses_AreRefused() =>
        Assert.That(() => TestModels.Random().Calibrate(ColourImages.Create(10)), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("'aeroplane', 'car', 'bird'").And.Message.Contains("red"));

    [Test]
    public void ReliabilityDiagram_Report_HasABarForEachIntervalWithImages()
    {
        var report = Report([0, 0, 0], [.9f, .05f, .05f], [.9f, .05f, .05f], [.3f, .3f, .4f]);

        using var picture = SKBitmap.Decode(ReliabilityDiagram.ToPng(report, "calibration"));

        int blue = picture.Pixels.Count(c => c == new SKColor(0x09, 0x69, 0xda));
        Assert.That((picture.Width, picture.Height), Is.EqualTo((600, 720)));
        Assert.That(blue, Is.InRange(0.8 * 33 * 400, 1.2 * 34 * 420), "one bar of full height: two of three images are right, the third is not");
    }

    private static ClassificationReport Report(int[] labels, params float[][] probabilities) =>
        ClassificationReport.Create(new ImageSet(new byte[labels.Length * 3072], labels, Names), [.. probabilities.Select(p => new Prediction(Names, [.. p]))]);

    /// <summary>Probabilities softmax(factor · z) of random logits z, labels drawn from softmax(z).</summary>
    private static (float[] Probabilities, int[] Labels) Drawn(int count, double factor)
    {
        var random = new PhiloxRandom(1, RandomStreams.Examples);
        var probabilities = new float[3 * count];
        var labels = new int[count];
        for (int i = 0; i < count; i++)
        {
            double[] z = [.. Enumerable.Range(0, 3).Select(_ => 4.0 * random.NextSingle())];
            double[] p = Softmax(z, 1);
            double drawn = random.NextSingle();
            labels[i] = drawn < p[0] ? 0 : drawn < p[0] + p[1] ? 1 : 2;
            Softmax(z, factor).Select(value => (float)value).ToArray().CopyTo(probabilities, 3 * i);
        }

        return (probabilities, labels);
    }

    private static double[] Softmax(double[] z, double factor)
    {
        double[] e = [.. z.Select(value => Math.Exp(factor * value))];
        return [.. e.Select(value => value / e.Sum())];
    }

    private static double Loss(float[] probabilities, int[] labels, double temperature) =>
        labels.Select((label, i) => -Math.Log(Softmax([.. probabilities.Skip(3 * i).Take(3).Select(p => Math.Log(p))], 1 / temperature)[label])).Sum();
}

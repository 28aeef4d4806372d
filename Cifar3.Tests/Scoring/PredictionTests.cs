using System.Collections.Immutable;

namespace Cifar3.Tests;

public sealed class PredictionTests
{
    private static readonly ImmutableArray<string> Names = ["aeroplane", "car", "bird"];

    [Test]
    public void Prediction_Probabilities_GiveLabelAndConfidence()
    {
        var prediction = new Prediction(Names, [0.25f, 0.125f, 0.625f]);

        Assert.Multiple(() =>
        {
            Assert.That(prediction.Label, Is.EqualTo("bird"));
            Assert.That(prediction.LabelIndex, Is.EqualTo(2));
            Assert.That(prediction.Confidence, Is.EqualTo(0.625f));
            Assert.That(prediction["car"], Is.EqualTo(0.125f));
            Assert.That(prediction.ToString(), Is.EqualTo("bird 0.625"));
            Assert.That(() => prediction["dog"], Throws.TypeOf<KeyNotFoundException>().With.Message.Contains("'aeroplane', 'car', 'bird'"));
        });
    }

    [Test]
    public void Prediction_NamesOfAFile_AreEscapedAndFewInErrors()
    {
        ImmutableArray<string> names = ["red\u001b[31m", .. Enumerable.Range(0, 99).Select(i => new string('x', 900) + i)];

        Assert.That(() => new Prediction(names, [.. new float[100]])["dog"], Throws.TypeOf<KeyNotFoundException>().With.Message.Contains(@"'red\u001B[31m'").And.Message.Contains("80 more").And.Property("Message").Length.LessThan(4000));
    }

    [Test]
    public void Prediction_EqualProbabilities_TakesTheFirst() =>
        Assert.That(new Prediction(Names, [0.2f, 0.4f, 0.4f]).Label, Is.EqualTo("car"));

    [Test]
    public void Equals_SameNumbers_AreEqual()
    {
        Assert.That(new Prediction(Names, [0.25f, 0.25f, 0.5f]), Is.EqualTo(new Prediction([.. Names.AsEnumerable()], [0.25f, 0.25f, 0.5f])));
        Assert.That(new Prediction(Names, [0.25f, 0.25f, 0.5f]), Is.Not.EqualTo(new Prediction(Names, [0.25f, 0.24f, 0.5f])));
    }

    [Test]
    public void Equals_OtherFamiliarity_AreNotEqual()
    {
        var prediction = new Prediction(Names, [0.25f, 0.25f, 0.5f]) { Familiarity = 3, IsFamiliar = true };

        Assert.That(prediction with { }, Is.EqualTo(prediction));
        Assert.That(prediction with { Familiarity = 2 }, Is.Not.EqualTo(prediction));
        Assert.That(prediction with { IsFamiliar = false }, Is.Not.EqualTo(prediction));
    }

    [Test]
    public void Prediction_SizesDiffer_Throws() =>
        Assert.That(() => new Prediction(Names, [1f]), Throws.ArgumentException.With.Message.Contains("3 names, 1 probabilities"));
}

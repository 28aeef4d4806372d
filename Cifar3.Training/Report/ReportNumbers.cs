namespace Cifar3.Training;

/// <summary>What a report shows of the test images: predictions, what they are worth, the worst mistakes.</summary>
internal sealed class ReportNumbers
{
    /// <summary>The most mistakes that are shown.</summary>
    public const int MaxMistakes = 24;

    private ReportNumbers(ClassificationReport report, IReadOnlyList<Prediction> predictions, ImageSet images)
    {
        Report = report;
        Mistakes = [.. predictions.Select((prediction, i) => new Mistake(i, prediction)).Where(mistake => mistake.Prediction.LabelIndex != images.Labels[mistake.Index])
            .OrderByDescending(mistake => mistake.Prediction.Confidence).Take(MaxMistakes)];
    }

    public ClassificationReport Report { get; }

    /// <summary>Images taken for another class, the most confident first.</summary>
    public IReadOnlyList<Mistake> Mistakes { get; }

    /// <summary>Scores the images with the library's own kernels: a program that trains needs no native runtime.</summary>
    public static ReportNumbers Measure(CnnModel model, ImageSet images)
    {
        using var classifier = Cifar3Classifier.FromModel(model, new ClassifierOptions { Backend = ScoringBackend.Managed });
        var predictions = classifier.PredictBatch(images);
        return new ReportNumbers(ClassificationReport.Create(images, predictions), predictions, images);
    }
}

/// <summary>An image taken for another class.</summary>
/// <param name="Index">Its place among the test images.</param>
/// <param name="Prediction">What the model says of it.</param>
internal sealed record Mistake(int Index, Prediction Prediction);

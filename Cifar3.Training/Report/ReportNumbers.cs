namespace Cifar3.Training;

/// <summary>What a report shows of the test images: predictions, what they are worth, how well the confidence is calibrated, the worst mistakes.</summary>
internal sealed class ReportNumbers
{
    /// <summary>The most mistakes that are shown.</summary>
    public const int MaxMistakes = 24;

    private const int Bins = 10, BatchSize = 256;

    private ReportNumbers(ClassificationReport report, IReadOnlyList<Prediction> predictions, ImageSet images)
    {
        Report = report;
        Calibration = [.. Enumerable.Range(0, Bins).Select(i => Bin(i, predictions, images))];
        CalibrationError = Calibration.Sum(bin => bin.Count * Math.Abs(bin.Accuracy - bin.Confidence)) / images.Count;
        Mistakes = [.. predictions.Select((prediction, i) => new Mistake(i, prediction)).Where(mistake => mistake.Prediction.LabelIndex != images.Labels[mistake.Index])
            .OrderByDescending(mistake => mistake.Prediction.Confidence).Take(MaxMistakes)];
    }

    public ClassificationReport Report { get; }

    /// <summary>Ten bins of equal width over the confidence, 0 to 1.</summary>
    public IReadOnlyList<CalibrationBin> Calibration { get; }

    /// <summary>Expected calibration error: mean distance of confidence and accuracy over the bins, weighted by images (Guo et al. 2017, <see href="https://arxiv.org/abs/1706.04599"/>).</summary>
    public double CalibrationError { get; }

    /// <summary>Images taken for another class, the most confident first.</summary>
    public IReadOnlyList<Mistake> Mistakes { get; }

    /// <summary>Scores the images with the managed engine: a program that trains needs no other.</summary>
    public static ReportNumbers Measure(CnnModel model, ImageSet images)
    {
        int classes = model.ClassNames.Length;
        var probabilities = new float[images.Count * classes];
        using (var engine = new ManagedEngine(model, new EngineOptions { MaxBatchSize = BatchSize }))
        {
            for (int first = 0; first < images.Count; first += BatchSize)
            {
                int count = Math.Min(BatchSize, images.Count - first);
                engine.Predict(images.Pixels.Slice(first * CnnArchitecture.ImageBytes, count * CnnArchitecture.ImageBytes), probabilities.AsSpan(first * classes, count * classes));
            }
        }

        var predictions = new ScoreRows(model.ClassNames).ReadAll(probabilities);
        return new ReportNumbers(ClassificationReport.Create(images, predictions), predictions, images);
    }

    private static CalibrationBin Bin(int number, IReadOnlyList<Prediction> predictions, ImageSet images)
    {
        double from = (double)number / Bins, to = (double)(number + 1) / Bins, confidence = 0;
        int count = 0, right = 0;
        for (int i = 0; i < predictions.Count; i++)
        {
            if (Math.Min((int)(predictions[i].Confidence * Bins), Bins - 1) == number)
            {
                count++;
                confidence += predictions[i].Confidence;
                right += predictions[i].LabelIndex == images.Labels[i] ? 1 : 0;
            }
        }

        return new CalibrationBin(from, to, count, count > 0 ? confidence / count : 0, count > 0 ? (double)right / count : 0);
    }
}

/// <summary>The images of one range of confidence.</summary>
/// <param name="From">The range's beginning, 0 to 1.</param>
/// <param name="To">The range's end.</param>
/// <param name="Count">Number of images in it.</param>
/// <param name="Confidence">Their mean confidence.</param>
/// <param name="Accuracy">The share of them that are recognised.</param>
internal sealed record CalibrationBin(double From, double To, int Count, double Confidence, double Accuracy);

/// <summary>An image taken for another class.</summary>
/// <param name="Index">Its place among the test images.</param>
/// <param name="Prediction">What the model says of it.</param>
internal sealed record Mistake(int Index, Prediction Prediction);

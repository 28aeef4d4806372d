using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>How good predictions are: accuracy, log-loss, precision, recall and F1 of every class, confusion matrix.</summary>
/// <remarks>
/// Computed by ML.NET's <c>MulticlassClassification.Evaluate</c>; <see cref="ToString"/> prints scikit-learn's <c>classification_report</c>.
/// Immutable and safe to share between threads.
/// <see href="https://learn.microsoft.com/dotnet/machine-learning/resources/metrics"/>
/// </remarks>
/// <example><code>
/// ClassificationReport report = classifier.Evaluate(testImages);
/// Console.WriteLine(report);
/// Console.WriteLine(report.ConfusionMatrix.GetFormattedConfusionTable());
/// </code></example>
public sealed class ClassificationReport
{
    private ClassificationReport(ImmutableArray<string> classNames, MulticlassClassificationMetrics metrics, Calibration calibration, string? classMapping)
    {
        Calibration = calibration;
        ClassNames = classNames;
        ClassMapping = classMapping;
        Metrics = metrics;
        Classes = [.. classNames.Select((name, i) => new ClassReport(name, ConfusionMatrix.PerClassPrecision[i], ConfusionMatrix.PerClassRecall[i], (int)ConfusionMatrix.Counts[i].Sum()))];
        Count = Classes.Sum(c => c.Support);
        Correct = (int)classNames.Select((_, i) => ConfusionMatrix.Counts[i][i]).Sum();
    }

    /// <summary>The classes' names; the index is the label.</summary>
    public ImmutableArray<string> ClassNames { get; }

    /// <summary>
    /// How the images' classes were found among the model's where they have another order or other names, such as <c>airplane = aeroplane, automobile = car, bird = bird</c>; the report is then in
    /// the model's order and names. Default: null = they are the same.
    /// </summary>
    public string? ClassMapping { get; }

    /// <summary>ML.NET's metrics: micro- and macro-accuracy, log-loss, log-loss a class, log-loss reduction.</summary>
    public MulticlassClassificationMetrics Metrics { get; }

    /// <summary>ML.NET's confusion matrix: <c>Counts[truth][predicted]</c>.</summary>
    public ConfusionMatrix ConfusionMatrix => Metrics.ConfusionMatrix;

    /// <summary>Precision, recall and F1 of each class, in the order of <see cref="ClassNames"/>.</summary>
    public ImmutableArray<ClassReport> Classes { get; }

    /// <summary>Number of images.</summary>
    public int Count { get; }

    /// <summary>Number of images whose most probable class is their label.</summary>
    public int Correct { get; }

    /// <summary>Share of images recognised, 0 to 1. Keras: <c>accuracy</c>; ML.NET: micro-accuracy.</summary>
    public double Accuracy => Metrics.MicroAccuracy;

    /// <summary>Mean of −ln(probability of the true class), in nats. Keras: the loss.</summary>
    public double LogLoss => Metrics.LogLoss;

    /// <summary>Whether the probabilities are as often right as they say: ECE, Brier score and the bins of a reliability diagram.</summary>
    public Calibration Calibration { get; }

    /// <summary>Compares predictions with labels.</summary>
    /// <param name="images">The images, for their labels and class names.</param>
    /// <param name="predictions">
    /// One prediction an image, in the same order. The model's classes may be in another order than the images', and be more: classes are matched by name (in any Unicode form, CIFAR-10's also
    /// under their usual other names: airplane, plane; automobile); see <see cref="ClassMapping"/>.
    /// </param>
    /// <returns>The report.</returns>
    /// <exception cref="Cifar3DataException">There are no images, another number of predictions, other classes, or probabilities that are no numbers.</exception>
    /// <exception cref="Cifar3Exception">The program is compiled to native code (PublishAot), where ML.NET cannot evaluate.</exception>
    public static ClassificationReport Create(ImageSet images, IReadOnlyList<Prediction> predictions)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(predictions);
        int[] places = Check(images, predictions);
        var (labels, modelClasses) = (images.Labels.ToArray(), predictions[0].ClassNames);
        string? mapping = modelClasses.SequenceEqual(images.ClassNames) ? null : string.Join(", ", images.ClassNames.Select((name, i) => $"{name} = {modelClasses[places[i]]}"));
        int[] truth = [.. labels.Select(label => places[label])];
        var metrics = NativeProgram.CallMlNet("Cannot evaluate", () => new MLContext().MulticlassClassification.Evaluate(new ScoredRowsDataView(truth, predictions, [.. modelClasses.Select(InTables)]))); // the names that ML.NET's confusion table prints
        return new ClassificationReport(modelClasses, metrics, new Calibration(predictions, truth), mapping);
    }

    /// <summary>scikit-learn's table: a line a class, then accuracy, macro and weighted averages.</summary>
    /// <returns>Text of several lines.</returns>
    public override string ToString()
    {
        int width = Math.Max("weighted avg".Length, ClassNames.Max(name => InTables(name).Length));
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{"".PadLeft(width)}  precision    recall  f1-score   support\n\n");
        foreach (var c in Classes)
        {
            Line(InTables(c.Name), c.Precision, c.Recall, c.F1, c.Support);
        }

        text.Append(CultureInfo.InvariantCulture, $"\n{"accuracy".PadLeft(width)}  {"",9} {"",9} {Accuracy,9:F3} {Count,9}\n");
        Line("macro avg", Classes.Average(c => c.Precision), Classes.Average(c => c.Recall), Classes.Average(c => c.F1), Count);
        Line("weighted avg", Weighted(c => c.Precision), Weighted(c => c.Recall), Weighted(c => c.F1), Count);
        return text.ToString();

        void Line(string name, double precision, double recall, double f1, int support) =>
            text.Append(CultureInfo.InvariantCulture, $"{name.PadLeft(width)}  {precision,9:F3} {recall,9:F3} {f1,9:F3} {support,9}\n");

        double Weighted(Func<ClassReport, double> value) => Classes.Sum(c => value(c) * c.Support) / Count;
    }

    /// <summary>A name as tables have it: on one line.</summary>
    private static string InTables(string name) => Shown.Text(name, int.MaxValue);

    private static int[] Check(ImageSet images, IReadOnlyList<Prediction> predictions)
    {
        if (images.Count == 0 || images.Count != predictions.Count)
        {
            throw new Cifar3DataException($"Cannot evaluate: expected one prediction for each of at least one image, found {images.Count:N0} images and {predictions.Count:N0} predictions. Predict the same images that you evaluate.");
        }

        if (predictions.Contains(null!))
        {
            throw new ArgumentException("One of the predictions is null. Give one for each image.", nameof(predictions));
        }

        var names = predictions[0].ClassNames;
        int[] places = ClassList.Places(images.ClassNames, names)
            ?? throw new Cifar3DataException($"Cannot evaluate: the images' classes are {Shown.Names(images.ClassNames)}, those of the predictions {Shown.Names(names)} ({ClassList.Difference(images.ClassNames, "the images", names, "the predictions")}). Load the images with DataOptions.Classes = the model's classes, or use a model of these classes.");
        for (int i = 0; i < predictions.Count; i++)
        {
            if (predictions[i].ClassNames != names && !predictions[i].ClassNames.SequenceEqual(names))
            {
                throw new Cifar3DataException($"Cannot evaluate: the classes of prediction 0 are {Shown.Names(names)}, those of prediction {i} {Shown.Names(predictions[i].ClassNames)}. Give the predictions of one model.");
            }

            if (!predictions[i].IsFinite)
            {
                throw new Cifar3DataException($"Cannot evaluate: prediction {i} has a probability that is no number. The model's training diverged; train it with a lower learning rate.");
            }
        }

        return places;
    }
}

using System.Text;

namespace Cifar3.Training;

/// <summary>
/// Writes what a training was and what came of it as one HTML file: what the training warned of, the images, recipe and machine, curves, confusion matrix, calibration, the worst
/// mistakes as pictures, a model card, and the commands that use the model.
/// </summary>
/// <remarks>
/// The file holds all it shows and asks no network; it follows the reader's light or dark theme and prints. Names that come from
/// folders and files are escaped.
/// </remarks>
/// <example><code>
/// var (train, validation) = data.Train.TrainValidationSplit();
/// var result = new Cifar3Trainer().Fit(train, validation);
/// TrainingReport.Save("report.html", result, data);
/// </code></example>
public static class TrainingReport
{
    /// <summary>Writes the report.</summary>
    /// <param name="path">The file, such as <c>report.html</c>.</param>
    /// <param name="result">What the training ended with; its best model scores the test images once more, in C#.</param>
    /// <param name="data">The images; those of <see cref="ImageData.Test"/> are scored.</param>
    /// <returns>How the best model does on the test images.</returns>
    /// <exception cref="Cifar3DataException">The images are of other classes than the model.</exception>
    /// <exception cref="Cifar3Exception">The file cannot be written.</exception>
    public static ClassificationReport Save(string path, TrainingResult result, ImageData data)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Save(path, result, data, text => text);
    }

    /// <summary>The same for readers who do not know this library's API: what the training says of itself comes in these words.</summary>
    internal static ClassificationReport Save(string path, TrainingResult result, ImageData data, Func<string, string> words)
    {
        var numbers = Measure(result, data);
        AtomicFile.Write(path, Encoding.UTF8.GetBytes(new ReportPage(result, data, numbers, words).ToString()));
        return numbers.Report;
    }

    /// <summary>The report as text.</summary>
    /// <param name="result">What the training ended with.</param>
    /// <param name="data">The images.</param>
    /// <returns>A whole HTML document.</returns>
    /// <exception cref="Cifar3DataException">The images are of other classes than the model.</exception>
    public static string ToHtml(TrainingResult result, ImageData data) => new ReportPage(result, data, Measure(result, data), text => text).ToString();

    private static ReportNumbers Measure(TrainingResult result, ImageData data)
    {
        ArgumentNullException.ThrowIfNull(result);
        ArgumentNullException.ThrowIfNull(data);
        var model = result.BestModel;
        if (!model.ClassNames.SequenceEqual(data.ClassNames))
        {
            throw new Cifar3DataException($"Cannot report: the model tells {Shown.Names(model.ClassNames)} apart, the images are of {Shown.Names(data.ClassNames)}. Load the images that it was trained on, with its classes in its order.");
        }

        return ReportNumbers.Measure(model, data.Test);
    }
}

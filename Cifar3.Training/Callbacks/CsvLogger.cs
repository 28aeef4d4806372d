using System.Globalization;
using System.Text;

namespace Cifar3.Training;

/// <summary>Writes a line an epoch into a CSV file: Keras' <c>CSVLogger</c>.</summary>
/// <remarks>
/// The columns are <c>epoch</c> (from 1; Keras counts from 0) and the metrics. The file is replaced as a whole after each epoch, so it is
/// always complete, and a resumed training's file holds the earlier epochs too. A file that cannot be written, because a spreadsheet holds it open, is tried again
/// after the next epoch: see <see cref="TrainingContext.FilesNote"/>.
/// <see href="https://keras.io/api/callbacks/csv_logger/"/>
/// </remarks>
/// <param name="fileName">The file.</param>
/// <param name="separator">What stands between the values. Default: a comma.</param>
/// <exception cref="ArgumentException">The file has no name.</exception>
public sealed class CsvLogger(string fileName, char separator = ',') : Callback
{
    private readonly string fileName = Path.GetFileName(fileName ?? throw new ArgumentNullException(nameof(fileName))).Length > 0
        ? fileName
        : throw new ArgumentException($"CsvLogger needs the name of a file. Received: '{Shown.Path(fileName)}'. Name one, such as 'training.csv'.", nameof(fileName));

    private string file = ""; // of this training, whichever folder is the current one later

    /// <inheritdoc/>
    public override void OnTrainBegin(TrainingContext context)
    {
        file = Path.GetFullPath(fileName);
        OutputFolder.Prepare(Path.GetDirectoryName(file)!);
    }

    /// <inheritdoc/>
    public override void OnEpochEnd(TrainingContext context, EpochLog log)
    {
        var text = new StringBuilder().AppendJoin(separator, context.Metrics.Prepend("epoch")).Append('\n');
        foreach (var epoch in context.History.Epochs)
        {
            var values = context.Metrics.Select(metric => EpochMetrics.Value(epoch, metric)?.ToString(CultureInfo.InvariantCulture));
            text.AppendJoin(separator, values.Prepend(epoch.Epoch.ToString(CultureInfo.InvariantCulture))).Append('\n');
        }

        byte[] lines = Encoding.UTF8.GetBytes(text.ToString());
        string path = file;
        context.Files.Write(this, path, () => AtomicFile.Write(path, lines), replaces: true);
    }
}

using System.CommandLine;
using Cifar3.Training;

namespace Cifar3.Tool;

/// <summary><c>cifar3 report RUN</c>: the report of a training anew.</summary>
internal static class ReportCommand
{
    /// <summary>The report's name in the run's folder.</summary>
    public const string FileName = "report.html";

    public static Command Create()
    {
        var run = new Argument<string>("run") { Description = "The folder that train wrote." };
        var data = new Option<string?>("--data") { Description = "The pictures, where they have moved. Default: where they were." };
        var output = new Option<string?>("--out", "-o") { Description = "The file to write. Default: RUN/report.html." };
        return Shared.Command(
            "report",
            "Writes the report of a training: data, curves, confusion matrix, calibration, worst mistakes, model card, in one HTML file.",
            "cifar3 report run --out run.html",
            (arguments, cancel) =>
            {
                string folder = arguments.GetValue(run)!;
                string file = arguments.GetValue(output) ?? Path.Combine(folder, FileName);
                OutputFile.Apart(file, Path.Combine(folder, RunFolder.ModelFile), Path.Combine(folder, RunFolder.LastModelFile));
                var found = RunFolder.Open(folder);
                if (arguments.GetValue(data) is null && !found.HasRecord)
                {
                    throw new Cifar3DataException($"'{Shown.Path(folder)}' does not say where the training's pictures were: it has no {RunFolder.RecordFile}. Give --data FOLDER.");
                }

                if (arguments.GetValue(data) is null && found.DataPath is { } were && !Path.Exists(were))
                {
                    throw new Cifar3DataException($"The training's pictures are no longer at '{Shown.Path(were)}'. Give --data FOLDER, where they are now.");
                }

                // what cannot be read is named, not refused: the training may have had --skip-bad
                var images = Shared.LoadData(arguments.GetValue(data) ?? found.DataPath, found.TestFraction, found.Result.BestModel.ClassNames, skipBad: true, cancel);
                string? remark = found.Remark(images.Train);
                TrainingReport.Save(file, found.Result.Warned(remark), images, OptionWords.Of);
                Shared.Print(file);
                Shared.Note(remark);
                foreach (string former in new[] { RunFolder.PreviousModelFile, RunFolder.InterruptedModelFile }.Where(name => File.Exists(Path.Combine(folder, name))))
                {
                    Shared.Note($"'{Shown.Path(folder)}' also holds {former}, the model of a training that had the folder before: the report does not tell of it.");
                }

                return 0;
            },
            run, data, output);
    }
}

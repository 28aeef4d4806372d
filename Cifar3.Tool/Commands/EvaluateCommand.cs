using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cifar3.Tool;

/// <summary><c>cifar3 evaluate MODEL FOLDER</c>: accuracy, precision and recall of each class, confusion matrix.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        var model = ModelFiles.Argument();
        var folder = new Argument<string>("folder") { Description = "Labelled pictures: FOLDER/<class>/*, or train/<class>/* and test/<class>/*, of which the test pictures are taken. Classes without pictures are named, the others scored." };
        var json = new Option<bool>("--json") { Description = "The figures as JSON." };
        var skipBad = Shared.SkipBadOption();
        return Shared.Command(
            "evaluate",
            "Scores labelled pictures with a model and compares.",
            "cifar3 evaluate run/model.onnx pictures",
            (arguments, cancel) =>
            {
                using var classifier = ModelFiles.LoadClassifier(arguments.GetValue(model)!);
                var found = Shared.LoadForEvaluation(arguments.GetValue(folder)!, classifier.ClassNames, arguments.GetValue(skipBad), cancel);
                Shared.Note(found.Absent.IsEmpty ? null : $"There are no pictures of {Shown.Names(found.Absent)}: the figures of these classes are 0, also in the macro average.");
                Shared.Note(found.Unknown.IsEmpty ? null : $"Left out, for the model knows no such classes: {Shown.Names(found.Unknown)}.");
                Shared.Note(found.Undivided is { } undivided && IsTrainedOn(classifier.Metadata, undivided) ? $"The model was trained on pictures of '{Shown.Path(undivided)}', where nothing is set apart for testing: it has learnt most of these, and does better on them than on others. What the training set aside is measured in its report (cifar3 report)." : null);
                var report = classifier.Evaluate(found.Images);
                Shared.PrintLines(arguments.GetValue(json) ? Json(report) : $"{report.Count:N0} pictures, {classifier.Device}\n\n{report}\nlog-loss {report.LogLoss:F4}\n\n{report.ConfusionMatrix.GetFormattedConfusionTable()}");
                return 0;
            },
            model, folder, json, skipBad);
    }

    /// <summary>Whether a model's metadata name a folder as that of its training pictures, as <see cref="ImageData.Source"/> does: as it was typed, with a separator at its end or without.</summary>
    private static bool IsTrainedOn(ModelMetadata metadata, string folder)
    {
        string path = Path.TrimEndingDirectorySeparator(folder);
        return new[] { path, path + Path.DirectorySeparatorChar }.Any(typed => metadata.TrainedOn?.Contains($"image folders '{Shown.Path(typed)}'", StringComparison.Ordinal) == true);
    }

    private static string Json(ClassificationReport report) => new JsonObject
    {
        ["images"] = report.Count,
        ["accuracy"] = report.Accuracy,
        ["log_loss"] = report.LogLoss,
        ["classes"] = new JsonArray([.. report.Classes.Select(c => new JsonObject { ["name"] = c.Name, ["precision"] = c.Precision, ["recall"] = c.Recall, ["f1"] = c.F1, ["support"] = c.Support })]),
        ["confusion"] = new JsonArray([.. report.ConfusionMatrix.Counts.Select(row => new JsonArray([.. row.Select(count => JsonValue.Create((long)count))]))]),
    }.ToJsonString(new JsonSerializerOptions { WriteIndented = true });
}

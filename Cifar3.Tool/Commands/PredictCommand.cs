using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Cifar3.Tool;

/// <summary><c>cifar3 predict MODEL PICTURE…|FOLDER|-</c>: what pictures show, as a table, as JSON lines or as CSV.</summary>
internal static class PredictCommand
{
    private const string StandardInput = "-";
    private const string FormulaStarts = "=+-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20"; // the last four are the first in full width
    private static readonly string[] Heading = ["file", "label", "confidence"];

    public static Command Create()
    {
        var model = ModelFiles.Argument();
        var pictures = new Argument<string[]>("pictures") { Description = "Picture files, folders of them, or - for one picture on the standard input.", Arity = ArgumentArity.OneOrMore };
        var json = new Option<bool>("--json") { Description = "One JSON object a line: file, label, confidence, probabilities." };
        var csv = new Option<bool>("--csv") { Description = "Comma-separated values with a heading." };
        return Shared.Command(
            "predict",
            "Says what pictures show. A picture or folder that cannot be read or scored, or a folder without pictures, is named on the standard error and the exit code is then 1; the others are scored all the same.",
            "cifar3 predict run/model.onnx photo.jpg holiday-pictures --json",
            (arguments, cancel) =>
            {
                if (arguments.GetValue(json) && arguments.GetValue(csv))
                {
                    throw new ArgumentException("Choose --json or --csv, not both.");
                }

                using var classifier = ModelFiles.LoadClassifier(arguments.GetValue(model)!);
                var table = new Table().AddColumns("file", "label", "confidence", "others");
                Action<string, Prediction> write = arguments.GetValue(json) ? WriteJson : arguments.GetValue(csv) ? WriteCsv : (file, prediction) => AddRow(table, file, prediction);
                if (arguments.GetValue(csv))
                {
                    Console.WriteLine(string.Join(',', Heading.Concat(classifier.ClassNames).Select(Quoted)));
                }

                int unread = 0;
                List<string> files = [];
                try
                {
                    PredictAll();
                }
                finally
                {
                    if (table.Rows.Count > 0)
                    {
                        Shared.Write(table); // after Ctrl-C, too, what was scored until then
                    }
                }

                return unread > 0 ? Training.ConsoleProgram.Failed : 0;

                void PredictAll()
                {
                    foreach (string path in arguments.GetValue(pictures)!.TakeWhile(_ => !Training.ForgivingConsole.IsOutputLost))
                    {
                        if (path == StandardInput)
                        {
                            PredictFiles();
                            PredictInput();
                            continue;
                        }

                        try
                        {
                            files.AddRange(Shared.ListPictures(path, LeftOut, cancel));
                        }
                        catch (Cifar3DataException e)
                        {
                            LeftOut(e.Message); // the other folders are worth scoring all the same
                        }
                    }

                    PredictFiles();
                }

                // Several are read and scored at once; predictions and bad pictures come in the order of the files.
                void PredictFiles()
                {
                    int next = 0;
                    foreach (var prediction in classifier.PredictMany(files, onBadImage: Bad, cancellationToken: cancel))
                    {
                        Tell(files[next++], prediction);
                        if (Training.ForgivingConsole.IsOutputLost)
                        {
                            break; // as of | head -1; ConsoleProgram says so
                        }
                    }

                    files.Clear();

                    void Bad(long number, Cifar3ImageException e)
                    {
                        LeftOut(e.Message);
                        next++;
                    }
                }

                void PredictInput()
                {
                    try
                    {
                        // A pipe that gives nothing is waited for, and is left behind when the wait is ended.
                        Tell(StandardInput, Task.Run(() => PredictStandardInput(classifier), cancel).WaitAsync(cancel).GetAwaiter().GetResult());
                    }
                    catch (Cifar3ImageException e)
                    {
                        LeftOut(e.Message);
                    }
                }

                void Tell(string file, Prediction prediction)
                {
                    if (prediction.IsFinite)
                    {
                        write(file, prediction);
                    }
                    else
                    {
                        LeftOut($"Cannot score '{Shown.Path(file)}': {Prediction.NotFinite}.");
                    }
                }

                void LeftOut(string problem)
                {
                    unread++;
                    Shared.Problem(problem);
                }
            },
            model, pictures, json, csv);
    }

    private static Prediction PredictStandardInput(Cifar3Classifier classifier)
    {
        using var input = Console.OpenStandardInput();
        return classifier.Predict(input);
    }

    private static void AddRow(Table table, string file, Prediction prediction)
    {
        var others = Enumerable.Range(0, prediction.ClassNames.Length).Where(i => i != prediction.LabelIndex)
            .OrderByDescending(i => prediction.Probabilities[i]).Take(3).Select(i => $"{prediction.ClassNames[i]} {Shared.Percent(prediction.Probabilities[i])}");
        table.AddRow(Cell(file), Cell(prediction.Label), Shared.Percent(prediction.Confidence), Cell(string.Join(", ", others)));

        static string Cell(string text) => Markup.Escape(Shown.Text(text, int.MaxValue));
    }

    private static void WriteJson(string file, Prediction prediction)
    {
        var probabilities = new JsonObject();
        for (int i = 0; i < prediction.ClassNames.Length; i++)
        {
            probabilities[prediction.ClassNames[i]] = prediction.Probabilities[i];
        }

        Console.WriteLine(new JsonObject { ["file"] = file, ["label"] = prediction.Label, ["confidence"] = prediction.Confidence, ["probabilities"] = probabilities }.ToJsonString());
    }

    private static void WriteCsv(string file, Prediction prediction) => Console.WriteLine(string.Join(
        ',',
        new[] { Quoted(Plain(file)), Quoted(prediction.Label), Number(prediction.Confidence) }.Concat(prediction.Probabilities.Select(Number))));

    /// <summary>
    /// The same file under a name that no spreadsheet takes for a formula (OWASP, "CSV injection"): <c>=1+1.png</c> is <c>./=1+1.png</c>. Classes keep their names: programs compare them.
    /// </summary>
    private static string Plain(string file) => file != StandardInput && FormulaStarts.Contains(file[0]) ? Path.Combine(".", file) : file;

    private static string Number(float value) => value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>RFC 4180: in quotes where it needs them; as it is, but in a terminal, which control characters would command.</summary>
    private static string Quoted(string text) => !Console.IsOutputRedirected ? Quotes(Shown.Text(text, int.MaxValue)) : Quotes(text);

    private static string Quotes(string text) => text.AsSpan().ContainsAny(",\"\r\n") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
}

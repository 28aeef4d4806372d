using System.Globalization;
using Cifar3;
using Spectre.Console;

namespace Quickstart;

/// <summary>What the program shows on the console.</summary>
internal static class Report
{
    private static readonly (string File, string What)[] Files =
    [
        ("examples.png", "10 training images"),
        ("curves.png", "accuracy and loss over the epochs"),
        ("training.csv", "the same as numbers"),
        ("checkpoints", "every model that was the best so far"),
        ("cifar3.onnx", "the best model: open it with ONNX Runtime, Netron, or Cifar3Classifier.Load"),
        ("confusion-matrix.png", "true against predicted classes"),
        ("predictions.png", "10 test images, green where right and red where wrong"),
    ];

    public static void Heading(string text)
    {
        AnsiConsole.WriteLine();
        AnsiConsole.MarkupLineInterpolated($"[bold blue]{text}[/]");
    }

    public static void Warning(string text, string reason)
    {
        AnsiConsole.MarkupLineInterpolated($"[bold yellow]{text}[/]");
        Console.WriteLine(reason);
    }

    public static void PredictionTable(ImageSet images, IReadOnlyList<Prediction> predictions)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumns("true", "predicted", "confidence", "");
        for (int i = 0; i < images.Count; i++)
        {
            string name = images.ClassNames[images.Labels[i]];
            string mark = predictions[i].Label == name ? "[green]right[/]" : "[red]wrong[/]";
            table.AddRow(Markup.Escape(name), Markup.Escape(predictions[i].Label), predictions[i].Confidence.ToString("P1", CultureInfo.InvariantCulture), mark);
        }

        AnsiConsole.Write(table);
    }

    public static void Results(string folder, bool synthetic)
    {
        Heading($"Results{(synthetic ? ", all of synthetic images" : "")}");
        Console.WriteLine(Path.GetFullPath(folder)); // on a line of its own: a long path is not broken
        foreach (var (file, what) in Files)
        {
            Console.WriteLine($"  {file,-22} {what}");
        }
    }
}

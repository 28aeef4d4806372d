using System.CommandLine;
using System.Globalization;
using Spectre.Console;

namespace Cifar3.Benchmarks;

/// <summary><c>step</c>: the training step and evaluation beside PyTorch, Keras and ONNX Runtime.</summary>
internal static class StepSubject
{
    /// <summary>Multiplications and additions of the direct convolutions, forward and backward, of one image.</summary>
    private const double FlopAnImage = 145e6;

    public static Command Create() => SubjectOptions.Command("step", "The training step and evaluation beside PyTorch, Keras and ONNX Runtime.", (options, _) => Run(options));

    private static IReadOnlyList<Target> Run(SubjectOptions options)
    {
        BenchmarkImages.Load();
        var measured = AlternatingRounds.Run(options.Rounds, [new Contender("FMA peak, 1 thread", () => FmaPeak.Measure(1)), new Contender("FMA peak, 2 threads", () => FmaPeak.Measure(2))]);
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("", "GFLOP/s", "lowest to highest", "img/s of direct convolutions at that");
        foreach (var peak in measured.Values)
        {
            table.AddRow(peak.Name, Number(peak.Median / 1e9), $"{Number(peak.Min / 1e9)} to {Number(peak.Max / 1e9)}", Number(peak.Median / FlopAnImage));
        }

        Tables.Write(table);
        return [];
    }

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);
}

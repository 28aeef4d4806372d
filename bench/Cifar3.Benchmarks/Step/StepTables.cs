using System.Globalization;
using Spectre.Console;

namespace Cifar3.Benchmarks;

/// <summary>The tables of <c>step</c>.</summary>
internal static class StepTables
{
    public static void Roofline(Measurement one, Measurement both, StepResults results)
    {
        Console.WriteLine();
        Console.WriteLine($"FMA peak: {Number(one.Median / 1e9)} GFLOP/s on 1 thread, {Number(both.Median / 1e9)} on 2. Direct convolutions at that peak train {Number(results.DirectRoofline)} img/s: the direct roofline.");
    }

    public static void Training(IReadOnlyList<(Measurement Rate, double Memory)> rows, StepResults results)
    {
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("training step, batch 128", "img/s", "lowest to highest", "Cifar3 ÷ it", "share of the direct roofline", "peak memory, MB");
        foreach (var (rate, memory) in rows)
        {
            table.AddRow(Markup.Escape(rate.Name), Number(rate.Median), Range(rate), Ratio(results.Training / rate.Median), Ratio(rate.Median / results.DirectRoofline), Number(memory / 1e6));
        }

        Tables.Write(table);
        if (!results.Machine.HasBfloat16)
        {
            Console.WriteLine($"bfloat16 took no part: {StepField.NoBfloat16}.");
        }
    }

    public static void Evaluation(IReadOnlyList<Measurement> rows, StepResults results)
    {
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("evaluation of 3,000 images", "img/s", "lowest to highest", "Cifar3 ÷ it");
        foreach (var rate in rows)
        {
            table.AddRow(Markup.Escape(rate.Name), Number(rate.Median), Range(rate), Ratio(results.Evaluation / rate.Median));
        }

        Tables.Write(table);
    }

    private static string Range(Measurement rate) => $"{Number(rate.Min)} to {Number(rate.Max)}";

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Ratio(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}

using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace Cifar3.Benchmarks;

/// <summary>Shows the targets with what was reached, on the console and as JSON.</summary>
internal static class TargetReport
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Print(IReadOnlyList<Target> targets)
    {
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("figure", "target", "reached", "met");
        foreach (var target in targets)
        {
            table.AddRow(
                Markup.Escape(target.Figure),
                $"{(target.IsCeiling ? "≤" : "≥")} {Number(target.Goal)}",
                target.Value is { } value ? Number(value) : "not measured",
                target.Met ? "yes" : "[red]no[/]");
        }

        Tables.Write(table);
    }

    /// <summary><c>[{"figure": …, "value": …, "target": …, "met": true|false}]</c>; the value is null where it could not be measured.</summary>
    public static string ToJson(IReadOnlyList<Target> targets) =>
        JsonSerializer.Serialize(targets.Select(t => new { figure = t.Figure, value = t.Value, target = t.Goal, met = t.Met }), Indented);

    private static string Number(double value) => value.ToString(value is > -100 and < 100 && value != Math.Round(value) ? "0.00" : "N0", CultureInfo.InvariantCulture);
}

using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace Cifar3.Benchmarks;

/// <summary>The one table of <c>gpu</c>: what was looked at, what was found, what it should be. A part that fails is a line, and the next one follows.</summary>
internal sealed class GpuFindings
{
    private readonly List<(string What, string Found, string Wanted, bool? Met)> rows = [];

    /// <summary>Targets for the report of all subjects.</summary>
    public List<Target> Targets { get; } = [];

    /// <summary>Whether anything that must hold does not.</summary>
    public bool HasFaults => rows.Any(row => row.Met == false);

    /// <summary>The lines, for tests.</summary>
    public IEnumerable<string> Lines => rows.Select(row => $"{row.What}: {row.Found}");

    /// <summary>A fact.</summary>
    public void Add(string what, string found) => Row(what, found, "", null);

    /// <summary>Something that must hold.</summary>
    public void Check(string what, bool holds, string found, string wanted) => Row(what, found, wanted, holds);

    /// <summary>A number that must not be above a ceiling.</summary>
    public void AtMost(string what, double value, double ceiling) => Check(what, value <= ceiling, Number(value), $"≤ {Number(ceiling)}");

    /// <summary>A time with a target, which says how well, not whether rightly.</summary>
    public void Time(string what, double value, double? target)
    {
        Row(what, Number(value), target is { } goal ? $"≤ {Number(goal)}" : "", null);
        if (target is { } wanted)
        {
            Targets.Add(Target.AtMost(wanted, what, value));
        }
    }

    /// <summary>Does a part and says how long it took.</summary>
    public void Part(string what, Action work)
    {
        Console.Error.WriteLine($"{DateTime.UtcNow:HH:mm:ss} {what}");
        var clock = Stopwatch.StartNew();
        try
        {
            work();
        }
        catch (Exception e) when (e is Cifar3Exception or InvalidOperationException or IOException)
        {
            Check(what, false, e.Message.ReplaceLineEndings(" "), "to run");
        }

        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"         {clock.Elapsed.TotalSeconds:0.0} s"));
    }

    public void Print()
    {
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("what", "found", "should be", "");
        foreach (var (what, found, wanted, met) in rows)
        {
            table.AddRow(Markup.Escape(what), Markup.Escape(found), Markup.Escape(wanted), met switch { true => "yes", false => "[red]NO[/]", _ => "" });
        }

        Tables.Write(table);
    }

    /// <summary>Keeps a row, and says it at once: a run that is cut off has not been for nothing.</summary>
    private void Row(string what, string found, string wanted, bool? met)
    {
        rows.Add((what, found, wanted, met));
        Console.Error.WriteLine($"         {what}: {found}{(met == false ? $", NOT {wanted}" : "")}");
    }

    private static string Number(double value) =>
        value != 0 && Math.Abs(value) < 1e-2 ? value.ToString("0.0e+0", CultureInfo.InvariantCulture) : value.ToString(Math.Abs(value) < 100 ? "0.###" : "N0", CultureInfo.InvariantCulture);
}

using Spectre.Console;

namespace Cifar3.Benchmarks;

/// <summary>Writes tables in full width: a file or a pipe would else get them folded at 80 characters.</summary>
internal static class Tables
{
    public static void Write(Table table)
    {
        if (!AnsiConsole.Profile.Out.IsTerminal)
        {
            AnsiConsole.Profile.Width = 260;
        }

        AnsiConsole.WriteLine();
        AnsiConsole.Write(table);
    }
}

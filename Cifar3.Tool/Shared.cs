using System.CommandLine;
using System.Globalization;
using Cifar3.Training;
using Spectre.Console;

namespace Cifar3.Tool;

/// <summary>What several commands share: help with an example, pictures, notes, tables that are not cut where nobody sees them.</summary>
internal static class Shared
{
    private const int MaxNote = 2000;
    private const int NarrowestTable = 40; // below that Spectre.Console leaves columns no room for a character of double width, and does not end, or the whole table out

    /// <summary>A command whose help ends with an example, and whose errors are one line.</summary>
    public static Command Command(string name, string description, string example, Func<ParseResult, CancellationToken, int> run, params IEnumerable<Symbol> symbols)
    {
        var command = new Command(name, $"{description}{Environment.NewLine}{Environment.NewLine}Example:{Environment.NewLine}  {example}");
        foreach (var symbol in symbols)
        {
            if (symbol is Argument argument)
            {
                argument.Validators.Add(CommandLineErrors.RefuseOptions);
                argument.Validators.Add(CommandLineErrors.RefuseEmpty);
                command.Add(argument);
            }
            else
            {
                var option = (Option)symbol;
                option.Validators.Add(CommandLineErrors.RefuseEmpty);
                option.Validators.Add(CommandLineErrors.RefuseNoName);
                command.Add(option);
            }
        }

        command.SetAction((arguments, cancel) =>
        {
            try
            {
                return Task.FromResult(run(arguments, cancel));
            }
            catch (Exception e) when (e is Cifar3Exception or ArgumentException)
            {
                throw new Cifar3Exception(OptionWords.Of(e) + LostFolder(), e);
            }
            catch (FileNotFoundException e) when (LostFolder() is { Length: > 0 } lost)
            {
                throw new Cifar3Exception(e.Message + lost, e);
            }
        });
        return command;
    }

    public static Option<bool> SkipBadOption() => new("--skip-bad") { Description = "Leaves out pictures and folders below the classes that cannot be read, and names them. Default: the first one ends the command." };

    /// <summary>The images of a folder, with a line that tells how far reading them is.</summary>
    public static ImageData LoadData(string? path, double? testFraction, IReadOnlyList<string>? classes, bool skipBad, CancellationToken cancel)
    {
        var data = Load(options => Cifar3Data.Load(path, options), testFraction, classes, skipBad, cancel);
        NameBad(data.BadImages);
        return data;
    }

    /// <summary>The images to measure a model of these classes on.</summary>
    public static EvaluationImages LoadForEvaluation(string path, IReadOnlyList<string> classes, bool skipBad, CancellationToken cancel)
    {
        var images = Load(options => DataLocator.ReadForEvaluation(path, options), testFraction: null, classes, skipBad, cancel);
        NameBad(images.BadImages);
        return images;
    }

    /// <summary>The pictures of a folder to predict, or the picture itself; says where some are of a format that is not read.</summary>
    public static IReadOnlyList<string> ListPictures(string path, Action<string> onUnreadable, CancellationToken cancel)
    {
        var skipped = new SkipCounter();
        var pictures = PictureList.At(path, onUnreadable, skipped, cancel);
        Note(skipped.ToReport().FirstOrDefault(files => files.Reason == SkipReason.OtherFormat) is { } left ? $"'{path}': left out {left}." : null);
        return pictures;
    }

    /// <summary>One line, which may repeat names of files and classes: what would command a terminal or end the line is escaped.</summary>
    public static void Print(string line) => Console.WriteLine(Shown.Text(line, int.MaxValue));

    /// <summary>Text of several lines, whose names have no line ends of their own.</summary>
    public static void PrintLines(string text)
    {
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            Print(line.ToString());
        }
    }

    /// <summary>A problem that ends nothing.</summary>
    public static void Problem(string text) => Console.Error.WriteLine(Shown.Text(OptionWords.Of(text), MaxNote));

    /// <summary>What a user should know beside the result: a line on the standard error.</summary>
    public static void Note(string? text)
    {
        if (text is not null)
        {
            Console.Error.WriteLine($"Note: {Shown.Text(OptionWords.Of(text), MaxNote)}");
        }
    }

    /// <summary>A table as wide as it needs to be where the output is no terminal.</summary>
    public static void Write(Table table)
    {
        if (Console.IsOutputRedirected)
        {
            table.Border = TableBorder.Ascii2;
            AnsiConsole.Profile.Width = 1000;
        }

        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, NarrowestTable);

        AnsiConsole.Write(table);
    }

    public static string Percent(double share) => share.ToString("P1", CultureInfo.InvariantCulture);

    /// <summary>What to do where relative paths lead nowhere because this program's folder is no longer there; .NET says of them that they cannot be found, and not which.</summary>
    private static string LostFolder()
    {
        try
        {
            _ = Environment.CurrentDirectory;
            return "";
        }
        catch (IOException)
        {
            return " The current folder was removed, or made anew: change to one that is there (where it was made anew, by cd \"$PWD\").";
        }
    }

    private static T Load<T>(Func<DataOptions, T> load, double? testFraction, IReadOnlyList<string>? classes, bool skipBad, CancellationToken cancel)
    {
        using var progress = new DataProgressBar();
        try
        {
            return load(new DataOptions { Progress = progress, CancellationToken = cancel, TestFraction = testFraction, Classes = classes, OnBadImage = skipBad ? OnBadImage.Collect : OnBadImage.Throw });
        }
        catch (Cifar3ImageException e)
        {
            throw new Cifar3ImageException($"{e.Message} --skip-bad leaves out what cannot be read.", e);
        }
    }

    private static void NameBad(IReadOnlyList<BadImage> bad)
    {
        foreach (var picture in bad)
        {
            Problem(picture.Message);
        }
    }
}

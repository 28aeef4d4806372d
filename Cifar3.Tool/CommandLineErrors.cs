using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Cifar3.Tool;

/// <summary>
/// What is wrong with a command line, in one line like every other error. The parser's own answer is the whole help on the standard output, behind which its errors are lost, and they name types of .NET.
/// </summary>
internal static class CommandLineErrors
{
    private const int Slips = 2; // letters that a name may be off by to be suggested

    /// <summary>Refuses a command line that cannot be run.</summary>
    /// <exception cref="ArgumentException">Says what is wrong first, what was probably meant, and where the help is.</exception>
    public static ParseResult Check(ParseResult result) =>
        result.Action is not ParseErrorAction ? result : throw new ArgumentException($"{Problem(result)} See '{Path(result.CommandResult)} --help'.");

    /// <summary>An argument takes whatever stands there, a misspelt option too: <c>--josn</c> became a picture. A file of such a name is taken.</summary>
    public static void RefuseOptions(ArgumentResult argument)
    {
        if (argument.Tokens.FirstOrDefault(token => IsOption(token.Value) && !System.IO.Path.Exists(token.Value)) is { } option && argument.Parent is CommandResult command)
        {
            argument.AddError(NoOption(command, option.Value));
        }
    }

    /// <summary>An empty text, as of a shell's variable that is not set, is no path: it would mean the current folder, or fail where nobody can tell which one was meant.</summary>
    public static void RefuseEmpty(SymbolResult result)
    {
        if (result.Tokens.Any(token => token.Value.Length == 0))
        {
            result.AddError($"{(result is OptionResult option ? option.Option.Name : $"The argument '{((ArgumentResult)result).Argument.Name}'")} is empty: give it a value. Is a variable of the shell not set?");
        }
    }

    /// <summary>A number, or names with commas between them, which .NET takes for a value of an enumeration: <c>--class-weights 1</c> would pass for a value that the command does not look for.</summary>
    public static void RefuseNoName(OptionResult option)
    {
        if (Names(option.Option) is { } names && option.Tokens.FirstOrDefault(token => !names.Contains(token.Value, StringComparer.OrdinalIgnoreCase)) is { } none)
        {
            option.AddError(NoValue(option.Option, none.Value));
        }
    }

    /// <summary>The first mistake: an option that is none comes before what it leaves over or missing.</summary>
    private static string Problem(ParseResult result)
    {
        var command = result.CommandResult;
        if (result.UnmatchedTokens.FirstOrDefault(IsOption) is { } option)
        {
            return NoOption(command, option);
        }

        var error = result.Errors.FirstOrDefault(error => error.SymbolResult is OptionResult or ArgumentResult { Argument.Arity.MinimumNumberOfValues: 0 }) ?? result.Errors.FirstOrDefault(error => error.SymbolResult is ArgumentResult);
        return error is { SymbolResult: { } place } ? Problem(error, place)
            : result.UnmatchedTokens is not [var word, ..] ? "Name a command."
            : command.Command.Subcommands.Count > 0 ? $"There is no command '{Shown.Text(word)}'{Meant(word, command.Command.Subcommands.Select(known => known.Name).Append("--help"))}"
            : $"'{Shown.Path(word)}' is one argument too many for '{Path(command)}'.";
    }

    private static string Problem(ParseError error, SymbolResult place)
    {
        var option = place as OptionResult ?? place.Parent as OptionResult;
        string? given = place.Tokens is [var token, ..] ? token.Value : null;
        if (option is null || given is null || !error.Message.StartsWith("Cannot parse argument", StringComparison.Ordinal))
        {
            return error.Message;
        }

        return NoValue(option.Option, given);
    }

    private static string NoValue(Option option, string given)
    {
        string expected = Names(option) is { } names ? $"one of {string.Join(", ", names)}" : ValueType(option) == typeof(int) ? "a whole number" : "another value";
        return $"{option.Name}: expected {expected}. Received: '{Shown.Text(given)}'.";
    }

    private static string[]? Names(Option option) => ValueType(option) is { IsEnum: true } type ? Enum.GetNames(type) : null;

    private static Type ValueType(Option option) => Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;

    private static string NoOption(CommandResult command, string option) => command.Command.Options.Any(known => known.Name == option || known.Aliases.Contains(option))
        ? $"'{Shown.Text(option)}' stands behind '--', where all are files and folders: put it before."
        : $"There is no option '{Shown.Text(option)}'{Meant(option, command.Command.Options.Select(known => known.Name))}";

    /// <summary>": did you mean …?" for a word that begins as a name does, or is nearly one.</summary>
    private static string Meant(string word, IEnumerable<string> names)
    {
        string bare = Bare(word);
        string? meant = bare.Length < 2 ? null : names.Where(name => IsNear(Bare(name), bare)).MinBy(name => Spelling.Distance(Bare(name), bare));
        return meant is null ? "." : $": did you mean '{meant}'?";
    }

    private static bool IsNear(string name, string word) =>
        name.StartsWith(word, StringComparison.Ordinal) || word.StartsWith(name, StringComparison.Ordinal) || (Math.Min(name.Length, word.Length) > Slips && Spelling.Distance(name, word) <= Slips);

    private static string Bare(string word) => word.TrimStart('-').ToLower(CultureInfo.InvariantCulture);

    private static bool IsOption(string word) => word.Length > 1 && word[0] == '-' && !char.IsAsciiDigit(word[1]);

    private static string Path(SymbolResult? command) => command is CommandResult { Command: var known, Parent: var parent } ? parent is null ? "cifar3" : $"{Path(parent)} {known.Name}" : "cifar3";
}

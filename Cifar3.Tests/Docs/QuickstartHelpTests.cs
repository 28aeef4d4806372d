using System.Text.RegularExpressions;

namespace Cifar3.Tests;

/// <summary>The README's table of the quick start's options beside what the program itself says with --help.</summary>
public sealed partial class QuickstartHelpTests
{
    [Test]
    public void ReadMe_OptionTable_IsWhatTheProgramTakes()
    {
        using var run = QuickstartProcess.Run(["--help"]);
        var program = HelpLine().Matches(run.Output).ToDictionary(m => m.Groups["name"].Value, m => m.Groups["default"].Value);
        var table = TableRow().Matches(new DocPage("README.md").Text).ToDictionary(m => m.Groups["name"].Value, m => m.Groups["default"].Value);

        Assert.That(table.Keys, Is.EqualTo(program.Keys));
        foreach (var (name, value) in program.Where(option => option.Value.Length > 0))
        {
            Assert.That(table[name].Trim('`'), Is.EqualTo(value), $"default of {name}");
        }
    }

    [Test]
    public void ReadMe_EpochsOption_HasTheRecipesDefault()
    {
        Assert.That(TableRow().Matches(new DocPage("README.md").Text).Single(m => m.Groups["name"].Value == "--epochs").Groups["default"].Value, Is.EqualTo($"{Training.Recipe.Keras.Epoch} with `keras`, else the recipe's"));
    }

    /// <summary><c>  --seed &lt;seed&gt;    Seed of weights. [default: 1]</c></summary>
    [GeneratedRegex(@"^  (?<name>--(?!version)[a-z-]+) .*?(\[default: (?<default>.*)\])?$", RegexOptions.Multiline)]
    private static partial Regex HelpLine();

    /// <summary><c>| `--seed N` | seed of weights | 1 |</c></summary>
    [GeneratedRegex(@"^\| `(?<name>--[a-z-]+)( [^`]*)?` \| .* \| (?<default>.*) \|$", RegexOptions.Multiline)]
    private static partial Regex TableRow();
}

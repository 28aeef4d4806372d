using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Cifar3.Tests;

/// <summary>
/// A page of the documentation, and the code of the tests that stands in it. A C# block of a page is covered when the same lines stand
/// in a test between two comments, the page's path from the repository's root and "end":
/// <code>
/// // docs/from-keras.md
/// var data = Cifar3Data.Load(path);
/// // end
/// </code>
/// </summary>
public sealed partial record DocPage(string Path)
{
    /// <summary>The repository's root.</summary>
    public static readonly string Root = System.IO.Path.GetFullPath(System.IO.Path.Combine(SourceFolder(), "..", ".."));

    /// <summary>Every page that users read.</summary>
    public static IEnumerable<DocPage> All =>
        new[] { "", "Cifar3.Core", "Cifar3.Training", "Cifar3.Tool", "Cifar3.AspNetCore", "assets", "bench", "docs", "packages/Cifar3", "packages/Cifar3.Gpu", "samples" }
            .Select(folder => System.IO.Path.Combine(Root, folder))
            .Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.md"))
            .Select(file => new DocPage(System.IO.Path.GetRelativePath(Root, file).Replace('\\', '/')))
            .OrderBy(page => page.Path, StringComparer.Ordinal);

    public string Text => File.ReadAllText(System.IO.Path.Combine(Root, Path)).ReplaceLineEndings("\n");

    public override string ToString() => Path;

    /// <summary>The page's blocks in a language, each ending with a line feed.</summary>
    public IEnumerable<string> Blocks(string language) => Fence().Matches(Text).Where(m => m.Groups["language"].Value == language).Select(m => m.Groups["code"].Value);

    /// <summary>The rows of the table whose first heading is <paramref name="heading"/>: the cells' text, backticks left in.</summary>
    public IReadOnlyList<string[]> Table(string heading)
    {
        string[] lines = Text.Split('\n');
        int first = Array.FindIndex(lines, line => line.StartsWith($"| {heading} |", StringComparison.Ordinal));
        Assert.That(first, Is.GreaterThanOrEqualTo(0), $"{Path} has a table '{heading}'");
        return [.. lines.Skip(first + 2).TakeWhile(line => line.StartsWith('|')).Select(line => line.Trim('|').Split(" | ").Select(cell => cell.Trim()).ToArray())];
    }

    /// <summary>The lines that tests hold for this page, in the form of <see cref="Blocks"/>.</summary>
    public IEnumerable<string> TestedCode() =>
        Directory.EnumerateFiles(System.IO.Path.Combine(Root, "Cifar3.Tests"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !BuildOutput().IsMatch(file))
            .SelectMany(file => Regions(File.ReadAllText(file).ReplaceLineEndings("\n")));

    private IEnumerable<string> Regions(string source) =>
        Regex.Matches(source, $@"^(?<indent> +)// {Regex.Escape(Path)}\n(?<code>.*?)^\k<indent>// end\n", RegexOptions.Multiline | RegexOptions.Singleline)
            .Select(m => Regex.Replace(m.Groups["code"].Value, $"^{m.Groups["indent"].Value}", "", RegexOptions.Multiline));

    [GeneratedRegex("^```(?<language>[a-z]+)\n(?<code>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"[\\/](bin|obj)[\\/]")]
    private static partial Regex BuildOutput();

    private static string SourceFolder([CallerFilePath] string file = "") => System.IO.Path.GetDirectoryName(file)!;
}

using System.Text.RegularExpressions;

namespace Cifar3.Tests;

/// <summary>What the pages show is what the tests run: no block of a page without a test, no link and no command without its target.</summary>
public sealed partial class DocPageTests
{
    private static IEnumerable<DocPage> Pages => DocPage.All;

    /// <summary>A block that fails here needs a test that runs it, see <see cref="DocPage"/>. Lines <c>using …;</c> at a block's beginning need none.</summary>
    [TestCaseSource(nameof(Pages))]
    public void Page_EveryCSharpBlock_IsTheCodeOfATest(DocPage page)
    {
        string[] shown = [.. page.Blocks("csharp").Select(block => Usings().Replace(block, ""))];

        Assert.That(shown, Is.EquivalentTo(page.TestedCode()), $"blocks of {page} beside what the tests hold between '// {page}' and '// end'");
    }

    [Test]
    public void All_Pages_AreFound()
    {
        Assert.That(DocPage.All.Select(page => page.Path), Is.SupersetOf(new[] { "README.md", "CHANGELOG.md", "docs/from-keras.md", "docs/tensorflow.md" }));
        Assert.That(new DocPage("README.md").Blocks("csharp"), Is.Not.Empty);
    }

    [TestCaseSource(nameof(Pages))]
    public void Page_LocalLinks_LeadToFiles(DocPage page)
    {
        string folder = Path.Combine(DocPage.Root, Path.GetDirectoryName(page.Path)!);
        foreach (Match link in LocalLink().Matches(page.Text))
        {
            Assert.That(Path.Exists(Path.Combine(folder, link.Groups["target"].Value)), Is.True, $"{page}: {link.Value}");
        }
    }

    /// <summary>GitHub's names of headings: small letters, hyphens for blanks, no other marks.</summary>
    [TestCaseSource(nameof(Pages))]
    public void Page_LinksToHeadings_LeadToThem(DocPage page)
    {
        foreach (Match link in HeadingLink().Matches(page.Text))
        {
            string file = link.Groups["target"].Value, path = file.Length == 0 ? page.Path : Path.Combine(Path.GetDirectoryName(page.Path)!, file);
            string[] headings = [.. Heading().Matches(new DocPage(path).Text).Select(heading => NoAnchor().Replace(heading.Groups["text"].Value.ToLowerInvariant(), "").Replace(' ', '-'))];
            Assert.That(headings, Does.Contain(link.Groups["heading"].Value), $"{page}: {link.Value}");
        }
    }

    [TestCaseSource(nameof(Pages))]
    public void Page_ShellCommands_NameProjectsAndOptionsThatExist(DocPage page)
    {
        foreach (Match command in page.Blocks("sh").SelectMany(block => ProjectCommand().Matches(block)))
        {
            string folder = Path.Combine(DocPage.Root, command.Groups["project"].Value);
            Assert.That(Directory.EnumerateFiles(folder, "*.csproj"), Is.Not.Empty, command.Value);
            string program = string.Concat(Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText));
            foreach (Match option in Option().Matches(command.Groups["arguments"].Value))
            {
                Assert.That(program, Does.Contain($"\"{option.Value}\""), command.Value);
            }
        }
    }

    [GeneratedRegex(@"\A(using [A-Za-z0-9.]+;\n)+\n?")]
    private static partial Regex Usings();

    [GeneratedRegex(@"\]\((?<target>(?!https?:)[^)#\s]+)(#[^)]*)?\)")]
    private static partial Regex LocalLink();

    [GeneratedRegex(@"\]\((?<target>(?!https?:)[^)#\s]*)#(?<heading>[^)\s]+)\)")]
    private static partial Regex HeadingLink();

    [GeneratedRegex(@"^#{1,6} (?<text>[^\n]+?) *$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NoAnchor();

    /// <summary><c>dotnet run -c Release --project samples/Quickstart -- --seed 3</c></summary>
    [GeneratedRegex(@"--project (?<project>\S+)( -- (?<arguments>[^#\n]*))?")]
    private static partial Regex ProjectCommand();

    [GeneratedRegex("--[a-z-]+")]
    private static partial Regex Option();
}

using System.Text.RegularExpressions;

namespace Cifar3.Tests;

/// <summary>The map shows the house as it stands: every file that the pages for contributors name is there, and a walk passes no file twice.</summary>
public sealed partial class ArchitecturePageTests
{
    private static readonly DocPage Architecture = new("docs/architecture.md"), Contributing = new("CONTRIBUTING.md");

    private static IEnumerable<TestCaseData> NamedFiles =>
        new[] { Architecture, Contributing }.SelectMany(page => FileName().Matches(page.Text).Select(m => m.Groups["path"].Value).Distinct().Select(path => new TestCaseData(page.Path, path)));

    [TestCaseSource(nameof(NamedFiles))]
    public void NamedFile_OfPage_Exists(string page, string path)
    {
        string[] found = [.. SourceFiles().Where(file => file == path || file.EndsWith($"/{path}", StringComparison.Ordinal))];

        Assert.That(found, Has.Length.EqualTo(1), $"{page} names `{path}`: found {(found.Length == 0 ? "no such file" : string.Join(", ", found))}");
    }

    [Test]
    public void Walks_OfArchitecture_AreFourAndNameEachFileOnce()
    {
        string[] walks = [.. Architecture.Text.Split("\n## ").Where(section => section.StartsWith("Walk ", StringComparison.Ordinal))];

        Assert.That(walks, Has.Length.EqualTo(4));
        foreach (string walk in walks)
        {
            string[] hops = [.. FileName().Matches(walk).Select(m => m.Groups["path"].Value)];
            Assert.That(hops, Has.Length.GreaterThan(4).And.Unique, walk[..walk.IndexOf('\n', StringComparison.Ordinal)]);
        }
    }

    private static IEnumerable<string> SourceFiles() =>
        Directory.EnumerateFiles(DocPage.Root, "*.*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(DocPage.Root, file).Replace('\\', '/'))
            .Where(file => !Outside().IsMatch(file));

    /// <summary>`Kernels/Gemm.cs`: a file by its name, with as many folders as make it clear.</summary>
    [GeneratedRegex(@"`(?<path>[A-Za-z0-9_./-]+\.(cs|proto|cl|csproj|props|targets|txt))`")]
    private static partial Regex FileName();

    [GeneratedRegex(@"(^|/)(bin|obj|artifacts|\.git|TestResults)/")]
    private static partial Regex Outside();
}

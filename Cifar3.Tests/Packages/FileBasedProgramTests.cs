using System.Text.RegularExpressions;

namespace Cifar3.Tests;

/// <summary>README's program of one file: <c>#:package Cifar3</c> and <c>dotnet run app.cs</c>.</summary>
[Category(TestCategories.Packages)]
public sealed class FileBasedProgramTests
{
    [Test]
    public void Run_ReadMesProgramOfOneFile_SaysWhatAPictureShows()
    {
        string block = new DocPage("README.md").Blocks("sh").Single(text => text.Contains("#:package", StringComparison.Ordinal));
        string source = Regex.Match(block, @"cat > app\.cs <<'END'\n(?<source>.*?)^END$", RegexOptions.Singleline | RegexOptions.Multiline).Groups["source"].Value;
        Assert.That(source, Does.StartWith($"#:package Cifar3@{PackageFeed.Version}\n"));
        using var app = UserApp.CreateEmpty("OneFile");
        byte[] picture = ImageCorpus.Files["jpeg"];
        File.WriteAllText(Path.Combine(app.Folder, "app.cs"), source);
        File.WriteAllBytes(Path.Combine(app.Folder, "photo.jpg"), picture);

        string output = DotnetCommand.Must(app.Folder, "run", "app.cs", "--", "photo.jpg");

        using var classifier = Cifar3Classifier.LoadDefault();
        Assert.That(output.Trim().Split('\n')[^1].Trim(), Is.EqualTo(classifier.Predict(picture).ToString()));
    }
}

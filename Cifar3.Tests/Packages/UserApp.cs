using System.Globalization;
using System.Xml.Linq;

namespace Cifar3.Tests;

/// <summary>A console app that a user makes with <c>dotnet new console</c> in an empty folder; deleted when disposed, for it holds 300 MB of native files.</summary>
internal sealed class UserApp : IDisposable
{
    private UserApp(string folder) => Folder = folder;

    /// <summary>The app's folder.</summary>
    public string Folder { get; }

    /// <summary>
    /// Makes the app. Its packages come from this project's feed and the machine's own sources; what this repository's build has already
    /// restored is taken from there, so that no network is needed. Our packages lie in a folder of the app, never in the user's cache.
    /// </summary>
    public static UserApp Create(string name)
    {
        var app = CreateEmpty(name);
        DotnetCommand.Must(app.Folder, "new", "console", "--framework", "net10.0", "--no-restore");
        return app;
    }

    /// <summary>The folder with its <c>nuget.config</c> alone.</summary>
    public static UserApp CreateEmpty(string name)
    {
        string folder = Path.Combine(TestFiles.NewFolder(), name);
        Directory.CreateDirectory(folder);
        string cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } named ? named : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        File.WriteAllText(Path.Combine(folder, "nuget.config"), $"""
            <configuration>
              <config>
                <add key="globalPackagesFolder" value="{Path.Combine(folder, "packages")}" />
              </config>
              <packageSources>
                <add key="cifar3" value="{PackageFeed.Folder}" />
              </packageSources>
              <fallbackPackageFolders>
                <add key="restored" value="{cache}" />
              </fallbackPackageFolders>
            </configuration>
            """);
        return new UserApp(folder);
    }

    /// <summary>Adds a package; where the machine cannot restore it (no network), the test is skipped with the reason.</summary>
    public void AddPackage(string package, string version)
    {
        var (exitCode, output) = DotnetCommand.Run(Folder, "add", "package", package, "--version", version);
        SkipWithoutNetwork(output);
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Not.Contain("warn"), output);
    }

    /// <summary>Adds packages of others, in the versions that this repository uses, to the project file.</summary>
    public void AddReferences(params string[] packages)
    {
        var versions = XDocument.Load(Path.Combine(DocPage.Root, "Directory.Packages.props")).Descendants("PackageVersion").ToDictionary(p => (string)p.Attribute("Include")!, p => (string)p.Attribute("Version")!);
        string project = Directory.GetFiles(Folder, "*.csproj").Single();
        var document = XDocument.Load(project);
        document.Root!.Add(new XElement("ItemGroup", packages.Select(p => new XElement("PackageReference", new XAttribute("Include", p), new XAttribute("Version", versions[p])))));
        document.Save(project);
        var (exitCode, output) = DotnetCommand.Run(Folder, "restore");
        SkipWithoutNetwork(output);
        Assert.That(exitCode, Is.Zero, output);
    }

    /// <summary>Makes a program of Packages/Apps the app's.</summary>
    public void UseProgram(string file) => File.Copy(Path.Combine(DocPage.Root, "Cifar3.Tests", "Packages", "Apps", file), Path.Combine(Folder, "Program.cs"), overwrite: true);

    /// <summary>Builds and runs the app, and gives what it printed.</summary>
    public string Run(params string[] arguments) => DotnetCommand.Must(Folder, ["run", "-c", "Release", .. arguments.Length > 0 ? ["--", .. arguments] : Array.Empty<string>()]);

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static void SkipWithoutNetwork(string output)
    {
        if (output.Contains("NU1301", StringComparison.Ordinal))
        {
            Assert.Ignore("NuGet's sources cannot be reached, so this program's packages cannot be restored.");
        }
    }

    /// <summary>The numbers of the lines <c>scores 0.1 0.2 0.7</c>, one array a line.</summary>
    public static float[][] Scores(string output) =>
        [.. output.ReplaceLineEndings("\n").Split('\n').Where(line => line.StartsWith("scores ", StringComparison.Ordinal)).Select(line => line["scores ".Length..].Split(' ').Select(number => float.Parse(number, CultureInfo.InvariantCulture)).ToArray())];
}

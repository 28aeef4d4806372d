using System.IO.Compression;
using System.Reflection;
using System.Xml.Linq;

namespace Cifar3.Tests;

/// <summary>The four packages as <c>dotnet pack</c> makes them, in a folder that serves as a feed; packed once a test run.</summary>
internal static class PackageFeed
{
    private static readonly Lazy<string> Packed = new(Pack);

    /// <summary>The folder with the packages.</summary>
    public static string Folder => Packed.Value;

    /// <summary>The version that stands in Directory.Build.props.</summary>
    public static string Version { get; } = XDocument.Load(Path.Combine(DocPage.Root, "Directory.Build.props")).Descendants("Version").Single().Value;

    /// <summary>Opens a package, or with <c>.snupkg</c> its symbols.</summary>
    public static ZipArchive Open(string package, string extension = ".nupkg") => ZipFile.OpenRead(Path.Combine(Folder, $"{package}.{Version}{extension}"));

    private static string Pack()
    {
        string configuration = typeof(PackageFeed).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration, folder = TestFiles.NewFolder();
        DotnetCommand.Must(DocPage.Root, "pack", "Cifar3.sln", "--no-build", "-c", configuration, "-p:PackageOutputPath=" + folder);
        return folder;
    }
}

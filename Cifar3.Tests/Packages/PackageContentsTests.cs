using System.Globalization;
using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Cifar3.Tests;

/// <summary>What is in the packages: files, dependencies, licences, symbols.</summary>
[Category(TestCategories.Packages)]
public sealed class PackageContentsTests
{
    private static readonly string[] Libraries = ["Cifar3.Core", "Cifar3.Training"], WithoutCode = ["Cifar3", "Cifar3.Gpu"], Applied = ["Cifar3.AspNetCore"];

    private const string Tool = "Cifar3.Tool";

    /// <summary>The kind "embedded source" of the portable PDB format.</summary>
    private static readonly Guid EmbeddedSource = new("0E8A571B-6926-466E-B4AD-8AB04611F5FE");

    private static IEnumerable<string> LibrariesAndApplied => [.. Libraries, .. Applied];

    private static IEnumerable<string> Packages => [.. LibrariesAndApplied, .. WithoutCode, Tool];

    [TestCaseSource(nameof(Packages))]
    public void Package_Metadata_IsComplete(string package)
    {
        var metadata = Nuspec(package);

        Assert.That(metadata["version"], Is.EqualTo(PackageFeed.Version));
        Assert.That(metadata["license"], Is.EqualTo("MIT"));
        Assert.That(metadata["readme"], Is.EqualTo("README.md"));
        Assert.That(metadata["icon"], Is.EqualTo("icon.png"));
        Assert.That(metadata["description"], Has.Length.GreaterThan(60));
        Assert.That(Files(package), Is.SupersetOf(new[] { "README.md", "icon.png", "LICENSE" }));
        Assert.That(metadata["tags"], Does.Contain("onnx"));
    }

    [TestCaseSource(nameof(LibrariesAndApplied))]
    public void Library_Files_AreAssemblyAndItsDocumentationForOneFramework(string package)
    {
        Assert.That(Files(package).Where(file => file.StartsWith("lib/", StringComparison.Ordinal)), Is.EquivalentTo(new[] { $"lib/net10.0/{package}.dll", $"lib/net10.0/{package}.xml" }));
    }

    [TestCaseSource(nameof(LibrariesAndApplied))]
    public void ReadMe_OwnSize_IsThePackages(string package)
    {
        var row = Regex.Match(new DocPage("README.md").Text, $@"\[`{Regex.Escape(package)}`\].*\| (?<size>[0-9.]+) MB \|");

        double stated = double.Parse(row.Groups["size"].Value, CultureInfo.InvariantCulture);
        Assert.That(new FileInfo(Path.Combine(PackageFeed.Folder, $"{package}.{PackageFeed.Version}.nupkg")).Length / 1e6, Is.EqualTo(stated).Within(15).Percent);
    }

    [Test]
    public void Library_BundledMaterial_ComesWithItsLicence()
    {
        Assert.That(Files("Cifar3.Core"), Does.Contain("licenses/LICENSE-onnx.txt"));
        Assert.That(Files("Cifar3.Training"), Does.Contain("licenses/LICENSE-DejaVu.txt"));
        Assert.That(Files("Cifar3.Tool"), Does.Contain("licenses/LICENSE-onnx.txt").And.Contain("licenses/LICENSE-DejaVu.txt"));
    }

    [TestCaseSource(nameof(WithoutCode))]
    public void PackageWithoutCode_HasNoAssembly(string package)
    {
        Assert.That(Files(package), Has.None.EndsWith(".dll"));
    }

    /// <summary>The app chooses the native build of ONNX Runtime; two of them in one app are a classic failure.</summary>
    [TestCaseSource(nameof(Libraries))]
    public void Library_Dependencies_BringNoNativeOnnxRuntimeAndNoTensorFlow(string package)
    {
        var dependencies = Dependencies(package).Select(d => d.Id).ToList();

        Assert.That(dependencies, Does.Contain("Microsoft.ML"));
        Assert.That(dependencies.Where(id => id.StartsWith("Microsoft.ML.OnnxRuntime", StringComparison.Ordinal)), Is.All.EqualTo("Microsoft.ML.OnnxRuntime.Managed"));
        Assert.That(dependencies, Has.None.Contains("TensorFlow").And.None.Contains("Grpc.Tools"));
        Assert.That(Dependencies(package), Has.None.Matches<(string Framework, string Id, string Version)>(d => d.Id == "SkiaSharp" && !d.Version.StartsWith("2.88.", StringComparison.Ordinal)), "the SkiaSharp that ML.NET is built for");
    }

    [Test]
    public void Cifar3_Dependencies_AreTheLibrariesAndTheCpuRuntime()
    {
        Assert.That(Dependencies("Cifar3").Select(d => d.Id), Is.EquivalentTo(new[] { "Cifar3.Core", "Cifar3.Training", "Microsoft.ML.OnnxRuntime" }));
    }

    [Test]
    public void Cifar3Gpu_Dependencies_HaveTensorFlowForWindowsAppsOnly()
    {
        string[] everywhere = ["Cifar3.Core", "Cifar3.Training", "Microsoft.ML.OnnxRuntime.Gpu"];
        var groups = Dependencies("Cifar3.Gpu").ToLookup(d => d.Framework, d => d.Id);

        Assert.That(groups["net10.0"], Is.EquivalentTo(everywhere));
        Assert.That(groups["net10.0-windows7.0"], Is.EquivalentTo([.. everywhere, "SciSharp.TensorFlow.Redist-Windows-GPU"]));
        Assert.That(groups, Has.Count.EqualTo(2));
        Assert.That(Files("Cifar3.Gpu"), Does.Contain("buildTransitive/Cifar3.Gpu.targets"));
    }

    [Test]
    public void AspNetCore_Dependencies_AreCoreAndTheFrameworkAlone()
    {
        var dependencies = Dependencies("Cifar3.AspNetCore").Select(d => d.Id).ToList();
        string framework = NuspecXml("Cifar3.AspNetCore").Descendants().Single(e => e.Name.LocalName == "frameworkReference").Attribute("name")!.Value;

        Assert.That(dependencies, Does.Contain("Cifar3.Core"));
        Assert.That(dependencies.Except(["Cifar3.Core"]), Is.SubsetOf(Dependencies("Cifar3.Core").Select(d => d.Id)), "nothing more: the application brings the native runtime");
        Assert.That(framework, Is.EqualTo("Microsoft.AspNetCore.App"));
    }

    /// <summary>A tool is a program for every desktop: its native libraries are those of the platforms that README names, and none of phones.</summary>
    [Test]
    public void Tool_Files_AreACommandWithNativeLibrariesOfDesktopsAlone()
    {
        string[] files = Files(Tool), native = [.. files.Where(file => file.Contains("/runtimes/", StringComparison.Ordinal)).Select(file => file.Split("/runtimes/")[1].Split('/')[0]).Distinct()];
        using var package = PackageFeed.Open(Tool);
        var settings = XDocument.Load(Read(package, files.Single(file => file.EndsWith("/DotnetToolSettings.xml", StringComparison.Ordinal))));

        Assert.That(settings.Descendants("Command").Select(c => $"{(string?)c.Attribute("Name")} {(string?)c.Attribute("EntryPoint")}"), Is.EqualTo(new[] { "cifar3 cifar3-tool.dll" }));
        Assert.That(native, Is.SupersetOf(new[] { "win-x64", "win-arm64", "linux-x64", "linux-arm64", "osx-arm64" }).And.None.Contains("android").And.None.Contains("ios"));
        Assert.That(files, Has.None.EndsWith(".aar").And.None.Contains("xcframework").And.None.Contains("libonnxruntime_providers_cuda"));
        Assert.That(files.Where(file => file.EndsWith("/Cifar3.Core.dll", StringComparison.Ordinal)), Has.Exactly(1).Items);
    }

    [Test]
    public void Packages_OfThisProject_AskForEachOtherInThisVersionAlone()
    {
        var ours = Packages.SelectMany(Dependencies).Where(d => d.Id.StartsWith("Cifar3", StringComparison.Ordinal)).ToList();

        Assert.That(ours, Has.Count.EqualTo(8));
        Assert.That(ours.Select(d => d.Version), Is.All.EqualTo($"[{PackageFeed.Version}]"), "they use each other's internals");
    }

    [TestCaseSource(nameof(LibrariesAndApplied))]
    public void Symbols_OfLibrary_BelongToItAndAreDeterministic(string package)
    {
        using var symbols = PackageFeed.Open(package, ".snupkg");
        using var pdb = MetadataReaderProvider.FromPortablePdbStream(Read(symbols, $"lib/net10.0/{package}.pdb"));
        using var library = PackageFeed.Open(package);
        using var assembly = new PEReader(Read(library, $"lib/net10.0/{package}.dll"));

        var entries = assembly.ReadDebugDirectory();
        var codeView = assembly.ReadCodeViewDebugDirectoryData(entries.Single(e => e.Type == DebugDirectoryEntryType.CodeView));
        Assert.That(entries.Select(e => e.Type), Does.Contain(DebugDirectoryEntryType.Reproducible));
        var reader = pdb.GetMetadataReader();
        Assert.That(codeView.Guid.ToByteArray(), Is.EqualTo(reader.DebugMetadataHeader!.Id.Take(16)));
        int embedded = reader.CustomDebugInformation.Count(handle => reader.GetGuid(reader.GetCustomDebugInformation(handle).Kind) == EmbeddedSource);
        Assert.That(embedded, Is.EqualTo(reader.Documents.Count), "a debugger steps into every source, wherever the repository is");
    }

    private static Dictionary<string, string> Nuspec(string package) => NuspecXml(package).Elements().GroupBy(e => e.Name.LocalName).ToDictionary(g => g.Key, g => g.First().Value);

    private static IEnumerable<(string Framework, string Id, string Version)> Dependencies(string package) =>
        from dependency in NuspecXml(package).Descendants()
        where dependency.Name.LocalName == "dependency"
        select ((string)dependency.Parent!.Attribute("targetFramework")!, (string)dependency.Attribute("id")!, (string)dependency.Attribute("version")!);

    private static XElement NuspecXml(string package)
    {
        using var zip = PackageFeed.Open(package);
        return XDocument.Load(Read(zip, $"{package}.nuspec")).Root!.Elements().Single();
    }

    private static string[] Files(string package)
    {
        using var zip = PackageFeed.Open(package);
        return [.. zip.Entries.Select(entry => entry.FullName)];
    }

    private static MemoryStream Read(ZipArchive zip, string file)
    {
        using var stream = zip.GetEntry(file)!.Open();
        var memory = new MemoryStream();
        stream.CopyTo(memory);
        memory.Position = 0;
        return memory;
    }
}

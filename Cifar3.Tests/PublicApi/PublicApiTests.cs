using System.Reflection;
using System.Runtime.CompilerServices;
using Cifar3.Training;
using PublicApiGenerator;

namespace Cifar3.Tests;

/// <summary>The public API of both libraries is a checked-in file, so that every change of it is seen in review.</summary>
public sealed class PublicApiTests
{
    [TestCase("Cifar3.Core")]
    [TestCase("Cifar3.Training")]
    [TestCase("Cifar3.AspNetCore")]
    public void PublicApi_OfLibrary_IsTheApprovedOne(string library)
    {
        var assembly = library switch { "Cifar3.Core" => typeof(CnnModel).Assembly, "Cifar3.Training" => typeof(Cifar3Trainer).Assembly, _ => typeof(AspNetCore.Cifar3ClassifierPool).Assembly };
        string file = Path.Combine(SourceFolder(), $"{library}.approved.txt");
        string actual = Describe(assembly);
        if (Environment.GetEnvironmentVariable("CIFAR3_UPDATE") == "1")
        {
            File.WriteAllText(file, actual);
        }

        Assert.That(
            actual,
            Is.EqualTo(File.ReadAllText(file).ReplaceLineEndings("\n")),
            $"The public API of {library} changed. If that is wanted, run the tests with CIFAR3_UPDATE=1 and commit {Path.GetFileName(file)}.");
    }

    private static string Describe(Assembly assembly) =>
        assembly.GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false }).ReplaceLineEndings("\n").TrimEnd() + "\n";

    private static string SourceFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}

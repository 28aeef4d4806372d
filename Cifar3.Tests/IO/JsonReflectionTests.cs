using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Text.Json;
using Cifar3.AspNetCore;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// Programs whose JSON has no reflection (<c>dotnet run app.cs</c>, trimmed and native ones) can do all that others can: the libraries call nothing of
/// System.Text.Json or ASP.NET that needs it.
/// </summary>
public sealed class JsonReflectionTests
{
    private static readonly string[] Extensions = ["keras", "h5", "weights.h5"];

    private static IEnumerable<Assembly> Libraries() => [typeof(CnnModel).Assembly, typeof(Cifar3Trainer).Assembly, typeof(Cifar3ClassifierPool).Assembly];

    /// <summary>All methods of others that a library names are in its table of references; those that need reflection say so by an attribute.</summary>
    [TestCaseSource(nameof(Libraries))]
    public void Library_CallsNoJsonThatNeedsReflection(Assembly library)
    {
        using var file = new PEReader(File.OpenRead(library.Location));
        var metadata = file.GetMetadataReader();
        int seen = 0;
        var needing = new List<string>();
        var tokens = Enumerable.Range(1, metadata.GetTableRowCount(TableIndex.MemberRef)).Select(row => MetadataTokens.GetToken(MetadataTokens.MemberReferenceHandle(row)));
        foreach (int token in tokens)
        {
            if (Declared(metadata, token) is { } space && (space.StartsWith("System.Text.Json", StringComparison.Ordinal) || space.StartsWith("Microsoft.AspNetCore.Http", StringComparison.Ordinal)))
            {
                seen++;
                var method = library.ManifestModule.ResolveMember(token, [typeof(object)], [typeof(object)])!;
                if (method.GetCustomAttribute<RequiresUnreferencedCodeAttribute>() is not null)
                {
                    needing.Add($"{method.DeclaringType}.{method}");
                }
            }
        }

        Assert.That(seen, Is.GreaterThan(5), "methods of System.Text.Json");
        Assert.That(needing, Is.Empty);
    }

    /// <summary>The namespace of the type whose member is referred to; null for members of constructed types, which need no reflection by themselves.</summary>
    private static string? Declared(MetadataReader metadata, int token) =>
        metadata.GetMemberReference((MemberReferenceHandle)MetadataTokens.Handle(token)) is { Parent.Kind: HandleKind.TypeReference } member && member.GetKind() == MemberReferenceKind.Method
            ? metadata.GetString(metadata.GetTypeReference((TypeReferenceHandle)member.Parent).Namespace)
            : null;

    [Test]
    public void SaveAndLoad_InAProcessWithoutReflectionInItsJson_Work()
    {
        string hash = Model().WeightHash();

        Assert.That(ChildProgram.Run("keras", TestFiles.NewFolder()), Is.EqualTo(Extensions.Select(extension => $"{extension} {hash} käfer")));
    }

    /// <summary>Writes and reads Keras files of all kinds in a process whose JSON has no reflection.</summary>
    internal static int Child(string folder)
    {
        AppContext.SetSwitch("System.Text.Json.JsonSerializer.IsReflectionEnabledByDefault", false);
        if (JsonSerializer.IsReflectionEnabledByDefault)
        {
            return 1; // something has used JSON before
        }

        foreach (string extension in Extensions)
        {
            string path = Path.Combine(folder, "m." + extension);
            KerasFile.Save(path, Model(), EngineState.Initial(Model()));
            var model = CnnModel.LoadKeras(path);
            Console.WriteLine($"{extension} {model.WeightHash()} {model.ClassNames[0]}");
        }

        return 0;
    }

    private static CnnModel Model() => CnnModel.Create(["käfer", "b", "c"], seed: 3, filters: [4, 4, 8]);
}

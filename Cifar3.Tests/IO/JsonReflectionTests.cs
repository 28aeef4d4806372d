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
            if (Declared(metadata, token) is { } space && (space.StartsWith("System.Text.Json", StringComparison.Ordinal) || space.StartsWith("Microsoft.AspNetCore.Http", StringComparison.Ordinal) || space == "Microsoft.AspNetCore.Builder"))
            {
                seen++;
                var method = library.ManifestModule.ResolveMember(token, [typeof(object)], [typeof(object)])!;
                if (method.GetCustomAttribute<RequiresUnreferencedCodeAttribute>() is not null && !IsOfGeneratedHandlers(method))
                {
                    needing.Add($"{method.DeclaringType}.{method}");
                }
            }
        }

        Assert.That(seen, Is.GreaterThan(5), "methods of System.Text.Json");
        Assert.That(needing, Is.Empty);
    }

    /// <summary>What ASP.NET's generator of request delegates writes for handlers that give objects, with the type's own metadata; the service has none.</summary>
    private static bool IsOfGeneratedHandlers(MemberInfo method) => method is MethodInfo { Name: "WriteAsJsonAsync" } write && write.GetParameters() is [_, _, { ParameterType: var options }, _] && options == typeof(JsonSerializerOptions);

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

    [Test]
    public void Service_InAProcessWithoutReflectionInItsJson_TellsWhatItRefuses()
    {
        string[] said = ChildProgram.Run("refuse");

        Assert.That(said, Is.EqualTo(new[] { "415 application/problem+json detail", "404 application/problem+json detail", "200 application/json -" }));
    }

    /// <summary>Asks a service in a process whose JSON has no reflection.</summary>
    internal static async Task<int> RefuseInChild()
    {
        AppContext.SetSwitch("System.Text.Json.JsonSerializer.IsReflectionEnabledByDefault", false);
        await using var service = await ServiceApp.StartAsync();
        foreach (var (path, body) in new[] { ("/predict", "no picture"u8.ToArray()), ("/predict/none", ImageCorpus.Files["png rgb"]), ("/predict", ImageCorpus.Files["png rgb"]) })
        {
            using var response = await service.Client.PostAsync(path, ServiceApp.Raw(body));
            string text = await response.Content.ReadAsStringAsync();
            Console.WriteLine($"{(int)response.StatusCode} {response.Content.Headers.ContentType?.MediaType} {(text.Contains("\"detail\"", StringComparison.Ordinal) ? "detail" : "-")}");
        }

        return JsonSerializer.IsReflectionEnabledByDefault ? 1 : 0; // something has used JSON before
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

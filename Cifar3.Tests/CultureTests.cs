using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// What is stored or compared is the same in every language. The repository's programs run without cultures (InvariantGlobalization); users'
/// programs have them, so a process with ICU writes, reads, trains and resumes under each, and its files must be the same bytes.
/// </summary>
public sealed class CultureTests
{
    private static readonly string[] Cultures = ["en-US", "de-DE", "tr-TR", "ar-SA", "hi-IN", "fa-IR", "sv-SE"];

    [Test]
    public void Files_UnderEveryCulture_AreTheSameBytesAndTrainingsGoOn()
    {
        string[] lines = RunWithCultures(TestFiles.NewFolder());
        var byCulture = lines.Where(line => line.StartsWith("CULTURE ", StringComparison.Ordinal)).Select(line => line.Split(' ', 3)).GroupBy(parts => parts[1]).ToDictionary(group => group.Key, group => group.Select(parts => parts[2]).ToList());

        Assert.That(lines, Has.One.EqualTo("separators , and ."), "the process has cultures");
        Assert.That(byCulture.Keys, Is.EquivalentTo(Cultures));
        foreach (string culture in Cultures)
            Assert.That(byCulture[culture], Is.EqualTo(byCulture["en-US"]), culture);
    }

    /// <summary>The same without ICU, as far as numbers go: a culture made up here, which writes 1234.5 as 1.234,5 and minus as U+2212.</summary>
    [Test]
    public void Files_UnderAMadeUpCulture_AreTheSameBytes()
    {
        var strange = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (strange.NumberFormat.NumberDecimalSeparator, strange.NumberFormat.NumberGroupSeparator, strange.NumberFormat.NegativeSign) = (",", ".", "\u2212");
        var before = CultureInfo.CurrentCulture;
        string folder = TestFiles.NewFolder();
        var expected = Work(Path.Combine(folder, "a"));
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.DefaultThreadCurrentCulture = strange;
            Assert.That($"{-1234.5:N1}", Is.EqualTo("\u22121.234,5"));
            Assert.That(Work(Path.Combine(folder, "b")), Is.EqualTo(expected));
        }
        finally
        {
            (CultureInfo.CurrentCulture, CultureInfo.DefaultThreadCurrentCulture) = (before, null);
        }
    }

    /// <summary>The child process: the same work under each culture.</summary>
    public static int Child(string folder)
    {
        Console.WriteLine($"separators {CultureInfo.GetCultureInfo("de-DE").NumberFormat.NumberDecimalSeparator} and {CultureInfo.GetCultureInfo("de-DE").NumberFormat.NumberGroupSeparator}");
        foreach (string culture in Cultures)
        {
            CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = CultureInfo.DefaultThreadCurrentCulture = CultureInfo.GetCultureInfo(culture);
            foreach (string line in Work(Path.Combine(folder, culture), Path.Combine(folder, "en-US")))
                Console.WriteLine($"CULTURE {culture} {line}");
        }

        return 0;
    }

    /// <summary>Writes and reads every kind of file, trains an epoch, and resumes the training that another culture began.</summary>
    private static List<string> Work(string folder, string? begun = null)
    {
        Directory.CreateDirectory(folder);
        var lines = new List<string>();
        var model = TestModels.Random(filters: [4, 5, 6]);
        model = CnnModel.FromWeights(new CnnArchitecture(3, [4, 5, 6], [.5, .25, 0], [.9, .99, .5], [1e-5, 1e-3, .02]), model.Weights, model.Metadata with { Seed = -3 });
        foreach (var flavor in new[] { OnnxFlavor.Keras, OnnxFlavor.Optimized })
            Show($"{flavor}", model.ToOnnxBytes(new OnnxExportOptions { Flavor = flavor }));
        lines.Add($"loaded {CnnModel.LoadOnnx(model.ToOnnxBytes()).WeightHash()} {CnnModel.LoadOnnx(model.ToOnnxBytes()).Metadata.ValAccuracy?.ToString(CultureInfo.InvariantCulture)}");
        foreach (var format in Enum.GetValues<KerasFormat>().Where(format => format != KerasFormat.Auto))
        {
            string path = Path.Combine(folder, $"m-{(int)format}.h5");
            KerasFile.Save(path, model, format: format, learningRate: 2.5e-4);
            Show($"{format}", File.ReadAllBytes(path));
            var keras = KerasFile.Load(path);
            lines.Add(FormattableString.Invariant($"{keras.Model.WeightHash()} {keras.Model.Architecture} {keras.LearningRate}"));
        }

        var images = new ImageSet(EngineTestData.RandomImages(1200, 1), EngineTestData.RandomLabels(1200, 3, 1), model.ClassNames);
        var options = new TrainerOptions { InitialModel = model, Recipe = Recipe.Keras, Epoch = 1, BatchSize = 600, LearningRate = 2.5e-3f, Threads = 2, WorkspacePath = Path.Combine(folder, "work") };
        var first = new Cifar3Trainer(options).Fit(images, null);
        lines.Add($"trained {first.Model.WeightHash()} {first.Model.Metadata.TrainedOn} {first.Model.Metadata.Recipe}");
        string moved = Path.Combine(folder, "moved");
        Directory.CreateDirectory(moved);
        foreach (string file in Directory.GetFiles(Path.Combine(begun ?? folder, "work")))
            File.Copy(file, Path.Combine(moved, Path.GetFileName(file)), overwrite: true);
        lines.Add($"resumed {new Cifar3Trainer(options with { Epoch = 2, Resume = true, WorkspacePath = moved }).Fit(images, null).Model.WeightHash()}");
        return lines;

        void Show(string what, byte[] bytes) => lines.Add($"{what} {Convert.ToHexStringLower(SHA256.HashData(bytes))}");
    }

    /// <summary>This assembly as a program whose runtime has cultures; skips where there is no ICU.</summary>
    private static string[] RunWithCultures(string folder)
    {
        string assembly = typeof(CultureTests).Assembly.Location, stem = assembly[..^".dll".Length], config = Path.Combine(folder, "cultures.runtimeconfig.json");
        string settings = File.ReadAllText(stem + ".runtimeconfig.json");
        string open = settings.Replace("\"System.Globalization.Invariant\": true", "\"System.Globalization.Invariant\": false", StringComparison.Ordinal)
            .Replace("\"System.Globalization.PredefinedCulturesOnly\": true", "\"System.Globalization.PredefinedCulturesOnly\": false", StringComparison.Ordinal);
        Assert.That(open, Is.Not.EqualTo(settings), "the tests' own runtime has no cultures");
        File.WriteAllText(config, open);
        var start = new ProcessStartInfo(DotnetCommand.Host, ["exec", "--runtimeconfig", config, "--depsfile", stem + ".deps.json", assembly, "cultures", folder]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0 && errors.Result.Contains("ICU", StringComparison.Ordinal))
            Assert.Ignore("There is no ICU on this machine (Debian: apt-get install libicu-dev), so no process with cultures.");
        Assert.That(process.ExitCode, Is.Zero, () => errors.Result + output);
        return output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
    }
}

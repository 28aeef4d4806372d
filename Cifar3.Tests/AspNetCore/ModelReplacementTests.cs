using System.Collections;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Cifar3.Tests;

/// <summary>A served model whose files change, at rest and while they are read.</summary>
public sealed class ModelReplacementTests
{
    /// <summary>A file that never rests is not taken, and the version told is that of the model that answers: the eighth attempt took whatever it had, under the version seen before.</summary>
    [Test]
    public async Task Reload_FileThatChangesWithoutRest_NeverTellsAnotherVersion()
    {
        string folder = TestFiles.NewFolder(), file = ServiceApp.SaveModel(Path.Combine(folder, "model.onnx"), seed: 1);
        byte[] pixels = ColourImages.Create(1).Pixels.ToArray();
        var contents = Enumerable.Range(1, 8).Select(seed => File.ReadAllBytes(ServiceApp.SaveModel(Path.Combine(folder, $"{seed}.onnx"), seed))).ToArray();
        var expected = new Dictionary<string, float>();
        foreach (byte[] content in contents)
        {
            using var classifier = Cifar3Classifier.Load(content);
            expected[Convert.ToHexStringLower(SHA256.HashData(content))[..12]] = classifier.PredictPixels(pixels).Confidence;
        }

        await using var app = await ServiceApp.StartAsync(options => options.ModelPath = file);
        var told = new HashSet<(string Version, float Confidence)>();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        for (int i = 0; clock.Elapsed < TimeSpan.FromSeconds(5); i++)
        {
            string next = Path.Combine(folder, "next"), content = $"{i % contents.Length + 1}.onnx";
            File.SetLastWriteTimeUtc(Path.Combine(folder, content), DateTime.UnixEpoch.AddSeconds(i)); // each is a file of its own
            TestFiles.Link(next, content); // and no disk slows this down
            File.Move(next, file, overwrite: true);
            told.Add(Ask());
        }

        Assert.That(told, Is.SubsetOf(expected.Select(pair => (pair.Key, pair.Value))));
        File.Move(Path.Combine(folder, $"{contents.Length}.onnx"), file, overwrite: true);
        Assert.That(() => Ask().Version, Is.EqualTo(expected.Keys.Last()).After(20_000, 100), "at rest it is taken");

        (string Version, float Confidence) Ask()
        {
            using var rented = app.Pool.Rent();
            return (rented.Version, rented.Classifier.PredictPixels(pixels).Confidence);
        }
    }

    /// <summary>A damaged file ends no watching.</summary>
    [Test]
    public async Task Reload_WholeFileAfterADamagedOne_IsTaken()
    {
        string file = ServiceApp.SaveModel(Path.Combine(TestFiles.NewFolder(), "model.onnx"), seed: 1);
        await using var app = await ServiceApp.StartAsync(options => options.ModelPath = file);
        string before = Version(app);
        File.WriteAllText(file, "no model");
        await Task.Delay(4000); // it is looked at once a second, and tried for two

        Assert.That(Version(app), Is.EqualTo(before));
        ServiceApp.SaveModel(file, seed: 2);
        Assert.That(() => Version(app), Is.Not.EqualTo(before).After(20_000, 100));
    }

    /// <summary>Weights under the names that PyTorch, Optimum and onnx give them.</summary>
    [TestCase("model.onnx.data")]
    [TestCase("model.onnx_data")]
    [TestCase("model.data")]
    public async Task Reload_WeightsBesideTheModel_AreAnotherVersion(string name)
    {
        string folder = TestFiles.NewFolder(), file = ServiceApp.SaveModel(Path.Combine(folder, "model.onnx"), seed: 1);
        File.WriteAllText(Path.Combine(folder, name), "weights");
        await using var app = await ServiceApp.StartAsync(options => options.ModelPath = file);
        string before = Version(app);

        File.WriteAllText(Path.Combine(folder, name), "others");

        Assert.That(() => Version(app), Is.Not.EqualTo(before).After(20_000, 100));
    }

    /// <summary>A file beside the model that this model does not need: it hid every replacement, for the version told was that of a file that cannot be read, before and after.</summary>
    [TestCase("model.classes.txt", 0)]
    [TestCase("model.data", 0)]
    [TestCase("model.data", (1L << 30) + 1, Description = "larger than any model; it takes no place on the disk")]
    public async Task Reload_BesideAFileThatIsNotReadAsPartOfIt_IsTaken(string name, long length)
    {
        string folder = TestFiles.NewFolder(), file = ServiceApp.SaveModel(Path.Combine(folder, "model.onnx"), seed: 1);
        using (var beside = File.Create(Path.Combine(folder, name)))
        {
            beside.SetLength(length);
        }

        string first = Convert.ToHexStringLower(SHA256.HashData([.. SHA256.HashData(File.ReadAllBytes(file)), .. Encoding.UTF8.GetBytes(name)]))[..12];
        await using var app = await ServiceApp.StartAsync(options => options.ModelPath = file);
        string before = Version(app);

        ServiceApp.SaveModel(file, seed: 2);

        Assert.That(() => Version(app), Is.Not.EqualTo(before).After(20_000, 100));
        Assert.That(before, Is.EqualTo(first), "that it is there counts, and its bytes are not read");
    }

    /// <summary>Whatever the reason, it is told, and the next file is taken. The watching ended without a word, and the old model stayed for good.</summary>
    [Test]
    public async Task Reload_ThatFailsForAnyReason_IsToldAndEndsNoWatching()
    {
        string file = ServiceApp.SaveModel(Path.Combine(TestFiles.NewFolder(), "model.onnx"), seed: 1);
        var names = new FailingNames("a", "b", "c");
        using var log = new Warnings();
        await using var app = await ServiceApp.StartAsync(options => (options.ModelPath, options.Classifier) = (file, new ClassifierOptions { ClassNames = names }), services => services.AddSingleton<ILoggerProvider>(log));
        using var seen = new Measurements(app);
        string before = Version(app);

        int tries = 0;
        names.Fail = () => new InvalidOperationException($"no names, try {++tries}");
        ServiceApp.SaveModel(file, seed: 2);
        Assert.That(() => log.Texts, Is.Not.Empty.After(20_000, 100));
        Assert.That(log.Texts.Single(), Does.Contain($"stays at version {before}").And.EndWith("no names, try 8"), "the last reason, not one of a file that was still being copied");
        Assert.That(Version(app), Is.EqualTo(before));

        names.Fail = null;
        ServiceApp.SaveModel(file, seed: 3);
        Assert.That(() => Version(app), Is.Not.EqualTo(before).After(20_000, 100));
        Assert.That(() => seen.Tags("cifar3.model.loads", "cifar3.outcome"), Is.EqualTo(new[] { "failed", "replaced" }).After(20_000, 100));
        Assert.That(seen.Tags("cifar3.model.loads", "cifar3.version")[1], Is.EqualTo(Version(app)));
    }

    /// <summary>The folder of a release behind a link, and in it a link upwards to what all releases share: its version was "unreadable", and no replacement was seen.</summary>
    [Test]
    public async Task Reload_LinkUpwardsInAFolderBehindALink_IsSeen()
    {
        var (file, shared) = TestFiles.SharedBehindLinks("model.onnx");
        ServiceApp.SaveModel(shared, seed: 1);
        await using var app = await ServiceApp.StartAsync(options => options.ModelPath = file);
        Assert.That(Version(app), Is.EqualTo(Hash()));

        ServiceApp.SaveModel(shared, seed: 2);

        Assert.That(() => Version(app), Is.EqualTo(Hash()).After(20_000, 100));

        string Hash() => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(shared)))[..12];
    }

    /// <summary>A disk in memory takes years that .NET's calendar has not (<c>touch -d @300000000000</c>).</summary>
    [Test]
    public async Task Reload_FileOfAYearThatDotnetDoesNotKnow_IsServedAndReplaced()
    {
        Assume.That(Directory.Exists("/dev/shm"), "needs Linux' disk in memory");
        string folder = Directory.CreateDirectory($"/dev/shm/c3-{Guid.NewGuid():N}").FullName, file = ServiceApp.SaveModel(Path.Combine(folder, "model.onnx"), seed: 1);
        try
        {
            using (var touch = System.Diagnostics.Process.Start("touch", ["-d", "@300000000000", file]))
            {
                await touch.WaitForExitAsync();
            }

            Assume.That(() => File.GetLastWriteTimeUtc(file), Throws.InstanceOf<ArgumentException>());
            await using var app = await ServiceApp.StartAsync(options => options.ModelPath = file);
            string before = Version(app);

            ServiceApp.SaveModel(file, seed: 2);

            Assert.That(() => Version(app), Is.Not.EqualTo(before).After(20_000, 100));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Version(ServiceApp app)
    {
        using var rented = app.Pool.Rent();
        return rented.Version;
    }

    /// <summary>Names that cannot be read while something fails.</summary>
    private sealed class FailingNames(params string[] names) : IReadOnlyList<string>
    {
        public Func<Exception>? Fail { get; set; }

        public int Count => Fail is { } fail ? throw fail() : names.Length;

        public string this[int index] => names[index];

        public IEnumerator<string> GetEnumerator() => ((IEnumerable<string>)names).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}

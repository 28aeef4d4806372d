using System.Diagnostics;
using System.Text;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// Random damage to Keras' files and to our own: the reader gives a model or a <see cref="Cifar3ModelException"/>, never another
/// exception, a hang, or memory beyond what the file justifies.
/// </summary>
public sealed class KerasMutationTests
{
    private const int Full = 10_000;
    private const long MaxAllocation = 256L << 20;
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(2); // one file takes a few milliseconds; a busy machine may stop us for a while

    private static readonly string[] Files =
    [
        "keras3/init.keras", "keras3/init.h5", "keras3/init.weights.h5", "keras3/trained.keras", "keras3/trained.h5", "keras3/trained.weights.h5",
        "keras3/variant-8-16-24-10classes.keras", "keras2/init.keras", "keras2/init.h5", "keras2/init-weights.h5", "keras2/trained.h5", "keras2/trained-weights.h5",
        "keras2.3.1/init.h5", "keras2.3.1/init-weights.h5", "keras2.3.1/model_0.880.h5", "keras2.3.1/trained-weights.h5", "refuse/lambda.keras",
        "config.json", "ours.keras", "ours.h5", "ours.hdf5", "ours.weights.h5",
    ];

    [Test]
    public void Load_DamagedFile_GivesAModelOrAClearError([ValueSource(nameof(Files))] string file) => Run(file, flips: 40, truncations: 15);

    /// <summary>The full size: <c>dotnet test -c Release Cifar3.Tests --filter Name~Load_TenThousandDamagedFiles --logger "console;verbosity=detailed"</c>.</summary>
    [Test]
    [Category(TestCategories.Slow)] // 10,000 byte flips and 10,000 truncations of every file take several minutes
    public void Load_TenThousandDamagedFiles_GiveAModelOrAClearError([ValueSource(nameof(Files))] string file) => Run(file, flips: Full, truncations: Full);

    private static void Run(string file, int flips, int truncations) => Run(file, Original(file), damaged => Packed(file, damaged), flips, truncations);

    /// <summary>Damages a file, or the part of it that <paramref name="pack"/> puts into one.</summary>
    internal static void Run(string file, byte[] original, Func<byte[], byte[]> pack, int flips, int truncations)
    {
        int[] structure = Structure(original);
        long worstMemory = 0, models = 0, errors = 0;
        var slowest = TimeSpan.Zero;
        object gate = new();
        using var growth = new MemoryGrowth();

        Parallel.For(0, flips + truncations, new ParallelOptions { MaxDegreeOfParallelism = 2 }, i =>
        {
            using var watch = new Timer(_ => Environment.FailFast($"{nameof(KerasMutationTests)}: damage number {i} of {file} hangs the reader."), null, Hang, Timeout.InfiniteTimeSpan);
            var random = new Random(i);
            byte[] damaged = pack(i < flips ? Flip(original, structure, random) : original[..random.Next(original.Length)]);
            long before = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
            bool isModel = true;
            try
            {
                Assert.That(KerasFile.Parse(damaged, file).Model.Weights, Has.Count.EqualTo(26));
            }
            catch (Cifar3ModelException e)
            {
                isModel = false;
                Assert.That(e.Message, Does.StartWith($"Cannot read Keras file '{file}': ").And.Length.LessThan(2000));
            }
            catch (Exception e)
            {
                throw new AssertionException($"Damage number {i} gives {e.GetType().Name} instead of a Cifar3ModelException: {e}", e);
            }

            var time = Stopwatch.GetElapsedTime(start);
            long memory = GC.GetAllocatedBytesForCurrentThread() - before;
            if (i % 4 == 0)
            {
                GC.Collect(); // measured is what the files need, not how much garbage the collector lets lie
            }

            Assert.That(memory, Is.LessThan(MaxAllocation), $"damage number {i}");
            lock (gate)
            {
                worstMemory = Math.Max(worstMemory, memory);
                slowest = time > slowest ? time : slowest;
                models += isModel ? 1 : 0;
                errors += isModel ? 0 : 1;
            }
        });

        TestContext.Out.WriteLine(
            $"{file}: {flips + truncations:N0} damaged files, {models:N0} models, {errors:N0} errors, 0 others; one took at most {worstMemory / 1e6:F1} MB and {slowest.TotalMilliseconds:F0} ms; the process grew by {growth.Peak / 1e6:F0} MB");
        Assert.That(models + errors, Is.EqualTo(flips + truncations));
        Assert.That(growth.Peak, Is.LessThan(MaxAllocation), "growth of the process");
        Assert.That(errors, Is.GreaterThan(truncations / 2));
    }

    private static byte[] Original(string file)
    {
        if (file == "config.json")
        {
            return Encoding.UTF8.GetBytes(KerasConfigWriter.Archive(KerasTestFile.Trained().Model, 1e-3).ToJsonString());
        }

        if (!file.StartsWith("ours.", StringComparison.Ordinal))
        {
            return File.ReadAllBytes(TestFiles.Golden(file));
        }

        var (model, state) = KerasTestFile.Trained();
        string path = Path.Combine(TestFiles.NewFolder(), file);
        KerasFile.Save(path, model, state, file == "ours.hdf5" ? KerasFormat.Keras2Hdf5 : KerasFormat.Auto);
        return File.ReadAllBytes(path);
    }

    /// <summary>The archive around a damaged architecture: its checksum is right, so that the damage reaches the reader of the JSON.</summary>
    private static byte[] Packed(string file, byte[] damaged) =>
        file == "config.json" ? KerasTestFile.Zip(damaged, KerasTestFile.Weights()) : damaged;

    /// <summary>Positions outside the weights, which are most of a file: blocks of 64 bytes that are mostly text, 0 or 255.</summary>
    private static int[] Structure(byte[] file) =>
        [.. Enumerable.Range(0, file.Length / 64).Where(block => file.AsSpan(block * 64, 64).ToArray().Count(b => b is 0 or 255 or (>= 32 and < 127)) >= 48).SelectMany(block => Enumerable.Range(block * 64, 64))];

    /// <summary>One to four bytes changed, half of them in the structure: a bit, 0, 255 or anything.</summary>
    private static byte[] Flip(byte[] original, int[] structure, Random random)
    {
        byte[] damaged = [.. original];
        for (int n = random.Next(1, 5); n > 0; n--)
        {
            int position = random.Next(2) == 0 ? structure[random.Next(structure.Length)] : random.Next(damaged.Length);
            damaged[position] = random.Next(4) switch
            {
                0 => 0,
                1 => 255,
                2 => (byte)(damaged[position] ^ (1 << random.Next(8))),
                _ => (byte)random.Next(256),
            };
        }

        return damaged;
    }
}

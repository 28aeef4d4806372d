using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// Damage that knows what Keras' files are made of: settings of the architecture replaced, removed, doubled and exchanged under a right checksum; numbers and addresses of HDF5's
/// structures made extreme or taken from one another. A model or a <see cref="Cifar3ModelException"/>, in bounded time and memory.
/// </summary>
public sealed class KerasStructureMutationTests
{
    private const long MaxAllocation = 256L << 20;
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(2);
    private static readonly ulong[] Extremes = [0, 1, 2, 7, 8, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF];
    private static readonly string[] Files = ["ours.keras", "ours.h5", "ours.weights.h5", "ours.hdf5", "keras3/trained.keras", "keras3/trained.h5", "keras2/trained.h5", "keras2.3.1/model_0.880.h5"];

    [Test]
    public void Load_DamagedStructure_GivesAModelOrAClearError([ValueSource(nameof(Files))] string file) => Run(file, count: 60);

    /// <summary>The full size: <c>dotnet test -c Release Cifar3.Tests --filter Name~TenThousandDamagedStructures --logger "console;verbosity=detailed"</c>.</summary>
    [Test]
    [Category(TestCategories.Slow)]
    public void Load_TenThousandDamagedStructures_GiveAModelOrAClearError([ValueSource(nameof(Files))] string file) => Run(file, count: 10_000);

    private static void Run(string file, int count)
    {
        byte[] original = Original(file);
        bool archive = file.EndsWith(".keras", StringComparison.Ordinal);
        int models = 0, errors = 0;
        long worst = 0;
        var slowest = TimeSpan.Zero;
        for (int i = 0; i < count; i++)
        {
            using var watch = new Timer(_ => Environment.FailFast($"{nameof(KerasStructureMutationTests)}: damage number {i} of {file} hangs the reader."), null, Hang, Timeout.InfiniteTimeSpan);
            var random = new Random(i);
            byte[] damaged = archive ? Settings(original, random) : Numbers(original, random);
            long before = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
            try
            {
                Assert.That(KerasFile.Parse(damaged, file).Model.Weights, Has.Count.EqualTo(26));
                models++;
            }
            catch (Cifar3ModelException e)
            {
                Assert.That(e.Message, Does.StartWith($"Cannot read Keras file '{file}': ").And.Length.LessThan(2000));
                errors++;
            }
            catch (Exception e)
            {
                throw new AssertionException($"Damage number {i} gives {e.GetType().Name} instead of a Cifar3ModelException: {e}", e);
            }

            var time = Stopwatch.GetElapsedTime(start);
            slowest = time > slowest ? time : slowest;
            worst = Math.Max(worst, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        TestContext.Out.WriteLine($"{file}: {count:N0} damaged structures, {models:N0} models, {errors:N0} errors; one took at most {worst / 1e6:F1} MB and {slowest.TotalMilliseconds:F0} ms");
        Assert.That(worst, Is.LessThan(MaxAllocation));
        Assert.That(models, Is.GreaterThan(0), "damage to what does not count");
        Assert.That(errors, Is.GreaterThan(count / 20));
    }

    private static byte[] Original(string file)
    {
        if (!file.StartsWith("ours.", StringComparison.Ordinal))
        {
            return File.ReadAllBytes(TestFiles.Golden(file));
        }

        var (model, state) = KerasTestFile.Trained();
        string path = Path.Combine(TestFiles.NewFolder(), file);
        KerasFile.Save(path, model, state, file == "ours.hdf5" ? KerasFormat.Keras2Hdf5 : KerasFormat.Auto);
        return File.ReadAllBytes(path);
    }

    /// <summary>The archive with one to three settings of its architecture changed.</summary>
    private static byte[] Settings(byte[] archive, Random random)
    {
        var parts = KerasTestFile.Unzip(archive);
        var root = JsonNode.Parse(parts["config.json"])!;
        for (int n = random.Next(1, 4); n > 0; n--)
        {
            var all = Nodes(root).ToList();
            var node = all[random.Next(all.Count)];
            switch (node.Parent)
            {
                case JsonObject parent:
                    string name = parent.First(pair => ReferenceEquals(pair.Value, node)).Key;
                    if (random.Next(5) == 0)
                    {
                        parent.Remove(name);
                    }
                    else
                    {
                        parent[name] = Value(all, random);
                    }

                    break;
                case JsonArray list:
                    int at = list.IndexOf(node);
                    if (random.Next(4) == 0)
                    {
                        list.RemoveAt(at);
                    }
                    else if (random.Next(3) == 0)
                    {
                        list.Insert(at, node.DeepClone());
                    }
                    else
                    {
                        list[at] = Value(all, random);
                    }

                    break;
            }
        }

        return KerasTestFile.Zip(Encoding.UTF8.GetBytes(root.ToJsonString()), parts["model.weights.h5"]);
    }

    private static JsonNode? Value(List<JsonNode> all, Random random) => random.Next(9) switch
    {
        0 => null,
        1 => JsonValue.Create(int.MaxValue),
        2 => JsonValue.Create(-1),
        3 => JsonValue.Create(1e308),
        4 => JsonValue.Create(new string('x', 5000)),
        5 => new JsonArray(1, 2, 3),
        6 => new JsonObject { ["class_name"] = "Lambda" },
        7 => JsonValue.Create(true),
        _ => all[random.Next(all.Count)].DeepClone(),
    };

    private static IEnumerable<JsonNode> Nodes(JsonNode node)
    {
        var children = node switch
        {
            JsonObject parent => parent.Select(pair => pair.Value),
            JsonArray list => list,
            _ => [],
        };
        foreach (var child in children.OfType<JsonNode>())
        {
            yield return child;
            foreach (var below in Nodes(child))
            {
                yield return below;
            }
        }
    }

    /// <summary>The file with one to three whole numbers of its structures changed: sizes, counts, addresses, 1 to 8 bytes long.</summary>
    private static byte[] Numbers(byte[] file, Random random)
    {
        byte[] damaged = [.. file];
        var number = new byte[8];
        string[] signatures = ["TREE", "SNOD", "HEAP", "GCOL", "OHDR", "OCHK", "FRHP", "FHDB", "BTHD", "BTLF"];
        var places = signatures.SelectMany(name => Places(file, Encoding.ASCII.GetBytes(name))).Append(0).ToList();
        for (int n = random.Next(1, 4); n > 0; n--)
        {
            // Within a structure, or anywhere in the small half of the file that is not weights.
            int start = random.Next(3) > 0 ? places[random.Next(places.Count)] : random.Next(file.Length), at = Math.Clamp(start + random.Next(0, 200), 8, file.Length - 8);
            ulong value = random.Next(3) == 0 ? BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(Math.Clamp(places[random.Next(places.Count)] + 8 * random.Next(20), 0, file.Length - 8)))
                : random.Next(3) == 0 ? (ulong)places[random.Next(places.Count)] // an address that is one
                : Extremes[random.Next(Extremes.Length)];
            BinaryPrimitives.WriteUInt64LittleEndian(number, value);
            number.AsSpan(0, 1 << random.Next(4)).CopyTo(damaged.AsSpan(at));
        }

        return damaged;
    }

    private static IEnumerable<int> Places(byte[] file, byte[] signature)
    {
        for (int at = 0, found; (found = file.AsSpan(at).IndexOf(signature)) >= 0; at += found + 1)
        {
            yield return at + found;
        }
    }
}

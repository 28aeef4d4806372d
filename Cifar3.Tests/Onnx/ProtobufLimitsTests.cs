using Google.Protobuf;
using Onnx;

namespace Cifar3.Tests;

/// <summary>The counting pass before the parser: what it lets through, the parser reads as it counted; ways to lead it past are refused.</summary>
public sealed class ProtobufLimitsTests
{
    private static readonly byte[] Nodes = [.. Enumerable.Repeat(new byte[] { 0x0A, 0 }, 400_000).SelectMany(node => node)]; // graph.node, 0 bytes

    [TestCase("unknown group")]
    [TestCase("group of the graph's number")]
    [TestCase("tag of too many bytes")]
    [TestCase("tag beyond 32 bits")]
    [TestCase("packed numbers")]
    [TestCase("unknown numbers one by one")]
    [TestCase("graphs that add up")]
    [TestCase("nested beyond the parser")]
    public void Open_LedPastTheCount_IsRefusedBeforeItIsParsed(string way)
    {
        byte[] bytes = Make(way);
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.That(() => OnnxFile.Open(bytes, "file"), Throws.TypeOf<Cifar3ModelException>().With.Message.Length.LessThan(600));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(2 << 20));
    }

    [Test]
    public void Open_FieldsThatTheSchemaDoesNotKnow_AreLeftOut()
    {
        byte[] model = TestModels.Random(2, [1, 1, 1]).ToOnnxBytes();
        byte[] more = [.. model, .. Field(900, [1, 2, 3]), 0xC0, 0x3E, 7];

        Assert.That(OnnxFile.Open(more, "file").Model.ToByteArray(), Is.EqualTo(model));
    }

    /// <summary>Mutations that know protobuf's structure: other tags, lengths, groups, packed lists. A model or an error of ours, within 64 MB each.</summary>
    [Test]
    public void Open_MutatedStructure_IsAModelOrAClearError() => Mutate(500);

    /// <summary>The same 10,000 times: half a minute.</summary>
    [Test]
    [Category(TestCategories.Slow)]
    public void Open_TenThousandMutatedStructures_AreModelsOrClearErrors() => Mutate(10_000);

    private static void Mutate(int count)
    {
        byte[] original = TestModels.Random(2, [2, 2, 2]).ToOnnxBytes();
        string[] names = ["a", "b"];
        int models = 0, errors = 0;
        for (int i = 0; i < count; i++)
        {
            var random = new Random(i);
            byte[] damaged = [.. original];
            for (int n = random.Next(1, 4); n > 0; n--)
            {
                int at = random.Next(random.Next(2) == 0 ? 200 : damaged.Length);
                byte[] piece = random.Next(7) switch
                {
                    0 => [0x0B, 0x0C], // a group, empty
                    1 => [0x83, 0x80, 0x00], // a group's tag in three bytes
                    2 => [0xBA, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x00], // field 7 in seven bytes
                    3 => [0x3A, .. Varint((ulong)random.NextInt64(0, 1L << random.Next(1, 40)))],
                    4 => [0x3A, 2, 0x0A, 0],
                    5 => [0x3A, 12, 0x2A, 10, 0x3A, 8, 1, 2, 3, 4, 5, 6, 7, 8], // graph, initializer, packed int64
                    _ => [(byte)random.Next(256)],
                };
                damaged = [.. damaged[..at], .. piece, .. damaged[(random.Next(2) == 0 ? at : Math.Min(damaged.Length, at + piece.Length))..]];
            }

            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                var file = OnnxFile.Open(damaged, "file");
                models++;
                if (file.Kind == OnnxKind.Keras)
                {
                    file.ReadModel();
                }
                else
                {
                    file.Inspect(new ClassifierOptions { ClassNames = names });
                }
            }
            catch (Cifar3ModelException e)
            {
                errors++;
                Assert.That(e.Message, Does.StartWith("Cannot read model 'file'").And.Length.LessThan(4000));
            }

            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(64 << 20), $"mutation {i}");
        }

        TestContext.Out.WriteLine($"{count:N0} mutations: {models:N0} parsed, {errors:N0} refused");
        Assert.That(models, Is.GreaterThan(count / 100));
        Assert.That(errors, Is.GreaterThan(count / 4));
    }

    private static byte[] Make(string way) => way switch
    {
        "unknown group" => [0x0B, .. Enumerable.Repeat(new byte[] { 0x13, 0x14 }, 300_000).SelectMany(group => group), 0x0C],
        "group of the graph's number" => [0x3B, .. Nodes, 0x3C],
        "tag of too many bytes" => [0xBA, 0x80, 0x80, 0x80, 0x00, .. Varint((ulong)Nodes.Length), .. Nodes],
        "tag beyond 32 bits" => [0xBA, 0x80, 0x80, 0x80, 0x90, 0x01, .. Varint((ulong)Nodes.Length), .. Nodes],
        "packed numbers" => Field(7, Field(5, Field(7, Enumerable.Repeat((byte)1, 2_000_000).ToArray()))),
        "unknown numbers one by one" => [.. Enumerable.Repeat(new byte[] { 0xC0, 0x3E, 1 }, 1_100_000).SelectMany(number => number)],
        "graphs that add up" => [.. Enumerable.Repeat(Field(7, Nodes[..2000]), 100).SelectMany(graph => graph)],
        _ => Enumerable.Range(0, 400).Aggregate(Array.Empty<byte>(), (inner, _) => Field(1, Field(5, Field(6, inner)))) is var deep ? Field(7, deep) : [],
    };

    private static byte[] Field(int number, byte[] content) => [.. Varint((ulong)number << 3 | 2), .. Varint((ulong)content.Length), .. content];

    private static IEnumerable<byte> Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            yield return (byte)(value | 0x80);
        }

        yield return (byte)value;
    }
}

using System.Diagnostics;
using System.Text.Json.Nodes;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Small files that name a group or a text thousands of times cost no minutes: texts and steps through groups are counted, however often they are asked for.</summary>
public sealed class Hdf5LimitsTests
{
    /// <summary>130 KB: 65,000 names of layers, each of a group with 65,000 names of weights.</summary>
    [Test]
    [CancelAfter(60_000)]
    public void Load_ManyShortNamesOfOneGroup_EndsEarly()
    {
        var file = new Hdf5Bytes();
        string all = new('a', 65_000);
        byte[] content = file.File(file.Object(Hdf5Bytes.Link("a", file.Object(Hdf5Bytes.Texts("weight_names", 1, all))), Hdf5Bytes.Texts("layer_names", 1, all)));

        Assert.That(Timed(content), Does.Contain("more than 16,777,216 bytes of text"));
    }

    /// <summary>3 MB: a group of 60,000 models, all of them itself, in which an architecture of 15 models within models is looked for.</summary>
    [Test]
    [CancelAfter(60_000)]
    public void Load_ModelsWithinModelsInAGroupOfItself_EndsEarly()
    {
        var file = new Hdf5Bytes();
        long root = file.Circle("layers", circle => file.LargeGroup([.. Enumerable.Range(0, 60_000).Select(i => (i == 0 ? "sequential" : $"sequential_{i}", circle))]));
        var config = KerasConfigWriter.Archive(KerasTestFile.Trained().Model, 1e-3);
        for (int depth = 0; depth < 15; depth++)
        {
            var layers = config["config"]!["layers"]!.AsArray();
            JsonNode input = layers[0]!.DeepClone(), inner = new JsonObject { ["module"] = "keras", ["class_name"] = "Sequential", ["config"] = new JsonObject { ["name"] = $"s{depth}", ["layers"] = layers.DeepClone() } };
            config["config"]!["layers"] = new JsonArray(input, inner);
        }

        Assert.That(Timed(KerasTestFile.Zip(config.ToJsonString(), file.File(root))), Does.Contain("more than 2,000,000 steps"));
    }

    private static string Timed(byte[] content)
    {
        var watch = Stopwatch.StartNew();
        string message = KerasTestFile.Refusal(content);
        TestContext.Out.WriteLine($"{content.Length:N0} bytes, {watch.ElapsedMilliseconds} ms: {message}");
        return message;
    }
}

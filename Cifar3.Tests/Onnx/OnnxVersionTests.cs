using System.Text.RegularExpressions;

namespace Cifar3.Tests;

/// <summary>Operator sets and IR versions of other tools' files: which are read, as docs/onnx.md says, and that the others are refused by one line.</summary>
public sealed partial class OnnxVersionTests
{
    private static readonly CnnModel Model = TestModels.Random(filters: [4, 4, 8]);
    private static readonly byte[] Pixels = EngineTestData.RandomImages(3, seed: 1);

    [Test]
    public void Load_EveryOperatorSet_IsReadOrRefusedAsThePageSays()
    {
        var stated = Stated().Groups;

        Assert.That(Read(0, 40, (model, version) => model.OpsetImport[0].Version = version), Is.EqualTo(Range(stated["opsetFrom"], stated["opsetTo"])));
    }

    [Test]
    public void Load_EveryIrVersion_IsReadOrRefusedAsThePageSays()
    {
        var stated = Stated().Groups;

        Assert.That(Read(0, 30, (model, version) => model.IrVersion = version), Is.EqualTo(Enumerable.Range(0, 1 + int.Parse(stated["irTo"].Value, System.Globalization.CultureInfo.InvariantCulture))));
    }

    /// <summary>Both names are ONNX's own; which one a program takes decides what Softmax and others compute.</summary>
    [Test]
    public void Load_TwoOperatorSetsOfOnnx_IsRefused()
    {
        byte[] onnx = ForeignOnnxTests.Foreign(Model, model => model.OpsetImport.Add(new Onnx.OperatorSetIdProto { Domain = "ai.onnx", Version = 11 }));

        byte[] twice = ForeignOnnxTests.Foreign(Model, model => model.OpsetImport.Add(model.OpsetImport[0])); // as onnx.compose.merge_models writes it
        var options = new ClassifierOptions { ClassNames = ["a", "b", "c"] };

        Assert.That(() => Cifar3Classifier.Load(onnx, options), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("expected one operator set of ONNX, found several (17, 11)"));
        Assert.That(() => Cifar3Classifier.Load(twice, options).Dispose(), Throws.Nothing);
    }

    private static Match Stated()
    {
        var match = Statement().Match(new DocPage("docs/onnx.md").Text);
        Assert.That(match.Success, "the page's sentence");
        Assert.That(OnnxRuntimeLibrary.Load().Version, Does.StartWith(match.Groups["runtime"].Value + "."), "measured with this version");
        return match;
    }

    /// <summary>The versions with which the network gives what it gives; every other is a refusal of one line.</summary>
    private static List<int> Read(int first, int last, Action<Onnx.ModelProto, int> set)
    {
        float[] expected = new float[9], found = new float[9];
        using (var own = Cifar3Classifier.FromModel(Model))
        {
            own.Score(Pixels, expected);
        }

        var read = new List<int>();
        for (int version = first; version <= last; version++)
        {
            byte[] onnx = ForeignOnnxTests.Foreign(Model, proto => set(proto, version));
            try
            {
                using var classifier = Cifar3Classifier.Load(onnx, new ClassifierOptions { ClassNames = ["a", "b", "c"] });
                classifier.Score(Pixels, found);
                Assert.That(found, Is.EqualTo(expected).Within(1e-5f), $"version {version}");
                read.Add(version);
            }
            catch (Cifar3ModelException e)
            {
                TestContext.Out.WriteLine($"{version}: {e.Message}");
                Assert.That(e.Message.Trim(), Does.StartWith("Cannot ").And.Not.Contain("\n").And.Not.Contain("onnxruntime_src").And.Not.Contain("std::").And.Length.LessThan(500));
            }
        }

        return read;
    }

    private static IEnumerable<int> Range(Group from, Group to)
    {
        int first = int.Parse(from.Value, System.Globalization.CultureInfo.InvariantCulture);
        return Enumerable.Range(first, int.Parse(to.Value, System.Globalization.CultureInfo.InvariantCulture) - first + 1);
    }

    [GeneratedRegex(@"Operator sets (?<opsetFrom>\d+) to (?<opsetTo>\d+) and IR versions up to (?<irTo>\d+) are read, with ONNX Runtime (?<runtime>[0-9.]+)")]
    private static partial Regex Statement();
}

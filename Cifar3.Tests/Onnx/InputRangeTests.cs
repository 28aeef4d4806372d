using Onnx;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3.Tests;

/// <summary>What a graph takes, where its first nodes are no chain of arithmetic: 8 bits at once, or several branches.</summary>
public sealed class InputRangeTests
{
    private static readonly CnnModel Model = TestModels.Random(filters: [4, 4, 8]);
    private static readonly byte[] Pixels = EngineTestData.RandomImages(5, seed: 1);

    /// <summary>ONNX Runtime's quantize_static puts QuantizeLinear and DequantizeLinear in front of everything, Keras' Rescaling too: its steps reach as far as the images that it was calibrated with.</summary>
    [TestCase(1f, false, 0, true, "0 to 255 (the pixel itself), read from its graph, which takes its input in steps from 0 to 255")]
    [TestCase(0.98f, true, -128, true, "0 to 255 (the pixel itself), read from its graph, which takes its input in steps from 0 to 250")]
    [TestCase(1 / 255f, false, 0, false, "0 to 1 (pixel / 255), read from its graph, which takes its input in steps from 0 to 1")]
    public void Load_InputQuantizedAtOnce_IsFedWithTheRangeOfItsSteps(float scale, bool asInt8, int zero, bool rescales, string expected)
    {
        using var classifier = Load(Quantized(scale, asInt8, zero, rescales));

        Assert.That(classifier.InputDescription, Does.EndWith(expected));
        AssertSame(classifier, tolerance: 2e-2f);
    }

    /// <summary>Steps from −2 to 2 are those of images that were normalized outside the graph; steps from −1 to 1 may be those of 0 to 1, of which half are not used.</summary>
    [TestCase(4 / 255f, false, 128, "in steps from -2.01 to 1.99")]
    [TestCase(1 / 127f, true, 0, "in steps from -1.01 to 1")]
    public void Load_InputQuantizedToAnotherRange_AsksForInputScaling(float scale, bool asInt8, int zero, string found)
    {
        byte[] onnx = Quantized(scale, asInt8, zero, rescales: false);

        Assert.That(() => Load(onnx), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains($"the graph takes its input {found}").And.Message.Contains("ClassifierOptions.InputScaling"));
        using var told = Load(onnx, InputScaling.ZeroToOne);
        AssertSame(told, tolerance: 1e-1f);
    }

    /// <summary>A graph that keeps its input within bounds says what it takes, whatever follows.</summary>
    [TestCase(255f, "0 to 255 (the pixel itself), read from its graph, which clips its input to 0 to 255")]
    [TestCase(1f, "0 to 1 (pixel / 255), read from its graph, which clips its input to 0 to 1")]
    public void Load_InputClippedAtOnce_IsFedWithTheRangeOfTheBounds(float most, string expected)
    {
        using var classifier = Load(Clipped(0, most, most));

        Assert.That(classifier.InputDescription, Does.EndWith(expected));
        AssertSame(classifier, tolerance: 1e-5f);
    }

    [Test]
    public void Load_InputClippedToAnotherRange_AsksForInputScaling() =>
        Assert.That(() => Load(Clipped(-1, 1, 1)), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("the graph clips its input to -1 to 1, from which").And.Message.Contains("ClassifierOptions.InputScaling"));

    /// <summary>As PyTorch writes it without constant folding.</summary>
    [Test]
    public void Load_InputClippedToBoundsThatNodesGive_AsksForInputScaling()
    {
        byte[] onnx = ForeignOnnxTests.Foreign(Model, proto =>
        {
            PutInFront(proto.Graph, proto.Graph.Node, 0, "Clip", Number(proto.Graph, "least", 0), "most");
            proto.Graph.Node.Insert(0, new NodeProto { OpType = "Identity", Input = { Number(proto.Graph, "bound", 255) }, Output = { "most" } });
        });

        Assert.That(() => Load(onnx), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("ClassifierOptions.InputScaling"));
    }

    /// <summary>Pixels from 0 to 1 would all be 0 or 1 behind the cast.</summary>
    [Test]
    public void Load_InputMadeWholeNumbersAtOnce_IsFedWithPixels()
    {
        byte[] onnx = ForeignOnnxTests.Foreign(Model, proto =>
        {
            TakePixels(proto.Graph, 255);
            foreach (var type in new[] { DataType.Float, DataType.Uint8 })
            {
                PutInFront(proto.Graph, proto.Graph.Node, 0, "Cast");
                proto.Graph.Node[0].Attribute.Add(OnnxGraphBuilder.Int("to", (long)type));
            }
        });

        using var classifier = Load(onnx);

        Assert.That(classifier.InputDescription, Does.EndWith("0 to 255 (the pixel itself), read from its graph, which makes whole numbers of its input"));
        AssertSame(classifier, tolerance: 1e-5f);
    }

    /// <summary>The networks of an ensemble scale the image each for itself.</summary>
    [TestCase(1 / 255f)]
    [TestCase(1f)]
    public void Load_ScalingInEveryBranch_IsFedWithWhatItExpects(float factor)
    {
        using var classifier = Load(Ensemble(factor, factor));

        AssertSame(classifier, tolerance: 1e-4f, sharper: true);
    }

    [Test]
    public void Load_BranchesOfDifferentRanges_AsksForInputScaling() => Assert.That(
        () => Load(Ensemble(1 / 255f, 1)),
        Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("the graph begins with a·x + b with a = 1, 1, 1 and b = 0, 0, 0 and begins with a·x + b with a = 0.00392").And.Message.Contains("ClassifierOptions.InputScaling"));

    private static Cifar3Classifier Load(byte[] onnx, InputScaling? scaling = null) => Cifar3Classifier.Load(onnx, new ClassifierOptions { ClassNames = ["airplane", "automobile", "bird"], InputScaling = scaling });

    /// <summary>The network's probabilities; <paramref name="sharper"/>: those of twice its logits.</summary>
    private static void AssertSame(Cifar3Classifier classifier, float tolerance, bool sharper = false)
    {
        float[] expected = new float[15], found = new float[15];
        using (var own = Cifar3Classifier.FromModel(Model))
        {
            own.Score(Pixels, expected);
        }

        if (sharper)
        {
            expected = [.. expected.Chunk(3).SelectMany(row => row.Select(p => p * p / row.Sum(q => q * q)))];
        }

        classifier.Score(Pixels, found);
        Assert.That(found, Is.EqualTo(expected).Within(tolerance));
    }

    /// <summary>The network over an input that is made 8 bits at once.</summary>
    private static byte[] Quantized(float scale, bool asInt8, int zero, bool rescales) => ForeignOnnxTests.Foreign(Model, proto =>
    {
        var graph = proto.Graph;
        graph.Initializer.Add(TensorData.Create<float>("scale", DataType.Float, [scale]));
        graph.Initializer.Add(TensorData.Create<byte>("zero", asInt8 ? DataType.Int8 : DataType.Uint8, [unchecked((byte)zero)]));
        if (rescales)
        {
            PutInFront(graph, graph.Node, 0, "Mul", Number(graph, "by", 1 / 255f));
        }

        PutInFront(graph, graph.Node, 0, "DequantizeLinear", "scale", "zero");
        PutInFront(graph, graph.Node, 0, "QuantizeLinear", "scale", "zero");
    });

    /// <summary>The network with a Clip in front of a first convolution that takes numbers up to <paramref name="pixel"/>.</summary>
    private static byte[] Clipped(float least, float most, float pixel) => ForeignOnnxTests.Foreign(Model, proto =>
    {
        TakePixels(proto.Graph, pixel);
        PutInFront(proto.Graph, proto.Graph.Node, 0, "Clip", Number(proto.Graph, "least", least), Number(proto.Graph, "most", most));
    });

    private static void TakePixels(GraphProto graph, float most)
    {
        var kernel = graph.Initializer.Single(tensor => tensor.Name == "conv2d/kernel");
        kernel.RawData = Google.Protobuf.ByteString.CopyFrom(TensorData.Bytes<float>(Array.ConvertAll(TensorData.Floats(kernel), weight => weight / most)));
    }

    /// <summary>The network twice, each with a factor in front; the softmax of the sum of their logits.</summary>
    private static byte[] Ensemble(float first, float second) => ForeignOnnxTests.Foreign(Model, proto =>
    {
        var graph = proto.Graph;
        string input = graph.Input[0].Name;
        NodeProto softmax = graph.Node[^1], other = new() { OpType = "Add", Output = { "sum" } };
        graph.Node.RemoveAt(graph.Node.Count - 1);
        NodeProto[] copies = [.. graph.Node.Select(node => new NodeProto(node))];
        foreach (var node in copies)
        {
            node.Name = $"2/{node.Name}";
            node.Input[0] = node.Input[0] == input ? input : $"2/{node.Input[0]}";
            node.Output[0] = $"2/{node.Output[0]}";
        }

        int count = graph.Node.Count;
        PutInFront(graph, graph.Node, 0, "Mul", Number(graph, "by", first));
        PutInFront(graph, copies, count + 1, "Mul", Number(graph, "2/by", second));
        graph.Node.AddRange(copies);
        other.Input.AddRange([softmax.Input[0], $"2/{softmax.Input[0]}"]);
        softmax.Input[0] = "sum";
        graph.Node.AddRange([other, softmax]);
    });

    private static string Number(GraphProto graph, string name, float value)
    {
        graph.Initializer.Add(TensorData.Create<float>(name, DataType.Float, [value]));
        return name;
    }

    /// <summary>A node between the graph's input and those of some nodes that take it.</summary>
    private static void PutInFront(GraphProto graph, IEnumerable<NodeProto> nodes, int place, string op, params string[] constants)
    {
        string input = graph.Input[0].Name, output = $"{op}/{graph.Node.Count}";
        nodes.Single(node => node.Input[0] == input).Input[0] = output;
        graph.Node.Insert(place, new NodeProto { OpType = op, Input = { input }, Output = { output } });
        graph.Node[place].Input.AddRange(constants);
    }
}

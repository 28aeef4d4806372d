using Google.Protobuf;
using Microsoft.ML;
using Onnx;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3.Tests;

/// <summary>The same network as other tools and people write it: preprocessing inside, other types, other outputs, weights beside it. All give what the network gives.</summary>
public sealed class OtherToolsModelTests
{
    private static readonly string[] Names = ["airplane", "automobile", "bird"];
    private static readonly CnnModel Model = TestModels.Random(filters: [4, 4, 8]);
    private static readonly byte[] Pixels = EngineTestData.RandomImages(5, seed: 1);

    [TestCase("Mul 1/255")]
    [TestCase("Div 255")]
    [TestCase("Mul 1/127.5, Sub 1, back")]
    [TestCase("Mul 1/255, Sub mean, Div std, back, each channel")]
    [TestCase("uint8, Cast, Div 255")]
    [TestCase("int32, Cast, Mul 1/255")]
    [TestCase("channels first, Div 255 [1]")]
    [TestCase("Sub mean, Div std, back, each channel")]
    [TestCase("BatchNormalization of pixels, back")]
    public void Load_PreprocessingInTheGraph_IsFedWithWhatItExpects(string front) => AssertSame(ForeignOnnxTests.Foreign(Model, proto => PutInFront(proto.Graph, front)));

    [TestCase("Pow 2")]
    [TestCase("Mul 0.2")]
    public void Load_PreprocessingThatLeavesTheRangeOpen_AsksForIt(string front)
    {
        byte[] onnx = ForeignOnnxTests.Foreign(Model, proto => PutInFront(proto.Graph, front));

        Assert.That(() => Load(onnx), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(front == "Pow 2" ? "Pow" : "ClassifierOptions.InputScaling"));
    }

    [Test]
    public void Load_InputScaling_IsComputedOutsideTheGraph()
    {
        // The graph takes (x - mean) / std as torchvision gives it, and undoes it.
        byte[] onnx = ForeignOnnxTests.Foreign(Model, proto => PutInFront(proto.Graph, "undo Normalize"));

        AssertSame(onnx, InputScaling.Normalize([0.4f, 0.5f, 0.6f], [0.2f, 0.3f, 0.4f]));
        AssertSame(ForeignOnnxTests.Foreign(Model, proto => PutInFront(proto.Graph, "Mul 1/255")), InputScaling.Rescaling(1));
        AssertSame(ForeignOnnxTests.Foreign(Model, _ => { }), InputScaling.Rescaling(1 / 255f));
        Assert.That(() => Cifar3Classifier.Load(Model.ToOnnxBytes(), new ClassifierOptions { InputScaling = InputScaling.Bytes }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("Leave ClassifierOptions.InputScaling out"));
        Assert.That(() => Cifar3Classifier.FromModel(Model, new ClassifierOptions { InputScaling = InputScaling.Bytes }), Throws.ArgumentException.With.Message.Contains("Leave ClassifierOptions.InputScaling out"));
        Assert.That(() => new MLContext().Transforms.ApplyCifar3(Model, options: new ClassifierOptions { InputScaling = InputScaling.Bytes }), Throws.ArgumentException.With.Message.Contains("Leave ClassifierOptions.InputScaling out"));
    }

    /// <summary>What was chosen can be read: the same picture in another range gives another class.</summary>
    [TestCase("", "[N, 32, 32, 3], red, green, blue: 0 to 1 (pixel / 255), usual, and its graph shows no other; for pixels scaled in another way set ClassifierOptions.InputScaling")]
    [TestCase("Div 255", "[N, 32, 32, 3], red, green, blue: 0 to 255 (the pixel itself), read from its graph, which begins with a·x + b with a = 0.00392, 0.00392, 0.00392 and b = 0, 0, 0")]
    [TestCase("uint8, Cast, Div 255", "[N, 32, 32, 3], red, green, blue: 0 to 255 (the pixel itself), its input is of whole numbers")]
    [TestCase("option", "[N, 32, 32, 3], red, green, blue: pixel * 0.5 + -1, as ClassifierOptions.InputScaling says")]
    [TestCase("logits", "[N, 32, 32, 3], red, green, blue: 0 to 1 (pixel / 255), usual, and its graph shows no other; for pixels scaled in another way set ClassifierOptions.InputScaling. Softmax is computed behind the graph")]
    [TestCase("channels first", "[N, 3, 32, 32], red, green, blue: 0 to 1 (pixel / 255), usual, and its graph shows no other; for pixels scaled in another way set ClassifierOptions.InputScaling")]
    [TestCase("own", "[N, 32, 32, 3], red, green, blue: 0 to 1 (pixel / 255)")]
    [TestCase("own, optimized", "[N, 32, 32, 3], red, green, blue: the pixels themselves, uint8")]
    public void InputDescription_OfEveryOrigin_SaysLayoutRangeAndWhy(string origin, string expected)
    {
        bool own = origin.StartsWith("own", StringComparison.Ordinal);
        using var classifier = own
            ? Cifar3Classifier.Load(Model.ToOnnxBytes(new OnnxExportOptions { Flavor = origin == "own" ? OnnxFlavor.Keras : OnnxFlavor.Optimized }))
            : Load(
                ForeignOnnxTests.Foreign(Model, proto =>
                {
                    if (origin is "logits" or "channels first")
                    {
                        ForeignOnnxTests.Rewrite(proto, origin);
                    }
                    else if (origin is not ("" or "option"))
                    {
                        PutInFront(proto.Graph, origin);
                    }
                }),
                origin == "option" ? InputScaling.Rescaling(0.5f, -1) : null);

        Assert.That(classifier.InputDescription, Is.EqualTo(expected));
        Assert.That(classifier.ToString(), own ? Does.Not.Contain(expected) : Does.EndWith($"{classifier.Device}; input {expected}"));
    }

    /// <summary>The network in one of the forms tried here, for <see cref="ModelFuzzTests"/>.</summary>
    internal static byte[] InAnotherForm(string form) => ForeignOnnxTests.Foreign(Model, proto =>
    {
        if (form.StartsWith("front: ", StringComparison.Ordinal))
        {
            PutInFront(proto.Graph, form["front: ".Length..]);
        }
        else
        {
            Rewrite(proto.Graph, form);
        }
    });

    [TestCase("LogSoftmax")]
    [TestCase("second output: label")]
    [TestCase("second output: logits")]
    [TestCase("batch of 16")]
    [TestCase("batch of 16, Reshape")]
    [TestCase("float16 inside, with casts")]
    [TestCase("float16 in and out")]
    [TestCase("constants as nodes")]
    [TestCase("no sizes of the output")]
    public void Load_SameNetworkInAnotherForm_GivesTheSameProbabilities(string form) => AssertSame(ForeignOnnxTests.Foreign(Model, proto => Rewrite(proto.Graph, form)), tolerance: form.StartsWith("float16", StringComparison.Ordinal) ? 5e-3f : 1e-5f);

    [Test]
    public void Load_WeightsBesideTheFile_AreRead()
    {
        string folder = TestFiles.NewFolder(), path = Path.Combine(folder, "model.onnx"), own = Path.Combine(folder, "own.onnx");
        File.WriteAllBytes(path, External(ForeignOnnxTests.Foreign(Model, _ => { }), Path.Combine(folder, "model.onnx.data"), "model.onnx.data"));
        File.WriteAllBytes(own, External(Model.ToOnnxBytes(), Path.Combine(folder, "own.onnx.data"), "own.onnx.data"));

        using var classifier = Cifar3Classifier.Load(path, new ClassifierOptions { ClassNames = Names });
        AssertSame(classifier, 1e-6f);
        Assert.That(CnnModel.LoadOnnx(own).WeightHash(), Is.EqualTo(Model.WeightHash()));
    }

    [TestCase("../secret.data", "outside it")]
    [TestCase("/etc/passwd", "outside it")]
    [TestCase("", "outside it")]
    [TestCase("missing.data", "which is missing")]
    [TestCase("short.data", "is cut off")]
    [TestCase("link.data", "is a link to")]
    [TestCase("model.onnx.data", "bytes in memory have no folder")]
    public void Load_WeightsThatMayNotBeRead_SaysWhy(string location, string message)
    {
        string folder = Directory.CreateDirectory(Path.Combine(TestFiles.NewFolder(), "model")).FullName, path = Path.Combine(folder, "model.onnx");
        byte[] onnx = External(ForeignOnnxTests.Foreign(Model, _ => { }), Path.Combine(folder, "..", "secret.data"), location);
        File.WriteAllBytes(path, onnx);
        File.WriteAllBytes(Path.Combine(folder, "short.data"), new byte[100]);
        if (location == "link.data")
        {
            TestFiles.Link(Path.Combine(folder, location), Path.Combine(folder, "..", "secret.data"));
        }

        var options = new ClassifierOptions { ClassNames = Names };

        Assert.That(() => message.Contains("memory", StringComparison.Ordinal) ? Cifar3Classifier.Load(onnx, options) : Cifar3Classifier.Load(path, options), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(message));
    }

    [TestCase("pools")]
    [TestCase("wide")]
    [TestCase("pools in a file of our flavour")]
    public void Load_GraphOfEndlessWork_IsRefusedAtOnce(string kind)
    {
        byte[] onnx = Bomb(kind);
        long before = GC.GetAllocatedBytesForCurrentThread();
        var clock = System.Diagnostics.Stopwatch.StartNew();

        var error = Assert.Throws<Cifar3ModelException>(() => Load(onnx))!;

        TestContext.Out.WriteLine($"{onnx.Length:N0} bytes: {error.Message} ({clock.ElapsedMilliseconds} ms)");
        Assert.That(error.Message, Does.Contain("more work or memory than allowed").And.Contain("raise ClassifierOptions.MaxModelCost").And.Length.LessThan(700));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(16 << 20));
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)), "2 s on a machine that has time");
        Assert.That(OnnxFile.Open(onnx, "bomb").Inspect(new ClassifierOptions { ClassNames = Names, MaxModelCost = 1_000 }).Signature.ImagesPerRun(32), Is.LessThanOrEqualTo(2), "what is allowed runs few images at a time");
    }

    [Test]
    public void Check_OwnFlavours_CostWhatTheNetworkCosts()
    {
        var flavor = new OnnxExportOptions { Flavor = OnnxFlavor.Optimized };
        var cost = OnnxFile.Open(TestModels.Random().ToOnnxBytes(flavor), "own").Inspect(new ClassifierOptions()).Signature.Cost;
        var wide = OnnxFile.Open(TestModels.Random(filters: [256, 256, 256]).ToOnnxBytes(flavor), "own").Inspect(new ClassifierOptions { MaxModelCost = 2 }).Signature.Cost;

        Assert.That(cost, Is.InRange(1, 1.2));
        Assert.That(wide, Is.GreaterThan(10), "a network with more filters is allowed what it needs");
    }

    private static Cifar3Classifier Load(byte[] onnx, InputScaling? scaling = null) => Cifar3Classifier.Load(onnx, new ClassifierOptions { ClassNames = Names, InputScaling = scaling });

    private static void AssertSame(byte[] onnx, InputScaling? scaling = null, float tolerance = 1e-5f)
    {
        using var classifier = Load(onnx, scaling);
        AssertSame(classifier, tolerance);
    }

    private static void AssertSame(Cifar3Classifier classifier, float tolerance)
    {
        float[] expected = new float[15], found = new float[15];
        using (var own = Cifar3Classifier.FromModel(Model))
        {
            own.Score(Pixels, expected);
        }

        classifier.Score(Pixels, found);
        Assert.That(found, Is.EqualTo(expected).Within(tolerance));
        Assert.That(expected.Chunk(3).Select(row => row.Max()).Distinct().Count(), Is.GreaterThan(1), "images that differ");
    }

    private static void PutInFront(GraphProto graph, string front)
    {
        float[] mean = [0.4f, 0.5f, 0.6f], std = [0.2f, 0.3f, 0.4f];
        string current = graph.Input[0].Name, next = "0";
        var nodes = new List<NodeProto>();
        var type = graph.Input[0].Type.TensorType;
        if (front.StartsWith("uint8", StringComparison.Ordinal) || front.StartsWith("int32", StringComparison.Ordinal))
        {
            type.ElemType = (int)(front[0] == 'u' ? DataType.Uint8 : DataType.Int32);
            Add("Cast", [], OnnxGraphBuilder.Int("to", (long)DataType.Float));
        }

        switch (front)
        {
            case "Mul 1/255" or "int32, Cast, Mul 1/255":
                Add("Mul", [1 / 255f]);
                break;
            case "Div 255" or "uint8, Cast, Div 255":
                Add("Div", [255]);
                break;
            case "Mul 1/127.5, Sub 1, back":
                Add("Mul", [1 / 127.5f]);
                Add("Sub", [1]);
                Add("Mul", [0.5f]);
                Add("Add", [0.5f]);
                break;
            case "Mul 1/255, Sub mean, Div std, back, each channel":
                Add("Mul", [1 / 255f]);
                Back();
                break;
            case "Sub mean, Div std, back, each channel":
                Back();
                break;
            case "channels first, Div 255 [1]":
                Add("Transpose", [], OnnxGraphBuilder.Ints("perm", 0, 3, 1, 2));
                graph.Initializer.Add(TensorData.Create<float>("by", DataType.Float, [255, 255, 255], 3, 1, 1));
                nodes.Add(new NodeProto { OpType = "Div", Input = { current, "by" }, Output = { "divided" } });
                current = "divided";
                Add("Transpose", [], OnnxGraphBuilder.Ints("perm", 0, 2, 3, 1));
                break;
            case "BatchNormalization of pixels, back":
                Add("Transpose", [], OnnxGraphBuilder.Ints("perm", 0, 3, 1, 2));
                var normalization = new NodeProto { OpType = "BatchNormalization", Input = { current }, Output = { "normalized" }, Attribute = { OnnxGraphBuilder.Float("epsilon", 0) } };
                foreach (var (name, values) in new (string, float[])[] { ("one", [1, 1, 1]), ("none", [0, 0, 0]), ("means", [100, 110, 120]), ("variances", [3600, 3600, 3600]) })
                {
                    graph.Initializer.Add(TensorData.Create<float>(name, DataType.Float, values, 3));
                    normalization.Input.Add(name);
                }

                nodes.Add(normalization);
                current = "normalized";
                Add("Transpose", [], OnnxGraphBuilder.Ints("perm", 0, 2, 3, 1));
                Add("Mul", [60 / 255f]);
                Add("Add", [100 / 255f, 110 / 255f, 120 / 255f]);
                break;
            case "undo Normalize":
                Add("Mul", std);
                Add("Add", mean);
                break;
            case "Mul 0.2":
                Add("Mul", [0.2f]);
                break;
            default:
                Add("Pow", [2]);
                break;
        }

        nodes[^1].Output[0] = "scaled";
        foreach (var node in graph.Node.Where(node => node.Input.Contains(graph.Input[0].Name)))
        {
            node.Input[0] = "scaled";
        }

        NodeProto[] rest = [.. graph.Node];
        graph.Node.Clear();
        graph.Node.AddRange([.. nodes, .. rest]);

        void Back()
        {
            Add("Sub", mean);
            Add("Div", std);
            Add("Mul", std);
            Add("Add", mean);
        }

        void Add(string op, float[] values, params AttributeProto[] attributes)
        {
            next = $"front{nodes.Count}";
            var node = new NodeProto { OpType = op, Input = { current }, Output = { next }, Attribute = { attributes } };
            if (values.Length > 0)
            {
                graph.Initializer.Add(TensorData.Create<float>($"{next}/value", DataType.Float, values, values.Length == 1 ? [] : [values.Length]));
                node.Input.Add($"{next}/value");
            }

            nodes.Add(node);
            current = next;
        }
    }

    private static void Rewrite(GraphProto graph, string form)
    {
        var (input, output, softmax) = (graph.Input[0], graph.Output[0], graph.Node[^1]);
        switch (form)
        {
            case "LogSoftmax":
                softmax.OpType = form;
                break;
            case "second output: label":
                graph.Node.Add(new NodeProto { OpType = "ArgMax", Input = { output.Name }, Output = { "label" }, Attribute = { OnnxGraphBuilder.Int("axis", 1) } });
                graph.Output.Insert(0, OnnxGraphBuilder.Value("label", DataType.Int64, "", anyNumber: true, 1));
                break;
            case "second output: logits":
                graph.Output.Insert(0, new ValueInfoProto(output) { Name = softmax.Input[0] });
                break;
            case "batch of 16" or "batch of 16, Reshape":
                input.Type.TensorType.Shape.Dim[0].DimValue = output.Type.TensorType.Shape.Dim[0].DimValue = 16;
                if (form.EndsWith("Reshape", StringComparison.Ordinal))
                {
                    var flatten = graph.Node.Single(node => node.OpType == "Flatten");
                    graph.Initializer.Add(TensorData.Create<long>("flat", DataType.Int64, [16, 32], 2));
                    flatten.OpType = "Reshape";
                    flatten.Attribute.Clear();
                    flatten.Input.Add("flat");
                }

                break;
            case "float16 inside, with casts" or "float16 in and out":
                foreach (var tensor in graph.Initializer)
                {
                    float[] values = TensorData.Floats(tensor);
                    tensor.DataType = (int)DataType.Float16;
                    tensor.RawData = ByteString.CopyFrom(TensorData.Bytes<Half>(Array.ConvertAll(values, value => (Half)value)));
                }

                if (form == "float16 in and out")
                {
                    input.Type.TensorType.ElemType = output.Type.TensorType.ElemType = (int)DataType.Float16;
                    break;
                }

                graph.Node.Insert(0, new NodeProto { OpType = "Cast", Input = { input.Name }, Output = { "half" }, Attribute = { OnnxGraphBuilder.Int("to", (long)DataType.Float16) } });
                graph.Node[1].Input[0] = "half";
                softmax.Output[0] = "half probabilities";
                graph.Node.Add(new NodeProto { OpType = "Cast", Input = { "half probabilities" }, Output = { output.Name }, Attribute = { OnnxGraphBuilder.Int("to", (long)DataType.Float) } });
                break;
            case "constants as nodes":
                foreach (var tensor in graph.Initializer.Reverse())
                {
                    graph.Node.Insert(0, new NodeProto { OpType = "Constant", Output = { tensor.Name }, Attribute = { new AttributeProto { Name = "value", Type = AttributeProto.Types.AttributeType.Tensor, T = new TensorProto(tensor) { Name = "" } } } });
                }

                graph.Initializer.Clear();
                break;
            default:
                output.Type.TensorType.Shape = null;
                break;
        }
    }

    /// <summary>The model with all weights in a file of their own.</summary>
    internal static byte[] External(byte[] onnx, string data, string location)
    {
        var model = ModelProto.Parser.ParseFrom(onnx);
        using var file = File.Create(data);
        foreach (var tensor in model.Graph.Initializer)
        {
            tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
            tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = FormattableString.Invariant($"{file.Position}") });
            tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = FormattableString.Invariant($"{tensor.RawData.Length}") });
            file.Write(tensor.RawData.Span);
            tensor.DataLocation = TensorProto.Types.DataLocation.External;
            tensor.ClearRawData();
        }

        return model.ToByteArray();
    }

    /// <summary>Graphs of some kilobytes: 200 poolings of 31×31 windows, or 16,384 channels of full size.</summary>
    private static byte[] Bomb(string kind)
    {
        bool own = kind.EndsWith("flavour", StringComparison.Ordinal);
        var model = own ? Model.ToOnnxBytes(new OnnxExportOptions { Flavor = OnnxFlavor.Optimized }) : ForeignOnnxTests.Foreign(Model, _ => { });
        var proto = ModelProto.Parser.ParseFrom(model);
        var graph = proto.Graph;
        int at = graph.Node.IndexOf(graph.Node.First(node => node.OpType == "Conv"));
        string current = graph.Node[at].Input[0];
        if (kind == "wide")
        {
            graph.Initializer.Add(TensorData.Create<float>("wide", DataType.Float, new float[16384 * 3], 16384, 3, 1, 1));
            graph.Initializer.Add(TensorData.Create<float>("narrow", DataType.Float, new float[16384 * 3], 3, 16384, 1, 1));
            graph.Node.Insert(at++, new NodeProto { OpType = "Conv", Input = { current, "wide" }, Output = { "b0" } });
            graph.Node.Insert(at++, new NodeProto { OpType = "Conv", Input = { "b0", "narrow" }, Output = { "b1" } });
            current = "b1";
        }

        for (int i = 0; kind != "wide" && i < 200; i++)
        {
            graph.Node.Insert(at++, new NodeProto { OpType = "AveragePool", Input = { current }, Output = { $"b{i}" }, Attribute = { OnnxGraphBuilder.Ints("kernel_shape", 31, 31), OnnxGraphBuilder.Ints("pads", 15, 15, 15, 15), OnnxGraphBuilder.Int("count_include_pad", 1) } });
            current = $"b{i}";
        }

        graph.Node[at].Input[0] = current;
        if (own)
        {
            proto.MetadataProps.Single(entry => entry.Key == "graph_sha256").Value = ScoringFile.Hash(graph);
        }

        return proto.ToByteArray();
    }
}

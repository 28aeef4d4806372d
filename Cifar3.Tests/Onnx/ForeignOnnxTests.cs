using Google.Protobuf;
using Onnx;

namespace Cifar3.Tests;

/// <summary>ONNX models of other tools: names, layout and softmax are found from the graph.</summary>
public sealed class ForeignOnnxTests
{
    private static readonly string[] Names = ["airplane", "automobile", "bird"];

    [TestCase("keras2/trained-tf2onnx.onnx", false)]
    [TestCase("keras2/trained-tf2onnx-nchw.onnx", false)]
    [TestCase("keras2/trained-tf2onnx.onnx", true)]
    public void Load_Tf2OnnxOfRealKeras_PredictsAsKerasDoes(string file, bool sidecar)
    {
        using var golden = GoldenFile.Open();
        var (images, _) = golden.TestImages();
        float[] expected = golden.Floats("keras2/predictions_test"), found = new float[expected.Length];
        string path = TestFiles.Golden(file);
        if (sidecar)
        {
            path = Path.Combine(TestFiles.NewFolder(), "copy.onnx");
            File.Copy(TestFiles.Golden(file), path);
            File.WriteAllText(Path.ChangeExtension(path, ".classes.txt"), string.Join("\r\n", Names) + "\r\n");
        }

        using var classifier = Cifar3Classifier.Load(path, sidecar ? null : new ClassifierOptions { ClassNames = Names });
        classifier.Score(images, found);

        double worst = EngineComparison.Farthest(expected, found);
        TestContext.Out.WriteLine($"{file}: largest difference of a probability {worst:E1}");
        Assert.That(worst, Is.LessThan(1e-5));
        Assert.That(classifier.ClassNames, Is.EqualTo(Names));
        Assert.That(classifier.Metadata.LibraryVersion, Does.StartWith("tf2onnx 1.17"));
    }

    [Test]
    public void Load_Tf2OnnxOfRealKeras_IsThePredictionOfTheKerasFile()
    {
        using var golden = GoldenFile.Open();
        var (images, _) = golden.TestImages();
        using var onnx = Cifar3Classifier.Load(TestFiles.Golden("keras2/trained-tf2onnx-nchw.onnx"), new ClassifierOptions { ClassNames = Names });

        var prediction = onnx.PredictPixels(images.AsSpan(0, CnnArchitecture.ImageBytes));

        Assert.That(prediction.Label, Is.AnyOf(Names));
        Assert.That(prediction.Probabilities.Sum(), Is.EqualTo(1).Within(1e-5));
    }

    [TestCase("names")]
    [TestCase("logits")]
    [TestCase("logits behind Identity")]
    [TestCase("channels first")]
    [TestCase("one image")]
    public void Load_SameNetworkWrittenInAnotherWay_GivesTheSameProbabilities(string way)
    {
        var model = TestModels.Random(filters: [4, 4, 8]);
        byte[] pixels = EngineTestData.RandomImages(5, seed: 1), foreign = Foreign(model, proto => Rewrite(proto, way));
        float[] expected = new float[15], found = new float[15];

        using (var own = Cifar3Classifier.FromModel(model))
        {
            own.Score(pixels, expected);
        }

        using var classifier = Cifar3Classifier.Load(foreign, new ClassifierOptions { ClassNames = Names });
        classifier.Score(pixels, found);

        Assert.That(found, Is.EqualTo(expected).Within(1e-6f));
    }

    /// <summary>The class' name beside the probabilities, as exporters for applications add it: what computes it is left out, texts and all.</summary>
    [Test]
    public void Load_SecondOutputOfTexts_IsLeftOutWithWhatItIsMadeOf()
    {
        var model = TestModels.Random(filters: [4, 4, 8]);
        byte[] pixels = EngineTestData.RandomImages(5, seed: 1), foreign = Foreign(model, proto =>
        {
            var graph = proto.Graph;
            graph.Initializer.Add(new TensorProto { Name = "names", DataType = (int)TensorProto.Types.DataType.String, Dims = { 3 }, StringData = { Names.Select(ByteString.CopyFromUtf8) } });
            graph.Node.Add(new NodeProto { OpType = "ArgMax", Input = { graph.Output[0].Name }, Output = { "best" }, Attribute = { OnnxGraphBuilder.Int("axis", 1) } });
            graph.Node.Add(new NodeProto { OpType = "Gather", Input = { "names", "best" }, Output = { "label" } });
            graph.Output.Add(OnnxGraphBuilder.Value("label", TensorProto.Types.DataType.String, "", anyNumber: true, 1));
        });

        using Cifar3Classifier own = Cifar3Classifier.FromModel(model), classifier = Cifar3Classifier.Load(foreign, new ClassifierOptions { ClassNames = Names });

        Assert.That(classifier.PredictPixelsBatch(pixels).Select(p => p.Confidence), Is.EqualTo(own.PredictPixelsBatch(pixels).Select(p => p.Confidence)).Within(1e-6f));
    }

    [Test]
    public void Load_OwnFileWithOtherClassNames_TakesThem()
    {
        var model = TestModels.Random(filters: [4, 4, 8]);

        using var classifier = Cifar3Classifier.Load(model.ToOnnxBytes(), new ClassifierOptions { ClassNames = ["plane", "auto", "bird"] });

        Assert.That(classifier.PredictPixels(EngineTestData.RandomImages(1, seed: 1)).Label, Is.AnyOf("plane", "auto", "bird"));
        Assert.That(() => Cifar3Classifier.Load(model.ToOnnxBytes(), new ClassifierOptions { ClassNames = ["one"] }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("3 classes"));
        Assert.That(() => Cifar3Classifier.Load(model.ToOnnxBytes(), new ClassifierOptions { ClassNames = ["a", "b", "a"] }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("Class 'a' is there twice"));
    }

    [Test]
    public void Load_ForeignModelWithoutNames_SaysHowToNameThem() =>
        Assert.That(() => Cifar3Classifier.Load(Foreign(TestModels.Random(filters: [4, 4, 8]), _ => { })), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("ClassifierOptions.ClassNames"));

    [TestCase("two names", "expected one name for each of its 3 classes, found 2 names ('a', 'b')")]
    [TestCase("uint8", "expected an input of 4 dimensions and floats")]
    [TestCase("28 pixels", "'input' of type 1 [any, 28, 28, 3]")]
    [TestCase("two inputs", "expected one input, found 2 ('input', 'mask')")]
    [TestCase("two outputs", "expected one output with the classes, found 2 that could be it")]
    [TestCase("output [N]", "expected a float32 output [N, classes]")]
    [TestCase("ends in Relu", "found Relu")]
    [TestCase("softmax over images", "found Softmax over another axis")]
    [TestCase("sum of probabilities", "found a sum of what Softmax gives (Add)")]
    [TestCase("mean of probabilities over the picture", "found a sum of what Softmax gives (GlobalAveragePool)")]
    [TestCase("nothing computes the output", "found none")]
    [TestCase("cycle", "without cycles")]
    [TestCase("weights elsewhere", "weight 'conv2d/kernel' is in another file")]
    [TestCase("weights outside the folder", "weight 'dense/bias' is in another file")]
    [TestCase("weight cut short", "weight 'conv2d_1/kernel' is incomplete: expected 144 numbers for its shape [4, 4, 3, 3], found 572 bytes")]
    [TestCase("weight of another shape", "kernels for 3 channels in 1 groups")]
    [TestCase("weight not finite", "weight 'dense/kernel' has values that are not finite")]
    [TestCase("weight twice", "expected one weight 'dense/bias', found two")]
    [TestCase("float64", "found 'dense/bias' of data type 11")]
    [TestCase("group 0", "expected group from 1 to 3, found 0")]
    [TestCase("stride 0", "expected 2 strides from 1 to 32, found [0, 2]")]
    [TestCase("negative padding", "expected 4 pads from 0 to 32, found [-1, 1, 1, 1]")]
    [TestCase("window of 40", "expected 2 kernel_shape from 1 to 32, found [40, 40]")]
    [TestCase("axis twice", "(Transpose): expected each axis once, found [0, 3, 1, 1]")]
    [TestCase("unknown operator", "(If): expected an operator of a convolutional network, found If")]
    [TestCase("operator of another domain", "one of domain 'com.microsoft'")]
    [TestCase("unknown setting", "expected settings of this operator, found 'activation'")]
    [TestCase("function", "found 1 function(s)")]
    [TestCase("function", "onnx.inliner.inline_local_functions")]
    [TestCase("nodes in another order", "expected inputs that come before it")]
    [TestCase("output twice", "expected an output that no other node has")]
    [TestCase("four classes promised", "expected float32 probabilities [1, 4] of 1 images, found [1, 3]")]
    [TestCase("endless enlargement", "shape")]
    [TestCase("negative variances", "expected probabilities of a grey image, found NaN")]
    public void Load_GraphThatDoesNotFit_SaysWhatWasFound(string problem, string message)
    {
        byte[] foreign = Foreign(TestModels.Random(filters: [4, 4, 8]), proto => Break(proto, problem));
        string[] names = problem switch { "two names" => ["a", "b"], "four classes promised" => [.. Names, "frog"], _ => Names };

        Assert.That(() => Cifar3Classifier.Load(foreign, new ClassifierOptions { ClassNames = names }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(message).And.Message.Matches("tf2onnx|fresh copy"));
    }

    /// <summary>A file of a flavour for scoring whose author knows how its hash is made.</summary>
    [TestCase("group 0", "expected group from 1 to 3, found 0")]
    [TestCase("weights outside the folder", "weight 'dense/bias' is in another file")]
    [TestCase("unknown operator", "found If")]
    public void Load_ScoringFileWithMalice_IsRefused(string problem, string message)
    {
        var proto = ModelProto.Parser.ParseFrom(TestModels.Random(filters: [4, 4, 8]).ToOnnxBytes(new OnnxExportOptions { Flavor = OnnxFlavor.Optimized }));
        Break(proto, problem);
        proto.MetadataProps.Single(entry => entry.Key == "graph_sha256").Value = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(proto.Graph.ToByteArray()));

        Assert.That(() => Cifar3Classifier.Load(proto.ToByteArray()), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(message));
    }

    [Test]
    public void Load_MillionsOfEmptyNodes_AreNotParsed()
    {
        byte[] nodes = [.. Enumerable.Repeat(new byte[] { 0x0A, 0 }, 2_000_000).SelectMany(node => node)]; // graph.node, 0 bytes
        byte[] bomb = [0x3A, .. Varint(nodes.Length), .. nodes];
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.That(() => Cifar3Classifier.Load(bomb), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("found millions of entries"));
        Assert.That(() => CnnModel.LoadOnnx(bomb), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("found millions of entries"));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1 << 20));

        static IEnumerable<byte> Varint(int value)
        {
            for (; value >= 0x80; value >>= 7)
            {
                yield return (byte)(value | 0x80);
            }

            yield return (byte)value;
        }
    }

    [TestCase("a\nb\nb", "utf-8", "Class 'b' is there twice")]
    [TestCase("a\nb\nc", "utf-16", "UTF-8")]
    [TestCase("Ä\nb\nc", "iso-8859-1", "UTF-8")]
    public void Load_SidecarThatNamesNoClasses_IsRefused(string names, string encoding, string message)
    {
        string path = Path.Combine(TestFiles.NewFolder(), "m.onnx");
        File.WriteAllBytes(path, Foreign(TestModels.Random(filters: [4, 4, 8]), _ => { }));
        File.WriteAllText(Path.ChangeExtension(path, ".classes.txt"), names, System.Text.Encoding.GetEncoding(encoding));

        Assert.That(() => Cifar3Classifier.Load(path), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(message));
    }

    [Test]
    public void Load_OwnModelBesideABadSidecar_DoesNotReadIt()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "m.onnx");
        TestModels.Random(filters: [4, 4, 8]).SaveOnnx(path);
        File.WriteAllText(Path.ChangeExtension(path, ".classes.txt"), "\n\n");

        using var classifier = Cifar3Classifier.Load(path);

        Assert.That(classifier.ClassNames, Is.EqualTo(new[] { "aeroplane", "car", "bird" }));
    }

    [Test]
    public void Load_EmptySidecar_IsNamed()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "m.onnx");
        File.WriteAllBytes(path, Foreign(TestModels.Random(filters: [4, 4, 8]), _ => { }));
        File.WriteAllText(Path.ChangeExtension(path, ".classes.txt"), "\n\n");

        Assert.That(() => Cifar3Classifier.Load(path), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("m.classes.txt").And.Message.Contains("one name a line"));
    }

    [Test]
    public void Load_OtherToolsKeyFormat_IsNoFormatOfThisLibrary()
    {
        byte[] foreign = Foreign(TestModels.Random(filters: [4, 4, 8]), proto => proto.MetadataProps.Add(new StringStringEntryProto { Key = "format", Value = "onnx" }));

        using var classifier = Cifar3Classifier.Load(foreign, new ClassifierOptions { ClassNames = Names });

        Assert.That(classifier.ClassNames, Is.EqualTo(Names));
        Assert.That(() => CnnModel.LoadOnnx(foreign), Throws.TypeOf<Cifar3ModelException>().With.Message.Match("found a model .* with 'onnx'"));
    }

    /// <summary>The model as another tool might have written it.</summary>
    internal static byte[] Foreign(CnnModel model, Action<ModelProto> edit)
    {
        var proto = ModelProto.Parser.ParseFrom(model.ToOnnxBytes());
        proto.MetadataProps.Clear();
        proto.Graph.ValueInfo.Clear();
        edit(proto);
        return proto.ToByteArray();
    }

    internal static void Rewrite(ModelProto proto, string way)
    {
        var graph = proto.Graph;
        switch (way)
        {
            case "names":
                graph.Node[0].Input[0] = graph.Input[0].Name = "serving_default:0";
                graph.Node[^1].Output[0] = graph.Output[0].Name = "StatefulPartitionedCall/dense";
                break;
            case "logits":
            case "logits behind Identity":
                graph.Output[0].Name = graph.Node[^1].Input[0];
                graph.Node.RemoveAt(graph.Node.Count - 1);
                if (way != "logits")
                {
                    graph.Node.Add(new NodeProto { OpType = "Identity", Input = { graph.Output[0].Name }, Output = { "last" } });
                    graph.Output[0].Name = "last";
                }

                break;
            case "channels first":
                graph.Node[1].Input[0] = graph.Input[0].Name;
                graph.Node.RemoveAt(0);
                var dims = graph.Input[0].Type.TensorType.Shape.Dim;
                (dims[1].DimValue, dims[2].DimValue, dims[3].DimValue) = (3, 32, 32);
                break;
            case "one image":
                graph.Input[0].Type.TensorType.Shape.Dim[0].DimValue = 1;
                graph.Output[0].Type.TensorType.Shape.Dim[0].DimValue = 1;
                break;
        }
    }

    private static void Break(ModelProto proto, string problem)
    {
        var graph = proto.Graph;
        var input = graph.Input[0].Type.TensorType;
        switch (problem)
        {
            case "uint8":
                input.ElemType = (int)TensorProto.Types.DataType.Uint8;
                break;
            case "28 pixels":
                input.Shape.Dim[1].DimValue = input.Shape.Dim[2].DimValue = 28;
                break;
            case "two inputs":
                graph.Input.Add(new ValueInfoProto(graph.Input[0]) { Name = "mask" });
                break;
            case "two outputs":
                graph.Node.Add(new NodeProto { OpType = "Identity", Input = { graph.Output[0].Name }, Output = { "more" } });
                graph.Output.Add(new ValueInfoProto(graph.Output[0]) { Name = "more" });
                break;
            case "output [N]":
                graph.Output[0].Type.TensorType.Shape.Dim.RemoveAt(1);
                break;
            case "ends in Relu":
                graph.Node[^1].OpType = "Relu";
                break;
            case "softmax over images":
                graph.Node[^1].Attribute.Clear();
                graph.Node[^1].Attribute.Add(new AttributeProto { Name = "axis", Type = AttributeProto.Types.AttributeType.Int, I = 0 });
                break;
            case "sum of probabilities": // of an ensemble's networks
                graph.Initializer.Add(TensorData.Create<float>("half", TensorProto.Types.DataType.Float, [0.5f]));
                graph.Node.Add(new NodeProto { OpType = "Mul", Input = { graph.Output[0].Name, "half" }, Output = { "halved" } });
                graph.Node.Add(new NodeProto { OpType = "Add", Input = { "halved", "halved" }, Output = { "mean" } });
                graph.Output[0].Name = "mean";
                break;
            case "mean of probabilities over the picture":
                graph.Node.Add(new NodeProto { OpType = "GlobalAveragePool", Input = { graph.Output[0].Name }, Output = { "mean" } });
                graph.Output[0].Name = "mean";
                break;
            case "nothing computes the output":
                graph.Output[0].Name = "elsewhere";
                break;
            case "cycle":
                graph.Node[^1].OpType = "Identity";
                graph.Node[^1].Input[0] = graph.Node[^1].Output[0];
                break;
            case "weights outside the folder":
                Weight("dense/bias").ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "../../secret.bin" });
                Weight("dense/bias").DataLocation = TensorProto.Types.DataLocation.External;
                break;
            case "weight cut short":
                Weight("conv2d_1/kernel").RawData = ByteString.CopyFrom(Weight("conv2d_1/kernel").RawData.Span[4..]);
                break;
            case "weight of another shape":
                var dims = Weight("conv2d/kernel").Dims;
                (dims[0], dims[1]) = (dims[1], dims[0]);
                break;
            case "weight not finite":
                byte[] infinite = Weight("dense/kernel").RawData.ToByteArray();
                BitConverter.TryWriteBytes(infinite.AsSpan(8), float.PositiveInfinity);
                Weight("dense/kernel").RawData = ByteString.CopyFrom(infinite);
                break;
            case "negative variances":
                Weight("batch_normalization/moving_variance").RawData = ByteString.CopyFrom([.. Enumerable.Repeat(BitConverter.GetBytes(-1f), 4).SelectMany(bytes => bytes)]);
                break;
            case "weight twice":
                graph.Initializer.Add(Weight("dense/bias"));
                break;
            case "float64":
                Weight("dense/bias").DataType = (int)TensorProto.Types.DataType.Double;
                break;
            case "group 0":
                Node("Conv").Attribute.Add(new AttributeProto { Name = "group", Type = AttributeProto.Types.AttributeType.Int, I = 0 });
                break;
            case "stride 0":
                Node("MaxPool").Attribute.Single(a => a.Name == "strides").Ints[0] = 0;
                break;
            case "negative padding":
                Node("Conv").Attribute.Single(a => a.Name == "pads").Ints[0] = -1;
                break;
            case "window of 40":
                var window = Node("MaxPool").Attribute.Single(a => a.Name == "kernel_shape").Ints;
                (window[0], window[1]) = (40, 40);
                break;
            case "axis twice":
                Node("Transpose").Attribute[0].Ints[3] = 1;
                break;
            case "unknown operator":
                Node("Relu").OpType = "If";
                break;
            case "operator of another domain":
                Node("Relu").Domain = "com.microsoft";
                break;
            case "unknown setting":
                Node("Relu").Attribute.Add(new AttributeProto { Name = "activation", Type = AttributeProto.Types.AttributeType.Int, I = 1 });
                break;
            case "function":
                proto.Functions.Add(new FunctionProto { Name = "Conv" });
                break;
            case "nodes in another order":
                var first = graph.Node[0];
                graph.Node.RemoveAt(0);
                graph.Node.Insert(3, first);
                break;
            case "output twice":
                graph.Node.Insert(1, new NodeProto { OpType = "Identity", Input = { graph.Input[0].Name }, Output = { graph.Node[0].Output[0] } });
                break;
            case "four classes promised":
                graph.Output[0].Type.TensorType.Shape.Dim[1].DimValue = 4;
                break;
            case "endless enlargement":
                graph.Initializer.Add(new TensorProto { Name = "huge", DataType = (int)TensorProto.Types.DataType.Float, Dims = { 1 << 30, 1 << 30 }, RawData = ByteString.Empty });
                break;
            case "weights elsewhere":
                Weight("conv2d/kernel").ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "/etc/passwd" });
                break;
        }

        TensorProto Weight(string name) => graph.Initializer.First(tensor => tensor.Name == name);

        NodeProto Node(string op) => graph.Node.First(node => node.OpType == op);
    }
}

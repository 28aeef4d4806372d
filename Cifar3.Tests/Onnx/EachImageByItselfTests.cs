using Onnx;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3.Tests;

/// <summary>Graphs of other tools and the number of images: fixed in places, computed in the graph, or of influence on what comes out.</summary>
public sealed class EachImageByItselfTests
{
    private static readonly CnnModel Model = TestModels.Random(filters: [4, 4, 8]);
    private static readonly byte[] Pixels = EngineTestData.RandomImages(5, seed: 1);

    /// <summary>As people free a file of its batch of 1: the input's first size alone.</summary>
    [TestCase(1, false)]
    [TestCase(1, true)]
    [TestCase(16, true)]
    public void Score_AnyNumberInButAFixedOneOut_IsTheNetwork(int fixedNumber, bool reshapes)
    {
        byte[] onnx = ForeignOnnxTests.Foreign(Model, proto =>
        {
            proto.Graph.Output[0].Type.TensorType.Shape.Dim[0].DimValue = fixedNumber;
            if (reshapes)
            {
                Flatten(proto.Graph, [fixedNumber, 32]);
            }
        });

        Assert.That(Score(onnx), Is.EqualTo(Own()).Within(1e-5f));
    }

    /// <summary>Such files have their weights among the inputs and shapes in nodes of their own.</summary>
    [Test]
    public void Score_FixedNumberInAFileOfIrVersion3_IsTheNetwork()
    {
        byte[] onnx = ForeignOnnxTests.Foreign(Model, proto =>
        {
            proto.IrVersion = 3;
            var graph = proto.Graph;
            foreach (var value in graph.Input.Concat(graph.Output))
            {
                value.Type.TensorType.Shape.Dim[0].DimValue = 4;
            }

            foreach (var tensor in graph.Initializer)
            {
                graph.Input.Add(OnnxGraphBuilder.Value(tensor.Name, (DataType)tensor.DataType, "", anyNumber: false, [.. tensor.Dims.Select(size => (int)size)]));
            }

            Flatten(graph, [4, 32]);
            var shape = graph.Initializer[^1];
            graph.Initializer.Remove(shape);
            graph.Node.Insert(0, new NodeProto { OpType = "Constant", Output = { shape.Name }, Attribute = { new AttributeProto { Name = "value", Type = AttributeProto.Types.AttributeType.Tensor, T = shape } } });
        });

        Assert.That(Score(onnx), Is.EqualTo(Own()).Within(1e-5f));
    }

    /// <summary>What is predicted for an image would depend on those that are scored with it.</summary>
    [TestCase("Softmax", "an axis of one image")]
    [TestCase("LogSoftmax", "an axis of one image")]
    [TestCase("Transpose", "the images' axis in its place")]
    [TestCase("Reshape", "each image by itself")]
    public void Load_ComputesOverTheImagesTogether_IsRefused(string op, string message)
    {
        byte[] onnx = ForeignOnnxTests.Foreign(Model, proto =>
        {
            var graph = proto.Graph;
            int at = graph.Node.IndexOf(graph.Node.Single(node => node.OpType == "Flatten")) + 1;
            string flat = graph.Node[at].Input[0];
            graph.Node[at].Input[0] = "mixed";
            graph.Initializer.Add(TensorData.Create<long>("together", DataType.Int64, [8, -1], 2));
            graph.Initializer.Add(TensorData.Create<long>("apart", DataType.Int64, [-1, 32], 2));
            NodeProto[] nodes = op switch
            {
                "Transpose" => [Node(op, flat, "turned"), Softmax("turned", "weighed", -1), Node(op, "weighed", "mixed")],
                "Reshape" => [Node(op, flat, "joined", "together"), Softmax("joined", "weighed", -1), Node(op, "weighed", "mixed", "apart")],
                _ => [new NodeProto(Softmax(flat, "mixed", 0)) { OpType = op }],
            };
            for (int i = 0; i < nodes.Length; i++)
            {
                graph.Node.Insert(at + i, nodes[i]);
            }
        });

        Assert.That(() => Load(onnx), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(message));
    }

    /// <summary>The last window would begin behind the picture: PyTorch and ONNX Runtime leave it out.</summary>
    [Test]
    public void Score_PoolingRoundedUpWithPadding_HasNoWindowBehindThePicture()
    {
        byte[] Pooled(int after, bool ceiling) => ForeignOnnxTests.Foreign(Model, proto =>
        {
            proto.OpsetImport[0].Version = 12; // from 13 to 21 ONNX Runtime's own check of sizes counts that window
            var pool = proto.Graph.Node.Where(node => node.OpType == "MaxPool").ElementAt(1); // of 13 pixels
            pool.Attribute.Add(OnnxGraphBuilder.Ints("pads", 1, 1, after, after));
            pool.Attribute.Add(OnnxGraphBuilder.Int("ceil_mode", ceiling ? 1 : 0));
        });

        Assert.That(Score(Pooled(1, ceiling: true)), Is.EqualTo(Score(Pooled(0, ceiling: false))).Within(1e-6f));
    }

    [TestCase("BatchNormalization", "exported in training mode", "model.eval()")]
    [TestCase("Dropout", "exported in training mode", "model.eval()")]
    [TestCase("Shape", "computes sizes while it runs", "torch.flatten(x, 1)")]
    public void Load_UsualMistakesOfAnExport_SaysWhatToDo(string op, string found, string remedy)
    {
        byte[] onnx = ForeignOnnxTests.Foreign(Model, proto =>
        {
            var graph = proto.Graph;
            int at = graph.Node.IndexOf(graph.Node.First(node => node.OpType == "BatchNormalization"));
            var normalization = graph.Node[at];
            if (op == "BatchNormalization")
            {
                normalization.Output.AddRange(["mean", "variance"]);
                normalization.Attribute.Add(OnnxGraphBuilder.Int("training_mode", 1));
                return;
            }

            if (op == "Dropout")
            {
                graph.Initializer.Add(TensorData.Create<float>("ratio", DataType.Float, [0.5f]));
                graph.Initializer.Add(TensorData.Create<byte>("training", DataType.Bool, [1]));
            }

            graph.Node.Insert(at, op == "Shape" ? Node(op, normalization.Input[0], "sizes") : Node(op, normalization.Input[0], "dropped", "ratio", "training"));
            normalization.Input[0] = op == "Shape" ? "sizes" : "dropped";
        });

        Assert.That(() => Load(onnx), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(found).And.Message.Contains(remedy));
    }

    /// <summary>Inputs that may be left out have no name, and dropout passes everything on in inference, whatever it is told beside the numbers.</summary>
    [TestCase("Clip without its lower bound")]
    [TestCase("Clip without its upper bound")]
    [TestCase("Conv without its bias")]
    [TestCase("Dropout with a rate")]
    [TestCase("Dropout without its rate")]
    [TestCase("Dropout that is not training")]
    [TestCase("Dropout that is not training, said by a node")]
    [TestCase("Dropout with a mask")]
    public void Score_InputsAndOutputsThatMayBeLeftOut_IsTheNetwork(string way)
    {
        byte[] onnx = ForeignOnnxTests.Foreign(Model, proto =>
        {
            var graph = proto.Graph;
            int at = graph.Node.IndexOf(graph.Node.First(node => node.OpType == "BatchNormalization"));
            var normalization = graph.Node[at];
            string input = normalization.Input[0];
            normalization.Input[0] = "passed";
            graph.Initializer.Add(TensorData.Create<float>("high", DataType.Float, [1e9f]));
            graph.Initializer.Add(TensorData.Create<float>("low", DataType.Float, [0]));
            graph.Initializer.Add(TensorData.Create<float>("ratio", DataType.Float, [0.5f]));
            graph.Initializer.Add(TensorData.Create<float>("one", DataType.Float, [.. Enumerable.Range(0, 16).Select(i => i % 5 == 0 ? 1f : 0)], 4, 4, 1, 1));
            var no = TensorData.Create<byte>("no", DataType.Bool, [0]);
            if (way.EndsWith("training", StringComparison.Ordinal))
            {
                graph.Initializer.Add(no);
            }

            var node = way switch
            {
                "Clip without its lower bound" => Node("Clip", input, "passed", "", "high"),
                "Clip without its upper bound" => Node("Clip", input, "passed", "low", ""),
                "Conv without its bias" => Node("Conv", input, "passed", "one", ""),
                "Dropout with a rate" => Node("Dropout", input, "passed", "ratio"),
                "Dropout without its rate" => Node("Dropout", input, "passed", ""),
                "Dropout with a mask" => Node("Dropout", input, "passed"),
                _ => Node("Dropout", input, "passed", "ratio", "no"),
            };
            if (way == "Dropout with a mask")
            {
                node.Output.Add("mask");
            }

            graph.Node.Insert(at, node);
            if (way.EndsWith("node", StringComparison.Ordinal))
            {
                graph.Node.Insert(0, new NodeProto { OpType = "Constant", Output = { "no" }, Attribute = { new AttributeProto { Name = "value", Type = AttributeProto.Types.AttributeType.Tensor, T = no } } });
            }
        });

        Assert.That(Score(onnx), Is.EqualTo(Own()).Within(1e-6f));
    }

    private static void Flatten(GraphProto graph, long[] shape)
    {
        var flatten = graph.Node.Single(node => node.OpType == "Flatten");
        flatten.OpType = "Reshape";
        flatten.Attribute.Clear();
        flatten.Input.Add("flat");
        graph.Initializer.Add(TensorData.Create<long>("flat", DataType.Int64, shape, 2));
    }

    private static NodeProto Node(string op, string input, string output, params string[] constants)
    {
        var node = new NodeProto { OpType = op, Input = { input }, Output = { output } };
        node.Input.AddRange(constants);
        return node;
    }

    private static NodeProto Softmax(string input, string output, long axis)
    {
        var node = Node("Softmax", input, output);
        node.Attribute.Add(OnnxGraphBuilder.Int("axis", axis));
        return node;
    }

    private static float[] Own()
    {
        using var own = Cifar3Classifier.FromModel(Model);
        return Score(own);
    }

    private static float[] Score(byte[] onnx)
    {
        using var classifier = Load(onnx);
        return Score(classifier);
    }

    private static float[] Score(Cifar3Classifier classifier)
    {
        var scores = new float[15];
        classifier.Score(Pixels, scores);
        return scores;
    }

    private static Cifar3Classifier Load(byte[] onnx) => Cifar3Classifier.Load(onnx, new ClassifierOptions { ClassNames = ["airplane", "automobile", "bird"] });
}

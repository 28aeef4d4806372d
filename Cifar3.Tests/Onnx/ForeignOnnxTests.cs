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

        double worst = expected.Zip(found).Max(pair => Math.Abs(pair.First - pair.Second));
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

    [Test]
    public void Load_OwnFileWithOtherClassNames_TakesThem()
    {
        var model = TestModels.Random(filters: [4, 4, 8]);

        using var classifier = Cifar3Classifier.Load(model.ToOnnxBytes(), new ClassifierOptions { ClassNames = ["plane", "auto", "bird"] });

        Assert.That(classifier.PredictPixels(EngineTestData.RandomImages(1, seed: 1)).Label, Is.AnyOf("plane", "auto", "bird"));
        Assert.That(() => Cifar3Classifier.Load(model.ToOnnxBytes(), new ClassifierOptions { ClassNames = ["one"] }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("3 classes"));
    }

    [Test]
    public void Load_ForeignModelWithoutNames_SaysHowToNameThem() =>
        Assert.That(() => Cifar3Classifier.Load(Foreign(TestModels.Random(filters: [4, 4, 8]), _ => { })), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("ClassifierOptions.ClassNames"));

    [TestCase("two names", "expected one name for each of its 3 classes, found 2 names (a, b)")]
    [TestCase("uint8", "expected a float32 input [N, 32, 32, 3] or [N, 3, 32, 32]")]
    [TestCase("28 pixels", "'input' of type 1 [any, 28, 28, 3]")]
    [TestCase("batch of 16", "'input' of type 1 [16, 32, 32, 3]")]
    [TestCase("two inputs", "expected one input, found 2 (input, mask)")]
    [TestCase("two outputs", "expected one output, found 2")]
    [TestCase("output [N]", "expected a float32 output [N, classes]")]
    [TestCase("ends in Relu", "found Relu")]
    [TestCase("softmax over images", "found Softmax")]
    [TestCase("nothing computes the output", "found none")]
    [TestCase("cycle", "without cycles")]
    [TestCase("weights elsewhere", "found 'conv2d/kernel' in another file")]
    public void Load_GraphThatDoesNotFit_SaysWhatWasFound(string problem, string message)
    {
        byte[] foreign = Foreign(TestModels.Random(filters: [4, 4, 8]), proto => Break(proto, problem));
        string[] names = problem == "two names" ? ["a", "b"] : Names;

        Assert.That(() => Cifar3Classifier.Load(foreign, new ClassifierOptions { ClassNames = names }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(message).And.Message.Contains("tf2onnx"));
    }

    [Test]
    public void Load_EmptySidecar_IsNamed()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "m.onnx");
        File.WriteAllBytes(path, Foreign(TestModels.Random(filters: [4, 4, 8]), _ => { }));
        File.WriteAllText(Path.ChangeExtension(path, ".classes.txt"), "\n\n");

        Assert.That(() => Cifar3Classifier.Load(path), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("m.classes.txt").And.Message.Contains("one name a line"));
    }

    private static byte[] Foreign(CnnModel model, Action<ModelProto> edit)
    {
        var proto = ModelProto.Parser.ParseFrom(model.ToOnnxBytes());
        proto.MetadataProps.Clear();
        proto.Graph.ValueInfo.Clear();
        edit(proto);
        return proto.ToByteArray();
    }

    private static void Rewrite(ModelProto proto, string way)
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
            case "batch of 16":
                input.Shape.Dim[0].DimValue = 16;
                break;
            case "two inputs":
                graph.Input.Add(new ValueInfoProto(graph.Input[0]) { Name = "mask" });
                break;
            case "two outputs":
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
            case "nothing computes the output":
                graph.Output[0].Name = "elsewhere";
                break;
            case "cycle":
                graph.Node[^1].OpType = "Identity";
                graph.Node[^1].Input[0] = graph.Node[^1].Output[0];
                break;
            case "weights elsewhere":
                graph.Initializer.Single(t => t.Name == "conv2d/kernel").ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "/etc/passwd" });
                break;
        }
    }
}

using Onnx;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3.Tests;

/// <summary>Global pooling in front of the dense layer, as most Keras and PyTorch networks have it, in every form that tools write.</summary>
public sealed class GlobalPoolingTests
{
    private static readonly CnnModel Model = TestModels.Random(filters: [4, 4, 8]);
    private static readonly byte[] Pixels = EngineTestData.RandomImages(5, seed: 1);

    /// <summary>tf2onnx makes GlobalAveragePool and Squeeze of Keras' GlobalAveragePooling2D, up to operator set 17; from 18 on ReduceMean stays. torch.onnx.export makes ReduceMean of <c>x.mean((2, 3))</c>.</summary>
    [TestCase("GlobalAveragePool, Squeeze", 17)]
    [TestCase("GlobalAveragePool, Squeeze of a setting", 11)]
    [TestCase("ReduceMean of a setting", 17)]
    [TestCase("ReduceMean of a setting, Squeeze", 17)]
    [TestCase("ReduceMean", 18)]
    public void Load_GlobalAveragePooling_GivesTheSameProbabilitiesInEveryForm(string form, int operatorSet)
    {
        float[] expected = Score(Pooled("GlobalAveragePool, Flatten", 17)), found = Score(Pooled(form, operatorSet));

        Assert.That(found, Is.EqualTo(expected).Within(1e-6f));
        Assert.That(expected.Chunk(3).Select(row => row[0]).Distinct().Count(), Is.GreaterThan(1), "images that differ");
    }

    [TestCase("over the images", "(ReduceMean): expected axes in the file, each once and not the first, of [1, 8, 2, 2], found [0]")]
    [TestCase("over all", "(ReduceMean): expected axes in the file")]
    [TestCase("beyond", "found [4]")]
    [TestCase("twice", "found [2, -2]")]
    [TestCase("squeezed", "(Squeeze): expected axes in the file, each once and not the first, of size 1, of [1, 8, 2, 2], found [2, 3]")]
    public void Load_AxesThatDoNotFit_SaysWhatWasFound(string axes, string message) =>
        Assert.That(() => Score(Pooled(axes, 17)), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(message));

    private static float[] Score(byte[] onnx)
    {
        var scores = new float[15];
        using var classifier = Cifar3Classifier.Load(onnx, new ClassifierOptions { ClassNames = ["airplane", "automobile", "bird"] });
        classifier.Score(Pixels, scores);
        return scores;
    }

    /// <summary>The network with global pooling in place of Flatten, and a dense kernel of as many inputs as there are channels.</summary>
    private static byte[] Pooled(string form, int operatorSet) => ForeignOnnxTests.Foreign(Model, proto =>
    {
        proto.OpsetImport[0].Version = operatorSet;
        var graph = proto.Graph;
        int place = graph.Node.ToList().FindIndex(node => node.OpType == "Flatten");
        var flatten = graph.Node[place];
        graph.Node.RemoveAt(place);
        graph.Node.RemoveAt(place - 1); // to channels last
        var kernel = graph.Initializer.Single(tensor => tensor.Name == "dense/kernel");
        graph.Initializer.Remove(kernel);
        graph.Initializer.Add(TensorData.Create<float>("dense/kernel", DataType.Float, [.. TensorData.Floats(kernel).Chunk(32).SelectMany(row => row[..8])], 3, 8));

        var last = graph.Node[place - 2];
        switch (form)
        {
            case "GlobalAveragePool, Flatten":
                Add("GlobalAveragePool", []);
                Add("Flatten", []);
                break;
            case "GlobalAveragePool, Squeeze":
                Add("GlobalAveragePool", []);
                Add("Squeeze", [2, 3], asInput: true);
                break;
            case "GlobalAveragePool, Squeeze of a setting":
                Add("GlobalAveragePool", []);
                Add("Squeeze", [2, 3]);
                break;
            case "ReduceMean":
                Add("ReduceMean", [2, 3], asInput: true).Attribute.Add(OnnxGraphBuilder.Int("keepdims", 0));
                break;
            case "ReduceMean of a setting":
                Add("ReduceMean", [-1, -2]).Attribute.Add(OnnxGraphBuilder.Int("keepdims", 0));
                break;
            case "ReduceMean of a setting, Squeeze":
                Add("ReduceMean", [2, 3]);
                Add("Squeeze", [2, 3], asInput: true);
                break;
            case "squeezed":
                Add("Squeeze", [2, 3], asInput: true);
                break;
            default:
                Add("ReduceMean", form switch { "over the images" => [0], "beyond" => [4], "twice" => [2, -2], _ => [] });
                break;
        }

        last.Output[0] = flatten.Output[0];

        NodeProto Add(string op, long[] axes, bool asInput = false)
        {
            var node = new NodeProto { OpType = op, Input = { last.Output[0] }, Output = { op } };
            if (asInput)
            {
                graph.Initializer.Add(TensorData.Create<long>($"{op}/axes", DataType.Int64, axes, axes.Length));
                node.Input.Add($"{op}/axes");
            }
            else if (axes.Length > 0)
            {
                node.Attribute.Add(OnnxGraphBuilder.Ints("axes", axes));
            }

            graph.Node.Insert(graph.Node.IndexOf(last) + 1, node);
            return last = node;
        }
    });
}

using Google.Protobuf;
using Onnx;

namespace Cifar3.Tests;

/// <summary>Weights in a file beside the model that say more, or other things, than they should.</summary>
public sealed class ExternalDataTests
{
    private static readonly CnnModel Model = TestModels.Random(filters: [4, 4, 8]);

    /// <summary>Of two places onnx and ONNX Runtime take the last one.</summary>
    [TestCase("offset", "says twice where its numbers are: expected one place, found location 'model.onnx.data', offset '0', length '432', offset '4'")]
    [TestCase("location", "says twice where its numbers are")]
    [TestCase("raw", "found some in the model and in another file too")]
    public void Load_WeightWithTwoPlaces_IsRefused(string what, string message)
    {
        string path = Save(Model, TestFiles.NewFolder(), tensor =>
        {
            if (what == "raw")
            {
                tensor.RawData = ByteString.CopyFrom(new byte[4]);
                return;
            }

            tensor.ExternalData.Add(new StringStringEntryProto { Key = what, Value = what == "offset" ? "4" : "other.data" });
        });

        Assert.That(() => CnnModel.LoadOnnx(path), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(message));
    }

    /// <summary>Kubernetes' volumes: files are links into a folder whose name begins with two dots.</summary>
    [Test]
    public void LoadOnnx_WeightsInAFolderBelowWhoseNameBeginsWithDots_AreRead()
    {
        string folder = TestFiles.NewFolder(), path = Save(Model, folder, _ => { }), below = Directory.CreateDirectory(Path.Combine(folder, "..2026_11")).FullName;
        File.Move(path + ".data", Path.Combine(below, "weights"));
        TestFiles.Link(path + ".data", Path.Combine(below, "weights"));

        Assert.That(CnnModel.LoadOnnx(path).WeightHash(), Is.EqualTo(Model.WeightHash()));
    }

    private static string Save(CnnModel model, string folder, Action<TensorProto> change)
    {
        string path = Path.Combine(folder, "model.onnx");
        var proto = ModelProto.Parser.ParseFrom(OtherToolsModelTests.External(model.ToOnnxBytes(), path + ".data", "model.onnx.data"));
        change(proto.Graph.Initializer[0]);
        File.WriteAllBytes(path, proto.ToByteArray());
        return path;
    }
}

using System.Runtime.Versioning;
using Onnx;

namespace Cifar3.Tests;

public sealed class OnnxExporterTests
{
    [TestCase(3, new[] { 32, 64, 128 })]
    [TestCase(2, new[] { 1, 1, 1 })]
    [TestCase(10, new[] { 8, 16, 24 })]
    public void SaveOnnx_AnyArchitecture_PassesTheOnnxChecker(int classes, int[] filters)
    {
        string path = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        TestModels.Random(classes, filters).SaveOnnx(path);

        string output = PythonPeer.Run(
            """
            import onnx, sys
            model = onnx.load(sys.argv[1])
            onnx.checker.check_model(model, full_check=True)
            bare = onnx.ModelProto()
            bare.CopyFrom(model)
            del bare.graph.value_info[:]
            inferred = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True).graph.value_info
            shape = lambda v: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
            assert {v.name: shape(v) for v in model.graph.value_info} == {v.name: shape(v) for v in inferred}
            for v in [*model.graph.input, *model.graph.output]:
                print(v.name, shape(v))
            print(model.ir_version, [(o.domain, o.version) for o in model.opset_import], model.producer_name)
            """,
            path);

        Assert.That(output.ReplaceLineEndings("\n"), Is.EqualTo($"input ['N', 32, 32, 3]\nprobabilities ['N', {classes}]\n8 [('', 17)] Cifar3\n"));
    }

    [Test]
    public void ToOnnxBytes_SameModel_GivesSameBytes() =>
        Assert.That(TestModels.Random().ToOnnxBytes(), Is.EqualTo(TestModels.Random().ToOnnxBytes()));

    [Test]
    public void ToOnnxBytes_Default_NamesNodesAndWeightsAfterKerasLayers()
    {
        var model = TestModels.Random();
        var graph = ModelProto.Parser.ParseFrom(model.ToOnnxBytes()).Graph;

        Assert.That(graph.Initializer.Select(i => i.Name), Is.EqualTo(model.Weights.Select(w => w.Name)));
        Assert.That(graph.Node.Select(n => $"{n.Name}:{n.OpType}"), Is.EqualTo(new[]
        {
            "to_channels_first:Transpose",
            "conv2d:Conv", "conv2d/relu:Relu", "batch_normalization:BatchNormalization", "conv2d_1:Conv", "conv2d_1/relu:Relu", "max_pooling2d:MaxPool",
            "conv2d_2:Conv", "conv2d_2/relu:Relu", "batch_normalization_1:BatchNormalization", "conv2d_3:Conv", "conv2d_3/relu:Relu", "max_pooling2d_1:MaxPool",
            "conv2d_4:Conv", "conv2d_4/relu:Relu", "batch_normalization_2:BatchNormalization", "conv2d_5:Conv", "conv2d_5/relu:Relu", "max_pooling2d_2:MaxPool",
            "to_channels_last:Transpose", "flatten:Flatten", "dense:Gemm", "dense/softmax:Softmax",
        }));
        Assert.That(graph.Node.Select(n => n.DocString), Is.All.Not.Empty);
    }

    [Test]
    public void ToOnnxBytes_TrainedModel_TellsItsOrigin()
    {
        var proto = ModelProto.Parser.ParseFrom(TestModels.Random(2, [1, 2, 3], seed: 7).ToOnnxBytes());
        var props = proto.MetadataProps.ToDictionary(p => p.Key, p => p.Value);

        Assert.Multiple(() =>
        {
            Assert.That(props["class_names"], Is.EqualTo("""["class \"0\" é","class \"1\" é"]"""));
            Assert.That(props["recipe"], Is.EqualTo("seed: Adam 0.001, batch 128, 10 epochs"));
            Assert.That(props["trained_on"], Is.EqualTo("random numbers"));
            Assert.That(props["seed"], Is.EqualTo("7"));
            Assert.That(props["val_accuracy"], Is.EqualTo("0.30000000000000004"));
            Assert.That(props["epoch"], Is.EqualTo("2"));
            Assert.That(props["history"], Does.StartWith("""[{"epoch":1,"loss":0.9,"accuracy":0.6,"val_loss":null,"""));
            Assert.That(props["filters"], Is.EqualTo("[1,2,3]"));
            Assert.That(props["dropout_rates"], Is.EqualTo("[0.5,0.25,0.3333333333333333]"));
            Assert.That(props["library_version"], Is.EqualTo(ModelMetadata.CurrentVersion));
            Assert.That(proto.DocString, Does.Contain("Trained on: random numbers").And.Contain("Validation accuracy: 0.3000"));
        });
    }

    [Test]
    public void SaveOnnx_FolderCannotBeWritten_NamesTheFileAndLeavesNothing()
    {
        string folder = TestFiles.NewFolder(), file = Path.Combine(folder, "file");
        File.WriteAllText(file, "");

        Assert.That(() => TestModels.Random(2, [1, 1, 1]).SaveOnnx(Path.Combine(file, "model.onnx")), Throws.InstanceOf<Cifar3Exception>().With.Message.Contains("model.onnx").And.Message.Contains($"'{file}' is a file, not a folder"));
        Assert.That(Directory.GetFileSystemEntries(folder), Is.EqualTo(new[] { file }));
    }

    [Test, Platform("Linux")]
    public void SaveOnnx_FolderThatTakesNoFiles_NamesTheFile() =>
        Assert.That(() => TestModels.Random(2, [1, 1, 1]).SaveOnnx("/proc/model.onnx"), Throws.InstanceOf<Cifar3Exception>().With.Message.Contains("/proc/model.onnx"));

    [Test, Platform(Exclude = "Win"), UnsupportedOSPlatform("windows")]
    public void SaveOnnx_ReadOnlyFolder_KeepsTheOldFile()
    {
        if (Environment.UserName == "root")
        {
            Assert.Ignore("Folder permissions do not bind root.");
        }

        string folder = TestFiles.NewFolder(), path = Path.Combine(folder, "model.onnx");
        File.WriteAllText(path, "old");
        File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            Assert.That(() => TestModels.Random(2, [1, 1, 1]).SaveOnnx(path), Throws.InstanceOf<Cifar3Exception>().With.Message.Contains(path));
            Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
            Assert.That(Directory.GetFileSystemEntries(folder), Has.Length.EqualTo(1));
        }
        finally
        {
            File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}

using System.IO.Compression;
using System.Text;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Files that people take for an ONNX model: each is told by its name, with what to do.</summary>
public sealed class OtherFileTests
{
    [TestCase("<!DOCTYPE html><html>", "a web page (HTML)")]
    [TestCase("\n  <html lang=en>", "a web page (HTML)")]
    [TestCase("version https://git-lfs.github.com/spec/v1\noid sha256:1", "git lfs pull")]
    [TestCase("{\"class_name\": \"Sequential\"}", "a JSON file")]
    [TestCase("<?xml version=\"1.0\"?>", "an XML file")]
    [TestCase("GGUF....", "a GGUF file")]
    [TestCase("\0\0\0\0TFL3.....", "TensorFlow Lite")]
    [TestCase("\0\0\0\0ORTM.....", "(.ort)")]
    public void Open_Text_IsNamed(string content, string expected) => AssertNamed(Encoding.UTF8.GetBytes(content), expected);

    [TestCase("894844460D0A1A0A00", "KerasFile.Load")]
    [TestCase("80027D71002E", "a Python pickle")]
    [TestCase("1F8B0800000000000003", "Unpack it")]
    [TestCase("934E554D505901007600", "a NumPy array")]
    [TestCase("89504E470D0A1A0A0000", "a picture")]
    [TestCase("10000000000000007B2261223A7B7D7D", "safetensors")]
    [TestCase("080112020A00", "a TensorFlow graph")]
    public void Open_Bytes_AreNamed(string hex, string expected) => AssertNamed(Convert.FromHexString(hex), expected);

    [TestCase("", "found an empty file. Save it again")]
    [TestCase("0808120663696661723318", "found an ONNX model. Read it with CnnModel.LoadOnnx")]
    [TestCase("08073A0A", "found an ONNX model")]
    [TestCase("80027D71002E", "found a Python pickle")]
    [TestCase("1F8B0800000000000003", "Unpack it and give the .keras or .h5 file inside")]
    [TestCase("3C21444F43545950452068746D6C3E", "found a web page (HTML)")]
    [TestCase("7B22636C6173735F6E616D65223A317D", "found a JSON file. Choose the .keras or .h5 file")]
    [TestCase("080112020A00", "found a TensorFlow graph")]
    [TestCase("00000608011A020857FB808B247547DB", "found a part of a TensorFlow checkpoint, as Keras 2 saves weights. Load it in Keras (model.load_weights)")]
    [TestCase("6D6F64656C5F636865636B706F696E745F706174683A2022636B22", "found a part of a TensorFlow checkpoint")]
    [TestCase("894844460A0A1A0A00", "The file is damaged")]
    [TestCase("504B000000", "damaged")]
    [TestCase("0102030405060708", "Expected an HDF5 file")]
    public void Load_BytesThatAreNoKerasFile_AreNamed(string hex, string expected)
    {
        string path = Path.Combine(TestFiles.NewFolder(), "model.keras");
        File.WriteAllBytes(path, Convert.FromHexString(hex));

        Assert.That(() => KerasFile.Load(path), Throws.TypeOf<Cifar3ModelException>().With.Message.StartsWith($"Cannot read Keras file '{path}': ").And.Message.Contains(expected));
    }

    /// <summary>save_weights("weights") of Keras 2 writes weights.index, weights.data-00000-of-00001 and checkpoint, and load_weights takes "weights".</summary>
    [Test]
    public void Load_NameOfATensorFlowCheckpoint_IsNamed()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "weights");
        File.WriteAllBytes(path + ".index", [0]);

        Assert.That(() => KerasFile.Load(path), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("TensorFlow checkpoint").And.Message.Contains("model.save(\"model.keras\")"));
    }

    [Test]
    public void Load_ModelThatNamesNoProducer_IsToldSo()
    {
        var proto = Onnx.ModelProto.Parser.ParseFrom(TestModels.Random(2, [1, 1, 1]).ToOnnxBytes());
        (proto.ProducerName, proto.ProducerVersion) = ("", "");
        proto.MetadataProps.Clear();
        byte[] onnx = Google.Protobuf.MessageExtensions.ToByteArray(proto);

        Assert.That(() => CnnModel.LoadOnnx(onnx), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("found a model that names no producer without it"));
        Assert.That(() => Cifar3Classifier.Load(onnx), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("found a model that names no producer, which has none"));
    }

    [TestCase("model.weights.h5", "a Keras archive")]
    [TestCase("archive/data.pkl", "torch.onnx.export")]
    [TestCase("folder/saved_model.pb", "SavedModel")]
    [TestCase("folder/model.onnx", "give the .onnx file inside")]
    [TestCase("TransformerChain/Model.key", "mlContext.Model.Load")]
    [TestCase("a.txt", "a zip archive")]
    public void Open_Archive_IsNamedByWhatIsInIt(string entry, string expected)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            zip.CreateEntry(entry);
        }

        AssertNamed(stream.ToArray(), expected);
    }

    [Test]
    public void Open_Folder_SaysWhatKind()
    {
        string folder = TestFiles.NewFolder();
        Assert.That(() => CnnModel.LoadOnnx(folder), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("found a folder"));

        File.WriteAllText(Path.Combine(folder, "saved_model.pb"), "");
        Assert.That(() => Cifar3Classifier.Load(folder), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("found a TensorFlow SavedModel").And.Message.Contains("tf2onnx"));
    }

    [Test]
    public void Open_TextFromTheFile_IsEscapedAndCut()
    {
        var proto = Onnx.ModelProto.Parser.ParseFrom(TestModels.Random(2, [1, 1, 1]).ToOnnxBytes());
        proto.MetadataProps.Single(entry => entry.Key == "format").Value = "\u001b[2J" + new string('x', 100_000);

        Assert.That(() => CnnModel.LoadOnnx(Google.Protobuf.MessageExtensions.ToByteArray(proto)), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("\\u001B").And.Message.Length.LessThan(1000));
    }

    [TestCase("filters")]
    [TestCase("class_names")]
    [TestCase("history")]
    public void Open_EndlessListInTheMetadata_IsRefusedInOneLine(string key)
    {
        var proto = Onnx.ModelProto.Parser.ParseFrom(TestModels.Random(2, [1, 1, 1]).ToOnnxBytes());
        string item = key switch { "filters" => "1", "class_names" => "\"a\"", _ => "{\"epoch\":1,\"loss\":1,\"accuracy\":1,\"val_loss\":1,\"val_accuracy\":1,\"learning_rate\":1,\"seconds\":1}" };
        proto.MetadataProps.Single(entry => entry.Key == key).Value = $"[{string.Join(",", Enumerable.Repeat(item, key == "history" ? 110_000 : 40_000))}]";

        Assert.That(() => CnnModel.LoadOnnx(Google.Protobuf.MessageExtensions.ToByteArray(proto)), Throws.TypeOf<Cifar3ModelException>().With.Message.Length.LessThan(1000));
    }

    private static void AssertNamed(byte[] bytes, string expected) =>
        Assert.That(() => CnnModel.LoadOnnx(bytes), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(expected).And.Message.StartsWith("Cannot read model 'bytes in memory': expected an ONNX model, found"));
}

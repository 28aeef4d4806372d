using System.IO.Compression;
using System.Text.Json.Nodes;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Models that are not this network are refused with their first difference; code is never executed.</summary>
public sealed class KerasRefusalTests
{
    [TestCase("refuse/elu-activation.keras", "Layer 2 'conv2d' (Conv2D)", "expected activation relu, found elu")]
    [TestCase("refuse/kernel-5x5.keras", "Layer 2 'conv2d' (Conv2D)", "expected kernel_size [3,3], found [5,5]")]
    [TestCase("refuse/extra-dense.keras", "Layer 2 'conv2d_6' (Conv2D)", "expected padding same, found valid")]
    [TestCase("refuse/functional.keras", "Layer 2 'conv2d' (Conv2D)", "expected padding same, found valid")]
    [TestCase("refuse/lambda.keras", "Layer 2 'lambda' is a Lambda layer", "never executed")]
    public void Load_KerasFileOfAnotherNetwork_NamesTheFirstDifference(string file, string where, string what)
    {
        string path = TestFiles.Golden(file);

        Assert.That(
            () => KerasFile.Load(path),
            Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(Path.GetFileName(file)).And.Message.Contains(where).And.Message.Contains(what));
    }

    [TestCase("conv2d", "strides", "[2,2]", "expected strides [1,1], found [2,2]")]
    [TestCase("conv2d", "padding", "\"valid\"", "expected padding same, found valid")]
    [TestCase("conv2d_1", "padding", "\"same\"", "expected padding valid, found same")]
    [TestCase("conv2d_1", "filters", "5", "expected filters 4, found 5")]
    [TestCase("conv2d_2", "data_format", "\"channels_first\"", "expected data_format channels_last, found channels_first")]
    [TestCase("conv2d_3", "dilation_rate", "[2,2]", "expected dilation_rate [1,1], found [2,2]")]
    [TestCase("conv2d_4", "groups", "2", "expected groups 1, found 2")]
    [TestCase("conv2d_5", "use_bias", "false", "expected use_bias true, found false")]
    [TestCase("batch_normalization_2", "axis", "1", "expected axis -1, found 1")]
    [TestCase("batch_normalization_2", "scale", "false", "expected scale true, found false")]
    [TestCase("max_pooling2d", "pool_size", "[3,3]", "expected pool_size [2,2], found [3,3]")]
    [TestCase("max_pooling2d_1", "padding", "\"same\"", "expected padding valid, found same")]
    [TestCase("flatten", "data_format", "\"channels_first\"", "expected data_format channels_last, found channels_first")]
    [TestCase("dense", "activation", "\"sigmoid\"", "expected activation softmax, found sigmoid")]
    public void Load_OneSettingDiffers_NamesLayerExpectedAndFound(string layer, string setting, string value, string message)
    {
        byte[] file = KerasTestFile.Archive(config => config.Layer(layer)["config"]![setting] = JsonNode.Parse(value));

        Assert.That(KerasTestFile.Refusal(file), Does.Contain($"'{layer}'").And.Contain(message));
    }

    /// <summary>A text is no number, whatever it reads like, and Python takes the text "false" for true.</summary>
    [TestCase("conv2d", "kernel_size", "\"3\"", "expected kernel_size [3,3], found \"3\"")]
    [TestCase("conv2d", "filters", "\"4\"", "expected filters a number, found \"4\"")]
    [TestCase("conv2d", "padding", "\"\"", "expected padding same, found \"\"")]
    [TestCase("conv2d", "use_bias", "\"true\"", "expected use_bias true, found \"true\"")]
    [TestCase("conv2d_1", "dtype", "5", "expected dtype the name of a type or a policy, found 5")]
    [TestCase("conv2d_1", "trainable", "\"false\"", "expected trainable true or false, found \"false\"")]
    [TestCase("batch_normalization_1", "epsilon", "\"0.5\"", "expected epsilon a number, found \"0.5\"")]
    [TestCase("batch_normalization_1", "momentum", "[0.99]", "expected momentum a number, found [0.99]")]
    [TestCase("batch_normalization_1", "renorm", "\"false\"", "expected renorm false, found \"false\"")]
    [TestCase("dropout", "rate", "true", "expected rate a number, found true")]
    [TestCase("input_layer", "batch_shape", "\"32\"", "expected batch_shape a list of sizes, found \"32\"")]
    [TestCase("conv2d_2", "activation", """{"class_name": "ReLU", "config": {"max_value": "6"}}""", "expected activation relu, found ReLU with its own settings")]
    [TestCase("conv2d_2", "activation", """{"class_name": "ReLU", "config": {"negative_slope": "0.1"}}""", "expected activation relu, found ReLU with its own settings")]
    [TestCase("dense", "activation", """{"class_name": "Softmax", "config": {"axis": "0"}}""", "expected activation softmax, found Softmax with its own settings")]
    public void Load_SettingOfAnotherType_IsRefused(string layer, string setting, string value, string message) =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Archive(config => config.Layer(layer)["config"]![setting] = JsonNode.Parse(value))),
            Does.Contain($"'{layer}'").And.Contain(message));

    [TestCase("scale", "\"x\"")]
    [TestCase("offset", "\"0\"")]
    public void Load_RescalingByAText_IsRefused(string setting, string value)
    {
        JsonNode rescaling = JsonNode.Parse("""{"module": "keras.layers", "class_name": "Rescaling", "config": {"name": "rescaling", "scale": 0.5, "offset": 0}, "registered_name": null}""")!;
        rescaling["config"]![setting] = JsonNode.Parse(value);

        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Archive(config => config["config"]!["layers"]!.AsArray().Insert(1, rescaling))),
            Does.Contain($"'rescaling' (Rescaling) is not this network's: expected {setting} numbers, found"));
    }

    /// <summary>What Keras 3 and Keras 2 make of <c>inputs / 255.0</c>, common at the beginning of a functional model: the layer that does it is named.</summary>
    [TestCase("TrueDivide", """[{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["in", 0, 0]}}, 255.0], "kwargs": {}}]""")]
    [TestCase("TFOpLambda", """[["in", 0, 0, {"y": 255.0, "name": null}]]""")]
    public void Load_OperationBesideTheLayers_NamesTheLayerThatDoesIt(string kind, string calls) =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Zip(
                $$$"""
                {"module": "keras", "class_name": "Functional", "config": {"name": "f", "input_layers": [["in", 0, 0]], "output_layers": [["divide", 0, 0]], "layers": [
                  {"module": "keras.layers", "class_name": "InputLayer", "config": {"name": "in", "batch_shape": [null, 32, 32, 3]}, "inbound_nodes": []},
                  {"class_name": "{{{kind}}}", "config": {"name": "divide"}, "inbound_nodes": {{{calls}}}}]}}
                """,
                KerasTestFile.Weights())),
            Does.Contain($"Layer 2 'divide' ({kind})").And.Contain("Rescaling(1 / 255)"));

    [Test]
    public void Load_LayerWhoseSettingsAreAText_IsRefused() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Archive(config => config["config"]!["layers"]![2]!["config"] = "epsilon")),
            Does.Contain("Layer 3 (BatchNormalization) has no settings by name"));

    [TestCase("registered_name", """["Evil"]""")]
    [TestCase("module", "7")]
    public void Load_NameOfCodeOfAnotherType_IsRefused(string name, string value) =>
        Assert.That(KerasTestFile.Refusal(KerasTestFile.Archive(config => config.Layer("conv2d")[name] = JsonNode.Parse(value))), Does.Contain("'conv2d' is a custom object"));

    /// <summary>Adam's settings never stand in the way of the weights.</summary>
    [TestCase("beta_1", "\"0.9\"", "its Adam has beta_1 \"0.9\", which is no number")]
    [TestCase("learning_rate", "[1]", "its Adam has learning_rate [1], which is no number")]
    [TestCase("weight_decay", "\"0.1\"", "its Adam has weight_decay \"0.1\", which is no number")]
    [TestCase("amsgrad", "\"True\"", "its Adam has amsgrad on")]
    public void Load_SettingOfAdamOfAnotherType_LeavesItsStateOutAndSaysWhy(string setting, string value, string note)
    {
        var keras = KerasFile.Parse(KerasTestFile.Archive(config => config["compile_config"]!["optimizer"]!["config"]![setting] = JsonNode.Parse(value)), "m");

        Assert.That(keras.State, Is.Null);
        Assert.That(keras.Notes, Has.One.Contains(note));
    }

    [Test]
    public void Load_OwnSettingsOfAnotherType_AreRefused() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Weights(file => file.Attributes[KerasReader.SettingsKey] = """{"batch_normalization_epsilon": "0.001"}""")),
            Does.Contain("Its entry 'cifar3_settings' is malformed: expected numbers for 'batch_normalization_epsilon', found \"0.001\""));

    /// <summary>Of two values some readers take the first and some the last.</summary>
    [Test]
    public void Load_SettingThatStandsThereTwice_IsRefused()
    {
        string config = KerasConfigWriter.Archive(KerasTestFile.Trained().Model, 1e-3).ToJsonString(), twice = config.Replace("\"epsilon\":", "\"epsilon\":0.9,\"epsilon\":", StringComparison.Ordinal);
        Assert.That(twice, Is.Not.EqualTo(config));

        Assert.That(KerasTestFile.Refusal(KerasTestFile.Zip(twice, KerasTestFile.Weights())), Does.Contain("'config.json' is not valid JSON").And.Contain("epsilon"));
    }

    [TestCase("config.json")]
    [TestCase("model.weights.h5")]
    [TestCase("note.txt")]
    public void Load_EntryThatIsInTheArchiveTwice_IsRefused(string name)
    {
        using var stream = new MemoryStream();
        stream.Write(KerasTestFile.Archive());
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Update, leaveOpen: true))
        {
            zip.CreateEntry(name);
            if (name == "note.txt")
            {
                zip.CreateEntry(name);
            }
        }

        Assert.That(KerasTestFile.Refusal(stream.ToArray()), Does.Contain($"The archive has the entry '{name}' twice"));
    }

    [TestCase("dropout", 2.0, "[0, 1)")]
    [TestCase("batch_normalization_1", 1.5, "[0, 1]")]
    [TestCase("conv2d", 5000.0, "1 to 1024")]
    [TestCase("dense", 101.0, "2 to 100")]
    [TestCase("dense", 1.0, "The last layer has one output, a sigmoid's. Expected a softmax over 2 to 100")]
    public void Load_NumberOutOfRange_TellsTheRange(string layer, double value, string range)
    {
        string setting = layer switch { "dropout" => "rate", "dense" => "units", "batch_normalization_1" => "momentum", _ => "filters" };

        Assert.That(KerasTestFile.Refusal(KerasTestFile.Archive(config => config.Layer(layer)["config"]![setting] = value)), Does.Contain(range));
    }

    [Test]
    public void Load_MissingLayer_SaysWhatStandsInItsPlace() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Archive(config => config["config"]!["layers"]!.AsArray().RemoveAt(2))),
            Does.Contain("Layer 3 'conv2d_1' (Conv2D)").And.Contain("expected class BatchNormalization, found Conv2D"));

    [Test]
    public void Load_LayerAtTheEndTooMuch_IsNamed() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Archive(config => config["config"]!["layers"]!.AsArray().Add(config.Layer("dense").DeepClone()))),
            Does.Contain("Layer 19 'dense' is too much"));

    [Test]
    public void Load_OtherImageSizeWithTheSameWeights_IsRefused() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Archive(config => config.Layer("input_layer")["config"]!["batch_shape"] = JsonNode.Parse("[null,33,33,3]"))),
            Does.Contain("[null,33,33,3]").And.Contain("Expected [null,32,32,3]"));

    [Test]
    public void Load_CustomObject_IsRefusedByName() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Archive(config => config.Layer("dense")["registered_name"] = "Evil>Conv")),
            Does.Contain("'Evil>Conv'").And.Contain("never executed"));

    [Test]
    public void Load_LayerOfAnotherModule_IsRefusedByName() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Archive(config => config.Layer("dense")["module"] = "os.path")),
            Does.Contain("'os.path.Dense'").And.Contain("never executed"));

    [Test]
    public void Load_LambdaBehindOtherDifferences_IsStillNamedFirst() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Archive(config =>
            {
                config.Layer("conv2d")["config"]!["activation"] = "elu";
                config.Layer("dropout_2")["class_name"] = "Lambda";
            })),
            Does.Contain("'dropout_2' is a Lambda layer"));

    [Test]
    public void Load_OtherLayerNames_AreTaken()
    {
        byte[] file = KerasTestFile.Archive(config => config.Layer("conv2d_3")["config"]!["name"] = "my_favourite");

        Assert.That(KerasFile.Parse(file, "m").Model.WeightHash(), Is.EqualTo(KerasTestFile.Trained().Model.WeightHash()));
    }

    [Test]
    public void Load_LayerNameThatCommandsATerminal_IsEscapedInTheNotes()
    {
        byte[] file = KerasTestFile.Archive(config =>
        {
            config.Layer("conv2d")["config"]!["kernel_regularizer"] = "l2";
            config.Layer("conv2d")["config"]!["name"] = "conv\u001b[2J";
        });

        Assert.That(KerasFile.Parse(file, "m").Notes, Has.One.Contains(@"Layer 'conv\u001B[2J' has kernel_regularizer").And.None.Contains("\u001b"));
    }

    [Test]
    public void Load_MixedPrecisionPolicy_IsTakenWithANote()
    {
        byte[] file = KerasTestFile.Archive(config => config.Layer("conv2d")["config"]!["dtype"] = "mixed_float16");

        Assert.That(KerasFile.Parse(file, "m").Notes, Has.One.Contains("mixed_float16"));
    }

    [TestCase("SGD", "its optimizer is SGD, not Adam")]
    [TestCase("beta_1", "its Adam has beta_1 0.5, not 0.9")]
    [TestCase("amsgrad", "its Adam has amsgrad on")]
    [TestCase("clipnorm", "its Adam has clipnorm 1")]
    public void Load_AnotherOptimizer_LeavesItsStateOutAndSaysWhy(string what, string note)
    {
        byte[] file = KerasTestFile.Archive(config =>
        {
            var optimizer = config["compile_config"]!["optimizer"]!;
            if (what == "SGD")
            {
                optimizer["class_name"] = what;
            }
            else
            {
                optimizer["config"]![what] = what switch { "beta_1" => 0.5, "clipnorm" => 1.0, _ => true };
            }
        });

        var keras = KerasFile.Parse(file, "m");

        Assert.That(keras.State, Is.Null);
        Assert.That(keras.Notes, Has.One.Contains(note));
    }
}

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

    [TestCase("dropout", 2.0, "[0, 1)")]
    [TestCase("batch_normalization_1", 1.5, "[0, 1]")]
    [TestCase("conv2d", 5000.0, "1 to 1024")]
    [TestCase("dense", 101.0, "2 to 100")]
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

using System.Text.Json.Nodes;
using Cifar3.Training;
using PureHDF;

namespace Cifar3.Tests;

/// <summary>Variables that the network does not have: what they do to the result is not known, so the file is refused and the variable named.</summary>
public sealed class KerasVariableTests
{
    private static readonly float[] Three = [1, 2, 3];

    /// <summary>What adapt() found is in the weights; that it scales the input, and along which axis, only in the architecture.</summary>
    [TestCase("normalization")]
    [TestCase("normalization_3")]
    public void Load_WeightsAloneWithAnAdaptedNormalization_AreRefusedWithARemedy(string name) =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Weights(file => file.Group("layers")[name] = new H5Group { ["vars"] = new H5Group { ["0"] = Three, ["1"] = Three, ["2"] = 7L } })),
            Does.Contain($"Normalization layer ('layers/{name}')").And.Contain("model.save(\"model.keras\")"));

    [Test]
    public void Load_WeightsAloneOfAnHdf5ModelWithAnAdaptedNormalization_AreRefusedWithARemedy() =>
        Assert.That(
            KerasTestFile.Refusal(WeightsByName(layers =>
            {
                layers["my_norm"] = new H5Group
                {
                    Attributes = { ["weight_names"] = new[] { "my_norm/mean:0", "my_norm/variance:0", "my_norm/count:0" } },
                    ["my_norm"] = new H5Group { ["mean:0"] = Three, ["variance:0"] = Three, ["count:0"] = 7L },
                };
            })),
            Does.Contain("Normalization layer ('my_norm')").And.Contain("model.save(\"model.keras\")"));

    /// <summary>The same variables in a whole model are taken: there the architecture tells what they do.</summary>
    [Test]
    public void Load_WholeModelWithAnAdaptedNormalization_FoldsItIntoTheFirstConvolution()
    {
        var keras = KerasFile.Parse(Normalized(Three, new float[3]), "m");

        Assert.That(keras.Notes, Has.One.Contains("folded into the first convolution"));
        float[] expected = KerasTestFile.Trained().Model["conv2d/kernel"].ToArray();
        Assert.That(keras.Model["conv2d/kernel"].ToArray()[..4], Is.EqualTo(expected[..4].Select(w => w * 255)).Within(1e-4));
    }

    /// <summary>Normalization(axis=None) has one mean and one variance, without dimensions, as its count is; Keras writes its axis as [].</summary>
    [Test]
    public void Load_NormalizationOverAllAxes_FoldsItsOneNumber()
    {
        byte[] file = Normalized(4f, 0f, axis: "[]"), shifted = Normalized(4f, 1f, axis: "[]");

        float[] expected = KerasTestFile.Trained().Model["conv2d/kernel"].ToArray();
        Assert.That(KerasFile.Parse(file, "m").Model["conv2d/kernel"].ToArray(), Is.EqualTo(expected.Select(w => w * 127.5f)).Within(1e-4));
        Assert.That(KerasTestFile.Refusal(shifted), Does.Contain("'normalization' (Normalization) shifts the input"));
    }

    [Test]
    public void Load_NormalizationOfThousandsOfNumbers_IsRefusedBeforeTheyAreRead()
    {
        byte[] file = Normalized(new float[1 << 20], new float[1 << 20]);
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.That(KerasTestFile.Refusal(file), Does.Contain("'normalization' (Normalization)").And.Contain("expected mean and variance one number or three, found 1,048,576"));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(file.Length + (4 << 20)), "the unpacked weights, and none of those numbers");
    }

    /// <summary>Three blocks, one of them a model of its own, whose groups stand behind the others', whatever its place: of filters that differ the shapes tell it, else nothing does.</summary>
    [TestCase(4, 5, 6, 1, "has another shape")]
    [TestCase(4, 4, 4, 1, "Layers 'layers/batch_normalization' and 'layers/batch_normalization_2' have weights of the same shapes")]
    [TestCase(4, 5, 6, 2, null)]
    public void Load_WeightsAloneOfAModelWithinAModel_AreReadOnlyWhereTheirOrderIsKnown(int first, int second, int third, int block, string? refusal)
    {
        var model = TestModels.Random(filters: [first, second, third]);
        var file = KerasWriter.Weights(model, null, 1e-3);
        file.Attributes.Remove(KerasMetadata.Key);
        H5Group layers = file.Group("layers"), inner = [];
        foreach (var (name, target) in new[] { ($"conv2d_{2 * block}", "conv2d"), ($"batch_normalization_{block}", "batch_normalization"), ($"conv2d_{2 * block + 1}", "conv2d_1") })
        {
            inner[target] = layers[name];
            layers.Remove(name);
        }

        layers["sequential"] = new H5Group { ["layers"] = inner };
        byte[] bytes = KerasTestFile.Bytes(file);

        if (refusal is null)
        {
            Assert.That(KerasFile.Parse(bytes, "m").Model.WeightHash(), Is.EqualTo(model.WeightHash()));
        }
        else
        {
            Assert.That(KerasTestFile.Refusal(bytes), Does.Contain(refusal));
        }
    }

    [TestCase("layers/dense/vars/2", "Dense")]
    [TestCase("layers/conv2d_3/vars/kernel_scale", "Conv2D")]
    [TestCase("layers/batch_normalization/vars/4", "BatchNormalization")]
    [TestCase("layers/conv2d/activation/vars/0", "Conv2D")]
    public void Load_VariableBesideTheNetworks_IsNamed(string path, string kind)
    {
        string shown = path.Contains("activation", StringComparison.Ordinal) ? "layers/conv2d/activation/vars" : path;
        Action<H5File> add = file =>
        {
            string[] parts = path.Split('/');
            H5Group group = file;
            foreach (string part in parts[..^1])
            {
                group = group.TryGetValue(part, out object? child) ? (H5Group)child : (H5Group)(group[part] = new H5Group());
            }

            group[parts[^1]] = Three;
        };

        foreach (byte[] content in new[] { KerasTestFile.Weights(add), KerasTestFile.Archive(editWeights: add) })
        {
            Assert.That(KerasTestFile.Refusal(content), Does.Contain($"'{shown}' is no variable of this network's {kind}").And.Contain("model.quantize"));
        }
    }

    [Test]
    public void Load_Hdf5ModelWithAScaleBesideItsKernel_NamesIt() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Hdf5(file =>
            {
                var dense = file.Group("model_weights/dense");
                dense.Attributes["weight_names"] = new[] { "dense/kernel", "dense/bias", "dense/kernel_scale" };
                file.Group("model_weights/dense/dense")["kernel_scale"] = Three;
            })),
            Does.Contain("expected Dense with kernel, bias, found 'dense' with kernel, bias, kernel_scale"));

    [Test]
    public void Load_Hdf5ModelWithTwoKernelsInALayer_NamesBoth() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Hdf5(file =>
            {
                var dense = file.Group("model_weights/dense");
                dense.Attributes["weight_names"] = new[] { "dense/kernel", "dense/bias", "other/kernel" };
                dense["other"] = new H5Group { ["kernel"] = new float[32, 3] };
            })),
            Does.Contain("Layer 'dense' has two variables 'kernel': 'model_weights/dense/dense/kernel' and 'model_weights/dense/other/kernel'"));

    /// <summary>Keras 2's weights alone: the layers' groups and their names at the root.</summary>
    private static byte[] WeightsByName(Action<H5Group> edit)
    {
        var model = KerasTestFile.Trained().Model;
        var whole = (H5Group)KerasWriter.Model(model, null, 1e-3, keras3: false)["model_weights"];
        edit(whole);
        H5File file = [];
        foreach (var (name, child) in whole)
        {
            file[name] = child;
        }

        file.Attributes["layer_names"] = new[] { "my_norm" }.Concat(model.Layers.Select(layer => layer.Name)).ToArray();
        return KerasTestFile.Bytes(file);
    }

    /// <summary>An archive whose model begins with a Normalization layer of these variables.</summary>
    private static byte[] Normalized(object variance, object mean, string axis = "-1") => KerasTestFile.Archive(
        config => config["config"]!["layers"]!.AsArray().Insert(1, JsonNode.Parse($$$"""{"module": "keras.layers", "class_name": "Normalization", "config": {"name": "normalization", "axis": {{{axis}}}}, "registered_name": null}""")),
        file => file.Group("layers")["normalization"] = new H5Group { ["vars"] = new H5Group { ["0"] = mean, ["1"] = variance, ["2"] = 7L } });
}

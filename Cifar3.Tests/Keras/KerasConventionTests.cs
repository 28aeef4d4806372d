using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Cifar3.Training;
using PureHDF;

namespace Cifar3.Tests;

/// <summary>Conventions that a file declares are followed: backend, data_format, pooling's padding, an optimizer that is not this Adam; and hostile HDF5 stays cheap.</summary>
public sealed class KerasConventionTests
{
    [TestCase(true)]
    [TestCase(false)]
    public void Load_TheanoBackend_TurnsKernelsAndTheirMoments(bool whole)
    {
        var (model, state) = KerasTestFile.Trained();
        var turned = model.With(model.Weights.Select(Turned));
        var turnedState = state with { AdamM = [.. state.AdamM.Select(Turned)], AdamV = [.. state.AdamV.Select(Turned)], Weights = turned.Weights };
        var file = KerasWriter.Model(turned, turnedState, 1e-3, keras3: false);
        if (!whole)
        {
            // Keras 2's weights alone: the layers' groups and their names at the root.
            var layers = (H5Group)file["model_weights"];
            file = [];
            foreach (var (name, child) in layers)
                file[name] = child;
            file.Attributes["layer_names"] = model.Layers.Select(layer => layer.Name).ToArray();
        }

        file.Attributes["backend"] = "theano";
        file.Attributes["keras_version"] = "2.3.1";

        var keras = KerasFile.Parse(KerasTestFile.Bytes(file), "m");

        Assert.That(keras.Model.WeightHash(), Is.EqualTo(model.WeightHash()));
        Assert.That(keras.Notes, Has.One.Contains("turned by 180 degrees"));
        if (whole)
            Assert.That(keras.State!.AdamV.SelectMany(v => v.ToArray()), Is.EqualTo(state.AdamV.SelectMany(v => v.ToArray())));

        static WeightTensor Turned(WeightTensor weight) => weight.Shape.Length != 4 ? weight : new WeightTensor(
            weight.Name, weight.Shape, [.. weight.ToArray().Chunk(weight.Shape[2] * weight.Shape[3]).Reverse().SelectMany(tap => tap)]);
    }

    /// <summary>Keras' Flatten goes back to channels_last only where it is told channels_first; else the dense kernel's rows are in the order of memory.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void Load_ChannelsFirst_ComputesTheSame(bool flattenTold)
    {
        var model = KerasTestFile.Trained().Model;
        var kernel = model["dense/kernel"];
        int channels = kernel.Shape[0] / 4, classes = kernel.Shape[1];
        float[] rows = kernel.ToArray();
        float[] stored = flattenTold ? rows : [.. Enumerable.Range(0, channels).SelectMany(c => Enumerable.Range(0, 4).SelectMany(pixel => rows[((pixel * channels + c) * classes)..((pixel * channels + c + 1) * classes)]))];
        byte[] file = KerasTestFile.Archive(
            config => ChannelsFirst(config, flattenTold),
            hdf5 => hdf5.Group("layers/dense/vars")["0"] = new H5Dataset(stored, fileDims: [(ulong)kernel.Shape[0], (ulong)classes]));

        var keras = KerasFile.Parse(file, "m");

        Assert.That(keras.Model.WeightHash(), Is.EqualTo(model.WeightHash()));
        Assert.That(keras.Notes, Has.One.Contains("channels_first"));
    }

    /// <summary>Where channels come first, they are Normalization's axis 1.</summary>
    [TestCase("1")]
    [TestCase("[1]")]
    [TestCase("[-3]")]
    public void Load_ChannelsFirstBehindNormalization_ScalesEachChannel(string axis)
    {
        byte[] file = KerasTestFile.Archive(config => ChannelsFirst(Scaled(config, axis), flattenTold: true)), expected = KerasTestFile.Archive(config => Scaled(config, "[-1]"));

        Assert.That(KerasFile.Parse(file, "m").Model.WeightHash(), Is.EqualTo(KerasFile.Parse(expected, "m").Model.WeightHash()));

        static JsonNode Scaled(JsonNode config, string axis)
        {
            config["config"]!["layers"]!.AsArray().Insert(1, JsonNode.Parse($$$"""
                {"module": "keras.layers", "class_name": "Normalization", "config": {"name": "normalization", "axis": {{{axis}}}, "mean": [0, 0, 0], "variance": [60000.0, 50000.0, 40000.0]}}
                """));
            return config;
        }
    }

    /// <summary>Python writes numbers into its JSON that JSON has not: a bound of infinity among the settings is Keras' own file, not a damaged one.</summary>
    [Test]
    public void Load_NumbersThatJsonHasNot_AreNoDamage()
    {
        byte[] file = Edited("""
            "kernel_constraint": {"class_name": "MinMaxNorm", "config": {"min_value": -Infinity, "max_value": Infinity, "rate": NaN, "name": "\"NaN, -Infinity"}}
            """);

        var keras = KerasFile.Parse(file, "m");

        Assert.That(keras.Model.WeightHash(), Is.EqualTo(KerasTestFile.Trained().Model.WeightHash()));
        Assert.That(keras.Notes, Has.One.Contains("kernel_constraint"));
        Assert.That(KerasTestFile.Refusal(Edited("\"filters\": Infinity")), Does.Contain("filters"));
        Assert.That(KerasTestFile.Refusal(Edited("\"filters\": Infinite")), Does.Contain("not valid JSON"));

        static byte[] Edited(string setting)
        {
            var entries = KerasTestFile.Unzip(KerasTestFile.Archive(config => config.Layer("conv2d")["config"]!["filters"] = "HERE"));
            return KerasTestFile.Zip(
                Encoding.UTF8.GetString(entries["config.json"]).Replace("\"filters\":\"HERE\"", setting.Contains("filters", StringComparison.Ordinal) ? setting : $"\"filters\":4,{setting}", StringComparison.Ordinal),
                entries["model.weights.h5"]);
        }
    }

    /// <summary>Where no pixel is left over, padding 'same' of a pooling layer is 'valid'.</summary>
    [TestCase("max_pooling2d")]
    [TestCase("max_pooling2d_2")]
    public void Load_PoolingWithPaddingThatDoesNothing_IsTaken(string layer) =>
        Assert.That(
            KerasFile.Parse(KerasTestFile.Archive(config => config.Layer(layer)["config"]!["padding"] = "same"), "m").Model.WeightHash(),
            Is.EqualTo(KerasTestFile.Trained().Model.WeightHash()));

    [TestCase("1.2.2", "Keras 1.2.2 wrote it")]
    public void Load_Keras1_SaysWhatToDo(string version, string message) =>
        Assert.That(KerasTestFile.Refusal(KerasTestFile.Hdf5(file => file.Attributes["keras_version"] = version)), Does.Contain(message).And.Contain("save it again"));

    /// <summary>Weights alone do not say whose the state is: left out, taken when asked for, and taken as it is where this library wrote it.</summary>
    [Test]
    public void Load_WeightsAloneOfKeras_TakeTheStateOnlyWhenAsked()
    {
        byte[] file = KerasTestFile.Weights(hdf5 => hdf5.Attributes.Remove(KerasReader.SettingsKey));

        var plain = KerasFile.Parse(file, "m");
        var asked = KerasFile.Parse(file, "m", new KerasLoadOptions { TakeOptimizerState = true, BatchNormalizationEpsilon = [1e-5, 1e-4, 1e-3], BatchNormalizationMomentum = [.9, .9, .9] });

        Assert.That(plain.State, Is.Null);
        Assert.That(plain.Notes, Has.One.Contains("TakeOptimizerState").And.One.Contains("epsilon of 0.001"));
        Assert.That(asked.State!.Step, Is.EqualTo(7));
        Assert.That(asked.Notes, Has.One.Contains("as asked"));
        Assert.That(asked.Model.Architecture.BatchNormalizationEpsilon, Is.EqualTo(new[] { 1e-5, 1e-4, 1e-3 }));
        Assert.That(KerasFile.Parse(KerasTestFile.Weights(), "m").State!.Step, Is.EqualTo(7));
    }

    [TestCase("LossScaleOptimizer", "its optimizer is LossScaleOptimizer around Adam, not Adam")]
    [TestCase("Custom>AdamW", "its optimizer is Custom>AdamW around Adam, not Adam")]
    public void Load_OptimizerThatLooksLikeAdam_IsLeftOut(string kind, string why)
    {
        byte[] file = KerasTestFile.Archive(config =>
        {
            var optimizer = config["compile_config"]!["optimizer"]!;
            optimizer["class_name"] = kind;
            optimizer["config"]!["inner_optimizer"] = JsonNode.Parse("""{"class_name": "Adam"}""");
        });

        var keras = KerasFile.Parse(file, "m");

        Assert.That(keras.State, Is.Null);
        Assert.That(keras.Notes, Has.One.Contains(why));
    }

    /// <summary>keras.Model({"image": x}, {"probabilities": y}), as Keras 2 and 3 write it: names do not change what a chain computes.</summary>
    [Test]
    public void Load_ModelWithNamedInputAndOutput_IsTheChainThatItIs()
    {
        byte[] file = KerasTestFile.Archive(config =>
        {
            config["class_name"] = "Functional";
            config["config"]!["input_layers"] = JsonNode.Parse("""{"image": ["input_layer", 0, 0]}""");
            config["config"]!["output_layers"] = JsonNode.Parse("""{"probabilities": ["dense", 0, 0]}""");
            string? before = null;
            foreach (var layer in config["config"]!["layers"]!.AsArray())
            {
                layer!["inbound_nodes"] = before is null ? new JsonArray() : JsonNode.Parse($"""[[["{before}", 0, 0, {"{}"}]]]""");
                layer["name"] = before = (string)layer["config"]!["name"]!;
            }
        });

        Assert.That(KerasFile.Parse(file, "m").Model.WeightHash(), Is.EqualTo(KerasTestFile.Trained().Model.WeightHash()));
    }

    /// <summary>keras.Input(..., dtype="uint8") in front of a Rescaling: a type of pictures, no layer's policy.</summary>
    [Test]
    public void Load_InputOfBytes_IsNoPolicy()
    {
        byte[] file = KerasTestFile.Archive(config => config.Layer("input_layer")["config"]!["dtype"] = "uint8");

        Assert.That(KerasFile.Parse(file, "m").Notes, Has.None.Contains("policy"));
    }

    /// <summary>Nothing in the file tells whether it was trained on pixels of 0 to 255; this library's own files are of its own scale.</summary>
    [Test]
    public void Load_FileThatDoesNotScaleItsInput_SaysWhatIsAssumed([Values] bool whole)
    {
        byte[] own = whole ? KerasTestFile.Hdf5() : KerasTestFile.Weights(), keras = whole ? KerasTestFile.Hdf5(Without) : KerasTestFile.Weights(Without);

        Assert.That(KerasFile.Parse(keras, "m").Notes, Has.One.Contains("divided by 255 is assumed. If the model was trained on pixels of 0 to 255, put a layer Rescaling(1.0)"));
        Assert.That(KerasFile.Parse(own, "m").Notes, Has.None.Contains("255"));

        static void Without(H5File file) => file.Attributes.Remove(KerasMetadata.Key);
    }

    [Test]
    public void Load_LearningRateSchedule_KeepsTheMomentsAndSaysSo()
    {
        var keras = KerasFile.Parse(
            KerasTestFile.Archive(config => config["compile_config"]!["optimizer"]!["config"]!["learning_rate"] = JsonNode.Parse("""{"class_name": "ExponentialDecay", "config": {}}""")), "m");

        Assert.That(keras.State!.Step, Is.EqualTo(7));
        Assert.That(keras.LearningRate, Is.Null);
        Assert.That(keras.Notes, Has.One.Contains("follows a schedule"));
    }

    /// <summary>Thousands of names for one large header, in every group that the reader looks into: each header is read once, whatever points to it.</summary>
    [Test]
    public void Load_ManyLinksToOneHeader_IsRefusedAtOnce()
    {
        byte[] file = LinkBomb(links: 4_000, messages: 4_000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        var watch = Stopwatch.StartNew();

        string message = KerasTestFile.Refusal(file);

        TestContext.Out.WriteLine($"{file.Length:N0} bytes, {watch.ElapsedMilliseconds} ms, {GC.GetAllocatedBytesForCurrentThread() - before:N0} bytes allocated: {message}");
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(2)));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(64 << 20));
    }

    /// <summary>The root's 'layers' is a group whose links all lead to one header of empty messages, and 'conv2d', which the reader follows, to it too.</summary>
    private static byte[] LinkBomb(int links, int messages)
    {
        var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        writer.Write([0x89, (byte)'H', (byte)'D', (byte)'F', 0x0D, 0x0A, 0x1A, 0x0A, 2, 8, 8, 0]);
        writer.Write(0L);
        writer.Write(-1L);
        writer.Write(0L);
        long rootField = bytes.Position;
        writer.Write(0L);
        writer.Write(new byte[64]);
        long shared = Header(Enumerable.Repeat<Action<BinaryWriter>>(w => { w.Write((byte)0); w.Write((short)0); w.Write((byte)0); }, messages));
        long layers = Header(Enumerable.Range(0, links).Select(i => Link(i == 0 ? "conv2d" : $"conv2d_{i}", shared)));
        long root = Header([Link("layers", layers)]);
        bytes.Position = rootField;
        writer.Write(root);
        return bytes.ToArray();

        long Header(IEnumerable<Action<BinaryWriter>> content)
        {
            var body = new MemoryStream();
            using var inner = new BinaryWriter(body);
            foreach (var write in content)
                write(inner);
            long address = bytes.Position;
            writer.Write("OHDR"u8);
            writer.Write([2, 2]); // version, four bytes of size
            writer.Write((int)body.Length);
            writer.Write(body.ToArray());
            writer.Write(0);
            return address;
        }

        static Action<BinaryWriter> Link(string name, long address) => w =>
        {
            w.Write((byte)6);
            w.Write((short)(3 + name.Length + 8));
            w.Write((byte)0);
            w.Write([1, 0, (byte)name.Length]);
            w.Write(Encoding.ASCII.GetBytes(name));
            w.Write(address);
        };
    }

    private static void ChannelsFirst(JsonNode config, bool flattenTold)
    {
        foreach (var layer in config["config"]!["layers"]!.AsArray().Select(layer => layer!))
        {
            string kind = (string)layer["class_name"]!;
            if (kind is "Conv2D" or "MaxPooling2D" || (kind == "Flatten" && flattenTold))
                layer["config"]!["data_format"] = "channels_first";
            if (kind == "BatchNormalization")
                layer["config"]!["axis"] = 1;
            if (kind == "InputLayer")
                layer["config"]!["batch_shape"] = JsonNode.Parse("[null,3,32,32]");
        }
    }
}

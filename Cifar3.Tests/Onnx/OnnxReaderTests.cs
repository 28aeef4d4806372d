using System.Reflection;
using System.Runtime.Loader;
using Google.Protobuf;
using Onnx;

namespace Cifar3.Tests;

public sealed class OnnxReaderTests
{
    [TestCase(3, new[] { 32, 64, 128 })]
    [TestCase(2, new[] { 1, 1, 1 })]
    [TestCase(10, new[] { 8, 16, 24 })]
    [TestCase(100, new[] { 5, 7, 3 })]
    public void LoadOnnx_WhatSaveOnnxWrote_IsTheSameModel(int classes, int[] filters)
    {
        string path = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        var model = TestModels.Random(classes, filters);
        model.SaveOnnx(path);

        var loaded = CnnModel.LoadOnnx(path);

        Assert.Multiple(() =>
        {
            Assert.That(loaded.WeightHash(), Is.EqualTo(model.WeightHash()));
            Assert.That(loaded.Architecture, Is.EqualTo(model.Architecture));
            Assert.That(loaded.ClassNames, Is.EqualTo(model.ClassNames));
            Assert.That(loaded.Metadata.History, Is.EqualTo(model.Metadata.History));
            Assert.That(loaded.Metadata with { ClassNames = [], History = [] }, Is.EqualTo(model.Metadata with { ClassNames = [], History = [] }));
            Assert.That(loaded.ToOnnxBytes(), Is.EqualTo(File.ReadAllBytes(path)));
        });
    }

    /// <summary>As onnx's version converter leaves it, which keeps the metadata.</summary>
    [Test]
    public void Load_ChangedByAnotherProgram_SaysHowItIsScored()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        var model = TestModels.Random(filters: [4, 4, 8]);
        var changed = ModelProto.Parser.ParseFrom(model.ToOnnxBytes());
        changed.OpsetImport[0].Version = 16;
        File.WriteAllBytes(path, changed.ToByteArray());
        Assert.That(() => Cifar3Classifier.Load(path), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("found operator sets (ai.onnx 16)").And.Message.EndsWith("have it remove the metadata 'format': the file is then scored as that program's model."));

        changed.MetadataProps.Remove(changed.MetadataProps.Single(entry => entry.Key == "format"));
        File.WriteAllBytes(path, changed.ToByteArray());
        File.WriteAllLines(Path.ChangeExtension(path, ".classes.txt"), model.ClassNames);

        using var classifier = Cifar3Classifier.Load(path);
        using var before = Cifar3Classifier.FromModel(model);
        byte[] pixels = EngineTestData.RandomImages(1, seed: 1);
        Assert.That(classifier.PredictPixels(pixels).Probabilities, Is.EqualTo(before.PredictPixels(pixels).Probabilities).Within(1e-5));
    }

    [Test]
    public void LoadOnnx_OtherBatchNormalization_IsTheSameModelAndComputesTheSame()
    {
        var model = TestModels.Random(filters: [4, 5, 6]);
        var other = CnnModel.FromWeights(new CnnArchitecture(3, [4, 5, 6], null, [.9, .5, 1], [1e-5, .02, .3]), model.Weights, model.Metadata);
        byte[] pixels = [.. Enumerable.Range(0, CnnArchitecture.ImageBytes).Select(i => (byte)(i * 37))];
        double[] expected = new ReferenceNetwork(other).Predict(pixels);

        Assert.That(CnnModel.LoadOnnx(other.ToOnnxBytes()).Architecture, Is.EqualTo(other.Architecture));
        foreach (var flavor in new[] { OnnxFlavor.Keras, OnnxFlavor.Optimized })
        {
            using var classifier = Cifar3Classifier.Load(other.ToOnnxBytes(new OnnxExportOptions { Flavor = flavor }), new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime });
            Assert.That(classifier.PredictPixels(pixels).Probabilities, Is.EqualTo(expected).Within(1e-5), $"{flavor}");
        }

        using var managed = Cifar3Classifier.Load(other.ToOnnxBytes(), new ClassifierOptions { Backend = ScoringBackend.Managed });
        Assert.That(managed.PredictPixels(pixels).Probabilities, Is.EqualTo(expected).Within(1e-5), "managed");
        Assert.That(new ReferenceNetwork(model).Predict(pixels), Is.Not.EqualTo(expected).Within(1e-3), "epsilon makes no difference here");
    }

    /// <summary>Files of earlier versions say nothing of BatchNormalization's settings, which are Keras' defaults, and have no hash of what they say.</summary>
    [Test]
    public void LoadOnnx_FileWithoutBatchNormalizationSettings_HasKerasDefaults()
    {
        var proto = ModelProto.Parser.ParseFrom(TestModels.Random().ToOnnxBytes());
        foreach (var entry in proto.MetadataProps.Where(entry => entry.Key.StartsWith("batch_normalization", StringComparison.Ordinal) || entry.Key == "metadata_sha256").ToList())
            proto.MetadataProps.Remove(entry);

        Assert.That(CnnModel.LoadOnnx(proto.ToByteArray()).Architecture, Is.EqualTo(TestModels.Random().Architecture));
    }

    [Test]
    public void LoadOnnx_UntrainedModel_KeepsAbsentValuesAbsent()
    {
        var loaded = CnnModel.LoadOnnx(CnnModel.Create(["a", "b"], seed: -3, filters: [1, 1, 1]).ToOnnxBytes());

        Assert.That(loaded.Metadata, Is.EqualTo(new ModelMetadata { ClassNames = loaded.ClassNames, Seed = -3, History = loaded.Metadata.History }));
        Assert.That(loaded.Metadata.History, Is.Empty);
    }

    [Test]
    public void LoadOnnx_MissingFile_NamesIt() =>
        Assert.That(() => CnnModel.LoadOnnx("/no/such.onnx"), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("/no/such.onnx").And.Message.Contains("Check the path"));

    [Test]
    public void LoadOnnx_Folder_NamesIt()
    {
        string folder = TestFiles.NewFolder();

        Assert.That(() => CnnModel.LoadOnnx(folder), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(folder));
    }

    [TestCase(0, "found 0")]
    [TestCase(OnnxFile.MaxBytes + 1, "found more than 268,435,456")]
    public void LoadOnnx_EmptyOrHugeFile_IsRefusedBySize(int length, string found)
    {
        string path = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        using (var stream = File.Create(path))
        {
            stream.SetLength(length); // sparse
        }

        Assert.That(() => CnnModel.LoadOnnx(path), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(found));
        File.Delete(path);
    }

    [Test]
    public void LoadOnnx_BytesOfNoKnownKind_SaysWhatTheyStartWith() =>
        Assert.That(() => CnnModel.LoadOnnx([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x18, 0, 0]), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("1122334455667718"));

    [Test]
    public void LoadOnnx_MadeByTf2onnx_SaysSo()
    {
        string path = TestFiles.Golden("keras2/trained-tf2onnx.onnx");

        Assert.That(() => CnnModel.LoadOnnx(path), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("tf2onnx").And.Message.Contains(path));
    }

    private static readonly TestCaseData[] Changes =
    [
        Change("OtherPads", m => m.Graph.Node[1].Attribute[1].Ints[0] = 0, "node 2 differs", "pads=0 1 1 1"),
        Change("OtherOperator", m => m.Graph.Node[2].OpType = "Elu", "node 3 differs", "Elu"),
        Change("NodeMissing", m => m.Graph.Node.RemoveAt(m.Graph.Node.Count - 1), "found the end of the graph"),
        Change("NodeMore", m => m.Graph.Node.Add(new NodeProto { OpType = "Exp" }), "expected 23 nodes"),
        Change("OtherOutput", m => m.Graph.Output[0].Name = "scores", "expected one output", "scores"),
        Change("SecondInput", m => m.Graph.Input.Add(m.Graph.Input[0]), "expected one input", "found 2"),
        Change("Graphless", m => m.Graph = null, "only part of one"),
        Change("OtherOpset", m => m.OpsetImport[0].Version = 9, "operator set 17", "9"),
        Change("OtherShape", m => m.Graph.Initializer[0].Dims[0] = 7, "'conv2d/kernel' has another shape", "[1, 3, 3, 3]", "[7, 3, 3, 3]"),
        Change("OtherType", m => m.Graph.Initializer[1].DataType = (int)TensorProto.Types.DataType.Float16, "'conv2d/bias'", "data type 10"),
        Change("WeightCut", m => m.Graph.Initializer[1].RawData = ByteString.CopyFrom(1, 2), "found 2 bytes"),
        Change("External", m => m.Graph.Initializer[1].ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "/etc/passwd" }), "another file"),
        Change("WeightMissing", m => m.Graph.Initializer.RemoveAt(0), "'conv2d/kernel' is missing"),
        Change("WeightTwice", m => m.Graph.Initializer.Add(m.Graph.Initializer[0]), "given twice"),
        Change("WeightChanged", m => m.Graph.Initializer[1].RawData = ByteString.CopyFrom(0, 0, 128, 63), "SHA-256"),
        Change("WeightNaN", m => m.Graph.Initializer[1].RawData = ByteString.CopyFrom(0, 0, 192, 127), "not finite"),
        Change("NewerFormat", m => Prop(m, "format").Value = "cifar3-cnn 9", "'cifar3-cnn 9'", "Update the library"),
        Change("NamesMalformed", m => Prop(m, "class_names").Value = "[1,2", "'class_names' is malformed"),
        Change("NameNull", m => Prop(m, "class_names").Value = "[null,\"b\"]", "Received: null"),
        Change("OneClass", m => Prop(m, "class_names").Value = "[\"a\"]", "2 to 100"),
        Change("NamesMissing", m => m.MetadataProps.Remove(Prop(m, "class_names")), "'class_names' is missing"),
        Change("PropTwice", m => m.MetadataProps.Add(Prop(m, "seed")), "'seed' is given twice"),
        Change("SeedNoNumber", m => Prop(m, "seed").Value = "x", "'seed' is malformed"),
        Change("AccuracyNoNumber", m => Prop(m, "val_accuracy").Value = "high", "'val_accuracy' is malformed"),
        Change("AccuracyAboveOne", m => Prop(m, "val_accuracy").Value = "1.5", "ValAccuracy is outside its range. Expected 0 to 1. Received: 1.5"),
        Change("EpochNegative", m => Prop(m, "epoch").Value = "-5", "Epoch is outside its range. Expected 0 or above. Received: -5"),
        Change("TemperatureZero", m => m.MetadataProps.Add(new StringStringEntryProto { Key = "temperature", Value = "0" }), "Temperature is outside its range. Expected a finite number above 0. Received: 0"),
        Change("HistoryAccuracyNegative", m => Prop(m, "history").Value = """[{"epoch":1,"loss":1,"accuracy":-0.1,"val_loss":1,"val_accuracy":1,"learning_rate":1,"seconds":1}]""", "History is outside its range. Expected accuracies of 0 to 1"),
        Change("HistoryNull", m => Prop(m, "history").Value = "[null]", "'history' is malformed"),
        Change("HistoryPartial", m => Prop(m, "history").Value = "[{\"epoch\":1}]", "'history' is malformed"),
        Change("NamesSwapped", m => Prop(m, "class_names").Value = "[\"b\",\"a\"]", "expected metadata of SHA-256", "ClassifierOptions.ClassNames"),
        Change("TemperatureAdded", m => m.MetadataProps.Add(new StringStringEntryProto { Key = "temperature", Value = "2" }), "expected metadata of SHA-256"),
        Change("RateOne", m => Prop(m, "dropout_rates").Value = "[0.5,0.5,1]", "[0, 1)"),
    ];

    [TestCaseSource(nameof(Changes))]
    public void LoadOnnx_ChangedFile_NamesTheDifference(Delegate change, string[] expected)
    {
        var proto = ModelProto.Parser.ParseFrom(TestModels.Random(2, [1, 1, 1]).ToOnnxBytes());
        ((Action<ModelProto>)change)(proto);

        var error = Assert.Throws<Cifar3ModelException>(() => CnnModel.LoadOnnx(proto.ToByteArray()));

        Assert.Multiple(() => Array.ForEach(expected, part => Assert.That(error!.Message, Does.Contain(part))));
    }

    /// <summary>Nothing is wrong with it: the remedies for damaged files lead astray.</summary>
    [TestCase("cifar3-cnn 9")]
    [TestCase("cifar3-scoring 2")]
    public void LoadOnnx_FileOfANewerFormat_HasThatRemedyAlone(string format)
    {
        var proto = ModelProto.Parser.ParseFrom(TestModels.Random(2, [1, 1, 1]).ToOnnxBytes());
        Prop(proto, "format").Value = format;

        Assert.That(
            () => CnnModel.LoadOnnx(proto.ToByteArray()),
            Throws.TypeOf<Cifar3ModelException>().With.Message.EndsWith($"expected metadata 'format' = 'cifar3-cnn 2', found '{format}': a newer version of the library wrote it. Update the library."));
    }

    /// <summary>MLflow and others write keys of their own; files of earlier versions had no hash of their metadata.</summary>
    [Test]
    public void Read_AnyValueOfTheMetadataWrittenOtherwise_IsSeen()
    {
        var model = TestModels.Random().With(TestModels.Random().Metadata with { Recipe = "auto", TrainedOn = "pictures", ValAccuracy = .5, Warning = "at chance", Temperature = 2, FamiliarityThreshold = .5, Epoch = 3 });
        var entries = new ModelProto().MetadataProps;
        OnnxMetadata.Write(model, OnnxMetadata.ScoringFormat, entries);
        entries.Add(new StringStringEntryProto { Key = OnnxMetadata.Keys.Flavor, Value = "int8" });
        entries.Add(new StringStringEntryProto { Key = OnnxMetadata.Keys.Calibration, Value = "minmax" });
        OnnxMetadata.Seal(entries);
        var sound = OnnxMetadata.ToDictionary(entries);

        Assert.That(() => OnnxMetadata.Read(sound), Throws.Nothing);
        foreach (string key in OnnxMetadata.Keys.Hashed)
        {
            var changed = new Dictionary<string, string>(sound) { [key] = key is OnnxMetadata.Keys.Seed or OnnxMetadata.Keys.Epoch ? "0" + sound[key] : sound[key] + " " }; // still well-formed
            Assert.That(() => OnnxMetadata.Read(changed), Throws.TypeOf<FormatException>().With.Message.Contains("expected metadata of SHA-256"), key);
        }
    }

    [Test]
    public void LoadOnnx_KeyOfAnotherToolAndNoHash_IsTheSameModel()
    {
        var model = TestModels.Random(2, [1, 1, 1]);
        var proto = ModelProto.Parser.ParseFrom(model.ToOnnxBytes());
        proto.MetadataProps.Add(new StringStringEntryProto { Key = "mlflow.run", Value = "7" });

        Assert.That(CnnModel.LoadOnnx(proto.ToByteArray()).ClassNames, Is.EqualTo(model.ClassNames));
        proto.MetadataProps.Remove(Prop(proto, "metadata_sha256"));
        Assert.That(CnnModel.LoadOnnx(proto.ToByteArray()).ClassNames, Is.EqualTo(model.ClassNames));
    }

    [Test]
    public void LoadOnnx_DocumentationChanged_IsTheSameModel()
    {
        var model = TestModels.Random(2, [1, 1, 1]);
        var proto = ModelProto.Parser.ParseFrom(model.ToOnnxBytes());
        proto.DocString = proto.Graph.DocString = proto.Graph.Node[0].DocString = proto.Graph.Input[0].DocString = "mine";
        var note = new StringStringEntryProto { Key = "pkg.torch.onnx.stack_trace", Value = "mine" };
        proto.Graph.Node[0].MetadataProps.Add(note);
        proto.Graph.Input[0].MetadataProps.Add(note);
        proto.Graph.Initializer[0].MetadataProps.Add(note);
        proto.Graph.MetadataProps.Add(note);

        Assert.That(CnnModel.LoadOnnx(proto.ToByteArray()).WeightHash(), Is.EqualTo(model.WeightHash()));
    }

    /// <summary>Flipped bits, other bytes, cuts, and pieces copied to another place: a model, or an error of ours, and no memory to speak of.</summary>
    [Test]
    public void LoadOnnx_MutatedBytes_GivesAModelOrAModelError()
    {
        byte[] original = TestModels.Random(2, [1, 1, 1]).ToOnnxBytes();
        var random = new Random(1);
        int models = 0, refused = 0;
        for (int i = 0; i < 6000; i++)
        {
            byte[] mutated = Mutate(original, random);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                models += CnnModel.LoadOnnx(mutated).Architecture.Classes > 0 ? 1 : 0;
            }
            catch (Cifar3ModelException)
            {
                refused++;
            }
            catch (Exception e)
            {
                Assert.Fail($"Mutation {i} gave {e}");
            }

            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(16 << 20), $"mutation {i}");
        }

        TestContext.Out.WriteLine($"{models} models, {refused} refused");
        Assert.That(models, Is.GreaterThan(50)); // documentation may change
        Assert.That(refused, Is.GreaterThan(3000));
    }

    /// <summary>A program whose libraries were copied by hand, without Google.Protobuf.dll: the loader's error is an IOException, and the model is not at fault.</summary>
    [Test]
    public void LoadOnnx_WithoutTheLibraryThatParses_NamesTheLibraryAndNotTheModel()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        TestModels.Random(filters: [4, 4, 8]).SaveOnnx(path);
        var load = new WithoutProtobuf().LoadFromAssemblyPath(typeof(CnnModel).Assembly.Location).GetType(typeof(CnnModel).FullName!)!.GetMethod(nameof(CnnModel.LoadOnnx), [typeof(string)])!;

        var error = Assert.Catch(() => load.Invoke(null, BindingFlags.DoNotWrapExceptions, null, [path], null))!;

        Assert.That(error, Is.InstanceOf<FileLoadException>().Or.InstanceOf<FileNotFoundException>());
        Assert.That(error.Message, Does.Contain("Google.Protobuf").And.Not.Contain("model.onnx"));
    }

    private static byte[] Mutate(byte[] original, Random random)
    {
        byte[] bytes = [.. original];
        int at = random.Next(bytes.Length), length = random.Next(1, 40);
        switch (random.Next(5))
        {
            case 0:
                return bytes[..at];
            case 1:
                random.NextBytes(bytes.AsSpan(at, Math.Min(length, bytes.Length - at)));
                return bytes;
            case 2:
                bytes.AsSpan(random.Next(bytes.Length - 40), Math.Min(length, bytes.Length - at)).CopyTo(bytes.AsSpan(at));
                return bytes;
            default:
                for (int flips = random.Next(1, 4); flips > 0; flips--)
                {
                    bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                }

                return bytes;
        }
    }

    private static StringStringEntryProto Prop(ModelProto model, string key) => model.MetadataProps.Single(p => p.Key == key);

    private static TestCaseData Change(string name, Action<ModelProto> change, params string[] expected) =>
        new TestCaseData(change, expected).SetArgDisplayNames(name);

    private sealed class WithoutProtobuf() : AssemblyLoadContext(isCollectible: true)
    {
        protected override Assembly? Load(AssemblyName assemblyName) =>
            assemblyName.Name == "Google.Protobuf" ? throw new FileNotFoundException($"Could not load file or assembly '{assemblyName}'.") : null;
    }
}

using System.Runtime.CompilerServices;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Onnx;

namespace Cifar3.Tests;

/// <summary>The flavours made for scoring: valid ONNX, the same network, metadata kept, damage found.</summary>
public sealed class OnnxFlavorTests
{
    private static readonly ClassifierOptions Cpu = new() { Backend = ScoringBackend.OnnxRuntime };
    private static readonly ImageSet Images = Cifar3Data.Synthetic(trainCount: 60, testCount: 3, seed: 1).Train;
    private static readonly OnnxExportOptions Optimized = new() { Flavor = OnnxFlavor.Optimized };
    private static readonly OnnxExportOptions Int8 = new() { Flavor = OnnxFlavor.Int8, CalibrationImages = Images };

    private static readonly TestCaseData[] Flavors =
    [
        new TestCaseData(Optimized).SetArgDisplayNames("optimized"),
        new TestCaseData(Int8).SetArgDisplayNames("int8"),
        new TestCaseData(Int8 with { QuantizeFirstLayer = false, QuantizeLastLayer = true, CalibrationMethod = CalibrationMethod.Entropy }).SetArgDisplayNames("int8, other layers"),
    ];

    [TestCaseSource(nameof(Flavors))]
    public void SaveOnnx_Flavor_PassesTheOnnxChecker(OnnxExportOptions options)
    {
        string path = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        TestModels.Random().SaveOnnx(path, options);

        string output = PythonPeer.Run(
            """
            import onnx, sys
            model = onnx.load(sys.argv[1])
            onnx.checker.check_model(model, full_check=True)
            bare = onnx.ModelProto()
            bare.CopyFrom(model)
            del bare.graph.value_info[:]
            inferred = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True).graph.value_info
            shape = lambda v: [v.type.tensor_type.elem_type] + [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
            expected = {v.name: shape(v) for v in inferred}
            assert all(expected[v.name] == shape(v) for v in model.graph.value_info)
            assert all(n.doc_string for n in model.graph.node)
            print(model.graph.input[0].name, shape(model.graph.input[0]), model.graph.output[0].name, shape(model.graph.output[0]))
            """,
            path);

        Assert.That(output.ReplaceLineEndings("\n"), Is.EqualTo("pixels [2, 'N', 32, 32, 3] probabilities [1, 'N', 3]\n"));
    }

    [TestCase(3, new[] { 32, 64, 128 })]
    [TestCase(2, new[] { 3, 5, 4 })]
    [TestCase(100, new[] { 5, 7, 3 })]
    public void Score_Optimized_IsTheReferenceInDouble(int classes, int[] filters)
    {
        var model = TestModels.Random(classes, filters);
        byte[] pixels = EngineTestData.RandomImages(5, seed: 1);
        double[] expected = new ReferenceNetwork(model).Predict(pixels);
        float[] found = Score(model.ToOnnxBytes(Optimized), pixels, classes);

        double worst = EngineComparison.Farthest(found, expected);
        TestContext.Out.WriteLine($"probabilities differ by up to {worst:e1}");
        Assert.That(worst, Is.LessThan(1e-5));
    }

    [Test]
    public void Score_OptimizedShippedModel_IsTheFaithfulOnes()
    {
        var test = Cifar3Data.Load(TestFiles.RealImages()).Test;
        var model = CnnModel.LoadOnnx(Shipped());

        float[] faithful = Score(model.ToOnnxBytes(), test.Pixels, 3), optimized = Score(model.ToOnnxBytes(Optimized), test.Pixels, 3);

        double worst = EngineComparison.Farthest(faithful, optimized);
        TestContext.Out.WriteLine($"probabilities of {test.Count} images differ by up to {worst:e1}");
        Assert.That(worst, Is.LessThan(1e-5));
    }

    [TestCase(CalibrationMethod.Percentile, true, false)]
    [TestCase(CalibrationMethod.MinMax, true, true)]
    [TestCase(CalibrationMethod.Entropy, false, false)]
    public void Score_Int8ShippedModel_LosesAtMostAFifthOfAPoint(CalibrationMethod method, bool first, bool last)
    {
        var data = Cifar3Data.Load(TestFiles.RealImages());
        var model = CnnModel.LoadOnnx(Shipped());
        var options = new OnnxExportOptions { Flavor = OnnxFlavor.Int8, CalibrationImages = data.Train, CalibrationMethod = method, QuantizeFirstLayer = first, QuantizeLastLayer = last };
        using var full = Cifar3Classifier.FromModel(model, Cpu);
        using var quantized = Cifar3Classifier.Load(model.ToOnnxBytes(options), Cpu);

        double before = full.Evaluate(data.Test).Accuracy, after = quantized.Evaluate(data.Test).Accuracy;

        TestContext.Out.WriteLine($"accuracy {before:F4} in float32, {after:F4} in int8");
        Assert.That(after, Is.GreaterThan(before - 0.002));
    }

    [Test]
    public void Score_Int8AnyFilters_StaysCloseToFloat()
    {
        var model = TestModels.Random(filters: [5, 12, 7]);

        float[] expected = Score(model.ToOnnxBytes(), Images.Pixels, 3), found = Score(model.ToOnnxBytes(Int8), Images.Pixels, 3);

        double mean = expected.Zip(found, (a, b) => Math.Abs(a - b)).Average();
        TestContext.Out.WriteLine($"probabilities differ by {mean:e1} on average");
        Assert.That(mean, Is.LessThan(0.02));
    }

    /// <summary>What makes it fast: every convolution an integer one over NHWC bytes, no ReLU and no conversion left between them.</summary>
    [Test]
    public void ToOnnxBytes_Int8_IsFusedByOnnxRuntime()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "fused.onnx");
        using (var options = new SessionOptions { OptimizedModelFilePath = path, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR })
        using (new InferenceSession(TestModels.Random().ToOnnxBytes(Int8), options))
        {
        }

        string[] operators = [.. ModelProto.Parser.ParseFrom(File.ReadAllBytes(path)).Graph.Node.Select(node => node.OpType)];

        TestContext.Out.WriteLine(string.Join(", ", operators));
        Assert.That(operators.Count(op => op == "QLinearConv"), Is.EqualTo(6));
        Assert.That(operators, Has.None.AnyOf("Conv", "Relu", "QuantizeLinear", "Transpose"));
        Assert.That(operators.Count(op => op == "DequantizeLinear"), Is.EqualTo(1), "before the dense layer");
    }

    [Test]
    public void ToOnnxBytes_Int8_QuantizesAsStated()
    {
        var graph = ModelProto.Parser.ParseFrom(TestModels.Random().ToOnnxBytes(Int8)).Graph;
        var constants = graph.Initializer.ToDictionary(tensor => tensor.Name);

        Assert.Multiple(() =>
        {
            Assert.That(constants["conv2d_1/kernel/int8"].Dims, Is.EqualTo(new[] { 32, 32, 3, 3 }));
            Assert.That(constants["conv2d_1/kernel/int8"].DataType, Is.EqualTo((int)TensorProto.Types.DataType.Int8));
            Assert.That(constants["conv2d_1/kernel/int8"].RawData.Select(value => Math.Abs((int)(sbyte)value)).Max(), Is.EqualTo(64), "of 7 bits, so that no processor overflows");
            Assert.That(constants["conv2d_1/kernel/scale"].Dims, Is.EqualTo(new[] { 32 }));
            Assert.That(constants["conv2d_1/kernel/zero_point"].RawData, Is.All.Zero);
            Assert.That(constants["conv2d_1/bias/int32"].DataType, Is.EqualTo((int)TensorProto.Types.DataType.Int32));
            Assert.That(constants["conv2d_1/relu/zero_point"].DataType, Is.EqualTo((int)TensorProto.Types.DataType.Uint8));
            Assert.That(BitConverter.ToSingle(constants["pixels/scale"].RawData.Span), Is.EqualTo(1f / 255));
            Assert.That(constants, Does.ContainKey("dense/kernel"), "the last layer stays in float32");
        });
        var network = FoldedNetwork.Create(TestModels.Random());
        var given = Int8Graph.Create(network, [.. network.Convolutions.Select(_ => 5.1f)], new OnnxExportOptions());
        Assert.That(BitConverter.ToSingle(given.Initializer.Single(tensor => tensor.Name == "conv2d_1/relu/scale").RawData.Span), Is.EqualTo(.02f).Within(1e-7), "255 steps to the range's end");
    }

    [TestCaseSource(nameof(Flavors))]
    public void Load_Flavor_KeepsTheMetadata(OnnxExportOptions options)
    {
        var model = TestModels.Random(2, [4, 4, 4], seed: 7);
        byte[] bytes = model.ToOnnxBytes(options);
        using var classifier = Cifar3Classifier.Load(bytes, Cpu);

        var props = ModelProto.Parser.ParseFrom(bytes).MetadataProps.ToDictionary(p => p.Key, p => p.Value);

        Assert.That(classifier.Metadata with { History = [] }, Is.EqualTo(model.Metadata with { History = [], ClassNames = classifier.ClassNames }));
        Assert.That(classifier.ClassNames, Is.EqualTo(model.ClassNames));
        Assert.That(classifier.Metadata.History, Is.EqualTo(model.Metadata.History));
        Assert.That(props["weight_sha256"], Is.EqualTo(model.WeightHash()), "the file names the weights it was made of");
        Assert.That(props["flavor"], Is.EqualTo(options.Flavor.ToString().ToLowerInvariant()));
        Assert.That(props.GetValueOrDefault("calibration"), options.Flavor == OnnxFlavor.Int8 ? Does.EndWith("over 60 images, weights of 7 bits") : Is.Null);
        Assert.That(bytes, Is.EqualTo(model.ToOnnxBytes(options)), "the same model gives the same bytes");
    }

    [Test]
    public void Load_FlavorWithOtherClassNames_TakesThemOrSaysHowMany()
    {
        byte[] bytes = TestModels.Random(filters: [4, 4, 4]).ToOnnxBytes(Optimized);
        using var classifier = Cifar3Classifier.Load(bytes, Cpu with { ClassNames = ["a", "b", "c"] });

        Assert.That(classifier.PredictPixels(new byte[3072]).Label, Is.AnyOf("a", "b", "c"));
        Assert.That(() => Cifar3Classifier.Load(bytes, Cpu with { ClassNames = ["a"] }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("3 classes apart but 1 class names"));
    }

    [Test]
    public void LoadOnnx_Flavor_SaysWhatToDoInstead() =>
        Assert.That(() => CnnModel.LoadOnnx(TestModels.Random(filters: [4, 4, 4]).ToOnnxBytes(Optimized)), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("Cifar3Classifier.Load"));

    /// <summary>As onnx.load and onnx.save leave a file that had its weights in another one: all are said to be in the file, which goes without saying.</summary>
    [Test]
    public void Load_FlavorBackFromWeightsInAnotherFile_IsTheSame()
    {
        var proto = ModelProto.Parser.ParseFrom(TestModels.Random(filters: [4, 4, 4]).ToOnnxBytes(Int8));
        foreach (var tensor in proto.Graph.Initializer)
        {
            tensor.DataLocation = TensorProto.Types.DataLocation.Default;
        }

        using var classifier = Cifar3Classifier.Load(proto.ToByteArray(), Cpu);

        Assert.That(classifier.ClassNames, Has.Length.EqualTo(3));
    }

    [TestCase("weight")]
    [TestCase("node")]
    [TestCase("hash missing")]
    [TestCase("key twice")]
    public void Load_ChangedFlavor_IsRefused(string change)
    {
        var proto = ModelProto.Parser.ParseFrom(TestModels.Random(filters: [4, 4, 4]).ToOnnxBytes(Int8));
        switch (change)
        {
            case "weight":
                byte[] values = proto.Graph.Initializer[0].RawData.ToByteArray();
                values[^1] ^= 1;
                proto.Graph.Initializer[0].RawData = ByteString.CopyFrom(values);
                break;
            case "node":
                proto.Graph.Node[2].OpType = "Identity";
                break;
            case "hash missing":
                proto.MetadataProps.Remove(proto.MetadataProps.Single(p => p.Key == "graph_sha256"));
                break;
            default:
                proto.MetadataProps.Add(proto.MetadataProps[1]);
                break;
        }

        Assert.That(() => Cifar3Classifier.Load(proto.ToByteArray(), Cpu), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("take a fresh copy"));
    }

    [Test]
    public void ToOnnxBytes_OptionsOutOfRange_NamesThem()
    {
        var model = TestModels.Random(2, [1, 1, 1]);

        Assert.Multiple(() =>
        {
            Assert.That(() => model.ToOnnxBytes(new OnnxExportOptions { Flavor = OnnxFlavor.Int8 }), Throws.ArgumentException.With.Message.Contains("CalibrationImages"));
            Assert.That(() => model.ToOnnxBytes(Optimized with { Flavor = (OnnxFlavor)9 }), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Keras, Optimized, Int8"));
            Assert.That(() => model.ToOnnxBytes(Int8 with { CalibrationMethod = (CalibrationMethod)9 }), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Percentile, MinMax, Entropy"));
            Assert.That(() => model.ToOnnxBytes(Int8 with { CalibrationPercentile = 100.5 }), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("at most 100"));
            Assert.That(() => model.ToOnnxBytes(Int8 with { CalibrationCount = 0 }), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("CalibrationCount"));
        });
    }

    private static float[] Score(byte[] onnx, ReadOnlySpan<byte> pixels, int classes)
    {
        using var classifier = Cifar3Classifier.Load(onnx, Cpu);
        var probabilities = new float[pixels.Length / CnnArchitecture.ImageBytes * classes];
        classifier.Score(pixels, probabilities);
        return probabilities;
    }

    private static string Shipped([CallerFilePath] string file = "") => Path.Combine(Path.GetDirectoryName(file)!, "..", "..", "assets", "cifar3.onnx");
}

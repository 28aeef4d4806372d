using System.Security.Cryptography;
using Google.Protobuf;
using Onnx;

namespace Cifar3.Tests;

/// <summary>Damaged ONNX files: a model that scores, or a <see cref="Cifar3Exception"/>; never another exception, never a crash of ONNX Runtime.</summary>
public sealed class ModelFuzzTests
{
    private static readonly string[] Names = ["airplane", "automobile", "bird"];
    private const byte Secret = 0x5A; // the content of a file that no model may read

    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(2);
    private static readonly long[] Numbers = [0, 1, -1, 2, 3, 7, 32, 255, 65_536, int.MaxValue, int.MinValue, long.MaxValue, long.MinValue];

    private static readonly string[] Files =
    [
        "ours", "optimized", "int8", "foreign", "keras2/trained-tf2onnx.onnx", "keras2/trained-tf2onnx-nchw.onnx",
        "form: front: Mul 1/255, Sub mean, Div std, back, each channel", "form: front: uint8, Cast, Div 255", "form: front: BatchNormalization of pixels, back", "form: batch of 16, Reshape", "form: float16 inside, with casts",
        "form: second output: logits", "form: constants as nodes",
    ];

    [Test]
    public void Load_DamagedFile_IsAModelOrAClearError([ValueSource(nameof(Files))] string file) => Run(file, count: file.Contains("tf2onnx", StringComparison.Ordinal) || file.StartsWith("form: ", StringComparison.Ordinal) ? 60 : 200);

    /// <summary>The full size: <c>dotnet test -c Release Cifar3.Tests --filter Name~TenThousandDamagedModels --logger "console;verbosity=detailed"</c>.</summary>
    [Test]
    [Category(TestCategories.Slow)] // 10,000 damaged copies of every file take some minutes
    public void Load_TenThousandDamagedModels_AreModelsOrClearErrors([ValueSource(nameof(Files))] string file) => Run(file, count: 10_000);

    /// <summary>Weights in a file of their own: the place, offset and length that the model tells are damaged, and the file is cut, missing, a folder or a link.</summary>
    [TestCase(120)]
    [TestCase(10_000, Category = TestCategories.Slow)]
    public void Load_DamagedModelWithWeightsBesideIt_IsAModelOrAClearError(int count)
    {
        string folder = TestFiles.NewFolder(), path = Path.Combine(folder, "model.onnx"), data = Path.Combine(folder, "model.onnx.data"), secret = Path.Combine(folder, "..", $"{Path.GetFileName(folder)}.secret");
        byte[] original = OtherToolsModelTests.External(ForeignOnnxTests.Foreign(TestModels.Random(filters: [4, 4, 8]), _ => { }), data, "model.onnx.data"), weights = File.ReadAllBytes(data);
        File.WriteAllBytes(secret, [.. Enumerable.Repeat(Secret, weights.Length)]);
        int models = 0, errors = 0;
        for (int i = 0; i < count; i++)
        {
            var random = new Random(i);
            var proto = ModelProto.Parser.ParseFrom(original);
            for (int n = random.Next(0, 3); n > 0; n--)
            {
                var entries = proto.Graph.Initializer[random.Next(proto.Graph.Initializer.Count)].ExternalData;
                var entry = entries[random.Next(entries.Count)];
                entry.Value = entry.Key == "location" ? Pick("", ".", "..", "model.onnx", "MODEL.ONNX.DATA", "model.onnx.data\0x", secret, Path.Combine("..", Path.GetFileName(secret)), "link", "//model.onnx.data", new string('a', 5000))
                    : Pick("-1", "0", "1", "99999999999999999999", "9223372036854775807", "0x10", "1e3", "", " 4 ", "٣", weights.Length.ToString(System.Globalization.CultureInfo.InvariantCulture));
                if (random.Next(8) == 0)
                {
                    entries.Add(new StringStringEntryProto(entry) { Key = Pick("offset", "length", "location", "checksum", "") });
                }
            }

            File.WriteAllBytes(path, random.Next(3) == 0 ? ByteMutation.Damage(proto.ToByteArray(), original, random) : proto.ToByteArray());
            File.Delete(data);
            File.Delete(Path.Combine(folder, "link"));
            if (TestFiles.CanLink)
            {
                TestFiles.Link(Path.Combine(folder, "link"), secret);
            }

            if (random.Next(10) > 0)
            {
                File.WriteAllBytes(data, random.Next(4) == 0 ? weights[..random.Next(weights.Length)] : weights);
            }

            try
            {
                var read = OnnxFile.Open(path).Model.Graph.Initializer;
                Assert.That(read.Where(tensor => tensor.RawData.Length >= 4 && tensor.RawData.Span.IndexOfAnyExcept(Secret) < 0), Is.Empty, $"damage number {i} reads a file outside the folder");
                using var classifier = Cifar3Classifier.Load(path, new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime, Threads = 1, ClassNames = Names });
                Assert.That(classifier.PredictPixels(EngineTestData.RandomImages(1, seed: 1)).Probabilities, Has.Length.EqualTo(3));
                models++;
            }
            catch (Cifar3Exception e)
            {
                errors++;
                Assert.That(e.Message, Does.StartWith("Cannot ").And.Length.LessThan(4000));
            }
            catch (Exception e) when (e is not AssertionException)
            {
                throw new AssertionException($"Damage number {i} gives {e.GetType().Name} instead of a Cifar3Exception: {e}", e);
            }

            string Pick(params string[] texts) => texts[random.Next(texts.Length)];
        }

        File.Delete(secret);
        TestContext.Out.WriteLine($"{count:N0} damaged models, {models:N0} scored, {errors:N0} errors");
        Assert.That(models, Is.GreaterThan(count / 20));
        Assert.That(errors, Is.GreaterThan(count / 4));
    }

    private static void Run(string file, int count)
    {
        byte[] original = file switch
        {
            "ours" => TestModels.Random(filters: [4, 4, 8]).ToOnnxBytes(),
            "optimized" => TestModels.Random(filters: [4, 4, 8]).ToOnnxBytes(new OnnxExportOptions { Flavor = OnnxFlavor.Optimized }),
            "int8" => TestModels.Random(filters: [4, 4, 8]).ToOnnxBytes(new OnnxExportOptions { Flavor = OnnxFlavor.Int8, CalibrationImages = new ImageSet(EngineTestData.RandomImages(8, seed: 1), new int[8], Names), QuantizeLastLayer = true }),
            "foreign" => ForeignOnnxTests.Foreign(TestModels.Random(filters: [4, 4, 8]), _ => { }),
            _ when file.StartsWith("form: ", StringComparison.Ordinal) => OtherToolsModelTests.InAnotherForm(file["form: ".Length..]),
            _ => File.ReadAllBytes(TestFiles.Golden(file)),
        };
        byte[] pixels = EngineTestData.RandomImages(2, seed: 1);
        int models = 0, errors = 0;
        using var growth = new MemoryGrowth();

        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = 2 }, i =>
        {
            using var watch = new Timer(_ => Environment.FailFast($"{nameof(ModelFuzzTests)}: damage number {i} of {file} hangs the reader."), null, Hang, Timeout.InfiniteTimeSpan);
            var random = new Random(i);
            byte[] damaged = random.Next(3) == 0 ? ByteMutation.Damage(original, original, random) : Rewritten(original, random);
            try
            {
                using var classifier = Cifar3Classifier.Load(damaged, new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime, Threads = 1, ClassNames = Names });
                Assert.That(classifier.PredictPixelsBatch(pixels), Has.Count.EqualTo(2));
                Interlocked.Increment(ref models);
            }
            catch (Cifar3Exception e)
            {
                Interlocked.Increment(ref errors);
                Assert.That(e.Message, Does.StartWith("Cannot ").And.Length.LessThan(4000));
            }
            catch (Exception e)
            {
                throw new AssertionException($"Damage number {i} gives {e.GetType().Name} instead of a Cifar3Exception: {e}", e);
            }

            try
            {
                Assert.That(CnnModel.LoadOnnx(damaged).Weights, Has.Count.EqualTo(26));
            }
            catch (Cifar3ModelException)
            {
                // A file of another tool always ends here; ours unless the damage is in what does not count.
            }

            if (i % 16 == 0)
            {
                GC.Collect();
            }
        });

        TestContext.Out.WriteLine($"{file}: {count:N0} damaged files, {models:N0} models, {errors:N0} errors, {count - models - errors} others; the process grew by {growth.Peak / 1e6:F0} MB");
        Assert.That(models + errors, Is.EqualTo(count));
        Assert.That(errors, Is.GreaterThan(count / 4));
        Assert.That(growth.Peak, Is.LessThan(256 << 20));
    }

    /// <summary>The model with one to three of its settings, names, sizes, nodes or weights changed: damage that still is an ONNX file.</summary>
    private static byte[] Rewritten(byte[] original, Random random)
    {
        var model = ModelProto.Parser.ParseFrom(original);
        var graph = model.Graph;
        for (int n = random.Next(1, 4); n > 0; n--)
        {
            var node = graph.Node[random.Next(graph.Node.Count)];
            List<TensorProto> weights = [.. graph.Initializer, .. graph.Node.SelectMany(other => other.Attribute).Where(attribute => attribute.T is not null).Select(attribute => attribute.T)];
            var tensor = weights[random.Next(weights.Count)];
            switch (random.Next(12))
            {
                case 0 or 1 or 2 when node.Attribute.Count > 0:
                    Change(node.Attribute[random.Next(node.Attribute.Count)], random);
                    break;
                case 3:
                    node.OpType = Pick("Conv", "Relu", "MatMul", "Gemm", "Reshape", "Softmax", "Transpose", "MaxPool", "Flatten", "Loop", "ConstantOfShape", "Identity", "Expand", "Tile", "Resize", "DequantizeLinear", "QuantizeLinear", "Cast");
                    break;
                case 4 when node.Input.Count > 0:
                    node.Input[random.Next(node.Input.Count)] = Pick([.. graph.Node.SelectMany(other => other.Output), .. graph.Initializer.Select(t => t.Name), "", "nowhere"]);
                    break;
                case 5:
                    node.Output[0] = Pick([.. graph.Node.SelectMany(other => other.Output), "", "elsewhere"]);
                    break;
                case 6:
                    graph.Node.RemoveAt(random.Next(graph.Node.Count));
                    graph.Node.Insert(random.Next(graph.Node.Count + 1), node);
                    break;
                case 7 when tensor.Dims.Count > 0:
                    tensor.Dims[random.Next(tensor.Dims.Count)] = Numbers[random.Next(Numbers.Length)];
                    break;
                case 8:
                    tensor.DataType = random.Next(-1, 20);
                    break;
                case 9:
                    tensor.RawData = ByteString.CopyFrom(ByteMutation.Damage(tensor.RawData.ToByteArray(), original, random));
                    break;
                case 10:
                    tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = Pick("/etc/passwd", "../x", "") });
                    tensor.DataLocation = (TensorProto.Types.DataLocation)random.Next(2);
                    break;
                default:
                    model.OpsetImport[0].Version = Numbers[random.Next(Numbers.Length)];
                    model.IrVersion = random.Next(2) == 0 ? 8 : Numbers[random.Next(Numbers.Length)];
                    break;
            }
        }

        if (model.MetadataProps.FirstOrDefault(entry => entry.Key == "graph_sha256") is { } hash)
        {
            hash.Value = Convert.ToHexStringLower(SHA256.HashData(graph.ToByteArray())); // not damage but malice
        }

        return model.ToByteArray();

        string Pick(params string[] texts) => texts[random.Next(texts.Length)];
    }

    private static void Change(AttributeProto attribute, Random random)
    {
        switch (random.Next(5))
        {
            case 0:
                attribute.Type = (AttributeProto.Types.AttributeType)random.Next(15);
                break;
            case 1:
                attribute.Name = attribute.Name + "_";
                break;
            case 2 when attribute.Ints.Count > 0:
                attribute.Ints.RemoveAt(0);
                break;
            default:
                attribute.I = Numbers[random.Next(Numbers.Length)];
                if (attribute.Ints.Count > 0)
                {
                    attribute.Ints[random.Next(attribute.Ints.Count)] = Numbers[random.Next(Numbers.Length)];
                }

                break;
        }
    }
}

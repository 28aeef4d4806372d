using Cifar3.Training;

namespace Cifar3.Tests;

public sealed class TensorFlowEngineTests : TensorFlowTestBase
{
    [Test]
    public void GetInfo_Library_TellsVersionPathAndDevices()
    {
        var info = TensorFlowEngine.GetInfo(Options);

        Assert.That(Version.Parse(info.Version.Split('-')[0]), Is.GreaterThanOrEqualTo(new Version(2, 10)));
        Assert.That(File.Exists(info.LibraryPath), info.LibraryPath);
        Assert.That(info.Devices, Has.Some.Matches<TensorFlowDeviceInfo>(device => device.Type == "CPU"));
        Assert.That(info.ToString(), Does.Contain(info.Version).And.Contain("CPU:0"));
        Assert.That(TensorFlowEngine.IsAvailable);
    }

    [Test]
    public void NameAndDevice_NewEngine_TellVersionAndThreads()
    {
        using var engine = new TensorFlowEngine(SmallModel(), Options with { TensorFlow = new TensorFlowOptions { Device = TensorFlowDevice.Cpu } });

        Assert.That(engine.Name, Does.Match(@"^TensorFlow 2\.\d+\.\d+"));
        Assert.That(engine.Device, Does.Match(@"^CPU, \d+ threads?$"));
        Assert.That(engine.IsDeterministic, Is.True);
    }

    [Test]
    public void Constructor_GpuDemandedButNoneThere_SaysWhatThereIs()
    {
        Assume.That(!TensorFlowEngine.GetInfo(Options).HasGpu, "There is a GPU.");

        var error = Assert.Throws<TensorFlowException>(() => _ = new TensorFlowEngine(SmallModel(), Options with { TensorFlow = new TensorFlowOptions { Device = TensorFlowDevice.Gpu } }));

        Assert.That(error!.Message, Does.Contain("A GPU was demanded").And.Contain("CPU:0").And.Contain("Redist-Linux-GPU"));
    }

    [Test]
    public void TrainStep_ManySteps_LearnsAndEvaluatesTheSame()
    {
        var (images, labels) = Batch(32);
        using var engine = new TensorFlowEngine(SmallModel(dropout: 0.1), Options);

        double first = engine.TrainStep(images, labels, 0.01f, 1).LossSum, last = 0;
        for (int step = 2; step <= 80; step++)
        {
            last = engine.TrainStep(images, labels, 0.01f, step).LossSum;
        }

        Assert.That(last, Is.LessThan(first / 3));
        var probabilities = new float[32 * 3];
        engine.Predict(images, probabilities);
        double loss = Enumerable.Range(0, 32).Sum(i => -Math.Log(probabilities[3 * i + labels[i]]));
        var evaluated = engine.Evaluate(images, labels);
        Assert.That(evaluated.LossSum, Is.EqualTo(loss).Within(1e-4).Percent.Or.EqualTo(loss).Within(1e-4));
        Assert.That(evaluated.Count, Is.EqualTo(32));
        Assert.That(evaluated.Correct, Is.EqualTo(Enumerable.Range(0, 32).Count(i => Array.IndexOf(probabilities[(3 * i)..(3 * i + 3)], probabilities[(3 * i)..(3 * i + 3)].Max()) == labels[i])));
    }

    /// <summary>Any filter counts, classes, rates and batch sizes, changing from step to step.</summary>
    [TestCase(2, 0.0, 1, 1, 1)]
    [TestCase(100, 0.9, 5, 3, 7)]
    [TestCase(10, 0.25, 33, 2, 17)]
    public void TrainStep_OtherNetworks_Run(int classes, double dropout, params int[] filters)
    {
        using var engine = new TensorFlowEngine(SmallModel(classes, dropout, filters), Options);
        int step = 0;
        foreach (int count in new[] { 1, 7, 64, 3 })
        {
            var (images, labels) = Batch(count, classes);
            var result = engine.TrainStep(images, labels, 0.001f, ++step);
            Assert.That(result.LossSum, Is.GreaterThan(0).And.LessThan(100 * count));
            Assert.That(result.Correct, Is.InRange(0, count));
            Assert.That(result.Count, Is.EqualTo(count));
        }

        Assert.That(engine.ExportState().Step, Is.EqualTo(4));
        var probabilities = new float[501 * classes]; // more than one run of 500
        engine.Predict(Batch(501, classes).Images, probabilities);
        Assert.That(probabilities.Chunk(classes).Select(row => (double)row.Sum()), Is.All.EqualTo(1).Within(1e-5));
    }

    /// <summary>Batches in 1 to 8 parts, equal and unequal ones, against the managed engine, which knows no parts.</summary>
    [TestCase(7)]
    [TestCase(17)]
    [TestCase(61)]
    [TestCase(64)]
    [TestCase(77)]
    public void TrainStep_BatchInParts_IsTheManagedEnginesStep(int count)
    {
        var (images, labels) = Batch(count);
        var options = Options with { MaxBatchSize = 77 };
        using var managed = new ManagedEngine(SmallModel(), options);
        using var parts = new TensorFlowEngine(SmallModel(), options);

        var expected = managed.TrainStep(images, labels, 0.001f, 1);
        var result = parts.TrainStep(images, labels, 0.001f, 1);

        Assert.That(result.LossSum, Is.EqualTo(expected.LossSum).Within(1e-3).Percent);
        Assert.That(result.Correct, Is.EqualTo(expected.Correct));
        EngineState a = managed.ExportState(), b = parts.ExportState();
        foreach (var (x, y) in a.AdamM.Zip(b.AdamM))
        {
            Assert.That(RelativeDistance(x, y), Is.LessThan(2e-5), $"gradient of {x.Name}");
        }

        foreach (var (x, y) in a.Weights.Zip(b.Weights).Where(pair => pair.First.Name.Contains("moving", StringComparison.Ordinal)))
        {
            Assert.That(RelativeDistance(x, y), Is.LessThan(1e-6), x.Name);
        }
    }

    [TestCase(1, ExpectedResult = 1)]
    [TestCase(15, ExpectedResult = 1)]
    [TestCase(16, ExpectedResult = 2)]
    [TestCase(24, ExpectedResult = 3)]
    [TestCase(128, ExpectedResult = 8)]
    [TestCase(1024, ExpectedResult = 8)]
    public int CountFor_Batch_IsAPartForEveryEightImagesUpToEight(int batch) => BatchParts.CountFor(batch);

    [Test]
    public void Evaluate_MoreThanOneRun_AddsUp()
    {
        var (images, labels) = Batch(1003);
        using var engine = new TensorFlowEngine(SmallModel(), Options);

        var all = engine.Evaluate(images, labels);
        var parts = engine.Evaluate(images.AsSpan(0, 3 * 3072), labels.AsSpan(0, 3)) + engine.Evaluate(images.AsSpan(3 * 3072), labels.AsSpan(3));

        Assert.That(all.Count, Is.EqualTo(1003));
        Assert.That(all.Correct, Is.EqualTo(parts.Correct));
        Assert.That(all.LossSum, Is.EqualTo(parts.LossSum).Within(1e-3).Percent);
        Assert.That(engine.Evaluate([], []), Is.EqualTo(default(BatchResult)));
    }

    [Test]
    public void TrainStep_Dropout_TakesTheLibrarysMasks()
    {
        // One image, dropout only in the last block, all else as in a run without it: the loss must be that of the masked activations.
        var model = CnnModel.Create(Names, seed: 1, filters: [4, 6, 8], dropoutRates: [0, 0, 0.5]);
        var plain = CnnModel.FromWeights(new CnnArchitecture(3, [4, 6, 8], [0, 0, 0]), model.Weights, model.Metadata);
        var (images, labels) = Batch(16);
        using var dropped = new TensorFlowEngine(model, Options);
        using var whole = new TensorFlowEngine(plain, Options);
        var keep = new byte[16 * 2 * 2 * 8];
        DropoutMask.Fill(Options.Seed, 5, 2, 0.5, 0, keep);
        using var masked = new TensorFlowEngine(model, Options with { Seed = 99 });

        double loss = dropped.TrainStep(images, labels, 0.001f, 5).LossSum;
        double withoutDropout = whole.TrainStep(images, labels, 0.001f, 5).LossSum;
        double otherSeed = masked.TrainStep(images, labels, 0.001f, 5).LossSum;

        Assert.That(loss, Is.Not.EqualTo(withoutDropout).Within(1e-4));
        Assert.That(loss, Is.Not.EqualTo(otherSeed).Within(1e-4));

        // The gradient of dense/kernel (m = 0.1 g) is zero in exactly the rows whose element every image dropped.
        var m = dropped.ExportState().AdamM.Single(t => t.Name == "dense/kernel").Values;
        for (int row = 0; row < 32; row++)
        {
            bool keptByAny = Enumerable.Range(0, 16).Any(image => keep[image * 32 + row] == 1);
            if (!keptByAny)
            {
                Assert.That(m.Slice(row * 3, 3).ToArray(), Is.All.EqualTo(0f));
            }
        }
    }

    [Test]
    public void ExportState_AfterImportIntoAnother_IsTheSameBits()
    {
        var (images, labels) = Batch(16);
        using var one = new TensorFlowEngine(SmallModel(), Options);
        using var other = new TensorFlowEngine(SmallModel(), Options);
        for (int step = 1; step <= 3; step++)
        {
            one.TrainStep(images, labels, 0.01f, step);
        }

        var state = one.ExportState();
        string hash = Hash(state);
        other.ImportState(state);

        Assert.That(Hash(other.ExportState()), Is.EqualTo(hash));
        Assert.That(other.ExportState().Step, Is.EqualTo(3));
        double next = one.TrainStep(images, labels, 0.01f, 4).LossSum;
        Assert.That(other.TrainStep(images, labels, 0.01f, 4).LossSum, Is.EqualTo(next).Within(1e-4).Percent);
        Assert.That(Hash(state), Is.EqualTo(hash), "an exported state must not change with the engine");
    }

    [Test]
    public void ImportState_OtherNetworksState_IsRefusedAndChangesNothing()
    {
        using var engine = new TensorFlowEngine(SmallModel(), Options);
        var good = engine.ExportState();
        var foreign = EngineState.Initial(SmallModel(filters: [4, 6, 9]));

        Assert.Multiple(() =>
        {
            Assert.That(() => engine.ImportState(foreign), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("conv2d_4/kernel"));
            Assert.That(() => engine.ImportState(good with { AdamM = foreign.AdamM }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("first moments").And.Message.Contains("conv2d_4/kernel"));
            Assert.That(() => engine.ImportState(good with { AdamV = [.. good.AdamV.Skip(1)] }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("second moments lack 'conv2d/kernel'"));
            Assert.That(() => engine.ImportState(good with { AdamV = [.. good.AdamV, good.Weights.First(w => w.Name.EndsWith("moving_mean", StringComparison.Ordinal))] }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("'batch_normalization/moving_mean', which this network does not have"));
            Assert.That(Hash(engine.ExportState()), Is.EqualTo(Hash(good)));
        });
    }

    [Test]
    public void AnyCall_WrongArguments_IsRefusedBeforeTensorFlowAndChangesNothing()
    {
        var (images, labels) = Batch(8);
        using var engine = new TensorFlowEngine(SmallModel(), Options with { MaxBatchSize = 8 });
        string before = Hash(engine.ExportState());

        Assert.Multiple(() =>
        {
            Assert.That(() => engine.TrainStep(images.AsSpan(1), labels, 0.01f, 1), Throws.InstanceOf<ArgumentException>().With.Message.Contains("8 labels need 24,576 bytes of images (32x32x3 each). Received: 24,575"));
            Assert.That(() => engine.TrainStep(images, labels.AsSpan(1), 0.01f, 1), Throws.InstanceOf<ArgumentException>().With.Message.Contains("7 labels need 21,504 bytes"));
            Assert.That(() => engine.TrainStep([], [], 0.01f, 1), Throws.InstanceOf<ArgumentException>().With.Message.Contains("Received: 0"));
            Assert.That(() => engine.TrainStep(Batch(9).Images, Batch(9).Labels, 0.01f, 1), Throws.InstanceOf<ArgumentException>().With.Message.Contains("1 to 8 images (EngineOptions.MaxBatchSize). Received: 9"));
            Assert.That(() => engine.TrainStep(images, [0, 1, 2, 3, 0, 1, 2, 0], 0.01f, 1), Throws.InstanceOf<ArgumentException>().With.Message.Contains("Labels must be 0 to 2. Received: label 3 of image 3"));
            Assert.That(() => engine.TrainStep(images, labels, 0, 1), Throws.InstanceOf<ArgumentException>());
            Assert.That(() => engine.TrainStep(images, labels, float.NaN, 1), Throws.InstanceOf<ArgumentException>());
            Assert.That(() => engine.TrainStep(images, labels, 0.01f, 0), Throws.InstanceOf<ArgumentException>());
            Assert.That(() => engine.Evaluate(images, [0, 1, 2, -1, 0, 1, 2, 0]), Throws.InstanceOf<ArgumentException>().With.Message.Contains("label -1 of image 3"));
            Assert.That(() => engine.Predict(images, new float[23]), Throws.InstanceOf<ArgumentException>().With.Message.Contains("need 24 probabilities. Received: 23"));
            Assert.That(() => new TensorFlowEngine(SmallModel(), Options with { MaxBatchSize = 0 }), Throws.InstanceOf<ArgumentException>());
            Assert.That(() => new TensorFlowEngine(SmallModel(), Options with { Threads = -1 }), Throws.InstanceOf<ArgumentException>());
            Assert.That(Hash(engine.ExportState()), Is.EqualTo(before));
        });
    }

    [Test]
    public void AnyCall_AfterDispose_Throws()
    {
        var engine = new TensorFlowEngine(SmallModel(), Options);
        engine.Dispose();
        engine.Dispose();

        Assert.That(() => engine.ExportState(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => engine.Evaluate([], []), Throws.TypeOf<ObjectDisposedException>());
    }

    /// <summary>The route for GPUs, run on the CPU: the same step to the accuracy of the fused kernel's own statistics.</summary>
    [Test]
    public void TrainStep_FusedStatistics_AgreeWithTheExactOnes()
    {
        var (images, labels) = Batch(16); // the kernel adds all of a channel in one long sum, which loses more bits in a larger batch
        using var exact = new TensorFlowEngine(SmallModel(dropout: 0.25), Options, BatchStatistics.TwoStage);
        using var fused = new TensorFlowEngine(SmallModel(dropout: 0.25), Options, BatchStatistics.Fused);

        double loss = exact.TrainStep(images, labels, 0.001f, 1).LossSum;
        Assert.That(fused.TrainStep(images, labels, 0.001f, 1).LossSum, Is.EqualTo(loss).Within(1e-2).Percent);

        EngineState a = exact.ExportState(), b = fused.ExportState();
        foreach (var (x, y) in a.AdamM.Zip(b.AdamM))
        {
            Assert.That(RelativeDistance(x, y), Is.LessThan(0.05), x.Name);
        }

        foreach (var (x, y) in a.Weights.Zip(b.Weights).Where(pair => pair.First.Name.Contains("moving", StringComparison.Ordinal)))
        {
            Assert.That(RelativeDistance(x, y), Is.LessThan(1e-4), x.Name); // unbiased in place of biased variance would be off by 2e-3 in the last block
        }
    }

    private static double RelativeDistance(WeightTensor expected, WeightTensor actual)
    {
        double difference = 0, size = 1e-20;
        for (int i = 0; i < expected.Count; i++)
        {
            difference += Math.Pow(expected.Values[i] - (double)actual.Values[i], 2);
            size += Math.Pow(expected.Values[i], 2);
        }

        return Math.Sqrt(difference / size);
    }
}

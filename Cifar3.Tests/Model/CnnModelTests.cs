namespace Cifar3.Tests;

public sealed class CnnModelTests
{
    private static readonly string[] Names = ["aeroplane", "car", "bird"];

    [TestCase(-.1, 1e-3, "batchNormalizationMomentum")]
    [TestCase(1.1, 1e-3, "batchNormalizationMomentum")]
    [TestCase(double.NaN, 1e-3, "batchNormalizationMomentum")]
    [TestCase(.9, 0, "batchNormalizationEpsilon")]
    [TestCase(.9, 1e-60, "batchNormalizationEpsilon")]
    [TestCase(.9, double.PositiveInfinity, "batchNormalizationEpsilon")]
    public void CnnArchitecture_BatchNormalizationOutOfRange_NamesParameter(double momentum, double epsilon, string parameter) =>
        Assert.That(
            () => new CnnArchitecture(batchNormalizationMomentum: [.99, momentum, .99], batchNormalizationEpsilon: [1e-3, 1e-3, epsilon]),
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Property("ParamName").EqualTo(parameter));

    [Test]
    public void Equals_OtherBatchNormalization_IsAnotherArchitecture()
    {
        var plain = new CnnArchitecture();

        Assert.That(plain.BatchNormalizationMomentum, Is.EqualTo(new[] { .99, .99, .99 }));
        Assert.That(plain.BatchNormalizationEpsilon, Is.EqualTo(new[] { 1e-3, 1e-3, 1e-3 }));
        Assert.That(new CnnArchitecture(batchNormalizationMomentum: [.99, .99, .9]), Is.Not.EqualTo(plain));
        Assert.That(new CnnArchitecture(batchNormalizationEpsilon: [1e-3, 1e-5, 1e-3]), Is.Not.EqualTo(plain));
        Assert.That(new CnnArchitecture(batchNormalizationEpsilon: [1e-3, 1e-5, 1e-3]).WithDropoutRates([0, 0, 0]).BatchNormalizationEpsilon[1], Is.EqualTo(1e-5));
    }

    [Test]
    public void Create_Default_HasKerasParameterCounts()
    {
        var weights = CnnModel.Create(Names).Layers.SelectMany(layer => layer.Weights).ToList();

        Assert.That(weights.Sum(w => w.Count), Is.EqualTo(289_443));
        Assert.That(weights.Where(w => w.Trainable).Sum(w => w.Count), Is.EqualTo(288_995));
        Assert.That(weights.Where(w => !w.Trainable).Sum(w => w.Count), Is.EqualTo(448));
    }

    /// <summary>The table of the design, line by line: Keras layer, output, parameters.</summary>
    [TestCase("conv2d", "32, 32, 32", 896)]
    [TestCase("batch_normalization", "32, 32, 32", 128)]
    [TestCase("conv2d_1", "30, 30, 32", 9_248)]
    [TestCase("max_pooling2d", "15, 15, 32", 0)]
    [TestCase("dropout", "15, 15, 32", 0)]
    [TestCase("conv2d_2", "15, 15, 64", 18_496)]
    [TestCase("batch_normalization_1", "15, 15, 64", 256)]
    [TestCase("conv2d_3", "13, 13, 64", 36_928)]
    [TestCase("max_pooling2d_1", "6, 6, 64", 0)]
    [TestCase("dropout_1", "6, 6, 64", 0)]
    [TestCase("conv2d_4", "6, 6, 128", 73_856)]
    [TestCase("batch_normalization_2", "6, 6, 128", 512)]
    [TestCase("conv2d_5", "4, 4, 128", 147_584)]
    [TestCase("max_pooling2d_2", "2, 2, 128", 0)]
    [TestCase("dropout_2", "2, 2, 128", 0)]
    [TestCase("flatten", "512", 0)]
    [TestCase("dense", "3", 1_539)]
    public void Layers_Default_AreTheDesignsTable(string name, string output, int parameters)
    {
        var layer = CnnModel.Create(Names).Layers.Single(l => l.Name == name);

        Assert.That(string.Join(", ", layer.OutputShape), Is.EqualTo(output));
        Assert.That(layer.ParameterCount, Is.EqualTo(parameters));
    }

    [Test]
    public void Summary_Default_IsWhatKeras3Prints()
    {
        string expected = File.ReadAllText(TestFiles.Golden("keras3/summary.txt")).ReplaceLineEndings("\n").TrimEnd();

        Assert.That(CnnModel.Create(Names).Summary().TrimEnd(), Is.EqualTo(expected));
    }

    [Test]
    public void Summary_Default_EndsWithKerasTotals()
    {
        string[] lines = CnnModel.Create(Names).Summary().TrimEnd().Split('\n');

        Assert.That(lines[^3..], Is.EqualTo(new[]
        {
            " Total params: 289,443 (1.10 MB)",
            " Trainable params: 288,995 (1.10 MB)",
            " Non-trainable params: 448 (1.75 KB)",
        }));
    }

    [Test]
    public void Create_SameSeed_GivesSameBitsAndOtherSeedOthers()
    {
        string hash = CnnModel.Create(Names, seed: 1).WeightHash();

        Assert.That(CnnModel.Create(Names, seed: 1).WeightHash(), Is.EqualTo(hash));
        Assert.That(CnnModel.Create(Names, seed: 2).WeightHash(), Is.Not.EqualTo(hash));
    }

    [Test]
    public void Create_Kernels_FillTheGlorotInterval()
    {
        var kernel = CnnModel.Create(Names)["conv2d_5/kernel"];
        double limit = Math.Sqrt(6.0 / (9 * 128 + 9 * 128));
        double[] values = [.. kernel.ToArray().Select(v => (double)v)];

        Assert.That(values.Max(), Is.InRange(0.999 * limit, limit));
        Assert.That(values.Min(), Is.InRange(-limit, -0.999 * limit));
        Assert.That(values.Average(), Is.EqualTo(0).Within(limit / 100));
        Assert.That(values.Average(v => v * v), Is.EqualTo(limit * limit / 3).Within(1).Percent); // variance of a uniform interval
    }

    [Test]
    public void Create_OtherVariables_HaveKerasInitialValues()
    {
        var model = CnnModel.Create(Names);

        foreach (var weight in model.Weights.Where(w => !w.Name.EndsWith("kernel", StringComparison.Ordinal)))
        {
            float expected = weight.Name.EndsWith("gamma", StringComparison.Ordinal) || weight.Name.EndsWith("variance", StringComparison.Ordinal) ? 1 : 0;
            Assert.That(weight.ToArray(), Is.All.EqualTo(expected), weight.Name);
        }
    }

    [TestCase(1)]
    [TestCase(101)]
    public void Create_ClassesOutOfRange_SaysTheRange(int classes)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => CnnModel.Create(Enumerable.Range(0, classes).Select(i => $"c{i}")));

        Assert.That(error!.Message, Does.Contain("2 to 100").And.Contain($"classes={classes}"));
    }

    [TestCase("a", "a", "c", "Class 'a' is there twice")]
    [TestCase("a", "", "c", "A class' name must have 1 to 1,000 characters")]
    [TestCase("a", " ", "c", "A class' name must have 1 to 1,000 characters")]
    [TestCase("a", null, "c", "Received: null")]
    public void Create_NamesThatAreNone_SaysWhich(string first, string? second, string third, string message) =>
        Assert.That(() => CnnModel.Create([first, second!, third]), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(message));

    /// <summary>What <c>LoadOnnx</c> refuses, no model has: nothing is written that cannot be read.</summary>
    [Test]
    public void With_MetadataThatNoFileHolds_IsRefusedAndTheLargestIsReadBack()
    {
        var model = TestModels.Random(filters: [1, 1, 1]);
        var epoch = new EpochLog(1, 1.0 / 3, 2.0 / 3, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13);

        Assert.Multiple(() =>
        {
            AssertRefused(m => m with { ClassNames = [new string('n', 1001), "b", "c"] }, "1 to 1,000 characters");
            AssertRefused(m => m with { ClassNames = default }, "ClassNames");
            AssertRefused(m => m with { History = default }, "History");
            AssertRefused(m => m with { History = [.. Enumerable.Repeat(epoch, ModelMetadata.MaxEpochs + 1)] }, "at most 100,000 epochs");
            AssertRefused(m => m with { Epoch = -1 }, "Epoch");
            AssertRefused(m => m with { Temperature = 0 }, "Temperature");
            AssertRefused(m => m with { FamiliarityThreshold = double.NaN }, "FamiliarityThreshold");
            AssertRefused(m => m with { Recipe = new string('r', ModelMetadata.MaxTextLength + 1) }, "Recipe");
            AssertRefused(m => m with { LibraryVersion = null! }, "LibraryVersion");
        });

        var largest = model.With(model.Metadata with { ClassNames = [new string('n', 1000), "b", "c"], Recipe = new string('r', ModelMetadata.MaxTextLength), History = [.. Enumerable.Repeat(epoch, ModelMetadata.MaxEpochs)], Epoch = int.MaxValue });
        var read = CnnModel.LoadOnnx(largest.ToOnnxBytes());
        Assert.That(read.ClassNames, Is.EqualTo(largest.ClassNames));
        Assert.That(read.Metadata.History, Has.Length.EqualTo(ModelMetadata.MaxEpochs));

        string[] names = [.. Enumerable.Range(0, 100).Select(i => $"{i}".PadRight(ModelMetadata.MaxNameLength, '\u0001'))];
        Assert.That(CnnModel.LoadOnnx(CnnModel.Create(names, filters: [1, 1, 1]).ToOnnxBytes()).ClassNames, Is.EqualTo(names));

        void AssertRefused(Func<ModelMetadata, ModelMetadata> change, string message) =>
            Assert.That(() => model.With(change(model.Metadata)), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(message));
    }

    [Test]
    public void With_MissingUnknownMisshapenOrNaNWeight_NamesIt()
    {
        var model = CnnModel.Create(Names);
        var bias = model["dense/bias"];

        Assert.Multiple(() =>
        {
            Assert.That(() => model.With(model.Weights.Skip(1)), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("'conv2d/kernel' is missing"));
            Assert.That(() => model.With([.. model.Weights, new WeightTensor("dense_1/bias", [1], [0f])]), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("'dense_1/bias'"));
            Assert.That(() => model.With([.. model.Weights, bias]), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("given twice"));
            Assert.That(() => Replace(new WeightTensor("dense/bias", [4], new float[4])), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("Expected (3), found (4)"));
            Assert.That(() => Replace(new WeightTensor("dense/bias", [3], [0, float.NaN, 0])), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("not finite"));
            Assert.That(() => Replace(new WeightTensor("batch_normalization/moving_variance", [32], [.. Enumerable.Repeat(1f, 31), -1e-3f])), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("moving_variance' has a negative element"));
        });

        CnnModel Replace(WeightTensor weight) => model.With([.. model.Weights.Where(w => w.Name != weight.Name), weight]);
    }

    [Test]
    public void Model_OfNothing_NamesTheArgument()
    {
        var model = CnnModel.Create(Names, filters: [4, 4, 8]);
        var images = ColourImages.Create(3);

        Assert.Multiple(() =>
        {
            Assert.That(() => model.With((IEnumerable<WeightTensor>)null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("weights"));
            Assert.That(() => CnnModel.FromWeights(model.Architecture, null!, model.Metadata), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("weights"));
            Assert.That(() => model.WithClasses(null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("classNames"));
            Assert.That(() => new ImageData(null!, images, ""), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("train"));
            Assert.That(() => new ImageData(images, null!, ""), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("test"));
        });
    }

    [Test]
    public void Create_TenClassesAndOtherFilters_CountsAsKeras()
    {
        var model = CnnModel.Create(Enumerable.Range(0, 10).Select(i => $"c{i}"), filters: [8, 16, 24], dropoutRates: [.25, .25, .25]);

        Assert.That(model.Layers[^1].OutputShape, Is.EqualTo(new[] { 10 }));
        Assert.That(model["conv2d_3/kernel"].Shape, Is.EqualTo(new[] { 3, 3, 16, 16 }));
    }
}

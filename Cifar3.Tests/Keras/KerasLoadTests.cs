using Cifar3.Training;
using PureHDF;

namespace Cifar3.Tests;

/// <summary>Files that real Keras of three generations wrote.</summary>
public sealed class KerasLoadTests
{
    private static readonly string[] Names = ["airplane", "automobile", "bird"];

    [TestCase("keras3/init.keras", "initial_weights")]
    [TestCase("keras3/init.h5", "initial_weights")]
    [TestCase("keras3/init.weights.h5", "initial_weights")]
    [TestCase("keras2/init.keras", "initial_weights")]
    [TestCase("keras2/init.h5", "initial_weights")]
    [TestCase("keras2/init-weights.h5", "initial_weights")]
    [TestCase("keras2.3.1/init.h5", "initial_weights")]
    [TestCase("keras2.3.1/init-weights.h5", "initial_weights")]
    [TestCase("keras3/trained.keras", "trained/weights")]
    [TestCase("keras3/trained.h5", "trained/weights")]
    [TestCase("keras3/trained.weights.h5", "trained/weights")]
    public void Load_EveryGeneration_HasKerasWeightsBitForBit(string file, string group)
    {
        using var golden = GoldenFile.Open();

        var model = CnnModel.LoadKeras(TestFiles.Golden(file), Names);

        Assert.That(model.WeightHash(), Is.EqualTo(golden.ModelOf(group).WeightHash()));
        Assert.That(model.Architecture, Is.EqualTo(new CnnArchitecture()));
        Assert.That(model.ClassNames, Is.EqualTo(Names));
    }

    [TestCase("keras2/trained.h5", "keras2/trained-weights.h5")]
    [TestCase("keras2.3.1/model_0.880.h5", "keras2.3.1/trained-weights.h5")]
    public void Load_WholeModelAndItsWeightsAlone_AreTheSame(string whole, string weights) =>
        Assert.That(CnnModel.LoadKeras(TestFiles.Golden(whole)).WeightHash(), Is.EqualTo(CnnModel.LoadKeras(TestFiles.Golden(weights)).WeightHash()));

    [TestCase("keras3/trained.keras", "trained")]
    [TestCase("keras2/trained.h5", "keras2")]
    [TestCase("keras2.3.1/model_0.880.h5", "keras231")]
    public void Load_TrainedModel_PredictsAsKerasDoes(string file, string group)
    {
        using var golden = GoldenFile.Open();
        var (images, _) = golden.TestImages();
        float[] expected = golden.Floats($"{group}/predictions_test"), found = new float[expected.Length];

        using var classifier = Cifar3Classifier.FromModel(CnnModel.LoadKeras(TestFiles.Golden(file), Names));
        classifier.Score(images, found);

        double worst = EngineComparison.Farthest(expected, found);
        TestContext.Out.WriteLine($"{file}: largest difference of a probability {worst:E1} over {expected.Length / 3} images");
        Assert.That(worst, Is.LessThan(1e-5));
        Assert.That(Classes(found), Is.EqualTo(Classes(expected)));

        static IEnumerable<int> Classes(float[] rows) => rows.Chunk(3).Select(row => Array.IndexOf(row, row.Max()));
    }

    /// <summary>The moments as PureHDF reads them by their Keras name.</summary>
    [TestCase("keras3/trained.h5", 1180, "optimizer_weights/adam/dense_kernel_momentum", "optimizer_weights/adam/dense_kernel_velocity")]
    [TestCase("keras3/trained.weights.h5", 1180, "optimizer/vars/38", "optimizer/vars/39")]
    [TestCase("keras2/trained.h5", 40, "optimizer_weights/Adam/m/dense/kernel:0", "optimizer_weights/Adam/v/dense/kernel:0")]
    [TestCase("keras2.3.1/model_0.880.h5", 40, "optimizer_weights/m_18:0", "optimizer_weights/v_18:0")]
    public void Load_TrainedModel_HasAdamsState(string file, int step, string momentum, string velocity)
    {
        var keras = KerasFile.Load(TestFiles.Golden(file), Names, new KerasLoadOptions { TakeOptimizerState = true });

        using var hdf5 = H5File.OpenRead(TestFiles.Golden(file));
        Assert.That(keras.State, Is.Not.Null);
        Assert.That(keras.State!.Step, Is.EqualTo(step));
        Assert.That(keras.LearningRate, Is.EqualTo(1e-3).Within(1e-9));
        Assert.That(keras.State.AdamM.Single(m => m.Name == "dense/kernel").ToArray(), Is.EqualTo(hdf5.Dataset(momentum).Read<float[]>()));
        Assert.That(keras.State.AdamV.Single(v => v.Name == "dense/kernel").ToArray(), Is.EqualTo(hdf5.Dataset(velocity).Read<float[]>()));
        Assert.That(keras.State.AdamM.Select(m => m.ToString()), Is.EqualTo(EngineState.Initial(keras.Model).AdamM.Select(m => m.ToString())));
    }

    [Test]
    public void Load_SameModelInThreeFormats_HasTheSameStateInAll()
    {
        var states = new[] { "keras3/trained.keras", "keras3/trained.h5", "keras3/trained.weights.h5" }.Select(file => KerasFile.Load(TestFiles.Golden(file), Names, new KerasLoadOptions { TakeOptimizerState = true }).State!).ToList();

        foreach (var state in states)
        {
            Assert.That(state.AdamM.Concat(state.AdamV).SelectMany(t => t.ToArray()), Is.EqualTo(states[0].AdamM.Concat(states[0].AdamV).SelectMany(t => t.ToArray())));
        }
    }

    [Test]
    public void Load_EngineTakesKerasState_AndContinuesThere()
    {
        using var golden = GoldenFile.Open();
        var keras = KerasFile.Load(TestFiles.Golden("keras2.3.1/model_0.880.h5"), Names);
        using var engine = TrainingEngines.Create(TrainingEngine.Managed, keras.Model, new EngineOptions { Threads = 2 });
        engine.ImportState(keras.State!);
        var (images, labels) = golden.BatchOf(1);

        var result = engine.TrainStep(images, labels, (float)keras.LearningRate!.Value, keras.State!.Step + 1);

        Assert.That(engine.ExportState().Step, Is.EqualTo(41));
        Assert.That(result.LossSum / result.Count, Is.InRange(0.1, 0.6), "a trained model's loss, not a new one's of about 1.1");
    }

    [Test]
    public void Load_UntrainedModel_HasNoState() =>
        Assert.That(KerasFile.Load(TestFiles.Golden("keras3/init.keras")).State, Is.Null);

    [TestCase("keras3/trained.keras", "3.15.1")]
    [TestCase("keras2/trained.h5", "2.16.0")]
    [TestCase("keras2.3.1/init-weights.h5", "2.3.1")]
    public void Load_EveryGeneration_TellsItsVersion(string file, string version) =>
        Assert.That(KerasFile.Load(TestFiles.Golden(file)).KerasVersion, Is.EqualTo(version));

    [Test]
    public void Load_OtherFiltersClassesAndDropout_AreTaken() =>
        Assert.That(CnnModel.LoadKeras(TestFiles.Golden("keras3/variant-8-16-24-10classes.keras")).Architecture, Is.EqualTo(new CnnArchitecture(10, [8, 16, 24], [0.25, 0.25, 0.25])));

    [Test]
    public void Load_NoClassNames_NumbersThemAndSaysSo()
    {
        var keras = KerasFile.Load(TestFiles.Golden("keras3/init.keras"));

        Assert.That(keras.Model.ClassNames, Is.EqualTo(new[] { "class_0", "class_1", "class_2" }));
        Assert.That(keras.Notes, Has.One.Contains("classNames"));
    }

    [Test]
    public void Load_WeightsAlone_TakesTheGivenDropoutRatesOrSaysWhatIsAssumed()
    {
        string file = TestFiles.Golden("keras3/init.weights.h5");

        Assert.That(KerasFile.Load(file, Names, new KerasLoadOptions { DropoutRates = [0.1, 0.2, 0.3] }).Model.Architecture.DropoutRates, Is.EqualTo(new[] { 0.1, 0.2, 0.3 }));
        Assert.That(KerasFile.Load(file, Names).Notes, Has.One.Contains("epsilon of 0.001").And.One.Contains("dropout rate of 0.5").And.One.Contains("ReLU"));
    }

    [Test]
    public void Load_WrongNumberOfClassNames_NamesFileAndCounts()
    {
        string path = TestFiles.Golden("keras3/init.keras");

        Assert.That(
            () => CnnModel.LoadKeras(path, ["a", "b"]),
            Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("init.keras").And.Message.Contains("3 classes").And.Message.Contains("2 class names"));
    }
}

using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>What is written comes back bit for bit.</summary>
public sealed class KerasSaveTests
{
    private static readonly (string File, KerasFormat Format)[] Formats =
    [
        ("m.keras", KerasFormat.Auto), ("m.h5", KerasFormat.Auto), ("m.hdf5", KerasFormat.Keras2Hdf5), ("m.weights.h5", KerasFormat.Auto),
    ];

    [Test]
    public void Save_EveryFormat_ComesBackBitForBit([ValueSource(nameof(Formats))] (string File, KerasFormat Format) target, [Values] bool withState)
    {
        var (model, state) = KerasTestFile.Trained();
        string path = Path.Combine(TestFiles.NewFolder(), target.File);

        KerasFile.Save(path, model, withState ? state : null, target.Format, learningRate: 2e-4);
        var found = KerasFile.Load(path);

        Assert.That(found.Model.WeightHash(), Is.EqualTo(model.WeightHash()));
        Assert.That(found.Model.Architecture, Is.EqualTo(model.Architecture));
        Assert.That(found.Model.ClassNames, Is.EqualTo(model.ClassNames));
        Assert.That(found.Model.Metadata with { ClassNames = model.ClassNames, History = model.Metadata.History }, Is.EqualTo(model.Metadata));
        Assert.That(found.Notes, Is.Empty);
        Assert.That(found.State is not null, Is.EqualTo(withState));
        if (withState)
        {
            Assert.That(Moments(found.State), Is.EqualTo(Moments(state)));
        }

        Assert.That(found.LearningRate, Is.EqualTo(2e-4).Within(1e-10));
    }

    [Test]
    public void Load_NamesOfTheFileInAnotherOrder_AreRefused([ValueSource(nameof(Formats))] (string File, KerasFormat Format) target)
    {
        string path = Path.Combine(TestFiles.NewFolder(), target.File);
        KerasFile.Save(path, CnnModel.Create(["aeroplane", "car", "bird"], filters: [4, 4, 4]), format: target.Format);

        Assert.That(() => CnnModel.LoadKeras(path, ["aeroplane", "bird", "car"]), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("Its outputs are 'aeroplane', 'car', 'bird', in this order").And.Message.Contains("Leave classNames out"));
        Assert.That(CnnModel.LoadKeras(path, ["plane", "automobile", "bird"]).ClassNames, Is.EqualTo(new[] { "plane", "automobile", "bird" }), "other names in the same order");
    }

    [Test]
    public void Save_OtherBatchNormalization_ComesBack([ValueSource(nameof(Formats))] (string File, KerasFormat Format) target)
    {
        var model = KerasTestFile.Trained().Model;
        var other = CnnModel.FromWeights(new CnnArchitecture(3, [4, 4, 8], null, [.9, .5, 1], [1e-5, .02, .3]), model.Weights, model.Metadata);
        string path = Path.Combine(TestFiles.NewFolder(), target.File);

        KerasFile.Save(path, other, format: target.Format);

        Assert.That(KerasFile.Load(path).Model.Architecture, Is.EqualTo(other.Architecture));
    }

    [TestCase("keras3/trained.keras")]
    [TestCase("keras2/trained.h5")]
    [TestCase("keras2.3.1/model_0.880.h5")]
    [TestCase("keras3/variant-8-16-24-10classes.keras")]
    public void Save_GoldenModel_IsBitEqualInEveryFormatAndOnnx(string golden)
    {
        var original = KerasFile.Load(TestFiles.Golden(golden));
        string folder = TestFiles.NewFolder();

        foreach (var (file, format) in Formats)
        {
            string path = Path.Combine(folder, file);
            original.Model.SaveKeras(path, original.State, format);
            var found = KerasFile.Load(path);
            Assert.That(found.Model.WeightHash(), Is.EqualTo(original.Model.WeightHash()), file);
            Assert.That(Moments(found.State), Is.EqualTo(Moments(original.State)), file);
        }

        Assert.That(CnnModel.LoadOnnx(original.Model.ToOnnxBytes()).WeightHash(), Is.EqualTo(original.Model.WeightHash()));
    }

    [Test]
    public void Save_Twice_GivesTheSameBytes([ValueSource(nameof(Formats))] (string File, KerasFormat Format) target)
    {
        var (model, state) = KerasTestFile.Trained();
        string folder = TestFiles.NewFolder(), first = Path.Combine(folder, "1" + target.File), second = Path.Combine(folder, "2" + target.File);

        KerasFile.Save(first, model, state, target.Format);
        KerasFile.Save(second, model, state, target.Format);

        Assert.That(File.ReadAllBytes(second), Is.EqualTo(File.ReadAllBytes(first)));
    }

    [Test]
    public void Save_LongHistory_DoesNotGrowTheFile()
    {
        var (model, _) = KerasTestFile.Trained();
        string path = Path.Combine(TestFiles.NewFolder(), "m.h5");

        model.With(model.Metadata with { History = [.. Enumerable.Range(1, 10_000).Select(i => new EpochLog(i, 1, 1, 1, 1, 1, 1))] }).SaveKeras(path);

        Assert.That(CnnModel.LoadKeras(path).Metadata.History, Is.Empty);
        Assert.That(new FileInfo(path).Length, Is.LessThan(200_000));
    }

    [TestCase("model.onnx")]
    [TestCase("model")]
    [TestCase("keras")]
    public void Save_UnknownName_ListsTheNames(string name) =>
        Assert.That(
            () => KerasFile.Save(Path.Combine(TestFiles.NewFolder(), name), KerasTestFile.Trained().Model),
            Throws.ArgumentException.With.Message.Contains(name).And.Message.Contains(".weights.h5"));

    [Test]
    public void Save_StateOfOtherWeights_IsRefused()
    {
        var (model, state) = KerasTestFile.Trained();
        string path = Path.Combine(TestFiles.NewFolder(), "m.keras");

        Assert.That(() => model.SaveKeras(path, state with { Weights = TestModels.Random(filters: [4, 4, 8], seed: 2).Weights }), Throws.ArgumentException.With.Message.Contains("other weights"));
        Assert.That(() => model.SaveKeras(path, state with { AdamM = state.AdamM.Skip(1).ToList() }), Throws.ArgumentException.With.Message.Contains("conv2d/kernel (3, 3, 3, 4)"));
        Assert.That(File.Exists(path), Is.False);
    }

    [TestCase(0)]
    [TestCase(-1e-3)]
    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    public void Save_LearningRateNotAboveZeroOrFinite_Throws(double rate) =>
        Assert.That(() => KerasFile.Save("never.keras", KerasTestFile.Trained().Model, learningRate: rate), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("above 0 and finite"));

    [Test]
    public void Save_FolderIsAFile_NamesTheFile()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "file");
        File.WriteAllText(file, "");

        Assert.That(() => KerasTestFile.Trained().Model.SaveKeras(Path.Combine(file, "m.keras")), Throws.TypeOf<Cifar3Exception>().With.Message.Contains("Cannot write"));
    }

    /// <summary>Step and a hash of all moments: two states with the same text are the same bits.</summary>
    private static string Moments(EngineState? state) => state is null
        ? "none"
        : $"{state.Step} {Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes<float>([.. state.AdamM.Concat(state.AdamV).SelectMany(t => t.ToArray())])))}";
}

using System.Collections.Immutable;
using System.Reflection;
using System.Text.Json.Nodes;
using Cifar3.Training;
using PureHDF;

namespace Cifar3.Tests;

/// <summary>This library's own entry in Keras' files: all of the metadata there and back, class names that can be told apart, and weights that are those it was written with.</summary>
public sealed class KerasMetadataTests
{
    private static readonly string[] Extensions = ["keras", "h5", "weights.h5"];
    private static readonly float[] Zeros = new float[3];

    [TestCaseSource(nameof(Extensions))]
    public void SaveAndLoad_EveryValueOfTheMetadata_ComesBack(string extension)
    {
        var metadata = new ModelMetadata
        {
            ClassNames = ["Vögel", "a\"b\\", "猫 "],
            Recipe = "best: \n quoted",
            TrainedOn = "photos",
            Warning = "at chance",
            Seed = -7,
            ValAccuracy = double.NaN,
            Temperature = 1.0 / 3,
            FamiliarityThreshold = -12.5,
            Epoch = 4,
            LibraryVersion = "0.0.9",
        };
        string path = Path.Combine(TestFiles.NewFolder(), "m." + extension);
        KerasFile.Save(path, TestModels.Random(filters: [4, 4, 8]).With(metadata));

        var read = KerasFile.Load(path).Model.Metadata;

        foreach (var property in typeof(ModelMetadata).GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            Assert.That(property.GetValue(read), Is.EqualTo(property.GetValue(metadata)), property.Name);
            Assert.That(property.Name == nameof(ModelMetadata.History) || !Equals(property.GetValue(metadata), property.GetValue(new ModelMetadata { ClassNames = [] })), $"{property.Name} is tried with another value than its default");
        }
    }

    /// <summary>Texts as long as they may be, of three bytes a letter: HDF5 keeps all of an attribute's in one piece, and what was written could not be read.</summary>
    [TestCaseSource(nameof(Extensions))]
    public void SaveAndLoad_LongestTexts_ComeBack(string extension)
    {
        string text = new('猫', ModelMetadata.MaxTextLength);
        string path = Path.Combine(TestFiles.NewFolder(), "m." + extension);
        var metadata = new ModelMetadata { ClassNames = ["a", "b", "c"], Recipe = text, TrainedOn = text, Warning = text, LibraryVersion = text };
        KerasFile.Save(path, TestModels.Random(filters: [4, 4, 8]).With(metadata));

        Assert.That(KerasFile.Load(path).Model.Metadata.Warning, Is.EqualTo(text));
    }

    /// <summary>What the version before wrote has another member and no hash.</summary>
    [Test]
    public void Load_EntryOfTheVersionBefore_IsRead()
    {
        var read = KerasFile.Parse(With("""{"class_names":["a","b","c"],"recipe":null,"trained_on":null,"seed":3,"val_accuracy":"NaN","temperature":null,"familiarity_threshold":null,"epoch":0,"history":[],"library_version":"0.1.0"}"""), "m").Model.Metadata;

        Assert.That((read.ClassNames[2], read.Seed, read.LibraryVersion), Is.EqualTo(("c", 3, "0.1.0")));
    }

    [TestCase("""["a","b","a"]""", "Class 'a' is there twice")]
    [TestCase("""["a","","c"]""", "A class' name must have 1 to 1,000 characters")]
    [TestCase("""["a",null,"c"]""", "expected a list of texts as 'class_names', found [\"a\",null,\"c\"]")]
    [TestCase("\"abc\"", "expected a list of texts as 'class_names', found \"abc\"")]
    [TestCase("null", "expected a list of texts as 'class_names', found none")]
    public void Load_StoredNamesThatTellNothingApart_AreRefused(string names, string message)
    {
        byte[] file = With($$"""{"class_names":{{names}}}""");

        Assert.That(KerasTestFile.Refusal(file), Does.Contain(message));
        Assert.That(Named(file, ["x", "y", "z"]).ClassNames, Is.EqualTo(new[] { "x", "y", "z" }), "names that are given take their place");
    }

    [Test]
    public void Load_EndlessName_IsRefused() =>
        Assert.That(KerasTestFile.Refusal(With($$"""{"class_names":["a","b","{{new string('n', 1_001)}}"]}""")), Does.Contain("of 1,001 characters"));

    [Test]
    public void Load_GivenNamesThatTellNothingApart_AreRefused() =>
        Assert.That(() => Named(KerasTestFile.Weights(), ["x", "y", "x"]), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("Class 'x' is there twice"));

    [TestCase("epoch", "-5", "a whole number of 0 or more")]
    [TestCase("seed", "1e300", "a whole number")]
    [TestCase("temperature", "-1", "a number above 0")]
    [TestCase("temperature", "\"NaN\"", "a number above 0")]
    [TestCase("familiarity_threshold", "\"NaN\"", "a number")]
    [TestCase("val_accuracy", "\"high\"", "a number")]
    [TestCase("recipe", "7", "a text of at most 100,000 characters")]
    public void Load_ValueThatNoModelHas_IsRefused(string name, string value, string expected) =>
        Assert.That(KerasTestFile.Refusal(With($$"""{"class_names":["a","b","c"],"{{name}}":{{value}}}""")), Does.Contain($"Its entry 'cifar3' is malformed: expected {expected} as '{name}', found {value}"));

    [Test]
    public void Load_AccuracyAboveOne_IsRefused() =>
        Assert.That(KerasTestFile.Refusal(With("""{"class_names":["a","b","c"],"val_accuracy":1.5}""")), Does.Contain("ValAccuracy is outside its range. Expected 0 to 1. Received: 1.5"));

    /// <summary>One bit of one weight: HDF5 by itself would not notice.</summary>
    [Test]
    public void Load_WeightThatChangedAfterwards_IsRefusedWithBothHashes()
    {
        var model = KerasTestFile.Trained().Model;
        byte[] bias = Hdf5Bytes.Stored(model["conv2d_3/bias"].ToArray());
        foreach (byte[] file in new[] { KerasTestFile.Weights(), KerasTestFile.Hdf5(), KerasTestFile.Hdf5(keras3: false) })
        {
            int at = file.AsSpan().IndexOf(bias);
            Assert.That(at, Is.Positive);
            file[at] ^= 1;

            Assert.That(KerasTestFile.Refusal(file), Does.Contain($"Expected {model.WeightHash()}: their values changed after the file was written").And.Contain("remove the entry 'cifar3'"));
        }
    }

    /// <summary>The weights are taken all the same: the optimizer never stands in their way.</summary>
    [Test]
    public void Load_MomentThatChangedAfterwards_LeavesTheStateOutAndSaysSo()
    {
        var state = KerasTestFile.Trained().State;
        byte[] moment = Hdf5Bytes.Stored(state.AdamV.Single(v => v.Name == "conv2d_3/bias").ToArray());
        foreach (byte[] file in new[] { KerasTestFile.Weights(), KerasTestFile.Hdf5(), KerasTestFile.Hdf5(keras3: false) })
        {
            Assert.That(KerasFile.Parse(file, "m").State, Is.Not.Null);
            int at = file.AsSpan().IndexOf(moment);
            Assert.That(at, Is.Positive);
            file[at] ^= 1;

            var keras = KerasFile.Parse(file, "m");

            Assert.That(keras.State, Is.Null);
            Assert.That(keras.Notes, Has.Some.Contains("The optimizer's state was left out: its moments have the SHA-256 ").And.Some.Contains($"not {state.MomentHash()} as when the file was written"));
        }
    }

    [Test]
    public void Load_StepThatChangedAfterwards_LeavesTheStateOutAndSaysSo()
    {
        var keras = KerasFile.Parse(KerasTestFile.Hdf5(file => file.Group("optimizer_weights/adam")["iteration"] = 8L), "m");

        Assert.That(keras.State, Is.Null);
        Assert.That(keras.Notes, Has.Some.Contains("it is at step 8, not 7 as when the file was written"));
    }

    /// <summary>Keras leaves the entry out; who changes weights by hand may remove it.</summary>
    [Test]
    public void Load_WeightsChangedAndTheEntryRemoved_AreTaken()
    {
        byte[] file = KerasTestFile.Weights(hdf5 =>
        {
            hdf5.Group("layers/dense/vars")["1"] = Zeros;
            hdf5.Attributes.Remove(KerasMetadata.Key);
        });

        Assert.That(KerasFile.Parse(file, "m").Model["dense/bias"].ToArray(), Is.EqualTo(Zeros));
    }

    private static CnnModel Named(byte[] content, ImmutableArray<string> names)
    {
        string path = Path.Combine(TestFiles.NewFolder(), "m.weights.h5");
        File.WriteAllBytes(path, content);
        return CnnModel.LoadKeras(path, names);
    }

    private static byte[] With(string entry)
    {
        Assert.That(() => JsonNode.Parse(entry), Throws.Nothing);
        return KerasTestFile.Weights(file => file.Attributes[KerasMetadata.Key] = entry);
    }
}

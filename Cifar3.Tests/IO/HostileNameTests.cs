using Cifar3.Training;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3.Tests;

/// <summary>Names that data and callers give, in errors: what would command a terminal is escaped, what is long is cut, and so are lists.</summary>
public sealed class HostileNameTests
{
    private const string Clears = "\u001b[2J\u202eevil";

    private static readonly CnnModel Model = TestModels.Random(filters: [1, 1, 1]);

    private static readonly MLContext Context = new(seed: 1);

    private static IEnumerable<TestCaseData> Uses()
    {
        yield return Use("a column of images to read", name => ImageSet.FromDataView(View(), name));
        yield return Use("a column of labels to read", name => ImageSet.FromDataView(View(), "Image", name));
        yield return Use("a column of labels that is none", name => ImageSet.FromDataView(Renamed("Pixels", name), "Image", name));
        yield return Use("a column of images that is none", name => ImageSet.FromDataView(Renamed("Label", name), name, "Image"));
        yield return Use("a column to score", name => Context.Transforms.ApplyCifar3(Model, name).Fit(View()));
        yield return Use("a column to score that is none", name => Context.Transforms.ApplyCifar3(Model, name).Fit(Renamed("Label", name)));
        yield return Use("a column beside", name => Context.Transforms.ApplyCifar3(Model, "File").Fit(Renamed("Label", name)));
        yield return Use("a column of labels to train on", name => Context.MulticlassClassification.Trainers.Cifar3Cnn(name, "Image").Fit(View()));
        yield return Use("a weight to look up", name => _ = Model[name]);
        yield return Use("a weight to make", name => _ = new WeightTensor(name, [2], [1]));
        yield return Use("a weight that is none", name => Model.With([.. Model.Weights, new WeightTensor(name, [1], [1])]));
        yield return Use("a weight twice", name => Model.With([new WeightTensor(name, [1], [1]), new WeightTensor(name, [1], [1])]));
        yield return Use("a model repository", name => TritonRepository.Save(TestFiles.NewFolder(), Model, name: name));
        yield return Use("a frozen layer", name => TrainingEngines.Create(TrainingEngine.Managed, Model, new EngineOptions { FrozenLayers = [name] }));
    }

    [TestCaseSource(nameof(Uses))]
    public void Error_NameThatCommandsATerminal_IsEscaped(Action<string> use) =>
        Assert.That(Assert.Catch(() => use(Clears))!.Message, Does.Not.Contain('\u001b').And.Not.Contain('\u202e').And.Contain(@"\u001B[2J\u202Eevil"));

    [TestCaseSource(nameof(Uses))]
    public void Error_LongName_IsCut(Action<string> use) =>
        Assert.That(Assert.Catch(() => use(new string('x', 10_000)))!.Message, Has.Length.LessThan(2_000).And.Contains("xxx"));

    /// <summary>As a table has them that was made wide, one column a pixel.</summary>
    [Test]
    public void Error_ThousandsOfColumns_NamesTheFirst()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "wide.csv");
        File.WriteAllText(file, "1\n");
        var wide = Context.Data.LoadFromTextFile(file, [.. Enumerable.Range(0, 3_000).Select(i => new TextLoader.Column($"pixel{i}", DataKind.Single, 0))]);

        Assert.That(() => Context.Transforms.ApplyCifar3(Model, "Image").Fit(wide), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Found: pixel0, pixel1, ").And.Message.Length.LessThan(500));
        Assert.That(() => ImageSet.FromDataView(wide), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("Found: pixel0 (Single), pixel1 (Single), ").And.Message.Length.LessThan(800));
    }

    private static IDataView View() => ColourImages.Create(3).ToDataView();

    private static IDataView Renamed(string column, string name) => Context.Transforms.CopyColumns(name, column).Fit(View()).Transform(View());

    private static TestCaseData Use(string what, Action<string> use) => new TestCaseData(use).SetArgDisplayNames(what);
}

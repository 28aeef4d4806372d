using Cifar3.Training;
using Microsoft.ML;

namespace Cifar3.Tests;

/// <summary>What is said of models that should not be trusted: classes without images, and results that chance gives too.</summary>
public sealed class TrainingWarningTests
{
    private static readonly ImageSet All = ColourImages.Create(60), NoBlue = Without(All, 2);

    [Test]
    public void Fit_ClassWithoutTrainingImages_IsNamedBeforeTheTrainingAndInItsResult()
    {
        string atTheBeginning = "";

        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 1, Callbacks = [new Recorder { OnBegin = context => atTheBeginning = context.Warning! }] }).Fit(NoBlue, All);

        Assert.That(atTheBeginning, Does.StartWith("There is no training image of 'blue': ").And.Contain("Add some, set fewer aside, or leave the class out"));
        Assert.That(result.Warning, Does.StartWith(atTheBeginning));
    }

    [Test]
    public void OfData_ClassWithoutValidationImages_IsNamed() =>
        Assert.That(TrainingWarning.OfData(All, NoBlue), Does.StartWith("There is no validation image of 'blue': "));

    [Test]
    public void OfData_ClassWithoutAnyImage_IsNamedOnce() =>
        Assert.That(TrainingWarning.OfData(NoBlue, NoBlue), Does.StartWith("There is no training image of 'blue'").And.Not.Contain("validation image"));

    [Test]
    public void OfData_EveryClassHasImages_IsNull() => Assert.That((TrainingWarning.OfData(All, All), TrainingWarning.OfData(All, null)), Is.EqualTo(((string?)null, (string?)null)));

    /// <summary>Key values stay when their rows are filtered out.</summary>
    [Test]
    public void Fit_DataViewWithAKeyOfNoRow_SaysSoInTheLog()
    {
        var context = new MLContext();
        var warnings = new List<string>();
        context.Log += (_, e) => warnings.Add($"{e.Kind} {e.RawMessage}");
        var options = new Cifar3CnnTrainer.Options { FeatureColumnName = "Pixels", Epoch = 1, Filters = FakeEngine.Filters, EngineFactory = (model, engine) => new FakeEngine(model, engine), ValidationSet = All.ToDataView() };

        context.MulticlassClassification.Trainers.Cifar3Cnn(options).Fit(NoBlue.ToDataView());

        Assert.That(warnings, Has.Some.StartsWith("Warning There is no training image of 'blue': "));
    }

    [Test]
    public void ProgressBar_ClassWithoutImages_SaysItAtTheBeginning()
    {
        var context = ScriptedTraining.Context();
        context.Warning = "no images.";
        var writer = new StringWriter();
        var console = Spectre.Console.AnsiConsole.Create(new Spectre.Console.AnsiConsoleSettings { Ansi = Spectre.Console.AnsiSupport.No, Out = new Spectre.Console.AnsiConsoleOutput(writer) });

        new ProgressBar(console, TimeProvider.System).OnTrainBegin(context);

        Assert.That(writer.ToString(), Does.EndWith("Warning: no images.\n"));
    }

    private static ImageSet Without(ImageSet images, int label) => images.Select([.. Enumerable.Range(0, images.Count).Where(i => images.Labels[i] != label)]);
}

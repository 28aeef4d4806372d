using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The trainer on the managed engine, small: what the fast stand-in cannot show.</summary>
public sealed class ManagedTrainingTests
{
    private static readonly ImageSet Train = ColourImages.Create(96), Validation = ColourImages.Create(30, seed: 1);

    [Test]
    public void Fit_OneAndTwoThreads_EndInTheSameBits()
    {
        string one = new Cifar3Trainer(Options() with { Threads = 1 }).Fit(Train, Validation).Model.WeightHash();
        string two = new Cifar3Trainer(Options() with { Threads = 2 }).Fit(Train, Validation).Model.WeightHash();

        Assert.That(two, Is.EqualTo(one));
    }

    [Test]
    public void Fit_CancelledAndResumed_EndsInTheSameBits()
    {
        string folder = TestFiles.NewFolder();
        var whole = new Cifar3Trainer(Options()).Fit(Train, Validation);
        using var source = new CancellationTokenSource();
        var stop = new Recorder { OnBatch = batch => source.CancelAfterBatch(batch, 5) };
        Assert.That(
            () => new Cifar3Trainer(Options() with { WorkspacePath = folder, Callbacks = [stop] }).Fit(Train, Validation, source.Token),
            Throws.InstanceOf<OperationCanceledException>());

        var resumed = new Cifar3Trainer(Options() with { WorkspacePath = folder, Resume = true }).Fit(Train, Validation);

        Assert.That(resumed.Model.WeightHash(), Is.EqualTo(whole.Model.WeightHash()));
        Assert.That(resumed.History["val_loss"], Is.EqualTo(whole.History["val_loss"]));
    }

    [Test]
    public void Fit_BestModel_ScoresInOnnxRuntimeAsInValidation()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "cifar3.onnx");
        var result = new Cifar3Trainer(Options()).Fit(Train, Validation);

        result.BestModel.SaveOnnx(path);
        using var classifier = Cifar3Classifier.Load(path);
        var predictions = classifier.PredictBatch(Validation);

        int right = predictions.Where((prediction, i) => prediction.LabelIndex == Validation.Labels[i]).Count();
        Assert.That((double)right / Validation.Count, Is.EqualTo(result.BestModel.Metadata.ValAccuracy));
    }

    private static TrainerOptions Options() => new() { Recipe = Recipe.Keras, Epoch = 3, BatchSize = 32, Filters = [8, 8, 8], Seed = 2, Engine = TrainingEngine.Managed };
}

using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>What a debugger, a log and <c>Console.WriteLine</c> show of a result: one line that says something.</summary>
public sealed class OneLineTests
{
    [Test]
    public void ToString_Model_TellsClassesFiltersWeightsAndTraining()
    {
        Assert.That(TestModels.Random().ToString(), Is.EqualTo("3 classes (aeroplane, car, bird), filters 32/64/128, 289,443 weights, epoch 2, val_accuracy 0.3000"));
        Assert.That(CnnModel.Create(["a", "b\n"], filters: [4, 4, 8]).ToString(), Does.StartWith(@"2 classes (a, b\n), filters 4/4/8, ").And.EndsWith(" weights"));
        Assert.That(TestModels.Random(classes: 12, filters: [4, 4, 8]).ToString(), Does.StartWith("12 classes (").And.Contain(", …)"));
    }

    [Test]
    public void ToString_ImagesAndClassifier_TellClassesWithoutWhatATerminalObeys()
    {
        string[] names = ["a", "red\u001b[31m"];
        var images = new ImageSet(new byte[CnnArchitecture.ImageBytes], [1], names);
        using var classifier = Cifar3Classifier.FromModel(CnnModel.Create(names, filters: [4, 4, 8]));

        Assert.That(images.ToString(), Is.EqualTo(@"(1, 32, 32, 3) uint8, 2 classes: a, red\u001B[31m"));
        Assert.That(new ImageData(images, images, "here").ToString(), Is.EqualTo(@"1 training and 1 test images of a, red\u001B[31m from here"));
        Assert.That(classifier.ToString(), Does.StartWith(@"a, red\u001B[31m on Managed"));
        Assert.That(() => Cifar3Classifier.FromModel(TestModels.Random(), new ClassifierOptions { ClassNames = names }), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(@"2 class names were given: 'a', 'red\u001B[31m'"));
        Assert.That(() => TestModels.Random().Calibrate(images), Throws.TypeOf<Cifar3DataException>().With.Message.Contains(@"found (1, 32, 32, 3) uint8, 2 classes: a, red\u001B[31m."));
    }

    [Test]
    public void ToString_HistoryAndResult_TellEpochsAndMetrics()
    {
        var images = ColourImages.Create(64);
        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 2 }).Fit(images, images);
        var alone = FakeTrainer.Create(new TrainerOptions { Epoch = 1 }).Fit(images);

        Assert.That(result.History.ToString(), Does.Match("^2 epochs, the last: accuracy [0-9.]{6}, loss [0-9.]{6}, val_accuracy [0-9.]{6}, val_loss [0-9.]{6}$"));
        Assert.That(alone.History.ToString(), Does.Match("^1 epoch, the last: accuracy [0-9.]{6}, loss [0-9.]{6}$"));
        Assert.That(new History([]).ToString(), Is.EqualTo("no epochs"));
        Assert.That(result.ToString(), Does.Match("^2 epochs, the best is [12]: val_accuracy [0-9.]{6}, val_loss [0-9.]{6}"));
        Assert.That(alone.ToString(), Does.Match("^1 epoch: accuracy [0-9.]{6}, loss [0-9.]{6}"));
    }

    /// <summary>Notes and warnings are sentences of their own.</summary>
    [Test]
    public void ToString_ResultWithNotes_EndsEachWithOneFullStop()
    {
        var model = TestModels.Random(filters: [4, 4, 8]);
        var result = new TrainingResult(model, model, new History([]), "enough", "Managed", "At chance.") { RecipeNote = "Not mirrored.", ResumeNote = "Other bits.", FilesNote = "No csv." };

        Assert.That(result.ToString(), Is.EqualTo("0 epochs; stopped early: enough. Note: Not mirrored. Note: Other bits. Note: No csv. Warning: At chance."));
    }

    /// <summary>A name that no history has, and one that this history has not.</summary>
    [Test]
    public void Item_UnknownMetric_SuggestsTheNearest()
    {
        var history = FakeTrainer.Create(new TrainerOptions { Epoch = 1 }).Fit(ColourImages.Create(64)).History;

        Assert.That(() => history["acc"], Throws.TypeOf<KeyNotFoundException>().With.Message.EqualTo("The history has no metric 'acc' (did you mean 'accuracy'?). It has: accuracy, loss, learning_rate."));
        Assert.That(() => history["val_loss"], Throws.TypeOf<KeyNotFoundException>().With.Message.EqualTo("The history has no metric 'val_loss'. It has: accuracy, loss, learning_rate."));
    }
}

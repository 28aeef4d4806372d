using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The code of docs/quality.md, run, and the values that the page tells of the recipes.</summary>
public sealed class QualityPageTests : IDisposable
{
    private readonly UserFolder user = new();

    public void Dispose() => user.Dispose(); // NUnit calls it after the last test

    [Test]
    public void FineTuning_OtherClasses_RecognisesThem()
    {
        UserFolder.WriteImages("pictures", "screw", "nut");

        Assert.That(FineTuning(), Is.GreaterThan(.8));
    }

    [Test]
    public void FineTuning_FrozenLayers_StayAsTheyWere()
    {
        UserFolder.WriteImages("frozen", "screw", "nut");

        var (start, tuned) = Frozen(Cifar3Data.Load("frozen"));

        foreach (var weight in start.Weights.Where(weight => !weight.Name.StartsWith("dense", StringComparison.Ordinal)))
        {
            Assert.That(tuned[weight.Name].Values.SequenceEqual(weight.Values), Is.True, weight.Name);
        }

        Assert.That(tuned["dense/kernel"].Values.SequenceEqual(start["dense/kernel"].Values), Is.False);
    }

    [Test]
    public void OwnRecipe_IsNamedInTheModel() => Assert.That(OwnRecipe(Cifar3Data.Load()).Metadata.Recipe, Does.StartWith("mine: AdamW 0.001").And.Contain("batch 32, 5 epochs"));

    [Test]
    public void Confidence_FamiliarityAskedFor_IsShown()
    {
        File.Copy(Path.Combine(user.Images, "test", "bird", "0.png"), "photo.jpg", overwrite: true);

        Assert.That(Familiar(), Is.Not.Null);
    }

    [TestCaseSource(typeof(Recipe), nameof(Recipe.All))]
    public void RecipeTable_EveryRecipe_TellsItsValues(Recipe recipe)
    {
        string page = new DocPage("docs/quality.md").Text, plan = recipe.ToString();

        Assert.That(page, Does.Contain($"`{plan}`"), "what the recipe does with 15,000 images");
    }

    [Test]
    public void Wary_IsBestWithOtherAugmentation() =>
        Assert.That(Wary().ToString(), Is.EqualTo(Recipe.Best.ToString()
            .Replace("best: ", "wary: ", StringComparison.Ordinal)
            .Replace("150 epochs", "200 epochs", StringComparison.Ordinal)
            .Replace("label smoothing 0.1, ", "", StringComparison.Ordinal)
            .Replace("Cutout", "RandomRotation(15), ColorJitter(0.2, 0.2, 0.2), Cutout", StringComparison.Ordinal)));

    private static Recipe Wary()
    {
        // docs/quality.md
        var wary = Recipe.Best with
        {
            Name = "wary",
            Epoch = 200,
            LabelSmoothing = 0,
            Augmentations = [new RandomFlip(), new RandomTranslation(), new RandomRotation(), new ColorJitter(), new Cutout()],
        };
        // end
        return wary;
    }

    private static double FineTuning()
    {
        // docs/quality.md
        var data = Cifar3Data.Load("pictures"); // other classes than the model's
        var (train, validation) = data.Train.TrainValidationSplit();
        var start = CnnModel.LoadDefault().WithClasses(data.ClassNames, seed: 1); // a new dense layer, the rest as it was trained
        var result = new Cifar3Trainer(new TrainerOptions { InitialModel = start, Seed = 1 }).Fit(train, validation);
        result.BestModel.SaveOnnx("parts.onnx");

        using var classifier = Cifar3Classifier.FromModel(result.BestModel);
        double accuracy = classifier.Evaluate(data.Test).Accuracy; // the test images, once
        // end
        return accuracy;
    }

    private static (CnnModel Start, CnnModel Tuned) Frozen(ImageData data)
    {
        // docs/quality.md
        var start = CnnModel.LoadDefault().WithClasses(data.ClassNames);
        var options = new TrainerOptions
        {
            InitialModel = start,
            FrozenLayers = [.. start.Layers.Select(layer => layer.Name).Where(name => name != "dense")], // only the dense layer learns
            Epoch = 5,
        };
        var tuned = new Cifar3Trainer(options).Fit(data.Train, data.Test).Model;
        // end
        return (start, tuned);
    }

    private static CnnModel OwnRecipe(ImageData data)
    {
        // docs/quality.md
        var mine = Recipe.Fast with { Name = "mine", Epoch = 5, BatchSize = 32, LearningRate = 1e-3f, Augmentations = [new RandomFlip(), new RandomRotation(10)] };
        var model = new Cifar3Trainer(new TrainerOptions { Recipe = mine }).Fit(data.Train, data.Test).BestModel;
        // end
        return model;
    }

    private static bool? Familiar()
    {
        // docs/quality.md
        using var classifier = Cifar3Classifier.LoadDefault(new ClassifierOptions { Familiarity = true });
        var prediction = classifier.Predict("photo.jpg");
        Console.WriteLine($"{prediction}: {(prediction.IsFamiliar == false ? "like none of the training images" : "familiar")} ({prediction.Familiarity:F2})");
        // end
        return prediction.IsFamiliar;
    }
}

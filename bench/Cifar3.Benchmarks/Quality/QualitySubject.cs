using System.CommandLine;
using System.Globalization;
using Cifar3.Training;
using Spectre.Console;

namespace Cifar3.Benchmarks;

/// <summary><c>quality</c>: how right the recipes' models are, on all images and on small sets, and how long that takes.</summary>
internal static class QualitySubject
{
    private const int SmallSet = 1000, SmallestSet = 100, SmallestSetSeeds = 5;
    private static readonly int[] Unequal = [1000, 300, 100];

    public static Command Create()
    {
        var recipes = new Option<string[]>("--recipe") { Description = "Recipes to train all images with.", DefaultValueFactory = _ => ["keras", "fast", "best"], AllowMultipleArgumentsPerToken = true };
        var seeds = new Option<int>("--seeds") { Description = "Trainings of each kind, with seeds 1 to this.", DefaultValueFactory = _ => 3 };
        var others = new Option<string?>("--others") { Description = "CIFAR-10 archive or folder: its other seven classes show what the familiarity is worth, and fine-tuning." };
        var models = new Option<string?>("--models") { Description = "Folder that receives every model." };
        var small = new Option<bool>("--no-small") { Description = "Leave the small sets out." };
        var whole = new Option<bool>("--no-recipes") { Description = "Leave the recipes on all images out: the shipped model stands for the best." };
        var validation = new Option<double>("--validation") { Description = "Share of the images set aside to choose by, for the recipes on all images.", DefaultValueFactory = _ => 0.1 };
        return SubjectOptions.Command(
            "quality",
            "Test accuracy, calibration and time of each recipe, and of the defaults on small sets: an hour and a half on two cores.",
            (options, arguments) => Measure(arguments.GetValue(whole) ? [] : arguments.GetValue(recipes)!, arguments.GetValue(seeds), arguments.GetValue(others), arguments.GetValue(models), !arguments.GetValue(small), arguments.GetValue(validation), options.Rounds),
            recipes, seeds, others, models, small, whole, validation);
    }

    private static List<Target> Measure(string[] recipes, int seeds, string? otherClasses, string? folder, bool small, double validation, int rounds)
    {
        var data = BenchmarkImages.Load();
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("recipe, images", "test accuracy, mean", "each seed", "expected calibration error", "seconds", "to .88 validation", "to .95");
        var targets = new List<Target>();
        List<QualityRun> best = [];
        foreach (string name in recipes)
        {
            var recipe = Recipe.Named(name);
            var runs = Row(recipe.Name, recipe, seeds, _ => (data, null, validation));
            double accuracy = runs.Average(run => run.Report.Accuracy), seconds = Middle(runs.Select(run => run.Seconds));
            if (recipe == Recipe.Best)
            {
                best = runs;
                targets.Add(Target.AtLeast(.967, $"Recipe.Best, mean test accuracy of {seeds} seeds", accuracy));
            }
            else if (recipe == Recipe.Fast)
            {
                targets.Add(Target.AtLeast(.94, $"Recipe.Fast, mean test accuracy of {seeds} seeds", accuracy));
                targets.Add(Target.AtMost(300, "Recipe.Fast, seconds", seconds));
            }
            else if (recipe == Recipe.Keras)
            {
                AddKeras(table, data, recipe.Epoch!.Value);
            }
        }

        if (small)
        {
            var thousand = Small($"the defaults, {SmallSet} a class", Each(SmallSet), seeds);
            Small($"the defaults, {string.Join(", ", Unequal)} images of the classes", Unequal, seeds);
            if (otherClasses is not null)
            {
                Row($"the defaults, {FourClasses.Each} of each of four classes, from folders of two kinds", Recipe.Auto, seeds, seed => (FourClasses.Draw(data, otherClasses, seed), null, 0.1));
            }

            targets.Add(Target.AtLeast(.9, $"the defaults on {SmallSet} images a class, mean of {seeds} seeds", thousand.Average(run => run.Report.Accuracy)));
            targets.Add(Target.AtMost(180, $"the defaults on {SmallSet} images a class, seconds", Middle(thousand.Select(run => run.Seconds))));
            targets.Add(Target.AtLeast(.75, $"the defaults on {SmallestSet} images a class, mean of {SmallestSetSeeds} seeds", Small($"the defaults, {SmallestSet} a class", Each(SmallestSet), SmallestSetSeeds).Average(run => run.Report.Accuracy)));
        }

        Tables.Write(table);
        var model = best.OrderByDescending(run => run.Model.Metadata.ValAccuracy).FirstOrDefault()?.Model ?? CnnModel.LoadDefault();
        targets.AddRange(OtherClasses(model, otherClasses, data, seeds));
        targets.Add(Target.AtLeast(.95, "training steps with Recipe.Best's augmentation ÷ without", AugmentationSpeed(data.Train, rounds)));
        return targets;

        int[] Each(int images) => [.. data.ClassNames.Select(_ => images)];

        List<QualityRun> Small(string what, int[] perClass, int count) => Row(what, Recipe.Auto, count, _ => (data, perClass, 0.1));

        List<QualityRun> Row(string what, Recipe recipe, int count, Func<int, (ImageData Images, int[]? PerClass, double Validation)> draw)
        {
            List<QualityRun> runs = [];
            for (int seed = 1; seed <= count; seed++)
            {
                Console.Error.WriteLine($"{what}: seed {seed} of {count}");
                var (images, perClass, share) = draw(seed);
                runs.Add(QualityRun.Train(new TrainerOptions { Recipe = recipe, Seed = seed }, images, perClass, share));
                if (folder is not null)
                {
                    runs[^1].Model.SaveOnnx(Path.Combine(folder, FormattableString.Invariant($"{recipe.Name}-{perClass?.Sum() ?? images.Train.Count}-{seed}.onnx")));
                }
            }

            table.AddRow(
                what,
                Share(runs.Average(run => run.Report.Accuracy)),
                string.Join(" ", runs.Select(run => Share(run.Report.Accuracy))),
                Share(Middle(runs.Select(run => run.Report.Calibration.ExpectedCalibrationError))),
                Whole(Middle(runs.Select(run => run.Seconds))),
                Reached(runs, .88),
                Reached(runs, .95));
            return runs;
        }
    }

    /// <summary>The notebook's recipe in Keras itself, trained on all training images and measured on the test images after its last epoch.</summary>
    private static void AddKeras(Table table, ImageData data, int epochs)
    {
        var folder = WorkFolder.Create(data);
        try
        {
            using var group = new PeerGroup(folder);
            if (group.Keras("float32", Environment.ProcessorCount) is { } keras)
            {
                Console.Error.WriteLine($"{keras.Name}: {epochs} epochs");
                var answer = keras.Ask($"recipe {epochs}");
                string accuracy = Share(answer.GetProperty("val_accuracy").GetDouble());
                table.AddRow(Markup.Escape($"the notebook's in {keras.Name}"), accuracy, accuracy, "", Whole(answer.GetProperty("seconds").GetDouble()), "", "");
            }

            group.PrintMissing();
        }
        finally
        {
            folder.Delete();
        }
    }

    private static IEnumerable<Target> OtherClasses(CnnModel model, string? path, ImageData data, int seeds)
    {
        var others = path is null ? null : UnknownClasses.Load(path);
        yield return Target.AtLeast(.85, "familiarity: area under ROC, test images against other classes", others?.AreaUnderRoc(model, data.Test));
        double? gain = null;
        if (others is not null)
        {
            var each = Enumerable.Range(1, seeds).Select(seed => others.Train(model, seed)).ToList();
            gain = 100 * each.Average(run => run.FineTuned - run.Anew);
            Console.WriteLine($"CIFAR-10's other seven classes, test accuracy of {seeds} seeds: fine-tuned {string.Join(" ", each.Select(run => Share(run.FineTuned)))}, anew {string.Join(" ", each.Select(run => Share(run.Anew)))}");
        }

        yield return Target.AtLeast(5, "fine-tuning on other classes against training anew, points of accuracy", gain);
    }

    /// <summary>Steps a second of an epoch with the recipe's augmentation, over those without, in turn.</summary>
    private static double AugmentationSpeed(ImageSet images, int rounds)
    {
        const string With = "with", Without = "without";
        var settings = new TrainerOptions { Recipe = Recipe.Best, Epoch = 1, Seed = 1, RecomputeStatistics = false };
        var measured = AlternatingRounds.Run(rounds, [new Contender(With, () => Seconds(settings)), new Contender(Without, () => Seconds(settings with { Augmentations = [] }))]);
        return measured[Without].Median / measured[With].Median;

        double Seconds(TrainerOptions options) => new Cifar3Trainer(options).Fit(images).History.Epochs[0].Seconds;
    }

    private static double Middle(IEnumerable<double> values) => new Measurement("", [.. values]).Median;

    private static string Reached(List<QualityRun> runs, double accuracy)
    {
        double[] times = [.. runs.Select(run => run.SecondsTo(accuracy)).OfType<double>()];
        return times.Length == runs.Count ? Whole(Middle(times)) : $"{times.Length} of {runs.Count}";
    }

    private static string Share(double value) => value.ToString("0.0000", CultureInfo.InvariantCulture);

    private static string Whole(double value) => value.ToString("N0", CultureInfo.InvariantCulture);
}

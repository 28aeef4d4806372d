using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Cifar3.Training;
using Microsoft.ML;
using Microsoft.ML.Data;
using Spectre.Console;

namespace Cifar3.Benchmarks;

/// <summary><c>pipeline</c>: scoring image files within ML.NET beside its own chain of transforms, and what training through the estimator costs.</summary>
internal static class PipelineSubject
{
    private const string Stock = "LoadImages, ResizeImages, ExtractPixels, ApplyOnnxModel", Own = "ApplyCifar3", Saved = "ApplyCifar3 saved as model.zip, loaded by ML.NET";
    private const string Direct = "Cifar3Trainer.Fit", Estimator = "Trainers.Cifar3Cnn(…).Fit";

    public static Command Create() => SubjectOptions.Command(
        "pipeline",
        "ML.NET pipelines over image files, and training through the estimator.",
        (options, _) => [.. Scoring(options.Rounds), .. Training(options.Rounds)]);

    /// <summary>Images a second of three ways to score the same files with the same network.</summary>
    private static List<Target> Scoring(int rounds)
    {
        using var files = PipelineFiles.Find();
        var context = new MLContext();
        var model = CnnModel.Create(Cifar3Data.DefaultClasses, seed: 1);
        using var onnx = new MemoryStream(model.ToOnnxBytes());
        var view = context.Data.LoadFromEnumerable(files.Paths.Select(path => new ImageFile { ImagePath = path }).ToList());
        var stock = context.Transforms.LoadImages("image", null, nameof(ImageFile.ImagePath))
            .Append(context.Transforms.ResizeImages("image", CnnArchitecture.InputSize, CnnArchitecture.InputSize))
            .Append(context.Transforms.ExtractPixels("input", "image", interleavePixelColors: true, scaleImage: 1 / 255f))
            .Append(context.Transforms.ApplyOnnxModel(["probabilities"], ["input"], onnx))
            .Fit(view);
        using var own = context.Transforms.ApplyCifar3(model, nameof(ImageFile.ImagePath)).Fit(view);
        using var zip = new MemoryStream();
        context.Model.Save(own, view.Schema, zip);
        var saved = context.Model.Load(zip, out _);

        float[][] expected = Scores(stock, "probabilities"); // warms up, too
        double difference = Math.Max(Largest(expected, Scores(own, "Score")), Largest(expected, Scores(saved, "Score")));
        var measured = AlternatingRounds.Run(rounds, [
            new Contender(Stock, () => Rate(() => Scores(stock, "probabilities"))),
            new Contender(Own, () => Rate(() => Scores(own, "Score"))),
            new Contender(Saved, () => Rate(() => Scores(saved, "Score"))),
        ]);
        Print("scoring image files", "images/s", [measured[Own], measured[Stock], measured[Saved]]);
        return
        [
            Target.AtLeast(3, "ML.NET pipeline over image paths: Cifar3's images/s over those of ML.NET's own chain", measured[Own].Median / measured[Stock].Median),
            Target.AtMost(0.00001, "largest difference of the three pipelines' probabilities", difference),
        ];

        float[][] Scores(ITransformer transformer, string column) => [.. transformer.Transform(view).GetColumn<float[]>(column)];

        double Rate(Action score) => files.Paths.Count / Seconds(score);
    }

    /// <summary>Seconds of one epoch over the same images, from an image set and from a data view.</summary>
    private static List<Target> Training(int rounds)
    {
        var images = BenchmarkImages.Load().Train;
        var view = images.ToDataView();
        var trainers = new MLContext().MulticlassClassification.Trainers;
        var options = new Cifar3CnnTrainer.Options { Recipe = Recipe.Keras, FeatureColumnName = ImageSet.PixelsColumn, Epoch = 1, Seed = 1, ValidationSetFraction = null };
        var direct = new Cifar3Trainer(new TrainerOptions { Recipe = Recipe.Keras, Epoch = 1, Seed = 1 });
        string directHash = "", estimatorHash = "";
        direct.Fit(images.Take(512));
        trainers.Cifar3Cnn(options).Fit(images.Take(512).ToDataView());

        var measured = AlternatingRounds.Run(rounds, [
            new Contender(Direct, () => Seconds(() => directHash = direct.Fit(images).Model.WeightHash())),
            new Contender(Estimator, () => Seconds(() => estimatorHash = trainers.Cifar3Cnn(options).Fit(view).Model.WeightHash())),
        ]);
        Print("one epoch", "seconds", [measured[Direct], measured[Estimator]]);
        Console.WriteLine($"Both trainings end in the same weights: {(directHash == estimatorHash ? "yes" : "no")}.");
        return [Target.AtMost(1.05, "Fit through the estimator over the trainer called directly, seconds of one epoch", measured[Estimator].Median / measured[Direct].Median)];
    }

    private static double Seconds(Action action)
    {
        var clock = Stopwatch.StartNew();
        action();
        return clock.Elapsed.TotalSeconds;
    }

    private static double Largest(float[][] expected, float[][] actual) => expected.Zip(actual).SelectMany(rows => rows.First.Zip(rows.Second, (a, b) => Math.Abs((double)a - b))).Max();

    private static void Print(string what, string unit, IReadOnlyList<Measurement> measured)
    {
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns(what, unit, "lowest", "highest", "ratio");
        foreach (var one in measured)
        {
            table.AddRow(Markup.Escape(one.Name), Number(one.Median), Number(one.Min), Number(one.Max), (one.Median / measured[0].Median).ToString("0.00", CultureInfo.InvariantCulture));
        }

        Tables.Write(table);
    }

    private static string Number(double value) => value.ToString(value < 100 ? "0.00" : "N0", CultureInfo.InvariantCulture);

    private sealed class ImageFile
    {
        public string ImagePath { get; set; } = "";
    }
}

using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Cifar3.Training;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Onnx;
using Spectre.Console;

namespace Cifar3.Benchmarks;

/// <summary><c>pipeline</c>: scoring image files within ML.NET beside its own chain of transforms, and what training through the estimator costs.</summary>
internal static class PipelineSubject
{
    private const string Stock = "LoadImages, ResizeImages, ExtractPixels, ApplyOnnxModel", Own = "ApplyCifar3", Saved = "ApplyCifar3 saved as model.zip, loaded by ML.NET";
    private const string Direct = "Cifar3Trainer.Fit", Estimator = "Trainers.Cifar3Cnn(…).Fit";

    private static readonly Option<bool> WithPhotos = new("--photos") { Description = "Photos of 12 megapixels alone: half a minute to draw them." };

    public static Command Create() => SubjectOptions.Command(
        "pipeline",
        "ML.NET pipelines over image files, and training through the estimator.",
        (options, arguments) => arguments.GetValue(WithPhotos) ? Photos(options.Rounds) : [.. Scoring(options.Rounds), .. Training(options.Rounds)],
        WithPhotos);

    /// <summary>Images a second of three ways to score the same files with the same network.</summary>
    private static List<Target> Scoring(int rounds)
    {
        using var files = PipelineFiles.Find();
        var context = new MLContext();
        var model = CnnModel.Create(Cifar3Data.DefaultClasses, seed: 1);
        using var onnx = new MemoryStream(model.ToOnnxBytes());
        var view = View(context, files.Paths);
        var stock = StockChain(context, view, onnx);
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

    /// <summary>Photos a second, from files to labels.</summary>
    private static List<Target> Photos(int rounds)
    {
        const string many = "Cifar3Classifier.PredictMany";
        using var photos = new PipelinePhotos();
        var context = new MLContext();
        var model = CnnModel.LoadDefault();
        using var onnx = new MemoryStream(model.ToOnnxBytes());
        var view = View(context, photos.Paths);
        var stock = StockChain(context, view, onnx);
        using var classifier = Cifar3Classifier.FromModel(model);
        var measured = AlternatingRounds.Run(rounds, [
            new Contender(many, () => photos.Paths.Count / Seconds(() => _ = classifier.PredictMany(photos.Paths).Count())),
            new Contender(Stock, () => photos.Paths.Count / Seconds(() => _ = stock.Transform(view).GetColumn<float[]>("probabilities").Count())),
        ]);
        Print("photos of 12 megapixels", "photos/s", [measured[many], measured[Stock]]);
        return [Target.AtLeast(6, "photos of 12 megapixels to labels: PredictMany over ML.NET's own chain", measured[many].Median / measured[Stock].Median)];
    }

    private static IDataView View(MLContext context, IReadOnlyList<string> paths) => context.Data.LoadFromEnumerable(paths.Select(path => new ImageFile { ImagePath = path }).ToList());

    private static TransformerChain<OnnxTransformer> StockChain(MLContext context, IDataView view, Stream onnx) =>
        context.Transforms.LoadImages("image", null, nameof(ImageFile.ImagePath))
            .Append(context.Transforms.ResizeImages("image", CnnArchitecture.InputSize, CnnArchitecture.InputSize))
            .Append(context.Transforms.ExtractPixels("input", "image", interleavePixelColors: true, scaleImage: 1 / 255f))
            .Append(context.Transforms.ApplyOnnxModel(["probabilities"], ["input"], onnx))
            .Fit(view);

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

    private static double Largest(float[][] expected, float[][] actual) => expected.Zip(actual).SelectMany(rows => rows.First.Zip(rows.Second, (a, b) => Math.Abs((double)a - b))).Aggregate(0.0, Math.Max); // NaN stays, which LINQ's Max passes over

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

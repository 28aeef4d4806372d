// Trains the network as an ML.NET estimator and saves it twice: model.onnx for any ONNX runtime, model.zip for any ML.NET program.
//   dotnet run -c Release --project samples/TrainAndExport -- --data IMAGES
using System.CommandLine;
using System.Globalization;
using Cifar3;
using Cifar3.Training;
using Microsoft.ML;
using Microsoft.ML.Runtime;

var dataOption = new Option<string?>("--data") { Description = "CIFAR-10 archive or folder, or folders train/<class>/* and test/<class>/*. Default: the built-in synthetic set." };
var epochsOption = new Option<int?>("--epochs") { Description = "Number of passes over the training images. Default: the recipe's." };
var recipeOption = new Option<string>("--recipe") { Description = "How to train: auto (minutes, any number of images), keras (the notebook's), fast, best.", DefaultValueFactory = _ => Recipe.Auto.Name };
var outOption = new Option<string>("--out") { Description = "Folder for model.onnx and model.zip.", DefaultValueFactory = _ => "." };
var command = new RootCommand("Trains Cifar3's CNN as an ML.NET estimator; saves it as ONNX and as model.zip.") { dataOption, epochsOption, recipeOption, outOption };
outOption.Validators.Add(result => { if (result.GetValueOrDefault<string>() is "") result.AddError("--out is empty. Name a folder."); });
command.SetAction(arguments => ConsoleProgram.Run(cancel => Train(
    arguments.GetValue(dataOption),
    arguments.GetValue(epochsOption),
    Recipe.Named(arguments.GetValue(recipeOption)!),
    arguments.GetValue(outOption)!,
    cancel)));
return command.Parse(args).Invoke();

static void Train(string? path, int? epochs, Recipe recipe, string folder, CancellationToken cancel)
{
    Directory.CreateDirectory(folder); // before the training: where it cannot be, that is told now
    ImageData data;
    using (var progress = new DataProgressBar())
    {
        data = path is null ? Cifar3Data.Synthetic() : Cifar3Data.Load(path, new DataOptions { Progress = progress, CancellationToken = cancel });
    }

    Console.WriteLine($"{data.Train.Count:N0} training and {data.Test.Count:N0} test images: {data.Source}");
    IDataView train = data.Train.ToDataView(), test = data.Test.ToDataView();

    var context = new MLContext(seed: 1);
    context.Log += (_, message) => { if (message.Kind == ChannelMessageKind.Warning) Console.Error.WriteLine($"Warning: {message.RawMessage}"); }; // what speaks against the model
    var trainer = context.MulticlassClassification.Trainers.Cifar3Cnn(new Cifar3CnnTrainer.Options
    {
        FeatureColumnName = "Image", // a column of MLImage; paths, encoded files and pixels are taken too
        LabelColumnName = "Label",
        PredictedLabelValueColumnName = "PredictedLabelValue",
        Recipe = recipe,
        Epoch = epochs,
        MetricsCallback = metrics => Console.WriteLine(metrics),
        CancellationToken = cancel,
    });
    using var model = trainer.Fit(train);

    var metrics = context.MulticlassClassification.Evaluate(model.Transform(test));
    Console.WriteLine(metrics.ConfusionMatrix.GetFormattedConfusionTable());
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Accuracy on the {(data.IsSynthetic ? "synthetic " : "")}test images: {metrics.MicroAccuracy:F4}"));

    model.Model.SaveOnnx(Path.Combine(folder, "model.onnx"));
    context.Model.Save(model, train.Schema, Path.Combine(folder, "model.zip"));
    Console.WriteLine($"Saved model.onnx and model.zip in {Path.GetFullPath(folder)}");
}

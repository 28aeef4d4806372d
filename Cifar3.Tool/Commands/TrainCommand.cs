using System.CommandLine;
using Cifar3.Training;

namespace Cifar3.Tool;

/// <summary><c>cifar3 train FOLDER</c>: data, training, the best model, the report.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var folder = new Argument<string?>("folder") { Description = "Pictures: FOLDER/<class>/*, or train/<class>/* and test/<class>/*, or a CIFAR-10 archive. Default: CIFAR-10, found as CIFAR3_DATA, in caches, or downloaded.", Arity = ArgumentArity.ZeroOrOne };
        var output = new Option<string>("--out", "-o") { Description = "Folder for the model, the report and the checkpoint.", DefaultValueFactory = _ => "cifar3-run" };
        var epochs = new Option<int?>("--epochs") { Description = "Number of passes over the training pictures. Default: the recipe's." };
        var recipeName = new Option<string>("--recipe") { Description = "How to train: auto (minutes, any number of pictures), keras (the notebook's), fast, best.", DefaultValueFactory = _ => Recipe.Auto.Name };
        var seed = new Option<int>("--seed") { Description = "Seed of weights, order and dropout: the same seed gives the same model." };
        var engine = new Option<TrainingEngine>("--engine") { Description = "What trains: Managed (C#), TensorFlow (its C library), Gpu (the GPU's driver alone), Auto (an NVIDIA card, else TensorFlow if it shows a GPU, else Managed).", DefaultValueFactory = _ => TrainingEngine.Auto };
        var patience = new Option<int?>("--patience") { Description = "Ends the training after so many epochs without a better validation accuracy. Default: never." };
        var fraction = new Option<double?>("--test-fraction") { Description = "Share of the pictures set aside for testing, where there is neither a test nor a val folder. Default: 0.2." };
        var initial = new Option<string?>("--init-from") { Description = $"A model to go on from: .onnx of this library, .keras or .h5, or '{ModelFiles.Shipped}', the one inside. Where its classes are others than the pictures', its last layer begins anew. Default: new weights." };
        var resume = new Option<bool>("--resume") { Description = "Goes on where an interrupted training into the same folder stopped." };
        return Shared.Command(
            "train",
            "Trains on folders of pictures; keeps the best epoch's model as OUT/model.onnx and writes OUT/report.html. Ctrl-C keeps the best model so far.",
            "cifar3 train pictures --out run --epochs 20",
            (arguments, cancel) =>
            {
                var data = Shared.LoadData(arguments.GetValue(folder), arguments.GetValue(fraction), classes: null, cancel);
                string run = arguments.GetValue(output)!;
                string best = Path.Combine(run, RunFolder.ModelFile);
                var checkpoint = new ModelCheckpoint(best);
                List<Callback> callbacks = [new ProgressBar(), checkpoint, new CsvLogger(Path.Combine(run, "training.csv"))];
                if (arguments.GetValue(patience) is { } epochsWithout)
                {
                    callbacks.Add(new EarlyStopping(monitor: "val_accuracy", patience: epochsWithout));
                }

                if (!arguments.GetValue(resume))
                {
                    callbacks.Insert(0, new NewRun(run, arguments.GetValue(folder), arguments.GetValue(fraction)));
                }

                var (train, validation) = data.Validation is { } own ? (data.Train, own) : data.Train.TrainValidationSplit(seed: arguments.GetValue(seed)); // the test pictures are looked at once, in the report
                var start = ModelFiles.LoadStart(arguments.GetValue(initial), data.ClassNames, arguments.GetValue(seed));
                var options = new TrainerOptions
                {
                    Recipe = Recipe.Named(arguments.GetValue(recipeName)!),
                    Epoch = arguments.GetValue(epochs),
                    Seed = arguments.GetValue(seed),
                    Engine = arguments.GetValue(engine),
                    InitialModel = start?.Model,
                    InitialState = start?.State,
                    TrainedOn = FormattableString.Invariant($"{train.Count:N0} images from {data.Source}"),
                    WorkspacePath = run,
                    Resume = arguments.GetValue(resume),
                    Callbacks = callbacks,
                };
                Console.WriteLine($"{train.Count:N0} training, {validation.Count:N0} validation and {data.Test.Count:N0} test pictures of {data.ClassNames.Length} classes: {data.Source}");
                TrainingResult result;
                try
                {
                    result = new Cifar3Trainer(options).Fit(train, validation.Count > 0 ? validation : null, cancel);
                }
                catch (OperationCanceledException e) when (checkpoint.LastFile is not null)
                {
                    throw new StoppedException($"The best model so far is kept: {checkpoint.LastFile}. Add --resume to go on.", e);
                }

                RunFolder.Save(run, result, arguments.GetValue(folder), arguments.GetValue(fraction));
                string report = Path.Combine(run, ReportCommand.FileName);
                TrainingReport.Save(report, result, data);
                Console.WriteLine($"Best: epoch {result.BestModel.Metadata.Epoch}, validation accuracy {Shared.Percent(result.BestModel.Metadata.ValAccuracy ?? double.NaN)}");
                Console.WriteLine($"Model:  {best}");
                Console.WriteLine($"Report: {report}");
                return 0;
            },
            folder, output, epochs, recipeName, seed, engine, patience, fraction, initial, resume);
    }

    /// <summary>Takes the folder over from a former training, once no other one holds it and all options are sound.</summary>
    private sealed class NewRun(string folder, string? data, double? testFraction) : Callback
    {
        public override void OnTrainBegin(TrainingContext context)
        {
            RunFolder.Begin(folder, data, testFraction);
            File.Delete(Path.Combine(folder, ReportCommand.FileName));
        }
    }
}

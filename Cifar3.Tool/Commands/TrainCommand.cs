using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Cifar3.Training;

namespace Cifar3.Tool;

/// <summary><c>cifar3 train FOLDER</c>: data, training, the best model, the report.</summary>
internal static class TrainCommand
{
    /// <summary>To train on, of a class, below which a trained start was mostly better, whatever the classes were (docs/quality.md).</summary>
    private const int FewPictures = 200;

    private const string TrainedStart = $"--init-from {ModelFiles.Shipped}";

    public static Command Create()
    {
        var folder = new Argument<string?>("folder") { Description = "Pictures: FOLDER/<class>/*, or train/<class>/* and test/<class>/*, or a CIFAR-10 archive. Default: CIFAR-10, found as CIFAR3_DATA, in caches, or downloaded.", Arity = ArgumentArity.ZeroOrOne };
        var output = new Option<string>("--out", "-o") { Description = "Folder for the model, the report and the checkpoint.", DefaultValueFactory = _ => "cifar3-run" };
        var epochs = new Option<int?>("--epochs") { Description = "Number of passes over the training pictures. Default: the recipe's." };
        var recipeName = new Option<string>("--recipe") { Description = "How to train: auto (minutes, any number of pictures), keras (the notebook's), fast, best.", DefaultValueFactory = _ => Recipe.Auto.Name };
        var seed = new Option<int>("--seed") { Description = "Seed of weights, order and dropout: the same seed gives the same model. Default: 0." };
        var engine = new Option<TrainingEngine>("--engine") { Description = "What trains: Managed (C#), TensorFlow (its C library), Gpu (the GPU's driver alone), Auto (an NVIDIA card, else TensorFlow if it shows a GPU, else Managed).", DefaultValueFactory = _ => TrainingEngine.Auto };
        var patience = new Option<int?>("--patience") { Description = "Ends the training after so many epochs without a better validation accuracy; for recipes whose learning rate stays, such as keras. Default: never." };
        var fraction = new Option<double?>("--test-fraction") { Description = "Share of the pictures set aside for testing, where there is neither a test nor a val folder. Default: 0.2.", CustomParser = Share };
        var weights = new Option<ClassWeighting>("--class-weights") { Description = "How much pictures count: None (all the same), Balanced (each class the same in sum, where some have few pictures beside others with many).", DefaultValueFactory = _ => ClassWeighting.None };
        var initial = new Option<string?>("--init-from") { Description = $"A model to go on from: .onnx of this library, .keras or .h5, or '{ModelFiles.Shipped}', the one inside. Where its classes are others than the pictures', its last layer begins anew. '{ModelFiles.New}' = new weights. Default: the one inside for fewer than {FewPictures} training pictures a class and the recipe auto, else new weights." };
        var skipBad = Shared.SkipBadOption();
        var resume = new Option<bool>("--resume") { Description = "Goes on where an interrupted training into the same folder stopped." };
        return Shared.Command(
            "train",
            "Trains on folders of pictures; keeps the best epoch's model as OUT/model.onnx and writes OUT/report.html. Ctrl-C keeps the best model so far.",
            "cifar3 train pictures --out run --epochs 20",
            (arguments, cancel) =>
            {
                var recipe = Recipe.Named(arguments.GetValue(recipeName)!);
                CheckPatience(arguments.GetValue(patience), recipe);
                string run = arguments.GetValue(output)!;
                string? asked = arguments.GetValue(initial);
                OutputFolder.Check(run); // reading the pictures may take minutes
                var data = Shared.LoadData(arguments.GetValue(folder), arguments.GetValue(fraction), classes: null, arguments.GetValue(skipBad), cancel);
                string best = Path.Combine(run, RunFolder.ModelFile);
                bool balanced = arguments.GetValue(weights) == ClassWeighting.Balanced;
                string monitor = EpochMetrics.TellingName(balanced);
                var checkpoint = new ModelCheckpoint(FilePattern.Literal(best), monitor);
                List<Callback> callbacks = [new ProgressBar(OptionWords.Of), checkpoint, new CsvLogger(Path.Combine(run, "training.csv"))];
                if (arguments.GetValue(patience) is { } epochsWithout)
                {
                    callbacks.Add(new EarlyStopping(monitor: monitor, patience: epochsWithout));
                }

                bool resumes = arguments.GetValue(resume) && File.Exists(Path.Combine(run, TrainingCheckpoint.FileName)); // else it begins, and what lies there is a former training's
                string again = resumes ? "Give the same command to go on" : "Add --resume to go on";
                if (!resumes)
                {
                    if (asked is { } input)
                    {
                        OutputFile.Apart(Path.Combine(run, RunFolder.KeptAs(run)), input); // where the folder's former model goes
                        OutputFile.Apart(Path.Combine(run, RunFolder.LastModelFile), input);
                        again += OutputFile.IsInput(best, input) ? $", with --init-from {Shown.Path(Path.Combine(run, RunFolder.KeptAs(run)))}, where the model that it began with is now" : "";
                    }
                }

                callbacks.Insert(0, new FolderRecord(run, arguments.GetValue(folder), arguments.GetValue(fraction), data.Train, resumes, arguments.GetValue(resume)));

                var (train, validation) = data.Validation is { } own ? (data.Train, own) : data.Train.TrainValidationSplit(seed: arguments.GetValue(seed)); // the test pictures are looked at once, in the report
                if (validation.Count == 0)
                {
                    throw new Cifar3DataException($"There are too few pictures to choose the best epoch by{(data.IsTestSetAside ? ", once some are set aside for testing" : "")}: no class has more than one left. Give a class at least {(data.IsTestSetAside ? 3 : 2)} pictures, or put some into a folder val beside train.");
                }

                bool hasFew = train.Count < FewPictures * data.ClassNames.Length, mayKnowThem = data.ClassNames.Any(ModelFiles.IsOfShipped);
                string from = asked ?? (hasFew && !mayKnowThem && recipe.Name == Recipe.Auto.Name ? ModelFiles.Shipped : ModelFiles.New);
                var start = ModelFiles.LoadStart(from, data.ClassNames, arguments.GetValue(seed));
                bool beginsByItself = asked is null && start is not null; // and the line below says so
                Shared.Note(beginsByItself ? null : start?.Note);
                var options = new TrainerOptions
                {
                    Recipe = recipe,
                    Epoch = arguments.GetValue(epochs),
                    Seed = arguments.GetValue(seed),
                    Engine = arguments.GetValue(engine),
                    ClassWeights = balanced ? ClassWeights.Balanced : null,
                    InitialModel = start?.Model,
                    InitialState = start?.State,
                    TrainedOn = FormattableString.Invariant($"{train.Count:N0} images from {data.Source}{(start is null ? "" : $", going on from {(from == ModelFiles.Shipped ? "the model inside the library" : $"'{Shown.Path(from)}'")}")}"),
                    WorkspacePath = run,
                    Resume = arguments.GetValue(resume),
                    Callbacks = callbacks,
                };
                Shared.Print($"{train.Count:N0} training, {validation.Count:N0} validation and {data.Test.Count:N0} test pictures of {data.ClassNames.Length} classes: {data.Source}");
                Shared.Print($"Classes: {Shown.Names(data.ClassNames)}"); // folders that hold classes are soon taken for classes
                if (beginsByItself)
                {
                    Shared.Print($"Goes on from the model inside, with a last layer of its own: fewer than {FewPictures} training pictures a class ({TrainedStart}; --init-from {ModelFiles.New} begins with new weights)");
                }

                var result = Fit(options, train, validation, () => (checkpoint.LastFile is not null || resumes) && File.Exists(best), again, cancel);
                var test = Save(run, result, data, arguments.GetValue(folder), arguments.GetValue(fraction));
                Console.WriteLine($"Best: epoch {result.BestModel.Metadata.Epoch}, validation accuracy {Shared.Percent(result.BestModel.Metadata.ValAccuracy ?? double.NaN)}, test accuracy {Shared.Percent(test.Accuracy)}");
                Shared.Print($"Model:  {best}");
                Shared.Print($"Report: {Path.Combine(run, ReportCommand.FileName)}");
                bool isAdvised = OptionWords.Of(result.Warning ?? "").Contains(TrainedStart, StringComparison.Ordinal);
                Shared.Note(asked is not null || beginsByItself || !hasFew || isAdvised ? null
                    : $"With fewer than {FewPictures} training pictures a class, a start from a trained model is mostly better: {TrainedStart}.{(mayKnowThem ? " It has learnt CIFAR-10's aeroplanes, cars and birds: measured on those, it is right by heart." : "")}");
                return 0;
            },
            folder, output, epochs, recipeName, seed, engine, patience, fraction, weights, skipBad, initial, resume);
    }

    /// <summary>Trains; where that ends early, the error says what is kept and how to go on.</summary>
    private static TrainingResult Fit(TrainerOptions options, ImageSet train, ImageSet validation, Func<bool> hasBest, string again, CancellationToken cancel)
    {
        string run = options.WorkspacePath!, checkpoint = Path.Combine(run, TrainingCheckpoint.FileName);
        bool goesOn = options.Resume && File.Exists(checkpoint);
        var former = File.GetLastWriteTimeUtc(checkpoint); // not the time of now: clocks are set back, and a file server has its own
        try
        {
            return new Cifar3Trainer(options).Fit(train, validation, cancel);
        }
        catch (OperationCanceledException e) when (hasBest())
        {
            throw new StoppedException($"The best model so far is kept: {Path.Combine(run, RunFolder.ModelFile)}. {again}.", e);
        }
        catch (Cifar3Exception e) when (e.InnerException is { } cause && IoFault.Find(cause) is not null && (goesOn || File.GetLastWriteTimeUtc(checkpoint) != former))
        {
            throw new Cifar3Exception($"{e.Message} What was trained until the epoch before is kept. {again}.", e); // a full disk takes no hours of training along
        }
    }

    /// <summary>Writes models, record and report. A file that cannot be written takes no training along: its best model is there since its epoch.</summary>
    private static ClassificationReport Save(string run, TrainingResult result, ImageData data, string? folder, double? testFraction)
    {
        string best = Path.Combine(run, RunFolder.ModelFile);
        try
        {
            RunFolder.SaveOn(data.Train, run, result, folder, testFraction);
            return TrainingReport.Save(Path.Combine(run, ReportCommand.FileName), result, data, OptionWords.Of);
        }
        catch (Cifar3Exception e) when (IoFault.Find(e.InnerException ?? e) is not null && File.Exists(best))
        {
            throw new Cifar3Exception($"{e.Message} The training has ended and its best model is kept: {best}. 'cifar3 report {Shown.Path(run)}' writes the report.", e);
        }
    }

    /// <summary>A share as it is written everywhere, whatever the language of the system: 0,3 must not be 3.</summary>
    private static double? Share(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double share) && share is > 0 and < 1)
        {
            return share;
        }

        result.AddError($"--test-fraction is a share above 0 and below 1, written with a point, such as 0.2. Received: '{Shown.Text(text)}'.");
        return null;
    }

    private static void CheckPatience(int? patience, Recipe recipe)
    {
        if (patience < 0)
        {
            throw new ArgumentException($"--patience is a number of epochs, 0 or more. Received: {patience.Value.ToString(CultureInfo.InvariantCulture)}.");
        }

        if (patience is not null && recipe.LearningRateScheduler is { EndsLow: true })
        {
            throw new ArgumentException($"--patience cannot end a training with the recipe '{recipe.Name}': its learning rate falls until the last epoch, and the last epochs gain most, so that none before tells whether it is time to stop. Leave it out and give fewer --epochs, or take --recipe {Recipe.Keras.Name}.");
        }
    }

    private enum ClassWeighting
    {
        None,
        Balanced,
    }

    /// <summary>Makes the folder this training's, once no other one holds it and all options are sound: takes it over from a former training, or back from what was begun there since this one's interruption.</summary>
    private sealed class FolderRecord(string folder, string? data, double? testFraction, ImageSet train, bool resumes, bool wasToResume) : Callback
    {
        public override void OnTrainBegin(TrainingContext context)
        {
            if (resumes)
            {
                RunFolder.GoOn(train, folder, data, testFraction);
                return;
            }

            RunFolder.CheckMovable(folder);
            string report = Path.Combine(folder, ReportCommand.FileName), kept = RunFolder.KeptAs(folder);
            bool hasFormer = File.Exists(Path.Combine(folder, RunFolder.ModelFile)); // what ended before its first epoch has left nothing to lose
            try
            {
                File.Delete(report);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new Cifar3Exception($"Cannot remove the former training's report '{Shown.Path(report)}': {Shown.Path(e.Message.TrimEnd('.'))}. Close what shows it and remove it, or name another folder by --out.", e);
            }

            RunFolder.BeginOn(train, folder, data, testFraction);
            Shared.Note(!hasFormer ? null
                : wasToResume ? $"'{Shown.Path(folder)}' holds no {TrainingCheckpoint.FileName} to go on from: this training begins anew, and the model of the former one is kept as {kept}."
                : $"'{Shown.Path(folder)}' holds a former training, which this one replaces; its model is kept as {kept}. --out names another folder; --resume goes on with an interrupted training.");
        }
    }
}

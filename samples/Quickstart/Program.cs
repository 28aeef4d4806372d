// The whole story in one program: data in, CNN trained, ONNX out, images scored. Run it with --help for its options.
using System.CommandLine;
using Cifar3;
using Cifar3.Training;
using Quickstart;

var dataOption = new Option<string?>("--data") { Description = "Images: CIFAR-10 archive or folder, or folders train/<class>/* and test/<class>/*. Default: CIFAR3_DATA, caches, download; without any of them the built-in synthetic set." };
var epochsOption = new Option<int?>("--epochs") { Description = "Number of passes over the training images. Default: the recipe's." };
var recipeOption = new Option<string?>("--recipe") { Description = "How to train: keras (the notebook's), auto (minutes, any number of images), fast, best. Default: keras for CIFAR-10's 15,000 images, else auto." };
var outOption = new Option<string>("--out") { Description = "Folder for the results.", DefaultValueFactory = _ => "quickstart-results" };
var seedOption = new Option<int>("--seed") { Description = "Seed of weights, order and dropout: the same seed gives the same model.", DefaultValueFactory = _ => 1 };
var initOption = new Option<string?>("--init-from") { Description = "Model to go on from: .onnx of this library, or .keras or .h5 of Keras, whose outputs are in the order of the data's classes. Default: new weights." };
var engineOption = new Option<TrainingEngine>("--engine") { Description = "What trains: Managed (C#, nothing to install), TensorFlow (its C library must be there, see docs/tensorflow.md), Gpu (the GPU's driver alone, see docs/gpu.md), Auto (an NVIDIA card, else TensorFlow if it shows a GPU, else Managed).", DefaultValueFactory = _ => TrainingEngine.Auto };
var command = new RootCommand("Trains Cifar3's CNN on aeroplanes, cars and birds, exports it to ONNX and scores images with it.") { dataOption, epochsOption, recipeOption, outOption, seedOption, initOption, engineOption };
outOption.Validators.Add(result => { if (result.GetValueOrDefault<string>() is "") result.AddError("--out is empty. Name a folder."); });
command.SetAction(arguments => ConsoleProgram.Run(cancel => TellStory(
    arguments.GetValue(dataOption),
    arguments.GetValue(epochsOption),
    arguments.GetValue(recipeOption),
    arguments.GetValue(outOption)!,
    arguments.GetValue(seedOption),
    arguments.GetValue(initOption),
    arguments.GetValue(engineOption),
    cancel)));
return command.Parse(args).Invoke();

static void TellStory(string? path, int? epochs, string? recipeName, string folder, int seed, string? initFrom, TrainingEngine engine, CancellationToken cancel)
{
    Report.Heading("1. Data");
    var data = DataChoice.Load(path, cancel);
    var recipe = DataChoice.RecipeFor(data, recipeName);
    string label = data.IsSynthetic ? "synthetic images" : "test images"; // every figure of synthetic images says so
    Console.WriteLine($"Source:   {data.Source}");
    Console.WriteLine($"Training: {data.Train.Shape}   Test: {data.Test.Shape}   Classes: {string.Join(", ", data.ClassNames)}");
    ExampleGrid.Save(Path.Combine(folder, "examples.png"), ExampleGrid.Choose(data.Train, 10, seed), $"10 training images{(data.IsSynthetic ? " (synthetic)" : "")}");

    Report.Heading("2. Model");
    var (start, state) = StartModel.Load(initFrom, data.ClassNames);
    Console.Write((start ?? CnnModel.Create(data.ClassNames, seed)).Summary());

    Report.Heading("3. Training");
    var (train, validation) = DataChoice.ValidationFor(data, recipe, seed);
    var checkpoint = new ModelCheckpoint(Path.Combine(folder, "checkpoints", "model_{val_accuracy:.3f}.onnx"), monitor: "val_accuracy", saveBestOnly: true);
    var options = new TrainerOptions
    {
        Recipe = recipe,
        Epoch = epochs,
        Seed = seed,
        InitialModel = start,
        InitialState = state,
        Engine = engine,
        TrainedOn = FormattableString.Invariant($"{train.Count:N0} images from {data.Source}"),
        Callbacks =
        [
            new ProgressBar(),
            checkpoint,
            .. recipe == Recipe.Keras ? [new EarlyStopping(monitor: "val_accuracy", patience: 3)] : Array.Empty<Callback>(), // the others' rate falls to the end: they train better whole
            new CsvLogger(Path.Combine(folder, "training.csv")),
        ],
    };
    Console.WriteLine(ReferenceEquals(validation, data.Test)
        ? $"Validation: on the {label} after every epoch, as in the notebook"
        : FormattableString.Invariant($"Validation: on {validation.Count:N0} of the training images, set aside; the {label} are looked at once, at the end"));
    TrainingResult result;
    try
    {
        result = new Cifar3Trainer(options).Fit(train, validation, cancel);
    }
    catch (OperationCanceledException) when (checkpoint.LastFile is not null)
    {
        throw new StoppedException($"The best model so far is kept: {checkpoint.LastFile}");
    }

    Console.WriteLine($"Trained by {result.Engine}.");
    Console.WriteLine($"Recipe: {result.Recipe}");
    if (result.Warning is { } warning)
    {
        Report.Warning("THE MODEL SHOULD NOT BE TRUSTED.", warning);
    }

    TrainingCurves.Save(Path.Combine(folder, "curves.png"), result.History, data.IsSynthetic ? "synthetic images" : "");

    Report.Heading("4. Export to ONNX, load, score");
    string onnx = Path.Combine(folder, "cifar3.onnx");
    result.BestModel.SaveOnnx(onnx);
    Console.WriteLine($"Exported the best model (epoch {result.BestModel.Metadata.Epoch}) to {onnx}, {new FileInfo(onnx).Length:N0} bytes.");
    bool same = CnnModel.LoadOnnx(onnx).WeightHash() == result.BestModel.WeightHash();
    Console.WriteLine(same ? "Loaded it again: the same weights, bit for bit." : throw new Cifar3ModelException($"'{onnx}' holds other weights than were saved."));

    using var classifier = Cifar3Classifier.Load(onnx);
    var predictions = classifier.PredictBatch(data.Test);
    var report = ClassificationReport.Create(data.Test, predictions);
    Console.WriteLine($"Accuracy on {report.Count:N0} {label}: {report.Accuracy:P2} ({classifier.Device})");
    Console.WriteLine();
    Console.Write(report);
    ConfusionMatrixPlot.Save(Path.Combine(folder, "confusion-matrix.png"), report, $"accuracy {report.Accuracy:P2} on {report.Count:N0} {label}");

    var examples = ExampleGrid.Choose(data.Test, 10, seed);
    var told = classifier.PredictBatch(examples);
    Report.PredictionTable(examples, told);
    ExampleGrid.Save(Path.Combine(folder, "predictions.png"), examples, told, $"10 {label}: true → predicted");
    Report.Results(folder, data.IsSynthetic);
}

using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Cifar3.Training;
using Spectre.Console;

namespace Cifar3.Tool;

/// <summary><c>cifar3 export MODEL</c>: another flavour of ONNX, or a model repository for Triton and its kin.</summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var model = ModelFiles.WeightsArgument();
        var flavor = new Option<OnnxFlavor>("--flavor") { Description = "Keras (the layers one by one), Optimized (batch normalization folded away), Int8 (quantized; needs --data).", DefaultValueFactory = _ => OnnxFlavor.Keras };
        var output = new Option<string?>("--out", "-o") { Description = "The file to write. Default: the model's name with the flavour, such as model.int8.onnx." };
        var data = new Option<string?>("--data") { Description = "Pictures to calibrate int8 on, as for train." };
        var triton = new Option<string?>("--triton") { Description = "Writes a model repository into this folder instead: config.pbtxt, labels.txt, 1/model.onnx." };
        var name = new Option<string>("--name") { Description = "The model's name in the repository.", DefaultValueFactory = _ => "cifar3" };
        var skipBad = Shared.SkipBadOption();
        return Shared.Command(
            "export",
            "Writes a model as ONNX: for any runtime, faster, or quantized; or as a model repository for Triton, OpenVINO Model Server, KServe.",
            "cifar3 export run/model.onnx --flavor int8 --data pictures",
            (arguments, cancel) =>
            {
                string source = arguments.GetValue(model)!;
                var chosen = arguments.GetValue(flavor);
                string? pictures = arguments.GetValue(data);
                if (OptionInVain(arguments.GetResult) is { } vain)
                {
                    throw new ArgumentException(vain);
                }

                if (chosen == OnnxFlavor.Int8 && pictures is null)
                {
                    throw new ArgumentException("int8 needs pictures to calibrate on: give --data FOLDER, such as the one that the model was trained on.");
                }

                string file = arguments.GetValue(triton) is { } repository ? Path.Combine(repository, arguments.GetValue(name)!, "1", "model.onnx")
                    : arguments.GetValue(output) ?? Path.ChangeExtension(source, $".{chosen.ToString().ToLowerInvariant()}.onnx");
                if (ModelFiles.IsKeras(file))
                {
                    throw new ArgumentException($"'{Shown.Path(file)}' is named as a Keras file, and export writes ONNX. Name a file ending in .onnx; cifar3 convert writes Keras' files.");
                }

                OutputFile.Apart(file, source);
                var trained = ModelFiles.Load(source);
                var options = new OnnxExportOptions { Flavor = chosen, CalibrationImages = chosen == OnnxFlavor.Int8 ? Shared.LoadData(pictures, 0.2, trained.ClassNames, arguments.GetValue(skipBad), cancel).Train : null };

                // Calibrating a wide model takes long, and files are replaced whole or not at all: a wish to stop need not wait for it.
                Shared.Print(Task.Run(Save, cancel).WaitAsync(cancel).GetAwaiter().GetResult());
                return 0;

                string Save()
                {
                    if (arguments.GetValue(triton) is { } folder)
                    {
                        return TritonRepository.Save(folder, trained, options, arguments.GetValue(name)!);
                    }

                    trained.SaveOnnx(file, options);
                    return $"{file}, {FileBehind.Of(file)!.Length:N0} bytes";
                }

                string? OptionInVain(Func<Option, OptionResult?> given)
                {
                    bool isRepository = given(triton) is not null;
                    return isRepository && given(output) is not null ? "--out names a file, --triton a folder for a repository. Give one of them."
                        : !isRepository && given(name) is { Implicit: false } ? "--name is for --triton, the repository in which the model has that name. Add it, or leave --name out."
                        : chosen == OnnxFlavor.Int8 ? null
                        : given(data) is not null ? "--data is for --flavor int8, which calibrates on the pictures. Add it, or leave --data out."
                        : given(skipBad) is { Implicit: false } ? "--skip-bad is for --flavor int8, which reads pictures. Leave it out."
                        : null;
                }
            },
            model, flavor, output, data, skipBad, triton, name);
    }
}

/// <summary><c>cifar3 convert IN OUT</c>: between Keras and ONNX, by the files' names.</summary>
internal static class ConvertCommand
{
    private const double DefaultLearningRate = 1e-3; // Keras' Adam

    public static Command Create()
    {
        var input = new Argument<string>("in") { Description = $"The model to read: .keras, .h5, .onnx of this library, or '{ModelFiles.Shipped}', the one inside." };
        var output = new Argument<string>("out") { Description = "The file to write: .onnx, .keras, .h5, .weights.h5." };
        var classes = new Option<string[]>("--classes") { Description = "The classes' names in the order of the model's outputs. Default: those in the file; class_0, class_1, … where it names none.", AllowMultipleArgumentsPerToken = true };
        return Shared.Command(
            "convert",
            "Converts a model between Keras and ONNX; the weights stay the same bits.",
            "cifar3 convert model.h5 model.onnx --classes aeroplane car bird",
            (arguments, _) =>
            {
                string from = arguments.GetValue(input)!, to = arguments.GetValue(output)!;
                var names = arguments.GetValue(classes) is { Length: > 0 } given ? given : null;
                ClassList.CheckDistinct(names ?? [], "--classes");
                bool toKeras = ModelFiles.IsKeras(to);
                if (!toKeras && !Path.GetExtension(to).Equals(".onnx", StringComparison.OrdinalIgnoreCase))
                {
                    throw new ArgumentException($"Cannot tell the format of '{to}'. Expected a name ending in .onnx, .keras, .h5 or .weights.h5.");
                }

                OutputFile.Apart(to, from);
                var (model, state, learningRate) = ModelFiles.LoadWithState(from, names);
                if (toKeras)
                {
                    KerasFile.Save(to, model, state, learningRate: learningRate ?? DefaultLearningRate);
                }
                else
                {
                    model.SaveOnnx(to);
                    Shared.Note(state is null ? null : $"Adam's state (step {state.Step.ToString(CultureInfo.InvariantCulture)}) was left out: ONNX files hold none. A Keras file takes it along.");
                }

                Shared.Print($"{to}, {FileBehind.Of(to)!.Length:N0} bytes, weights {model.WeightHash()}");
                return 0;
            },
            input, output, classes);
    }
}

/// <summary><c>cifar3 inspect MODEL</c>: Keras' summary, the metadata, the history.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var model = ModelFiles.Argument();
        return Shared.Command(
            "inspect",
            "Shows a model's layers, metadata and history.",
            "cifar3 inspect run/model.onnx",
            (arguments, _) =>
            {
                string path = arguments.GetValue(model)!;
                if (TryLoad(path) is { } whole)
                {
                    Console.Write(whole.Summary());
                    Show(whole.Metadata, $"weights: {whole.WeightHash()}");
                    return 0;
                }

                using var classifier = ModelFiles.LoadClassifier(path); // a file for scoring only
                Show(classifier.Metadata, $"input: {OptionWords.Of(classifier.InputDescription)}", $"scored by: {classifier.Device}");
                return 0;
            },
            model);
    }

    private static CnnModel? TryLoad(string path)
    {
        try
        {
            return ModelFiles.Load(path);
        }
        catch (Cifar3ModelException) when (File.Exists(path) && !ModelFiles.IsKeras(path))
        {
            return null; // a quantized file or one of another tool; what is wrong with a damaged one the classifier tells
        }
    }

    private static void Show(ModelMetadata metadata, params IEnumerable<string> last)
    {
        Shared.Print($"classes: {string.Join(", ", metadata.ClassNames)}");
        Shared.Print($"recipe: {metadata.Recipe ?? "not known"}");
        Shared.Print($"trained on: {metadata.TrainedOn ?? "not known"}");
        Console.WriteLine($"seed: {metadata.Seed.ToString(CultureInfo.InvariantCulture)}");
        Console.WriteLine($"epoch: {metadata.Epoch.ToString(CultureInfo.InvariantCulture)}");
        Console.WriteLine($"validation accuracy: {(metadata.ValAccuracy is { } accuracy ? Shared.Percent(accuracy) : "not measured")}");
        if (metadata.Warning is { } warning)
        {
            Shared.Print($"warning: {OptionWords.Of(warning)}");
        }

        Shared.Print($"library: {metadata.LibraryVersion}");
        foreach (string line in last)
        {
            Shared.Print(line);
        }

        if (metadata.History.IsEmpty)
        {
            return;
        }

        var table = new Table().AddColumns("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds");
        foreach (var log in metadata.History)
        {
            table.AddRow(log.Epoch.ToString(CultureInfo.InvariantCulture), Number(log.Loss), Number(log.Accuracy), Number(log.ValLoss), Number(log.ValAccuracy), log.Seconds.ToString("F1", CultureInfo.InvariantCulture));
        }

        Shared.Write(table);

        static string Number(double? value) => value?.ToString("F4", CultureInfo.InvariantCulture) ?? "";
    }
}

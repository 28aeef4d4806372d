using Cifar3.Training;

namespace Cifar3.Tool;

/// <summary>
/// What the libraries say, in words of the command line: they name settings of their API, which a user of the command does not have. The one place of this translation; a test holds every phrase
/// against the libraries' source.
/// </summary>
internal static class OptionWords
{
    /// <summary>The libraries' phrases and what stands in their place; the longer one first where one holds another.</summary>
    public static readonly (string Library, string Command)[] Phrases =
    [
        // training and going on with it
        ("use another WorkspacePath, or set Resume to false to train from the beginning", "name another folder by --out, or leave --resume out to train from the beginning"),
        ("use another WorkspacePath", "name another folder by --out"),
        ("or set Resume to false, and train from the beginning", "or leave --resume out, and train from the beginning"),
        ("Go on, with Resume, in the folder that was moved", "Go on, by --resume and --out, in the folder that was moved"),
        ("Use fewer filters, smaller batches or fewer threads", MemoryFault.Remedy),
        ("train again with a lower learning rate (0.001 is usual)", "train again with --recipe keras, whose learning rate is low (0.001)"),

        // warnings of a training
        ("ClassWeights.Balanced", "--class-weights balanced"),
        ("(for rare classes ClassWeights needs no copies)", "(for rare classes --class-weights balanced needs no copies)"),
        ("InitialModel = CnnModel.LoadDefault().WithClasses(classNames)", "--init-from default"),
        ("Take the recipe auto (Recipe.Auto), have the statistics computed anew (RecomputeStatistics), or train with smaller batches or more epochs", "Take --recipe auto, or more --epochs"),
        ("train without RandomFlip, as the recipe keras does", "train with --recipe keras, which does not mirror them"),
        ("or try another learning rate", "or take another --recipe, and with it another learning rate"),

        // pictures
        (", or name the classes in DataOptions.Classes", ""),
        (" (of folders with DataOptions.Classes, of a data view before MapValueToKey)", ": move their folders elsewhere"),
        (", or stream them with mlContext.Data.LoadCifar3FromFolder", ""),
        ("Stream them with mlContext.Data.LoadCifar3FromFolder, or load fewer", "Take fewer"),
        ("Choose among these in DataOptions.Classes", "Name pictures of the model's classes"),
        ("which DataOptions.Classes asks for", "which the model tells apart"),
        ("DataOptions.Classes", "the model's classes"),

        // models
        ("Leave classNames out: the file tells them.", "Leave --classes out: the file tells them."),
        ("Give classNames in the order of Keras' outputs.", "Name them, in the order of Keras' outputs, by 'cifar3 convert FILE model.onnx --classes …'."),
        (" (KerasLoadOptions.TakeOptimizerState takes it as Adam's)", ""),
        ("Name them in ClassifierOptions.ClassNames, or in a text file beside it", "Name them in a text file beside it"),
        ("in ClassifierOptions.ClassNames or in the text file beside the model", "in the text file beside the model"),
        (", or give ClassifierOptions.ClassNames", ""),
        (". To call classes otherwise, give ClassifierOptions.ClassNames", ""),
        ("Choose a model that this library saved, or, to score another tool's model, name its classes (ClassifierOptions.ClassNames)", "Choose a model that this command saved"),
        ("Score it with Cifar3Classifier.Load, or read the file that SaveOnnx wrote without options", "Name the file that the training left, or that export wrote with --flavor keras; predict and evaluate take this one too"),
        ("Read it with KerasFile.Load of Cifar3.Training, then SaveOnnx", "An .onnx file is needed here: 'cifar3 convert FILE.keras model.onnx' makes one of a Keras file, whose name ends in .keras or .h5"),
        ("Read it with CnnModel.LoadOnnx, or score it with Cifar3Classifier.Load", "Give it a name that ends in .onnx"),
        ("or load the Keras model with CnnModel.LoadKeras and save it with SaveOnnx", "or make it of the Keras file by 'cifar3 convert'"),
        ("Say it in ClassifierOptions.InputScaling", "This command cannot be told; a program tells it by ClassifierOptions.InputScaling"),
        ("for pixels scaled in another way set ClassifierOptions.InputScaling", "this command cannot be told of another scaling; a program tells it by ClassifierOptions.InputScaling"),
        ("If you trust the file and want to wait for it, raise ClassifierOptions.MaxModelCost", "This command allows no more; a program does by ClassifierOptions.MaxModelCost"),
    ];

    /// <summary>What a checkpoint compares, where an option decides it. Put together with the values, so that no source has the whole phrase.</summary>
    private static readonly (string Library, string Command)[] Settings = [("Recipe: expected ", "--recipe: expected "), ("Seed: expected ", "--seed: expected "), ("Epoch: expected ", "--epochs: expected "), ("ClassWeights: expected ", "--class-weights: expected "), ("initial weights: expected ", "initial weights (--init-from): expected "), ("Received: Epoch=", "Received: --epochs=")];

    /// <summary>A message or note of the libraries, in these words.</summary>
    public static string Of(string message) => Phrases.Concat(Settings).Aggregate(message, (text, phrase) => text.Replace(phrase.Library, phrase.Command, StringComparison.Ordinal));

    /// <summary>An error's message in these words.</summary>
    public static string Of(Exception error) => Of(ConsoleText.Message(error));
}

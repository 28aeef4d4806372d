using System.CommandLine;
using Cifar3.Training;

namespace Cifar3.Tool;

/// <summary>Models of every format as commands name them. What a Keras file does not give is said on the standard error.</summary>
internal static class ModelFiles
{
    /// <summary>The name under which the model that travels in the library is asked for.</summary>
    public const string Shipped = "default";

    /// <summary>The name under which new weights are asked for where a model to go on from is.</summary>
    public const string New = "new";

    /// <summary>The model that a command scores with.</summary>
    public static Argument<string> Argument() => Named(".onnx (also of tf2onnx, with its classes in a text file beside it)");

    /// <summary>The model whose weights a command takes.</summary>
    public static Argument<string> WeightsArgument() => Named(".onnx of this library (flavour Keras)");

    /// <summary>Whether pictures of a class may be those that the model inside has learnt: CIFAR-10's aeroplanes, cars and birds, under any of their names.</summary>
    public static bool IsOfShipped(string className) => Cifar10Classes.Find(className) is >= 0 and < 3;

    public static bool IsKeras(string path) => Path.GetExtension(path).ToUpperInvariant() is ".KERAS" or ".H5" or ".HDF5";

    /// <summary>A classifier for a model of any format.</summary>
    public static Cifar3Classifier LoadClassifier(string model) => model == Shipped ? Cifar3Classifier.LoadDefault()
        : IsKeras(model) ? Cifar3Classifier.FromModel(LoadKeras(model).Model)
        : Cifar3Classifier.Load(model);

    /// <summary>A model with its weights: the one inside, from ONNX of this library, or from Keras.</summary>
    public static CnnModel Load(string model) => LoadWithState(model).Model;

    /// <summary>The same with what only a Keras file has: Adam's state and learning rate.</summary>
    /// <param name="model">The file, or <see cref="Shipped"/>.</param>
    /// <param name="classes">Names of the outputs in their order; null = those that the model has.</param>
    /// <param name="namesMatter">Whether to say that a file names no classes.</param>
    public static (CnnModel Model, EngineState? State, double? LearningRate) LoadWithState(string model, IReadOnlyList<string>? classes = null, bool namesMatter = true)
    {
        if (IsKeras(model))
        {
            var keras = LoadKeras(model, classes, namesMatter);
            return (keras.Model, keras.State, keras.LearningRate);
        }

        var loaded = model == Shipped ? CnnModel.LoadDefault() : CnnModel.LoadOnnx(model);
        if (classes is not null && ClassList.OtherOrder(classes, loaded.ClassNames) is { } wrong)
        {
            throw new Cifar3ModelException($"Cannot rename the classes of '{model}': its {wrong}. Leave --classes out: the file tells them."); // as of a Keras file
        }

        return (classes is null ? loaded : loaded.With(loaded.Metadata with { ClassNames = [.. classes] }), null, null);
    }

    /// <summary>The model that a training goes on from, with the classes of its pictures; null for new weights.</summary>
    public static StartModel? LoadStart(string model, IReadOnlyList<string> classes, int seed)
    {
        if (model == New)
        {
            return null;
        }

        var (loaded, state, _) = LoadWithState(model, namesMatter: false);
        return StartModel.For(loaded, state, model, classes, seed);
    }

    private static KerasModel LoadKeras(string path, IReadOnlyList<string>? classes = null, bool namesMatter = true)
    {
        var keras = KerasFile.Load(path, classes);
        foreach (string note in keras.Notes.Where(note => namesMatter || !note.StartsWith("Keras files name no classes", StringComparison.Ordinal)))
        {
            Shared.Note($"{path}: {note}");
        }

        return keras;
    }

    private static Argument<string> Named(string onnx) => new("model") { Description = $"The model: {onnx}, .keras, .h5, or '{Shipped}', the one inside, which knows aeroplanes, cars and birds." };
}

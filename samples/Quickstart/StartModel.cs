using Cifar3;
using Cifar3.Training;

namespace Quickstart;

/// <summary>The model that training goes on from: an ONNX file of this library or a Keras file, with Adam's state where the file has it.</summary>
internal static class StartModel
{
    public static (CnnModel? Model, EngineState? State) Load(string? path, IReadOnlyList<string> classNames)
    {
        if (path is null)
        {
            return (null, null);
        }

        if (Path.GetExtension(path).Equals(".onnx", StringComparison.OrdinalIgnoreCase))
        {
            var model = CnnModel.LoadOnnx(path);
            Console.WriteLine($"Goes on from: {path}, a new optimizer");
            return (model, null);
        }

        var keras = KerasFile.Load(path, classNames); // Keras names no classes: its outputs are taken in the data's order
        Console.WriteLine($"Goes on from: {path} (Keras {keras.KerasVersion ?? "of unknown version"}), {(keras.State is null ? "a new optimizer" : $"Adam at step {keras.State.Step:N0}")}");
        foreach (string note in keras.Notes)
        {
            Console.WriteLine($"              {note}");
        }

        return (keras.Model, keras.State);
    }
}

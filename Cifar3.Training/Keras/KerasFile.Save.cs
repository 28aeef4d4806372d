namespace Cifar3.Training;

/// <summary>The writing half.</summary>
public static partial class KerasFile
{
    /// <summary>Writes a model that Keras opens with <c>load_model</c>: compiled with Adam and categorical cross-entropy, ready for <c>fit</c>.</summary>
    /// <remarks>The same model gives the same bytes. Class names and the rest of the metadata are stored where Keras ignores them.</remarks>
    /// <param name="path">The file; it is replaced as a whole or not at all.</param>
    /// <param name="model">The model.</param>
    /// <param name="state">Adam's moments and step, so that Keras continues where training stopped; its weights must be the model's. Default: none, Keras starts with a fresh Adam.</param>
    /// <param name="format">The format. Default: <see cref="KerasFormat.Auto"/>, by the file's name.</param>
    /// <param name="learningRate">Adam's learning rate, above 0. Default: 0.001.</param>
    /// <exception cref="ArgumentException">The format does not follow from the name, or state and model are not of one network.</exception>
    /// <exception cref="Cifar3Exception">The file cannot be written.</exception>
    public static void Save(string path, CnnModel model, EngineState? state = null, KerasFormat format = KerasFormat.Auto, double learningRate = 1e-3)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(learningRate);
        if (format == KerasFormat.Auto)
        {
            format = FormatOf(path);
        }

        if (state?.DifferenceFrom(model) is { } difference)
        {
            throw new ArgumentException(difference, nameof(state));
        }

        AtomicFile.Write(path, stream => KerasWriter.Write(stream, model, state, learningRate, format));
    }

    private static KerasFormat FormatOf(string path)
    {
        string name = Path.GetFileName(path);
        return Ends(".keras") ? KerasFormat.Keras3
            : Ends(".weights.h5") ? KerasFormat.Keras3Weights
            : Ends(".h5") || Ends(".hdf5") ? KerasFormat.Keras3Hdf5
            : throw new ArgumentException($"Cannot tell the Keras format of '{path}'. Expected a name that ends with .keras, .weights.h5, .h5 or .hdf5, or give the format.", nameof(path));

        bool Ends(string extension) => name.EndsWith(extension, StringComparison.OrdinalIgnoreCase);
    }
}

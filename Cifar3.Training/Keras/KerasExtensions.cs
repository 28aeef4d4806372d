namespace Cifar3.Training;

/// <summary>Keras files read and written where a user looks for them: on <see cref="CnnModel"/>.</summary>
/// <example><code>
/// var model = CnnModel.LoadKeras("model_0.880.h5", ["airplane", "automobile", "bird"]);
/// model.SaveKeras("model.keras");
/// </code></example>
public static class KerasExtensions
{
    extension(CnnModel)
    {
        /// <summary>Reads the model from a Keras file; <see cref="KerasFile.Load"/> also gives Adam's state and notes.</summary>
        /// <param name="path">The file: <c>.keras</c>, <c>.h5</c>, <c>.hdf5</c> or <c>.weights.h5</c>.</param>
        /// <param name="classNames">The classes' names in the order of Keras' outputs. Default: those stored in the file, else <c>class_0</c>, …</param>
        /// <returns>The model.</returns>
        /// <exception cref="Cifar3ModelException">The file is missing, damaged, or holds another network.</exception>
        public static CnnModel LoadKeras(string path, IEnumerable<string>? classNames = null) => KerasFile.Load(path, classNames).Model;
    }

    /// <summary>Writes the model as a Keras file; <see cref="KerasFile.Save"/> tells more.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">The file.</param>
    /// <param name="state">Adam's moments and step. Default: none.</param>
    /// <param name="format">The format. Default: <see cref="KerasFormat.Auto"/>, by the file's name.</param>
    /// <exception cref="ArgumentException">The format does not follow from the name, or state and model are not of one network.</exception>
    /// <exception cref="Cifar3Exception">The file cannot be written.</exception>
    public static void SaveKeras(this CnnModel model, string path, EngineState? state = null, KerasFormat format = KerasFormat.Auto) =>
        KerasFile.Save(path, model, state, format);
}

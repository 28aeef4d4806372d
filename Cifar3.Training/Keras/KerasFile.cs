namespace Cifar3.Training;

/// <summary>
/// Reads and writes Keras model files: <c>.keras</c> archives and HDF5 files, whole models and weights alone, of Keras 2.3, 2.16 and 3.
/// </summary>
/// <remarks>
/// Stateless and safe to call from several threads. Nothing in a file is ever executed.
/// <see href="https://keras.io/api/models/model_saving_apis/model_saving_and_loading/"/>
/// </remarks>
/// <example><code>
/// var keras = KerasFile.Load("model_0.880.h5", ["airplane", "automobile", "bird"]);
/// Console.WriteLine(keras.Model.Summary());
/// KerasFile.Save("model.keras", keras.Model, keras.State);
/// </code></example>
public static partial class KerasFile
{
    /// <summary>The largest file that is opened: the largest network with Adam's state has 0.6 GB.</summary>
    internal const int MaxFileSize = 1 << 30;

    /// <summary>Reads a model that Keras (or this library) saved. The format is found from the content, not from the name.</summary>
    /// <param name="path">The file: <c>.keras</c>, <c>.h5</c>, <c>.hdf5</c> or <c>.weights.h5</c>.</param>
    /// <param name="classNames">The classes' names in the order of Keras' outputs. Default: those that this library stored in the file, else <c>class_0</c>, <c>class_1</c>, …</param>
    /// <param name="dropoutRates">Dropout rates for a file of weights alone, which does not tell them. Default: 0.5 each.</param>
    /// <returns>The model, and Adam's state when the file has it.</returns>
    /// <exception cref="Cifar3ModelException">
    /// The file is missing or damaged, or it is another network: the message names the first difference (layer, expected, found).
    /// </exception>
    public static KerasModel Load(string path, IEnumerable<string>? classNames = null, IEnumerable<double>? dropoutRates = null)
    {
        return Guarded(path, () => KerasReader.Read(ReadAll(path), classNames, dropoutRates));
    }

    /// <summary>Reads a file in memory; <paramref name="name"/> is what errors call it.</summary>
    internal static KerasModel Parse(byte[] content, string name) => Guarded(name, () => KerasReader.Read(content, null, null));

    private static KerasModel Guarded(string path, Func<KerasModel> read)
    {
        try
        {
            return read();
        }
        catch (Cifar3ModelException e)
        {
            throw new Cifar3ModelException($"Cannot read Keras file '{path}': {Readable(e.Message)}", e);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Whatever a reader underneath makes of damaged bytes: the user learns that the file is damaged.
            throw new Cifar3ModelException($"Cannot read Keras file '{path}': it is damaged ({Readable(e.Message).TrimEnd('.')}). Save it again or fetch a fresh copy.", e);
        }
    }

    /// <summary>Messages quote names out of the file: a damaged one may be long or hold control characters.</summary>
    private static string Readable(string message)
    {
        const int longest = 1000;
        return string.Concat((message.Length <= longest ? message : message[..longest] + "…").Select(c => char.IsControl(c) ? '?' : c));
    }

    private static byte[] ReadAll(string path)
    {
        if (Directory.Exists(path))
        {
            throw new Cifar3ModelException("It is a folder, perhaps a TensorFlow SavedModel. Expected a .keras or .h5 file: save the model with model.save(\"model.keras\").");
        }

        if (!File.Exists(path))
        {
            throw new Cifar3ModelException($"The file does not exist. Check the path (current folder: '{Environment.CurrentDirectory}').");
        }

        return BoundedReader.ReadFile(path, MaxFileSize)
            ?? throw new Cifar3ModelException($"It is larger than {MaxFileSize:N0} bytes. This network with Adam's state needs 3.5 MB by default; choose a file of this network.");
    }
}

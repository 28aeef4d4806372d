namespace Cifar3.Training;

/// <summary>
/// Reads and writes Keras model files: <c>.keras</c> archives and HDF5 files, whole models and weights alone, of Keras 2.2 to 3.
/// </summary>
/// <remarks>
/// Stateless and safe to call from several threads. Nothing in a file is ever executed. Reading takes memory in proportion to the file: at
/// most about six times its size, and files are at most 1 GB (the largest network with Adam's state has 0.6 GB).
/// <see href="https://keras.io/api/models/model_saving_apis/model_saving_and_loading/"/>
/// </remarks>
/// <example><code>
/// var keras = KerasFile.Load("model_0.880.h5", ["airplane", "automobile", "bird"]);
/// foreach (string note in keras.Notes) Console.WriteLine(note);
/// KerasFile.Save("model.keras", keras.Model, keras.State);
/// </code></example>
public static class KerasFile
{
    /// <summary>The largest file that is opened: the largest network with Adam's state has 0.6 GB.</summary>
    internal const int MaxFileSize = 1 << 30;

    /// <summary>How many times its size a file may take while it is read.</summary>
    internal const int MemoryTimes = 6;

    /// <summary>The most characters of an error or a note out of a reader: it may quote names of a damaged file.</summary>
    internal const int MaxMessage = 1000;

    /// <summary>Reads a model that Keras (or this library) saved. The format is found from the content, not from the name.</summary>
    /// <remarks>The weights load whatever optimizer the file has; <see cref="KerasModel.Notes"/> says what was converted, assumed or left out.</remarks>
    /// <param name="path">The file: <c>.keras</c>, <c>.h5</c>, <c>.hdf5</c> or <c>.weights.h5</c>.</param>
    /// <param name="classNames">The classes' names in the order of Keras' outputs; those that the file tells, in another order, are refused. Default: those that this library stored in the file, else <c>class_0</c>, <c>class_1</c>, …</param>
    /// <param name="options">What the file cannot tell. Default: Keras' defaults.</param>
    /// <returns>The model, and Adam's state when the file has it.</returns>
    /// <exception cref="Cifar3ModelException">
    /// The file is missing, damaged, of a kind that is not read, needs more memory than there is, or it is another network: the message names
    /// the first difference (layer, expected, found).
    /// </exception>
    public static KerasModel Load(string path, IEnumerable<string>? classNames = null, KerasLoadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Guarded(path, () => ReadAll(path), classNames, options ?? new KerasLoadOptions());
    }

    /// <summary>Writes a model that Keras opens with <c>load_model</c>: compiled with Adam and categorical cross-entropy, ready for <c>fit</c>.</summary>
    /// <remarks>The same model gives the same bytes. Class names and the rest of the metadata, but for the history, are stored where Keras ignores them.</remarks>
    /// <param name="path">The file; it is replaced as a whole or not at all.</param>
    /// <param name="model">The model.</param>
    /// <param name="state">Adam's moments and step, so that Keras continues where training stopped; its weights must be the model's. Default: none, Keras starts with a fresh Adam.</param>
    /// <param name="format">The format. Default: <see cref="KerasFormat.Auto"/>, by the file's name.</param>
    /// <param name="learningRate">Adam's learning rate, above 0 and finite. Default: 0.001.</param>
    /// <exception cref="ArgumentException">The format does not follow from the name, state and model are not of one network, or the learning rate is outside its range.</exception>
    /// <exception cref="Cifar3Exception">The file cannot be written.</exception>
    public static void Save(string path, CnnModel model, EngineState? state = null, KerasFormat format = KerasFormat.Auto, double learningRate = 1e-3)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(model);
        if (!(learningRate > 0 && double.IsFinite(learningRate)))
        {
            throw new ArgumentOutOfRangeException(nameof(learningRate), learningRate, "The learning rate must be above 0 and finite; 0.001 is usual.");
        }

        Defined.Value(format, "There is no such format.");
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

    /// <summary>Reads a file in memory; <paramref name="name"/> is what errors call it.</summary>
    internal static KerasModel Parse(byte[] content, string name, KerasLoadOptions? options = null) => Guarded(name, () => content, null, options ?? new KerasLoadOptions());

    private static KerasModel Guarded(string path, Func<byte[]> read, IEnumerable<string>? classNames, KerasLoadOptions options)
    {
        byte[]? content = null;
        try
        {
            content = read();
            return KerasReader.Read(content, classNames, options);
        }
        catch (Cifar3ModelException e)
        {
            throw new Cifar3ModelException($"Cannot read Keras file '{Shown.Path(path)}': {Shown.Text(e.Message, MaxMessage)}", e);
        }
        catch (OutOfMemoryException e) when (content is not null)
        {
            throw new Cifar3ModelException($"Cannot read Keras file '{Shown.Path(path)}': {MemoryFault.Problem(content.Length, MemoryTimes)}. {MemoryFault.Remedy}.", e);
        }
        catch (Exception e) when (content is null && e is IOException or UnauthorizedAccessException)
        {
            throw new Cifar3ModelException(IoFault.ReadProblem(path, e, "Keras file"), e); // the file is not damaged: it was not read
        }
        catch (Exception e) when (e is not StackOverflowException)
        {
            // Whatever a reader underneath makes of damaged bytes: the user learns that the file is damaged.
            throw new Cifar3ModelException($"Cannot read Keras file '{Shown.Path(path)}': it is damaged ({Shown.Text(e.Message, MaxMessage).TrimEnd('.')}). Save it again or fetch a fresh copy.", e);
        }
    }

    private static byte[] ReadAll(string path)
    {
        if (Directory.Exists(path))
        {
            throw new Cifar3ModelException("It is a folder, perhaps a TensorFlow SavedModel. Expected a .keras or .h5 file: save the model with model.save(\"model.keras\").");
        }

        if (!File.Exists(path) && File.Exists(path + ".index"))
        {
            throw new Cifar3ModelException($"Expected a Keras file (.keras or .h5), found {OtherFile.Checkpoint.What}. {OtherFile.Checkpoint.Remedy}.");
        }

        if (!File.Exists(path))
        {
            throw new Cifar3ModelException($"The file does not exist. {IoFault.PathRemedy(path) ?? $"Check the path (current folder: '{Environment.CurrentDirectory}')"}.");
        }

        return BoundedReader.ReadFile(path, MaxFileSize)
            ?? throw new Cifar3ModelException($"It is larger than {MaxFileSize:N0} bytes. This network with Adam's state needs 3.5 MB by default; choose a file of this network.");
    }

    private static KerasFormat FormatOf(string path)
    {
        string name = Path.GetFileName(path);
        return Ends(".keras") ? KerasFormat.Keras3
            : Ends(".weights.h5") ? KerasFormat.Keras3Weights
            : Ends(".h5") || Ends(".hdf5") ? KerasFormat.Keras3Hdf5
            : throw new ArgumentException($"Cannot tell the Keras format of '{Shown.Path(path)}'. Expected a name that ends with .keras, .weights.h5, .h5 or .hdf5, or give the format.", nameof(path));

        bool Ends(string extension) => name.EndsWith(extension, StringComparison.OrdinalIgnoreCase);
    }
}

using System.Collections.Immutable;

namespace Cifar3;

/// <summary>Classifies 32×32 colour images with a saved model, through ONNX Runtime on the CPU or an NVIDIA GPU.</summary>
/// <remarks>
/// Thread-safe: share one classifier between all threads. Dispose it once, when no more calls will come; calls still running then end well.
/// The program brings ONNX Runtime's native library: reference <c>Microsoft.ML.OnnxRuntime</c>, or <c>Microsoft.ML.OnnxRuntime.Gpu</c> for CUDA.
/// An image scored alone and within a batch gets the same probabilities, but for float32 rounding where the runtime adds in another order.
/// </remarks>
/// <example><code>
/// using var classifier = Cifar3Classifier.Load("cifar3.onnx");
/// Prediction prediction = classifier.Predict("photo.jpg");
/// Console.WriteLine($"{prediction.Label} {prediction.Confidence:P1}");
/// </code></example>
public sealed class Cifar3Classifier : IDisposable
{
    private readonly OnnxSession session;

    private Cifar3Classifier(CnnModel model, byte[] onnx, string name, ClassifierOptions? options)
    {
        options ??= new ClassifierOptions();
        options.Validate();
        Metadata = model.Metadata;
        session = OnnxSession.Create(onnx, name, model.Architecture.Classes, options);
    }

    /// <summary>The classes' names; the index is the label.</summary>
    public ImmutableArray<string> ClassNames => Metadata.ClassNames;

    /// <summary>What the model tells about its training.</summary>
    public ModelMetadata Metadata { get; }

    /// <summary>What the classifier computes on: <see cref="ExecutionProvider.Cpu"/> or <see cref="ExecutionProvider.Cuda"/>.</summary>
    public ExecutionProvider ExecutionProvider => session.Provider;

    /// <summary>Runtime, version and device in words, such as <c>ONNX Runtime 1.31.1, CPU</c>.</summary>
    public string Device => session.Device;

    /// <summary>Why <see cref="ExecutionProvider.Auto"/> took the CPU although the ONNX Runtime package offers CUDA; null where it did not come to that.</summary>
    public string? FallbackReason => session.FallbackReason;

    /// <summary>Loads a model file that <see cref="CnnModel.SaveOnnx(string)"/> wrote.</summary>
    /// <param name="path">The <c>.onnx</c> file.</param>
    /// <param name="options">CPU or GPU, threads. Default: CUDA where it can be had, else the CPU.</param>
    /// <returns>A classifier, the caller's to dispose.</returns>
    /// <exception cref="Cifar3ModelException">The file is missing, damaged, or not written by this library.</exception>
    /// <exception cref="Cifar3Exception">ONNX Runtime's native library is missing, or CUDA was asked for and cannot be had: names the package.</exception>
    public static Cifar3Classifier Load(string path, ClassifierOptions? options = null)
    {
        byte[] onnx = OnnxFile.Read(path);
        return new Cifar3Classifier(OnnxReader.Read(onnx, path), onnx, path, options);
    }

    /// <summary>Loads a model from the bytes of its file.</summary>
    /// <param name="onnx">The whole file's bytes, as <see cref="CnnModel.ToOnnxBytes"/> gives them.</param>
    /// <param name="options">CPU or GPU, threads. Default: CUDA where it can be had, else the CPU.</param>
    /// <returns>A classifier, the caller's to dispose.</returns>
    /// <inheritdoc cref="Load(string, ClassifierOptions)" path="/exception"/>
    public static Cifar3Classifier Load(byte[] onnx, ClassifierOptions? options = null) => new(CnnModel.LoadOnnx(onnx), onnx, OnnxReader.InMemory, options);

    /// <summary>Scores a model without a file, such as one just trained.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">CPU or GPU, threads. Default: CUDA where it can be had, else the CPU.</param>
    /// <returns>A classifier, the caller's to dispose.</returns>
    /// <exception cref="Cifar3Exception">ONNX Runtime's native library is missing, or CUDA was asked for and cannot be had: names the package.</exception>
    public static Cifar3Classifier FromModel(CnnModel model, ClassifierOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new Cifar3Classifier(model, model.ToOnnxBytes(), OnnxReader.InMemory, options);
    }

    /// <summary>Classifies one image given as pixels.</summary>
    /// <param name="pixels">[32, 32, 3], uint8, red, green, blue: 3,072 bytes.</param>
    /// <returns>Label, confidence, probabilities.</returns>
    /// <exception cref="ArgumentException">There are not 3,072 bytes.</exception>
    /// <exception cref="ObjectDisposedException">The classifier is disposed.</exception>
    public Prediction PredictPixels(ReadOnlySpan<byte> pixels)
    {
        if (pixels.Length != CnnArchitecture.ImageBytes)
        {
            throw new ArgumentException($"One image has {CnnArchitecture.ImageBytes:N0} bytes of pixels (32x32x3). Received: {pixels.Length:N0}. For several images call PredictPixelsBatch, for an encoded file Predict.", nameof(pixels));
        }

        Span<float> probabilities = stackalloc float[ClassNames.Length];
        session.Run(pixels, probabilities);
        return new Prediction(ClassNames, [.. probabilities]);
    }

    /// <summary>Classifies images given as pixels.</summary>
    /// <param name="pixels">[N, 32, 32, 3], uint8, red, green, blue: N·3,072 bytes.</param>
    /// <returns>N predictions, in order.</returns>
    /// <exception cref="ArgumentException">The number of bytes is not a multiple of 3,072.</exception>
    /// <exception cref="ObjectDisposedException">The classifier is disposed.</exception>
    public IReadOnlyList<Prediction> PredictPixelsBatch(ReadOnlySpan<byte> pixels)
    {
        var probabilities = new float[pixels.Length / CnnArchitecture.ImageBytes * ClassNames.Length];
        Score(pixels, probabilities);
        return ToPredictions(probabilities);
    }

    /// <summary>Classifies all images of a set.</summary>
    /// <param name="images">The images; their labels are not looked at.</param>
    /// <returns>One prediction an image, in order.</returns>
    /// <exception cref="ObjectDisposedException">The classifier is disposed.</exception>
    public IReadOnlyList<Prediction> PredictBatch(ImageSet images)
    {
        ArgumentNullException.ThrowIfNull(images);
        return PredictPixelsBatch(images.Pixels);
    }

    /// <summary>Probabilities only, into the caller's memory: the way with the least overhead.</summary>
    /// <param name="pixels">[N, 32, 32, 3], uint8, red, green, blue.</param>
    /// <param name="probabilities">Receives [N, classes]; each row sums to 1.</param>
    /// <exception cref="ArgumentException">The sizes do not fit together.</exception>
    /// <exception cref="ObjectDisposedException">The classifier is disposed.</exception>
    public void Score(ReadOnlySpan<byte> pixels, Span<float> probabilities)
    {
        int count = pixels.Length / CnnArchitecture.ImageBytes;
        if (count * CnnArchitecture.ImageBytes != pixels.Length)
        {
            throw new ArgumentException($"Images have {CnnArchitecture.ImageBytes:N0} bytes of pixels each (32x32x3). Received: {pixels.Length:N0} bytes, no multiple of that.", nameof(pixels));
        }

        if (probabilities.Length != count * ClassNames.Length)
        {
            throw new ArgumentException($"{count:N0} images of {ClassNames.Length} classes need {count * ClassNames.Length:N0} probabilities. Received: room for {probabilities.Length:N0}.", nameof(probabilities));
        }

        session.Run(pixels, probabilities);
    }

    /// <summary>Frees the native session; further calls throw <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose() => session.Dispose();

    private Prediction[] ToPredictions(ReadOnlySpan<float> probabilities)
    {
        int classes = ClassNames.Length;
        var predictions = new Prediction[probabilities.Length / classes];
        for (int i = 0; i < predictions.Length; i++)
        {
            predictions[i] = new Prediction(ClassNames, [.. probabilities.Slice(i * classes, classes)]);
        }

        return predictions;
    }
}

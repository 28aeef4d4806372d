using System.Collections.Immutable;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>Classifies 32×32 colour images with a saved model: in C# alone, or through ONNX Runtime on the CPU or an NVIDIA GPU.</summary>
/// <remarks>
/// Thread-safe: share one classifier between all threads. Dispose it once, when no more calls will come; calls still running then end well.
/// What scores is <see cref="ClassifierOptions.Backend"/>'s choice. Files of this library need no native runtime; int8 and other tools' files need
/// ONNX Runtime's, which the program brings: the package <c>Cifar3</c> does, or <c>Microsoft.ML.OnnxRuntime</c>; <c>Cifar3.Gpu</c> for CUDA.
/// An image scored alone and within a batch gets the same probabilities, but for float32 rounding where the runtime adds in another order.
/// </remarks>
/// <example><code>
/// using var classifier = Cifar3Classifier.Load("cifar3.onnx");
/// Prediction prediction = classifier.Predict("photo.jpg");
/// Console.WriteLine($"{prediction.Label} {prediction.Confidence:P1}");
/// </code></example>
public sealed partial class Cifar3Classifier : IDisposable
{
    private readonly IScorer scorer;
    private readonly ScoreRows rows;
    private readonly int maxPixels;
    private readonly bool isForeign;

    private Cifar3Classifier(ScoringModel model, ClassifierOptions options)
    {
        Metadata = model.Metadata;
        rows = ScoreRows.Of(Metadata, options);
        maxPixels = options.MaxImagePixels;
        InputDescription = model.Signature.Describe();
        isForeign = model.IsForeign;
        (scorer, FallbackReason) = ScorerFactory.Create(model, options, typeof(Cifar3Classifier));
    }

    /// <summary>The classes' names; the index is the label.</summary>
    public ImmutableArray<string> ClassNames => Metadata.ClassNames;

    /// <summary>What the model tells about its training.</summary>
    public ModelMetadata Metadata { get; }

    /// <summary>What scores: <see cref="ScoringBackend.Managed"/>, <see cref="ScoringBackend.OnnxRuntime"/> or <see cref="ScoringBackend.Cuda"/>.</summary>
    public ScoringBackend Backend => scorer.Backend;

    /// <summary>What scores in words, such as <c>Managed 0.1.0, CPU, AVX-512, 2 threads</c> or <c>ONNX Runtime 1.31.1, CPU</c>.</summary>
    public string Device => scorer.Device;

    /// <summary>
    /// How the model takes pixels, in one line: layout, range, and for a model of another tool why this range was chosen. Read it once for a model of unknown
    /// origin: the same picture in another range gives another class.
    /// </summary>
    /// <example><c>[N, 3, 32, 32], red, green, blue: 0 to 255 (the pixel itself), read from its graph, which begins with a·x + b with a = 0.00392, …</c></example>
    public string InputDescription { get; }

    /// <summary>
    /// Why <see cref="ScoringBackend.Auto"/> did not take CUDA although the program brings ONNX Runtime with CUDA: one line with what is missing and
    /// the remedy; null where it did not come to that.
    /// </summary>
    public string? FallbackReason { get; }

    /// <summary>Loads a model file that <see cref="CnnModel.SaveOnnx(string)"/> wrote, or one that another tool made of a Keras model.</summary>
    /// <remarks>
    /// A file of another tool (tf2onnx) is taken when its classes are named, by <see cref="ClassifierOptions.ClassNames"/> or a text file
    /// beside it. Names and layout of its input ([N, 32, 32, 3] or [N, 3, 32, 32]) and a missing softmax and the range
    /// of its pixels are found from its graph; <see cref="InputDescription"/> says what was found, <see cref="ClassifierOptions.InputScaling"/> overrides it.
    /// </remarks>
    /// <param name="path">The <c>.onnx</c> file.</param>
    /// <param name="options">What scores, threads, limits; null = all defaults, <see cref="ScoringBackend.Auto"/> among them. Default: null.</param>
    /// <returns>A classifier, the caller's to dispose.</returns>
    /// <exception cref="ArgumentException">An option is outside its range, or two do not go together.</exception>
    /// <exception cref="Cifar3ModelException">The file is missing or damaged, names no classes, or others in number or order than were given, or its graph is none that scores 32×32 colour images.</exception>
    /// <exception cref="Cifar3Exception">ONNX Runtime is needed and its native library is missing, or CUDA was asked for and cannot be had: names the package.</exception>
    public static Cifar3Classifier Load(string path, ClassifierOptions? options = null) =>
        Create(OnnxFile.Open(path, bytes => KernelWarmup.Start(bytes, options)), options);

    /// <summary>Loads a model from the bytes of its file.</summary>
    /// <param name="onnx">The whole file's bytes, as <see cref="CnnModel.ToOnnxBytes()"/> gives them.</param>
    /// <param name="options">What scores, threads, limits; null = all defaults, <see cref="ScoringBackend.Auto"/> among them. Default: null.</param>
    /// <returns>A classifier, the caller's to dispose.</returns>
    /// <inheritdoc cref="Load(string, ClassifierOptions)" path="/exception"/>
    public static Cifar3Classifier Load(byte[] onnx, ClassifierOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(onnx);
        KernelWarmup.Start(onnx, options);
        return Create(OnnxFile.Open(onnx, OnnxFile.InMemory), options);
    }

    /// <summary>Loads the model that travels in this library: aeroplane, car or bird, trained on CIFAR-10's images of those classes.</summary>
    /// <remarks>Its figures stand in the model card, <c>assets/README.md</c>. It gives one of the three classes for every picture, whatever it shows.</remarks>
    /// <param name="options">What scores, threads, limits; null = all defaults, <see cref="ScoringBackend.Auto"/> among them. Default: null.</param>
    /// <returns>A classifier, the caller's to dispose.</returns>
    /// <exception cref="ArgumentException">An option is outside its range, or two do not go together.</exception>
    /// <exception cref="Cifar3ModelException"><see cref="ClassifierOptions.ClassNames"/> are not as many as the model's classes, not all different, or the model's own in another order.</exception>
    /// <exception cref="Cifar3Exception">ONNX Runtime is needed and its native library is missing, or CUDA was asked for and cannot be had: names the package.</exception>
    public static Cifar3Classifier LoadDefault(ClassifierOptions? options = null) => Load(ShippedModel.Read(), options);

    /// <summary>Scores a model without a file, such as one just trained.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">What scores, threads, limits; null = all defaults, <see cref="ScoringBackend.Auto"/> among them. Default: null.</param>
    /// <returns>A classifier, the caller's to dispose.</returns>
    /// <exception cref="ArgumentException">An option is outside its range, or two do not go together.</exception>
    /// <exception cref="Cifar3ModelException"><see cref="ClassifierOptions.ClassNames"/> are not as many as the model's classes, not all different, or the model's own in another order.</exception>
    /// <exception cref="Cifar3Exception">ONNX Runtime is needed and its native library is missing, or CUDA was asked for and cannot be had: names the package.</exception>
    public static Cifar3Classifier FromModel(CnnModel model, ClassifierOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        options = ClassifierOptions.Checked(options);
        return new Cifar3Classifier(ScoringModel.Of(model, options), options);
    }

    /// <summary>
    /// What this machine and program have for scoring: instruction set, ONNX Runtime, the CUDA and cuDNN that it wants and those that are found, the driver, and
    /// what <see cref="ScoringBackend.Auto"/> takes. For questions of the kind "why is my GPU not used?".
    /// </summary>
    /// <remarks>Loads ONNX Runtime's native library, where there is one, and for a moment the CUDA libraries. Nothing that is missing is an error.</remarks>
    /// <returns>A table of lines; print it.</returns>
    public static Diagnosis Diagnose() => MachineDiagnosis.Make();

    /// <summary>Classifies a picture file.</summary>
    /// <param name="path">JPEG, PNG, WEBP, BMP or GIF (first frame), of any size; it is resized to 32×32.</param>
    /// <returns>Label, confidence, probabilities.</returns>
    /// <exception cref="Cifar3ImageException">The file is missing, no picture, damaged or too large: names it.</exception>
    /// <exception cref="ObjectDisposedException">The classifier is disposed.</exception>
    public Prediction Predict(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        Span<byte> pixels = stackalloc byte[CnnArchitecture.ImageBytes];
        ImageDecoder.DecodeFile(path, pixels, maxPixels);
        return PredictPixels(pixels);
    }

    /// <summary>Classifies a picture read from a stream.</summary>
    /// <param name="stream">An encoded picture, from the current position to the end; it stays open.</param>
    /// <returns>Label, confidence, probabilities.</returns>
    /// <exception cref="Cifar3ImageException">The stream cannot be read or holds no picture, or the picture is too large.</exception>
    /// <exception cref="ObjectDisposedException">The classifier is disposed.</exception>
    public Prediction Predict(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Span<byte> pixels = stackalloc byte[CnnArchitecture.ImageBytes];
        ImageDecoder.DecodeStream(stream, pixels, "stream", maxPixels);
        return PredictPixels(pixels);
    }

    /// <summary>Classifies an encoded picture in memory. For pixels call <see cref="PredictPixels"/>.</summary>
    /// <param name="encoded">The content of a JPEG, PNG, … file.</param>
    /// <returns>Label, confidence, probabilities.</returns>
    /// <exception cref="Cifar3ImageException">The bytes are no picture, damaged, or the picture is too large.</exception>
    /// <exception cref="ObjectDisposedException">The classifier is disposed.</exception>
    public Prediction Predict(ReadOnlySpan<byte> encoded)
    {
        Span<byte> pixels = stackalloc byte[CnnArchitecture.ImageBytes];
        ImageDecoder.Decode(encoded, pixels, OnnxFile.InMemory, maxPixels);
        return PredictPixels(pixels);
    }

    /// <summary>Classifies an ML.NET image of any size.</summary>
    /// <param name="image">The image; it stays the caller's to dispose.</param>
    /// <returns>Label, confidence, probabilities.</returns>
    /// <exception cref="Cifar3ImageException">The image is disposed or too large.</exception>
    /// <exception cref="ObjectDisposedException">The classifier is disposed.</exception>
    public Prediction Predict(MLImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        Span<byte> pixels = stackalloc byte[CnnArchitecture.ImageBytes];
        MLImagePixels.Read(image, pixels, "MLImage");
        return PredictPixels(pixels);
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

        Span<float> row = stackalloc float[rows.Width];
        scorer.Score(pixels, row);
        return rows.Read(row);
    }

    /// <summary>Classifies images given as pixels.</summary>
    /// <param name="pixels">[N, 32, 32, 3], uint8, red, green, blue: N·3,072 bytes.</param>
    /// <returns>N predictions, in order.</returns>
    /// <exception cref="ArgumentException">The number of bytes is not a multiple of 3,072.</exception>
    /// <exception cref="ObjectDisposedException">The classifier is disposed.</exception>
    public IReadOnlyList<Prediction> PredictPixelsBatch(ReadOnlySpan<byte> pixels)
    {
        var scores = new float[CheckPixels(pixels) * rows.Width];
        scorer.Score(pixels, scores);
        return rows.ReadAll(scores);
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
        int count = CheckPixels(pixels);
        if (probabilities.Length != count * ClassNames.Length)
        {
            throw new ArgumentException($"{count:N0} images of {ClassNames.Length} classes need {count * ClassNames.Length:N0} probabilities. Received: room for {probabilities.Length:N0}.", nameof(probabilities));
        }

        if (!rows.HasFamiliarity)
        {
            scorer.Score(pixels, probabilities);
            return;
        }

        var scores = new float[count * rows.Width];
        scorer.Score(pixels, scores);
        for (int i = 0; i < count; i++)
        {
            scores.AsSpan(i * rows.Width, ClassNames.Length).CopyTo(probabilities[(i * ClassNames.Length)..]);
        }
    }

    /// <summary>Classifies labelled images and compares: accuracy, log-loss, precision and recall a class, confusion matrix.</summary>
    /// <param name="images">Images of the model's classes, in its order.</param>
    /// <returns>The report.</returns>
    /// <exception cref="Cifar3DataException">The set is empty or has other classes than the model.</exception>
    /// <exception cref="Cifar3Exception">The program is compiled to native code (PublishAot), where ML.NET cannot evaluate.</exception>
    /// <exception cref="ObjectDisposedException">The classifier is disposed.</exception>
    public ClassificationReport Evaluate(ImageSet images) => ClassificationReport.Create(images, PredictBatch(images));

    /// <summary>Classes and what scores, such as <c>aeroplane, car, bird on Managed 0.1.0, CPU, AVX2, 2 threads</c>; for a model of another tool <see cref="InputDescription"/> too.</summary>
    /// <returns>One line.</returns>
    public override string ToString() => $"{Shown.First(ClassNames)} on {Device}{(isForeign ? $"; input {InputDescription}" : "")}";

    /// <summary>Frees memory and threads; further calls throw <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose() => scorer.Dispose();

    /// <summary>Number of images.</summary>
    /// <exception cref="ArgumentException">They are not whole.</exception>
    private static int CheckPixels(ReadOnlySpan<byte> pixels) => pixels.Length % CnnArchitecture.ImageBytes == 0
        ? pixels.Length / CnnArchitecture.ImageBytes
        : throw new ArgumentException($"Images have {CnnArchitecture.ImageBytes:N0} bytes of pixels each (32x32x3). Received: {pixels.Length:N0} bytes, no multiple of that.", nameof(pixels));

    private static Cifar3Classifier Create(OnnxFile file, ClassifierOptions? options)
    {
        options = ClassifierOptions.Checked(options);
        try
        {
            return new Cifar3Classifier(ScoringModel.Open(file, options), options);
        }
        catch (OutOfMemoryException e)
        {
            throw file.NoMemory(e);
        }
    }
}

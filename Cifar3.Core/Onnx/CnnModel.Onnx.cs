namespace Cifar3;

public sealed partial class CnnModel
{
    /// <summary>Writes the model as ONNX, the library's model file format: any ONNX runtime scores it, Netron shows it, and <see cref="LoadOnnx(string)"/> reads it back bit for bit.</summary>
    /// <remarks>
    /// Input <c>input</c>: float [N, 32, 32, 3] (NHWC, red, green, blue, each uint8 / 255); output <c>probabilities</c>: float [N, classes].
    /// N is any number of images. Operator set 17. Class names, recipe, accuracy, history and architecture are in the metadata.
    /// The file is written beside the target and then renamed over it: a crash leaves the old file or the new one.
    /// </remarks>
    /// <param name="path">The file to write, usually <c>*.onnx</c>; its folder is created when missing.</param>
    /// <exception cref="Cifar3Exception">The file cannot be written: names it and the remedy.</exception>
    /// <example><code>
    /// model.SaveOnnx("cifar3.onnx");
    /// using var classifier = Cifar3Classifier.Load("cifar3.onnx");
    /// </code></example>
    public void SaveOnnx(string path) => SaveOnnx(path, new OnnxExportOptions());

    /// <summary>Writes the model as ONNX of another flavour: for faster scoring, in float32 or 8 bits.</summary>
    /// <remarks>
    /// Flavours other than <see cref="OnnxFlavor.Keras"/> take <c>pixels</c>: uint8 [N, 32, 32, 3] (NHWC, red, green, blue), and are made for scoring:
    /// <c>Cifar3Classifier.Load</c> and any ONNX runtime take them, <see cref="LoadOnnx(string)"/> does not, since folded weights cannot be unfolded
    /// bit for bit. Metadata is in all.
    /// </remarks>
    /// <param name="path">The file to write, usually <c>*.onnx</c>; its folder is created when missing.</param>
    /// <param name="options">Flavour and, for int8, calibration.</param>
    /// <exception cref="ArgumentException">An option is out of range, or int8 is asked for without images to calibrate on.</exception>
    /// <exception cref="Cifar3Exception">The file cannot be written, or int8 is asked for and ONNX Runtime's native library, which calibrates, is missing.</exception>
    public void SaveOnnx(string path, OnnxExportOptions options) => AtomicFile.Write(path, ToOnnxBytes(options));

    /// <summary>The bytes that <see cref="SaveOnnx(string)"/> writes. The same model gives the same bytes.</summary>
    /// <returns>An ONNX model.</returns>
    public byte[] ToOnnxBytes() => ToOnnxBytes(new OnnxExportOptions());

    /// <summary>The bytes that <see cref="SaveOnnx(string, OnnxExportOptions)"/> writes.</summary>
    /// <param name="options">Flavour and, for int8, calibration.</param>
    /// <returns>An ONNX model.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or int8 is asked for without images to calibrate on.</exception>
    /// <exception cref="Cifar3Exception">Int8 is asked for and ONNX Runtime's native library, which calibrates, is missing.</exception>
    public byte[] ToOnnxBytes(OnnxExportOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return OnnxExporter.Export(this, options);
    }

    /// <summary>Reads a model that <see cref="SaveOnnx(string)"/> wrote, weights bit for bit, metadata included.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The model.</returns>
    /// <exception cref="Cifar3ModelException">The file is missing, damaged, changed, too large (256 MiB), or not written by this library: names file, expected, found and remedy.</exception>
    public static CnnModel LoadOnnx(string path) => OnnxFile.Open(path).ReadModel();

    /// <summary>Reads a model from the bytes of an ONNX file that this library wrote.</summary>
    /// <param name="onnx">The whole file's bytes.</param>
    /// <returns>The model.</returns>
    /// <exception cref="Cifar3ModelException">The bytes are damaged, changed, too many (256 MiB), or not written by this library.</exception>
    public static CnnModel LoadOnnx(byte[] onnx)
    {
        ArgumentNullException.ThrowIfNull(onnx);
        return OnnxFile.Open(onnx, OnnxFile.InMemory).ReadModel();
    }
}

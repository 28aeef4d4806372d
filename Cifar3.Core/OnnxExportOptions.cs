namespace Cifar3;

/// <summary>How a model is saved as ONNX.</summary>
/// <example><code>
/// model.SaveOnnx("cifar3.int8.onnx", new OnnxExportOptions { Flavor = OnnxFlavor.Int8, CalibrationImages = data.Train });
/// </code></example>
public sealed record OnnxExportOptions
{
    /// <summary>The graph. Default: <see cref="OnnxFlavor.Keras"/>.</summary>
    public OnnxFlavor Flavor { get; init; } = OnnxFlavor.Keras;

    /// <summary>
    /// For <see cref="OnnxFlavor.Int8"/>, which needs them: images as the model will see them, such as the training images; their labels are not
    /// looked at. The model runs over them to learn how large its activations get. Default: null.
    /// </summary>
    public ImageSet? CalibrationImages { get; init; }

    /// <summary>How many of <see cref="CalibrationImages"/> are used, drawn at random with a fixed seed; at least 1. Default: 1,000.</summary>
    public int CalibrationCount { get; init; } = 1000;

    /// <summary>For <see cref="OnnxFlavor.Int8"/>: how large an activation the 8 bits reach. Default: <see cref="CalibrationMethod.Percentile"/>.</summary>
    public CalibrationMethod CalibrationMethod { get; init; } = CalibrationMethod.Percentile;

    /// <summary>For <see cref="CalibrationMethod.Percentile"/>: the share of activations, in percent, that is not clipped; above 50, at most 100. Default: 99.999.</summary>
    public double CalibrationPercentile { get; init; } = 99.999;

    /// <summary>For <see cref="OnnxFlavor.Int8"/>: whether the first convolution, which sees the image, is of 8 bits too. Default: true.</summary>
    public bool QuantizeFirstLayer { get; init; } = true;

    /// <summary>For <see cref="OnnxFlavor.Int8"/>: whether the dense layer, which gives the classes, is of 8 bits too. Default: false.</summary>
    public bool QuantizeLastLayer { get; init; }

    /// <summary>
    /// For <see cref="OnnxFlavor.Int8"/>: whether weights are of 7 bits (−64 to 64), so that the file gives the same classes on every processor. With 8
    /// bits, any program but <c>Cifar3Classifier</c> computes wrongly on x86 processors without VNNI, where sums of two products overflow: accuracy
    /// .8867 in place of .8997 for a model of the notebook's recipe. ONNX Runtime's quantizer calls this <c>reduce_range</c>. Default: true.
    /// </summary>
    public bool ReduceRange { get; init; } = true;

    internal void Validate()
    {
        Defined.Value(Flavor, "There is no such flavour.");
        Defined.Value(CalibrationMethod, "There is no such calibration method.");
        ArgumentOutOfRangeException.ThrowIfLessThan(CalibrationCount, 1);
        if (!(CalibrationPercentile is > 50 and <= 100))
        {
            throw new ArgumentOutOfRangeException(nameof(CalibrationPercentile), CalibrationPercentile, $"The percentile must be above 50 and at most 100. Received: {CalibrationPercentile}.");
        }

        if (Flavor == OnnxFlavor.Int8 && CalibrationImages is not { Count: > 0 })
        {
            throw new ArgumentException("The int8 flavour needs images to calibrate on. Give OnnxExportOptions.CalibrationImages, such as the training images.");
        }
    }
}

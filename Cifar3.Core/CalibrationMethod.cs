namespace Cifar3;

/// <summary>How the largest activation that 8 bits reach is chosen from those that calibration saw; larger ones are clipped to it.</summary>
/// <remarks>
/// The same three as in ONNX Runtime's own quantizer: <see href="https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html"/>.
/// </remarks>
public enum CalibrationMethod
{
    /// <summary>The value that <see cref="OnnxExportOptions.CalibrationPercentile"/> percent of the activations stay below: finer steps for a few clipped outliers.</summary>
    Percentile,

    /// <summary>The largest activation seen: nothing is clipped.</summary>
    MinMax,

    /// <summary>The value that loses the least information (Kullback-Leibler divergence) between the activations' distribution and its 256 steps.</summary>
    Entropy,
}

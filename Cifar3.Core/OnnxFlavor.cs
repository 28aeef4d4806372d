using System.Diagnostics.CodeAnalysis;

namespace Cifar3;

/// <summary>Which graph a model is saved as. They differ in speed, in size, and in who can read them back; <see cref="Keras"/> and <see cref="Optimized"/> compute the same but for rounding.</summary>
public enum OnnxFlavor
{
    /// <summary>
    /// Keras' layers one by one, float32 input of pixels / 255: for any tool, and read back bit for bit by <see cref="CnnModel.LoadOnnx(string)"/>.
    /// </summary>
    Keras,

    /// <summary>
    /// For scoring in float32: input of bytes (uint8), the division inside, normalizations folded into the convolutions.
    /// Probabilities are those of <see cref="Keras"/> within 1e-5.
    /// </summary>
    Optimized,

    /// <summary>
    /// For scoring on the CPU through ONNX Runtime, fastest where processors have VNNI: input of bytes, weights of 8 bits (7 of which are used, unless <see cref="OnnxExportOptions.ReduceRange"/> is false), activations of 8 bits, in a file of a quarter of the size.
    /// Needs <see cref="OnnxExportOptions.CalibrationImages"/>. A few images in a thousand get another class than in float32.
    /// </summary>
    [SuppressMessage("Naming", "CA1720", Justification = "What the quantization is called everywhere.")]
    Int8,
}

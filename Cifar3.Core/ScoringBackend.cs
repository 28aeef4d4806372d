namespace Cifar3;

/// <summary>What computes a model's probabilities.</summary>
public enum ScoringBackend
{
    /// <summary>
    /// The fastest that is there and right: <see cref="Cuda"/> where the program brings ONNX Runtime with CUDA and the machine can use it; else
    /// <see cref="Managed"/> for a model of this library in full (what <see cref="CnnModel.LoadOnnx(string)"/> reads); else <see cref="OnnxRuntime"/>.
    /// </summary>
    Auto,

    /// <summary>
    /// This library's own kernels in C#, on the CPU: no native library is loaded, nothing to install; ONNX Runtime's probabilities within 1e-5,
    /// about three times as fast in float32. For files that <see cref="CnnModel.LoadOnnx(string)"/> reads.
    /// </summary>
    Managed,

    /// <summary>
    /// ONNX Runtime on the CPU, for every flavour of file: the only way for <see cref="OnnxFlavor.Int8"/> and for graphs of other tools. The program
    /// brings the package <c>Microsoft.ML.OnnxRuntime</c>, as the package <c>Cifar3</c> does.
    /// </summary>
    OnnxRuntime,

    /// <summary>
    /// ONNX Runtime on an NVIDIA GPU, or an error that says what is missing. Needs the package <c>Cifar3.Gpu</c> (<c>Microsoft.ML.OnnxRuntime.Gpu</c>), a
    /// driver, CUDA and cuDNN.
    /// </summary>
    Cuda,
}

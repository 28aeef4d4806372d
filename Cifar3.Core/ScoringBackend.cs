namespace Cifar3;

/// <summary>Whose code computes the probabilities.</summary>
public enum ScoringBackend
{
    /// <summary>ONNX Runtime, CPU or GPU, every flavour of file. Needs one of its packages.</summary>
    OnnxRuntime,

    /// <summary>
    /// This library's own kernels in C#: no native library is loaded, nothing to install, the same probabilities within 1e-5. On the CPU, for files
    /// that <see cref="CnnModel.LoadOnnx(string)"/> reads.
    /// </summary>
    Managed,
}

namespace Cifar3;

/// <summary>What ONNX Runtime computes on; ONNX Runtime's word for a back end.</summary>
public enum ExecutionProvider
{
    /// <summary>CUDA where the program's ONNX Runtime package offers it and the machine can, else the CPU.</summary>
    Auto,

    /// <summary>The CPU. Needs the package <c>Microsoft.ML.OnnxRuntime</c> (or the Gpu one, which can both).</summary>
    Cpu,

    /// <summary>An NVIDIA GPU, or an error. Needs the package <c>Microsoft.ML.OnnxRuntime.Gpu</c> in place of <c>Microsoft.ML.OnnxRuntime</c>, CUDA and cuDNN.</summary>
    Cuda,
}

namespace Cifar3.Tests;

/// <summary>The drivers that kernels are tested behind.</summary>
public enum GpuHost
{
    /// <summary>An OpenCL driver compiles the kernels' text: a GPU's, or PoCL for processors.</summary>
    OpenCl,

    /// <summary>The CUDA host runs the embedded PTX, interpreted instruction by instruction: see <see cref="FakeCuda"/>. Needs nothing.</summary>
    Ptx,
}

namespace Cifar3.Training;

/// <summary>What computes the training steps.</summary>
public enum TrainingEngine
{
    /// <summary><see cref="Gpu"/> on NVIDIA's cards, else <see cref="TensorFlow"/> if its library is present and shows a GPU, else <see cref="Managed"/>.</summary>
    Auto,

    /// <summary>The CPU engine in pure C#: any operating system and processor that .NET runs on, nothing to install.</summary>
    Managed,

    /// <summary>TensorFlow's C library, on the CPU or on an NVIDIA GPU; the app adds the package that holds it (see <see cref="TensorFlowEngine"/>).</summary>
    TensorFlow,

    /// <summary>
    /// A GPU through its driver alone, nothing to install (see <see cref="GpuEngine"/>): NVIDIA's since 2016, and any with OpenCL 1.2. OpenCL has not been
    /// run on a GPU yet, only on a processor, so <see cref="Auto"/> does not choose that.
    /// </summary>
    Gpu,
}

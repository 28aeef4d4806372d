namespace Cifar3.Training;

/// <summary>What <see cref="TensorFlowEngine"/> alone needs to know; other engines ignore it.</summary>
/// <remarks>
/// TensorFlow keeps some of this for the whole process: the library cannot be exchanged, and the number of threads and the visible GPU
/// are those of the first engine.
/// </remarks>
public sealed record TensorFlowOptions
{
    /// <summary>
    /// The library file (<c>libtensorflow.so</c>, <c>libtensorflow_cc.so.2</c>, <c>tensorflow.dll</c>, <c>libtensorflow.dylib</c>) or its folder.
    /// Null looks in <c>CIFAR3_TENSORFLOW</c>, in the app's own files, and where the system's loader looks. Default: null.
    /// </summary>
    public string? LibraryPath { get; init; }

    /// <summary>What to compute on. Default: Auto.</summary>
    public TensorFlowDevice Device
    {
        get;
        init => field = Defined.Value(value, "There is no such device.", nameof(Device));
    }

    /// <summary>Which GPU to use, from 0, in the order that CUDA lists them; the others are left alone. Default: 0.</summary>
    public int GpuIndex { get; init; }

    /// <summary>Whether to take GPU memory as it is needed; false takes nearly all of it at once, as TensorFlow does by itself. Default: true.</summary>
    public bool AllowMemoryGrowth { get; init; } = true;
}

/// <summary>What TensorFlow computes on.</summary>
public enum TensorFlowDevice
{
    /// <summary>The GPU if the library shows one, else the CPU.</summary>
    Auto,

    /// <summary>The CPU, even where a GPU is there.</summary>
    Cpu,

    /// <summary>The GPU; an error where the library shows none.</summary>
    Gpu,
}

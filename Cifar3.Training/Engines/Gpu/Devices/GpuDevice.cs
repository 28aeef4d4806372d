namespace Cifar3.Training;

/// <summary>
/// What an engine needs of a driver: memory, kernels, launches in order. Two drivers can be behind it, and a test that fails on purpose.
/// </summary>
/// <remarks>All calls come from one thread at a time. Launches and copies take place in the order of the calls.</remarks>
internal abstract class GpuDevice : IDisposable
{
    /// <summary>Work-items of a work-group, in all kernels: <c>GROUP</c> in <c>common.cl</c>.</summary>
    public const int Group = 64;

    /// <summary>Device and driver in words, such as <c>NVIDIA H100 80GB HBM3 (CUDA driver 12.4, sm_90)</c>.</summary>
    public abstract string Description { get; }

    /// <summary>Takes memory; what it holds is not defined. It goes with the device.</summary>
    /// <exception cref="GpuException">There is not enough.</exception>
    public abstract GpuBuffer Allocate(long bytes);

    /// <summary>The kernel of a name in the kernels' text.</summary>
    public abstract GpuKernel Kernel(string name);

    /// <summary>Copies to the device; the span may change afterwards.</summary>
    public abstract void Write(GpuBuffer buffer, ReadOnlySpan<byte> values);

    /// <summary>Waits for all launches and copies from the beginning of a buffer. What went wrong before shows here at the latest.</summary>
    public abstract void Read(GpuBuffer buffer, Span<byte> values);

    /// <summary>Begins to copy from the beginning of a buffer what the launches so far leave there; <see cref="EndRead"/> gives it. Nothing may change it in between.</summary>
    public abstract void StartRead(GpuBuffer buffer, int bytes);

    /// <summary>
    /// Waits for what <see cref="StartRead"/> began, and gives that many bytes. What went wrong before shows here at the latest; launches since then may still go on.
    /// </summary>
    public abstract void EndRead(Span<byte> values);

    /// <summary>Sees to it that what is launched from now on takes place only where all launches before did; a driver that does not promise that is waited for.</summary>
    /// <exception cref="GpuException">One before failed.</exception>
    public abstract void Secure();

    /// <summary>Launches x·y·z work-groups, and does not wait for them.</summary>
    public abstract void Launch(GpuKernel kernel, int x, int y, int z, params ReadOnlySpan<GpuArgument> arguments);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives everything back to the driver.</summary>
    protected abstract void Dispose(bool disposing);
}

using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>What the layers of one engine share: the device, the state's layout, and buffers that all use one after the other.</summary>
internal sealed class GpuContext
{
    /// <summary>Rows that one work-group adds up, of sums over all pixels of a batch.</summary>
    public const int TileRows = 128;

    /// <summary>Elements of a work-item in kernels with <c>EACH_ELEMENT</c>: FEW in <c>common.cl</c>.</summary>
    public const int Few = 4;

    /// <summary>Columns of a work-group in kernels that add up columns: COLUMN in <c>common.cl</c>.</summary>
    private const int Column = 16;

    private long partFloats = 1;
    private GpuBuffer? part;

    /// <param name="device">The device.</param>
    /// <param name="model">The network.</param>
    /// <param name="options">The dropout masks' seed, and which layers are frozen.</param>
    /// <param name="images">The largest batch.</param>
    public GpuContext(GpuDevice device, CnnModel model, EngineOptions options, int images)
    {
        (Device, Options, Images) = (device, options, images);
        Parameters = new GpuParameters(model, options.FrozenLayers);
        State = Floats(Parameters.StateSize);
        Gradients = Floats(Parameters.Trainable);
        Norms = Floats(2L * Parameters.Moving);
    }

    public GpuDevice Device { get; }

    public EngineOptions Options { get; }

    public GpuParameters Parameters { get; }

    /// <summary>The largest batch.</summary>
    public int Images { get; }

    /// <summary>Parameters, moving statistics and Adam's moments, laid out as <see cref="Parameters"/> says.</summary>
    public GpuBuffer State { get; }

    /// <summary>Gradients of the trainable parameters [T].</summary>
    public GpuBuffer Gradients { get; }

    /// <summary>What normalization works with: the mean and variance of all layers laid out as the moving ones [S], and behind them the inverse deviations, at the means' places [S].</summary>
    public GpuBuffer Norms { get; }

    /// <summary>Parts of sums, each used by the launch that follows.</summary>
    public GpuBuffer Part => part ??= Floats(partFloats);

    /// <summary>Whether a layer is frozen.</summary>
    public bool IsFrozen(CnnLayer layer) => Options.FrozenLayers.Contains(layer.Name);

    /// <summary>Says how many floats of <see cref="Part"/> a layer needs; before its first use.</summary>
    public void ReservePart(long floats) => partFloats = Math.Max(partFloats, floats);

    /// <summary>Number of tiles of <see cref="TileRows"/> rows.</summary>
    public static int Tiles(int rows) => (rows + TileRows - 1) / TileRows;

    /// <summary>Number of work-groups of kernels that add up so many columns.</summary>
    public static int ColumnGroups(int columns) => (columns + Column - 1) / Column;

    /// <summary>Takes memory for floats; kernels count them with 32 bits.</summary>
    public GpuBuffer Floats(long count) => count <= int.MaxValue
        ? Device.Allocate(count * sizeof(float))
        : throw new Cifar3Exception($"A buffer of {count:N0} numbers is too large for the GPU engine, which takes {int.MaxValue:N0} at most. Give a smaller MaxBatchSize, or fewer filters. Received: MaxBatchSize={Images}.");

    /// <summary>A new buffer with values.</summary>
    public GpuBuffer Filled<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values);
        var buffer = Device.Allocate(bytes.Length);
        Device.Write(buffer, bytes);
        return buffer;
    }

    /// <summary>Launches a kernel that computes element by element, one a work-item.</summary>
    public void Each(GpuKernel kernel, int elements, params ReadOnlySpan<GpuArgument> arguments) => Launch(kernel, elements, GpuDevice.Group, arguments);

    /// <summary>Launches a kernel whose work-items compute <see cref="Few"/> elements each: for the many of a batch's tensors.</summary>
    public void EachFew(GpuKernel kernel, int elements, params ReadOnlySpan<GpuArgument> arguments) => Launch(kernel, elements, Few * GpuDevice.Group, arguments);

    private void Launch(GpuKernel kernel, int elements, long perGroup, ReadOnlySpan<GpuArgument> arguments) =>
        Device.Launch(kernel, (int)((elements + perGroup - 1) / perGroup), 1, 1, arguments);
}

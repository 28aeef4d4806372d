using System.Runtime.CompilerServices;

namespace Cifar3.Training;

/// <summary>A tensor in TensorFlow's memory, seen as a span.</summary>
/// <remarks>
/// A tensor fed to an assignment, and one fetched from a variable, SHARE the variable's memory: never write into such a one, and dispose it soon.
/// Tensors fed to other operators may be written again and fed again after the run.
/// </remarks>
internal sealed unsafe class Tensor : IDisposable
{
    private readonly void* data;
    private readonly int bytes;

    /// <summary>Takes ownership.</summary>
    public Tensor(TensorHandle handle)
    {
        Handle = handle;
        data = TensorFlowApi.TF_TensorData(handle);
        bytes = checked((int)TensorFlowApi.TF_TensorByteSize(handle));
    }

    public TensorHandle Handle { get; }

    /// <summary>A tensor with undefined content.</summary>
    public static Tensor Allocate(DataType type, params ReadOnlySpan<long> shape)
    {
        long size = type == DataType.UInt8 ? 1 : 4;
        foreach (long dim in shape)
        {
            size = checked(size * dim);
        }

        fixed (long* dims = shape)
        {
            var handle = TensorFlowApi.TF_AllocateTensor(type, dims, shape.Length, checked((nuint)size));
            if (handle.IsInvalid || (size > 0 && TensorFlowApi.TF_TensorData(handle) == null)) // where memory ends TensorFlow gives a tensor that lies nowhere
            {
                handle.Dispose();
                throw new TensorFlowException($"TensorFlow cannot allocate a tensor of {size:N0} bytes. Free memory or train with smaller batches.");
            }

            return new Tensor(handle);
        }
    }

    /// <summary>A tensor with the given elements.</summary>
    public static Tensor Create<T>(DataType type, ReadOnlySpan<T> values, params ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        var tensor = Allocate(type, shape);
        values.CopyTo(tensor.Span<T>());
        return tensor;
    }

    /// <summary>The elements, row-major; valid until the tensor is disposed.</summary>
    public Span<T> Span<T>()
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(Handle.IsClosed, this);
        return new Span<T>(data, bytes / Unsafe.SizeOf<T>());
    }

    public void Dispose() => Handle.Dispose();
}

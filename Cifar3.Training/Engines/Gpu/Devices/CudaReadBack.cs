namespace Cifar3.Training;

/// <summary>
/// One copy from the device that the host waits for by itself, while launches behind it go on: page-locked memory of its own, and an event behind the copy.
/// </summary>
/// <remarks>A training step reads its losses so: the host prepares the next batch while the card is still in the backward pass.</remarks>
internal sealed unsafe class CudaReadBack(CudaDevice device)
{
    private const uint WithoutTiming = 2; // CU_EVENT_DISABLE_TIMING

    private byte* memory;
    private int capacity, bytes;
    private nint behind;

    /// <summary>Begins a copy; one that was begun before is forgotten.</summary>
    /// <param name="buffer">Where from, from its beginning.</param>
    /// <param name="bytes">How much.</param>
    public void Start(GpuBuffer buffer, int bytes)
    {
        Reserve(bytes);
        this.bytes = bytes;
        device.Check(device.Driver.MemcpyDtoHAsync(memory, buffer.Handle, bytes, device.Stream), "a copy from the device");
        device.Check(device.Driver.EventRecord(behind, device.Stream), "an event");
    }

    /// <summary>Waits for the copy.</summary>
    /// <param name="values">Receives it; as many bytes as were begun.</param>
    public void End(Span<byte> values)
    {
        device.Check(device.Driver.EventSynchronize(behind), "the launches");
        new Span<byte>(memory, bytes).CopyTo(values);
    }

    /// <summary>Gives event and memory back; all copies are done.</summary>
    public void Free()
    {
        if (memory != null)
        {
            device.Driver.MemFreeHost(memory);
        }

        if (behind != 0)
        {
            device.Driver.EventDestroy(behind);
        }

        memory = null;
        (capacity, behind) = (0, 0);
    }

    // A copy that was begun and never ended may still write into the memory that is too small: the stream is waited for.
    private void Reserve(int bytes)
    {
        if (behind == 0)
        {
            nint made = 0;
            device.Check(device.Driver.EventCreate(&made, WithoutTiming), "an event");
            behind = made;
        }

        if (bytes <= capacity)
        {
            return;
        }

        if (memory != null)
        {
            device.Check(device.Driver.StreamSynchronize(device.Stream), "the launches");
            device.Driver.MemFreeHost(memory);
            memory = null;
            capacity = 0;
        }

        void* locked = null;
        device.Check(device.Driver.MemHostAlloc(&locked, bytes, 0), $"{bytes:N0} bytes of page-locked memory");
        memory = (byte*)locked;
        capacity = bytes;
    }
}

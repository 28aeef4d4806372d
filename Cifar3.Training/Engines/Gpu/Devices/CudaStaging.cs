namespace Cifar3.Training;

/// <summary>
/// Page-locked memory that copies to the device pass through: the card fetches them from there by itself, while the caller goes on and may change what
/// it gave. Used from the beginning to the end; whoever finds no room waits for the copies, and all of it is free again.
/// </summary>
/// <param name="start">The memory.</param>
/// <param name="size">Its bytes.</param>
internal unsafe struct CudaStaging(byte* start, int size)
{
    /// <summary>Bytes that a device takes: the pixels of 1,300 images, several times those of a usual batch.</summary>
    public const int DefaultSize = 4 << 20;

    private const int Alignment = 256;
    private int used;

    /// <summary>The whole of it.</summary>
    public readonly byte* Start => start;

    /// <summary>Its bytes.</summary>
    public readonly int Size => size;

    /// <summary>Bytes taken so far.</summary>
    public readonly int Used => used;

    /// <summary>Says that all copies are done.</summary>
    public void Clear() => used = 0;

    /// <summary>Bytes of a copy that fit now; 0 where one must wait.</summary>
    public readonly int Room => size - used;

    /// <summary>Takes room of at most <see cref="Room"/> bytes.</summary>
    public byte* Take(int bytes)
    {
        byte* room = start + used;
        used = Math.Min(size, (used + bytes + Alignment - 1) / Alignment * Alignment);
        return room;
    }
}

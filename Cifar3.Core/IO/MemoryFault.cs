namespace Cifar3;

/// <summary>A lack of memory in the words of every reader: which file would have needed how much, and what to do.</summary>
internal static class MemoryFault
{
    /// <summary>What to do.</summary>
    public const string Remedy = "Free memory, or raise this process's limit (its container's, or DOTNET_GCHeapHardLimit)";

    /// <summary>Whether memory ran out, here or where a file was read.</summary>
    public static bool Is(Exception? e) => e is OutOfMemoryException or IOException { InnerException: OutOfMemoryException };

    /// <summary>Whether native code may take so many bytes. What it takes beyond the memory of the machine or container, the system gives at first, and then ends the process without a word.</summary>
    public static unsafe bool HasRoom(long bytes)
    {
        if (bytes > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
        {
            return false;
        }

        void* memory = ZeroedMemory.TryAllocate(bytes); // address space, which a user's limit may end (ulimit -v); no page of it is touched
        if (memory is null)
        {
            return false;
        }

        ZeroedMemory.Free(memory, bytes);
        return true;
    }

    /// <summary>What is wrong, for a file of so many bytes whose reader takes so many times as much.</summary>
    public static string Problem(long bytes, int times) => FormattableString.Invariant($"it needs about {times * bytes / 1_000_000 + 1:N0} MB of memory, more than there is");
}

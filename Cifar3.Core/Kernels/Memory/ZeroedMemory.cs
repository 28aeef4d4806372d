using System.Runtime.InteropServices;

namespace Cifar3;

/// <summary>Native memory of zeros. Large pieces on Linux come from the system itself and go back to it when they are freed.</summary>
/// <remarks>
/// glibc keeps what was freed for its own next use, in pools of each thread: a process that trained on several threads, one after the other, held several
/// times an engine's memory. It also writes zeros into what it gives out a second time, so that even buffers nobody touches would cost memory.
/// </remarks>
internal static unsafe partial class ZeroedMemory
{
    private const long Large = 128 << 10; // from here on glibc, too, asks the system, until something as large was freed

    // of Linux' mman.h, on x64 and arm64
    private const int ReadWrite = 1 | 2, PrivateAnonymous = 0x02 | 0x20;

    /// <summary>Memory of zeros, aligned to 16 bytes or more; null where there is none.</summary>
    /// <param name="bytes">Its size.</param>
    public static void* TryAllocate(long bytes)
    {
        try
        {
            if (!IsMapped(bytes))
            {
                return NativeMemory.AllocZeroed((nuint)bytes);
            }

            void* memory = Map(null, (nuint)bytes, ReadWrite, PrivateAnonymous, -1, 0);
            return memory == (void*)-1 ? null : memory;
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    /// <summary>Frees what <see cref="TryAllocate"/> gave.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="bytes">Its size, as it was asked for.</param>
    public static void Free(void* memory, long bytes)
    {
        if (IsMapped(bytes))
        {
            _ = Unmap(memory, (nuint)bytes);
        }
        else
        {
            NativeMemory.Free(memory);
        }
    }

    private static bool IsMapped(long bytes) => bytes >= Large && OperatingSystem.IsLinux();

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);
}

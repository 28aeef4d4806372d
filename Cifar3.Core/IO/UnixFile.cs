using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cifar3;

/// <summary>What a path is on Unix: its kind, owner and place; and whether an open pipe has a reader. .NET's file API hides these, but for its own use has them in a library with the same layout on every system.</summary>
internal static partial class UnixFile
{
    private const int KindMask = 0xF000, Fifo = 0x1000, CharacterDevice = 0x2000, Folder = 0x4000, BlockDevice = 0x6000, Regular = 0x8000, Socket = 0xC000;

    private const int AnyWrite = 0x92; // 0222

    private const short PollError = 8, PollHangUp = 16; // as dotnet/runtime has them on every system

    /// <summary>What a path leads to, links followed.</summary>
    /// <param name="Mode">Kind and permissions.</param>
    /// <param name="User">The owner.</param>
    /// <param name="Group">The owner's group.</param>
    /// <param name="Length">Its bytes.</param>
    /// <param name="Device">The file system it lies on.</param>
    public readonly record struct Status(int Mode, uint User, uint Group, long Length, long Device)
    {
        /// <summary>Whether it is a folder.</summary>
        public bool IsFolder => (Mode & KindMask) == Folder;

        /// <summary>Whether it is a file of bytes on a disk.</summary>
        public bool IsRegular => (Mode & KindMask) == Regular;

        /// <summary>What it is, in words.</summary>
        public string Kind => (Mode & KindMask) switch
        {
            Fifo => "a named pipe (FIFO)",
            CharacterDevice => "a device",
            BlockDevice => "a disk device",
            Folder => "a folder",
            Socket => "a socket",
            Regular => "a file",
            _ => "something unknown",
        };
    }

    /// <summary>What a path leads to; null where nothing is there, or on a system that cannot say (Windows).</summary>
    public static Status? Find(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return null;
        }

        try
        {
            return Stat(path, out var status) == 0 ? new Status(status.Mode, status.User, status.Group, status.Length, status.Device) : null;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Whether there is a file that nobody may write: without any such permission, or with Windows' read-only attribute.</summary>
    public static bool IsProtected(string path) => OperatingSystem.IsWindows()
        ? File.Exists(path) && (File.GetAttributes(path) & FileAttributes.ReadOnly) != 0
        : Find(path) is { IsRegular: true } found && (found.Mode & AnyWrite) == 0;

    /// <summary>Gives a new file the owner and the permissions of the one that it will replace, as far as this user may.</summary>
    public static void KeepOwnerAndMode(string old, string replacement)
    {
        if (OperatingSystem.IsWindows() || Find(old) is not { } before || Find(replacement) is not { } now)
        {
            return;
        }

        if ((before.User, before.Group) != (now.User, now.Group) && ChangeOwner(replacement, before.User, before.Group) != 0)
        {
            // Only root may give files away; a group of one's own can be kept all the same.
            _ = ChangeOwner(replacement, uint.MaxValue, before.Group);
        }

        File.SetUnixFileMode(replacement, File.GetUnixFileMode(old));
    }

    /// <summary>Waits until a folder's names, such as that of a file just renamed, are on the disk. File systems without such a promise do nothing.</summary>
    public static void SyncFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            return; // NTFS keeps a journal of names
        }

        int handle = Open(folder, 0);
        if (handle >= 0)
        {
            _ = Sync(handle);
            _ = Close(handle);
        }
    }

    /// <summary>Opens a file for reading whoever has locked it, which .NET's own streams do not; null where that cannot be done.</summary>
    public static FileStream? OpenUnlocked(string path)
    {
        int handle = Open(path, 0);
        return handle < 0 ? null : new FileStream(new SafeFileHandle(handle, ownsHandle: true), FileAccess.Read, 1);
    }

    /// <summary>Whether what is written to an open handle reaches nobody, because the other end of its pipe, socket or terminal is closed; false on a system that cannot say (Windows).</summary>
    public static bool HasNoReader(int handle)
    {
        if (OperatingSystem.IsWindows())
        {
            return false;
        }

        try
        {
            var asked = new PollEvent { Handle = handle }; // errors and hang-ups are told without being asked for
            return Poll(ref asked, 1, 0, out _) == 0 && (asked.Found & (PollError | PollHangUp)) != 0;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_Poll")]
    private static partial int Poll(ref PollEvent asked, uint count, int milliseconds, out uint found);

    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_Stat", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Stat(string path, out FileStatus status);

    [LibraryImport("libc", EntryPoint = "chown", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Sync(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);

    /// <summary>PollEvent of dotnet/runtime's pal_io.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct PollEvent
    {
        public int Handle;
        public short Asked, Found;
    }

    /// <summary>FileStatus of dotnet/runtime's pal_io.h, with room behind it should it grow.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct FileStatus
    {
        [FieldOffset(4)]
        public int Mode;

        [FieldOffset(8)]
        public uint User;

        [FieldOffset(12)]
        public uint Group;

        [FieldOffset(16)]
        public long Length;

        [FieldOffset(88)]
        public long Device;
    }
}

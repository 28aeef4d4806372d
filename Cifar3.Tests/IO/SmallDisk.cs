using System.Diagnostics;
using System.Globalization;

namespace Cifar3.Tests;

/// <summary>A disk of a few hundred kilobytes in memory, to be full or read-only: Linux' tmpfs, which needs the right to mount.</summary>
internal sealed class SmallDisk : IDisposable
{
    private SmallDisk(string path) => Path = path;

    /// <summary>Where it is mounted.</summary>
    public string Path { get; }

    /// <summary>Mounts one; the test is skipped where that is not allowed.</summary>
    public static SmallDisk Mount(int kilobytes)
    {
        Assume.That(OperatingSystem.IsLinux(), "Needs Linux' tmpfs.");
        string path = TestFiles.NewFolder();
        Assume.That(Run("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={kilobytes}k"), "tmpfs", path), Is.Zero, "Needs the right to mount a disk.");
        return new SmallDisk(path);
    }

    /// <summary>Writes a file that leaves so many kilobytes free, in place of the one before.</summary>
    public void Fill(int leaving)
    {
        string file = System.IO.Path.Combine(Path, "full");
        File.Delete(file);
        using var stream = new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.None, 0);
        try
        {
            for (long free = new DriveInfo(Path).AvailableFreeSpace - 1024L * leaving; free > 0; free -= 4096)
            {
                stream.Write(new byte[Math.Min(4096, free)]);
            }
        }
        catch (IOException)
        {
            // full is full
        }
    }

    /// <summary>Allows no more writing.</summary>
    public void MakeReadOnly() => Assert.That(Run("mount", "-o", "remount,ro", Path), Is.Zero);

    public void Dispose() => Run("umount", "-l", Path);

    private static int Run(string command, params string[] arguments)
    {
        var start = new ProcessStartInfo(command, arguments) { RedirectStandardError = true };
        try
        {
            using var process = Process.Start(start)!;
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return -1;
        }
    }
}

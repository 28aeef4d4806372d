using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;

namespace Cifar3.Training;

/// <summary>
/// Keeps what native code prints on the standard error while something runs. TensorFlow's own lines are returned; anything else,
/// which other threads of the app may have written meanwhile, is passed on afterwards. Linux only; elsewhere nothing is kept back.
/// </summary>
internal static unsafe partial class StandardErrorCapture
{
    private const int StandardError = 2;

    /// <summary>Runs the action with the standard error turned into a memory file.</summary>
    /// <returns>TensorFlow's lines.</returns>
    public static IReadOnlyList<string> During(Action action)
    {
        int file = OperatingSystem.IsLinux() ? CreateMemoryFile("cifar3-stderr", 0) : -1;
        if (file < 0)
        {
            action();
            return [];
        }

        using var owner = new SafeFileHandle(file, ownsHandle: true);
        int saved = Duplicate(StandardError);
        if (saved < 0 || DuplicateTo(file, StandardError) < 0)
        {
            action();
            return [];
        }

        try
        {
            action();
        }
        finally
        {
            _ = DuplicateTo(saved, StandardError);
            _ = Close(saved);
        }

        return Split(ReadAll(owner));
    }

    /// <summary>TensorFlow's lines out of a text; the others go to the standard error.</summary>
    private static List<string> Split(string text)
    {
        var notices = new List<string>();
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (TensorFlowLine().IsMatch(line))
            {
                notices.Add(line);
            }
            else
            {
                Console.Error.WriteLine(line);
            }
        }

        return notices;
    }

    private static string ReadAll(SafeFileHandle file)
    {
        var bytes = new byte[RandomAccess.GetLength(file)];
        int length = RandomAccess.Read(file, bytes, 0);
        return Encoding.UTF8.GetString(bytes, 0, length);
    }

    /// <summary>"2026-01-31 12:00:00.000000: I tensorflow/…", abseil's "I0000 00:00:00.000000 1 port.cc:153] …" and its first warning.</summary>
    [GeneratedRegex(@"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] |[IWE]\d{4} \d\d:\d\d:\d+\.\d+ |WARNING: All log messages before absl::InitializeLog|To enable the following instructions)")]
    private static partial Regex TensorFlowLine();

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateMemoryFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Duplicate(int file);

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int DuplicateTo(int from, int to);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}

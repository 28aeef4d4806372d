using System.Runtime.InteropServices;

namespace Cifar3;

/// <summary>
/// Sets environment variables where native code sees them: .NET keeps its own copy, so that
/// <see cref="Environment.SetEnvironmentVariable(string, string?)"/> alone does not reach C's <c>getenv</c> outside Windows.
/// </summary>
internal static partial class NativeEnvironment
{
    public static void Set(string name, string value)
    {
        if (OperatingSystem.IsWindows())
        {
            Environment.SetEnvironmentVariable(name, value);
            _ = PutWindows(name, value);
        }
        else
        {
            _ = SetUnix(name, value, 1);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetUnix(string name, string value, int overwrite);

    [LibraryImport("ucrtbase", EntryPoint = "_putenv_s", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int PutWindows(string name, string value);
}

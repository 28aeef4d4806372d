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

    /// <summary>The program's own value, be it set before it started or by .NET, or this one where it has none. To be called before the library that reads it is loaded.</summary>
    public static void SetDefault(string name, string value) => Set(name, Environment.GetEnvironmentVariable(name) ?? value);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetUnix(string name, string value, int overwrite);

    [LibraryImport("ucrtbase", EntryPoint = "_putenv_s", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int PutWindows(string name, string value);
}

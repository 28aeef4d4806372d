using System.Runtime.InteropServices;

namespace Cifar3;

/// <summary>A dependency's native library that is missing or does not fit: .NET reports it from wherever it is first used, mostly inside a type initializer.</summary>
internal static class NativeLibraryFault
{
    /// <summary>Whether an exception may be one.</summary>
    public static bool Is(Exception e) => e is TypeInitializationException or DllNotFoundException or EntryPointNotFoundException or BadImageFormatException;

    /// <summary>What is inside the type initializers.</summary>
    public static Exception Cause(Exception e) => e is TypeInitializationException { InnerException: { } inner } ? Cause(inner) : e;

    /// <summary>What the loader says, which lists a line for each place that it looked in, as one line without its full stop.</summary>
    public static string Message(Exception cause) => string.Join(" | ", cause.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).TrimEnd('.');

    /// <summary>A native file that the program brings, looked for where .NET looks; null where it has none.</summary>
    public static string? Find(string fileName)
    {
        string searched = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        string own = Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native");
        return searched.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Concat([AppContext.BaseDirectory, own])
            .Select(folder => Path.Combine(folder, fileName))
            .FirstOrDefault(File.Exists);
    }

    /// <summary>
    /// Why the file that the program brings cannot be loaded, in words that follow its owner's name: adding its package once more would not help. .NET says of it no more than that it was not found.
    /// </summary>
    /// <param name="name">The library's name without what systems put around it, such as <c>onnxruntime</c>.</param>
    /// <returns>Null where the program has no such file, or it can be loaded.</returns>
    public static string? Unloadable(string name)
    {
        string file = OperatingSystem.IsWindows() ? $"{name}.dll" : (name.StartsWith("lib", StringComparison.Ordinal) ? name : $"lib{name}") + (OperatingSystem.IsMacOS() ? ".dylib" : ".so");
        if (Find(file) is not { } path)
        {
            return null;
        }

        try
        {
            NativeLibrary.Load(path);
            return null;
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            string[] lines = e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries); // the first is .NET's advice, the second of the file as it is named
            string remedy = OperatingSystem.IsWindows() ? "Install Microsoft's Visual C++ Redistributable, and publish for the system that it runs on"
                : RuntimeInformation.RuntimeIdentifier.Contains("musl", StringComparison.Ordinal) ? "Where it has no build for musl (Alpine), run the program on a system with glibc, such as Debian or Ubuntu"
                : "Install what is named there (libstdc++6 and libgcc-s1 are C++'s own), and publish for the system that it runs on";
            return $"native library is there and cannot be loaded. Expected that {RuntimeInformation.RuntimeIdentifier} loads '{Shown.Path(path)}'. Found: {Shown.Text(lines[Math.Min(1, lines.Length - 1)].TrimEnd('.'))}. {remedy}.";
        }
    }
}

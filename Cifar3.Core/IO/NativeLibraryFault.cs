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
}

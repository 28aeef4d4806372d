using SkiaSharp;

namespace Cifar3;

/// <summary>SkiaSharp's native library, which decodes and draws pictures; the package brings it for Windows, macOS and Linux (x64, Arm; musl too).</summary>
internal static class SkiaLibrary
{
    /// <summary>Makes what a drawing begins with.</summary>
    /// <exception cref="Cifar3Exception">The library is missing or does not fit.</exception>
    public static T ToDraw<T>(Func<T> make)
    {
        try
        {
            return make();
        }
        catch (Exception e) when (NativeLibraryFault.Is(e))
        {
            throw Fault(e, "Cannot draw pictures");
        }
    }

    /// <summary>The error of a program that lacks it, or has one of another SkiaSharp beside it.</summary>
    /// <param name="e">Of <see cref="NativeLibraryFault.Is"/>.</param>
    /// <param name="failure">What cannot be done without it.</param>
    public static Cifar3Exception Fault(Exception e, string failure = "Cannot read pictures")
    {
        string expected = typeof(SKCodec).Assembly.GetName().Version?.ToString(2) ?? "unknown", system = OperatingSystem.IsWindows() ? "Win32" : OperatingSystem.IsMacOS() ? "macOS" : "Linux.NoDependencies";
        var cause = NativeLibraryFault.Cause(e);
        if (cause is DllNotFoundException && NativeLibraryFault.Unloadable("libSkiaSharp") is { } reason)
        {
            return new Cifar3Exception($"{failure}: SkiaSharp's {reason}", e);
        }

        return new Cifar3Exception($"{failure}: SkiaSharp's native library 'libSkiaSharp' {(cause is DllNotFoundException ? "is missing" : "is not the one that belongs to this program")}. Expected the one of SkiaSharp {expected} beside the program. Add the package SkiaSharp.NativeAssets.{system}, of the version of SkiaSharp, to the program's project, and publish for the system that it runs on. Found: {NativeLibraryFault.Message(cause)}.", e);
    }
}

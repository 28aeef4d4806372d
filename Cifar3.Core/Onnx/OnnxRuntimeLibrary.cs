using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Cifar3;

/// <summary>
/// The door to ONNX Runtime's native library, which comes from the program, not from this package: where it is missing or of
/// another version, the error names the package instead of a type initializer.
/// </summary>
internal static class OnnxRuntimeLibrary
{
    /// <summary>The variable that ONNX Runtime asks, once, when it is loaded. Its own <c>OrtEnv.DisableTelemetryEvents</c> comes too late: by then the machine's number is stored and a message under way.</summary>
    public const string TelemetryVariable = "ORT_DISABLE_TELEMETRY";

    public const string CpuPackage = "Microsoft.ML.OnnxRuntime", GpuPackage = "Microsoft.ML.OnnxRuntime.Gpu";

    /// <summary>The desktops that <see cref="CpuPackage"/> has a build for.</summary>
    internal static readonly string[] Systems = ["win-x64", "win-arm64", "linux-x64", "linux-arm64", "osx-arm64"];

    private static readonly Lazy<bool> Silenced = new(Silence);

    /// <summary>The version that this library is built for.</summary>
    public static string Expected { get; } = typeof(OrtEnv).Assembly.GetName().Version?.ToString(3) ?? "unknown";

    /// <summary>Loads the library if need be.</summary>
    /// <param name="failure">What cannot be done without it: the beginning of the error.</param>
    /// <returns>Its version, such as <c>1.31.1</c>, and the execution providers that it was built with, such as <c>CPUExecutionProvider</c>.</returns>
    /// <exception cref="Cifar3Exception">The library is missing, cannot be loaded, or is not the version that this library was built for.</exception>
    public static (string Version, IReadOnlyList<string> Providers) Load(string failure = "Cannot score")
    {
        _ = Silenced.Value;
        try
        {
            var environment = OrtEnv.Instance();
            return (environment.GetVersionString(), environment.GetAvailableProviders());
        }
        catch (Exception e) when (NativeLibraryFault.Is(e))
        {
            var cause = NativeLibraryFault.Cause(e);
            if (cause is DllNotFoundException && NativeLibraryFault.Unloadable("onnxruntime") is { } reason)
            {
                throw new Cifar3Exception($"{failure}: ONNX Runtime's {reason} This library's own files are scored without it (ScoringBackend.Managed).", e);
            }

            throw new Cifar3Exception(cause is DllNotFoundException
                ? $"{failure}: ONNX Runtime's native library is missing. Expected 'onnxruntime' {Expected} beside the program. {Remedy($"{(OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux")}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}")} Looked in: {NativeLibraryFault.Message(cause)}"
                : $"{failure}: ONNX Runtime's native library is not the one that belongs to this program. Expected version {Expected}. Found a file that does not fit: {NativeLibraryFault.Message(cause)}. Give the program the package {CpuPackage} {Expected} (or {GpuPackage}), not both, and remove other copies of onnxruntime from the library path{(OperatingSystem.IsWindows() ? "; Windows has an old onnxruntime.dll in System32, which is found where the program has none beside it" : "")}.", e);
        }
    }

    /// <summary>What to do where the library is missing: the package, unless it has no build for the system.</summary>
    /// <param name="system">The process' own, in the words of <see cref="Systems"/>.</param>
    internal static string Remedy(string system) => Systems.Contains(system)
        ? $"Add the package {CpuPackage} {Expected} (or {GpuPackage} for NVIDIA GPUs) to the program's project."
        : $"Its package {CpuPackage} {Expected} has no build for {system}, only for {string.Join(", ", Systems)}: run the program on one of these. This library's own files are scored without it (ScoringBackend.Managed).";

    /// <summary>
    /// Keeps ONNX Runtime from sending its maker what machine this is, which nobody who scores a picture expects. A program that has set the variable is obeyed, whatever it says.
    /// </summary>
    private static bool Silence()
    {
        try
        {
            NativeEnvironment.SetDefault(TelemetryVariable, "1");
            return true;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }
}

using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Cifar3.Training;

/// <summary>The loaded library.</summary>
/// <param name="Handle">What the system's loader returned.</param>
/// <param name="Path">The file.</param>
/// <param name="Version">TensorFlow's version, such as <c>2.16.1</c>.</param>
/// <param name="Notices">What it printed on the standard error while it was loaded.</param>
internal sealed record LoadedLibrary(nint Handle, string Path, string Version, IReadOnlyList<string> Notices);

/// <summary>Finds and loads TensorFlow's C library, once in a process: it cannot be unloaded or exchanged.</summary>
internal static unsafe class TensorFlowLibrary
{
    /// <summary>The oldest version whose operators and functions this engine is written for.</summary>
    public static readonly Version MinimumVersion = new(2, 10);

    private const string LogLevelVariable = "TF_CPP_MIN_LOG_LEVEL";
    private static readonly Lock Gate = new();
    private static LoadedLibrary? loaded;

    static TensorFlowLibrary() => NativeLibrary.SetDllImportResolver(typeof(TensorFlowLibrary).Assembly, Resolve);

    /// <summary>Loads the library, or returns the one that is loaded already.</summary>
    /// <param name="explicitPath">File or folder; null searches.</param>
    /// <exception cref="TensorFlowException">None can be loaded: names every place tried, and the packages to add.</exception>
    public static LoadedLibrary Load(string? explicitPath = null)
    {
        lock (Gate)
        {
            if (loaded is not null)
            {
                return string.IsNullOrEmpty(explicitPath) || TensorFlowLibrarySearch.Candidates(explicitPath).Any(c => IsSameFile(c.Path, loaded.Path))
                    ? loaded
                    : throw new TensorFlowException($"Cannot load TensorFlow from '{explicitPath}': this process already uses '{loaded.Path}' (TensorFlow {loaded.Version}), and a process can hold only one. Give the path before the first use, or start another process.");
            }

            return loaded = Load(TensorFlowLibrarySearch.Candidates(explicitPath));
        }
    }

    /// <summary>Loads the first candidate that can be loaded.</summary>
    internal static LoadedLibrary Load(IReadOnlyList<LibraryCandidate> candidates)
    {
        if (X86Base.IsSupported && (X86Base.CpuId(1, 0).Ecx & (1 << 28)) == 0)
        {
            throw new TensorFlowException("Cannot load TensorFlow: it needs a processor with AVX instructions, and this one has none. Use the managed engine, which runs everywhere.");
        }

        var trace = new StringBuilder();
        foreach (var candidate in candidates)
        {
            string problem = "no such file";
            if ((candidate.IsBareName || File.Exists(candidate.Path)) && TryLoad(candidate, out problem) is { } library)
            {
                return library;
            }

            trace.Append($"\n  {candidate.Path} ({candidate.Origin}): {problem}");
        }

        throw new TensorFlowException(
            $"Cannot load TensorFlow's C library for {TensorFlowLibrarySearch.RuntimeIdentifier}. Expected version {MinimumVersion} or later. Tried:{trace}\n" +
            "Add one of these packages to your app: SciSharp.TensorFlow.Redist (CPU), SciSharp.TensorFlow.Redist-Windows-GPU, SciSharp.TensorFlow.Redist-Linux-GPU; " +
            $"or set {TensorFlowLibrarySearch.Variable} to the library's file or folder; or use the managed engine, which needs none of them.");
    }

    private static LoadedLibrary? TryLoad(LibraryCandidate candidate, out string problem)
    {
        nint handle = 0;
        string failure = "";
        IReadOnlyList<string> notices = [];
        NativeEnvironment.SetDefault(LogLevelVariable, "2"); // errors only
        if (Environment.GetEnvironmentVariable(LogLevelVariable) == "0")
        {
            TryOpen(); // the user asked TensorFlow to tell everything
        }
        else
        {
            notices = StandardErrorCapture.During(TryOpen); // oneDNN's notice is printed whatever the level
        }

        problem = failure;
        if (handle == 0)
        {
            return null;
        }

        if (!NativeLibrary.TryGetExport(handle, nameof(TensorFlowApi.TF_Version), out nint export))
        {
            problem = "it is no TensorFlow library: it has no function TF_Version";
            return null;
        }

        string version = Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)export)()) ?? "";
        if (!System.Version.TryParse(version.Split('-')[0], out var parsed) || parsed < MinimumVersion)
        {
            problem = $"it is TensorFlow {version}, which is older than {MinimumVersion}";
            return null;
        }

        return new LoadedLibrary(handle, candidate.IsBareName ? PathOfLoaded(candidate.Path) : candidate.Path, version, notices);

        void TryOpen()
        {
            try
            {
                handle = NativeLibrary.Load(candidate.Path);
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
            {
                failure = e.Message.Split("environment variable:")[^1].ReplaceLineEndings(" ").Trim(); // without the runtime's general advice
            }
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath) => name == TensorFlowApi.Library ? Load().Handle : 0;

    /// <summary>The file behind a name that the system's loader found.</summary>
    private static string PathOfLoaded(string name)
    {
        using var process = Process.GetCurrentProcess();
        return process.Modules.Cast<ProcessModule>().FirstOrDefault(module => Path.GetFileName(module.FileName).StartsWith(name, StringComparison.OrdinalIgnoreCase))?.FileName ?? name;
    }

    private static bool IsSameFile(string a, string b) =>
        string.Equals(FileBehind.Place(a), FileBehind.Place(b), OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);
}

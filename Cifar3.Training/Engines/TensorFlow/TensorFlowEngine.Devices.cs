using System.Globalization;
using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>Which library, which device.</summary>
public sealed partial class TensorFlowEngine
{
    private static int processThreads;

    /// <summary>
    /// Threads that share in one operator. One, where the parts of a batch, or the batches of an inference, keep all threads busy with an
    /// operator each.
    /// </summary>
    private static int OperatorThreads => processThreads <= BatchParts.Most ? 1 : processThreads;

    /// <summary>Whether TensorFlow's C library is found and can be loaded; <see cref="GetInfo"/> tells why not.</summary>
    public static bool IsAvailable
    {
        get
        {
            try
            {
                TensorFlowLibrary.Load();
                return true;
            }
            catch (TensorFlowException)
            {
                return false;
            }
        }
    }

    /// <summary>Loads the library and tells its version, file and devices.</summary>
    /// <param name="options">Where to look and what to compute on; null takes the defaults. Default: null. Its number of threads becomes TensorFlow's for the whole process.</param>
    /// <returns>The report.</returns>
    /// <exception cref="TensorFlowException">No library can be loaded: names every place tried, and the packages to add.</exception>
    public static TensorFlowInfo GetInfo(EngineOptions? options = null)
    {
        options ??= new EngineOptions();
        Validate(options);
        var library = TensorFlowLibrary.Load(options.TensorFlow.LibraryPath);
        using var graph = TensorFlowApi.TF_NewGraph();
        using var session = OpenSession(graph, options);
        return new TensorFlowInfo(library.Version, library.Path, session.ListDevices(), library.Notices);
    }

    /// <summary>
    /// Whether a GPU can be had: there is an NVIDIA driver, the library is found, and it shows a GPU. Looks for the driver first, so that
    /// a computer without one never loads the library for the question alone.
    /// </summary>
    internal static bool HasGpu(EngineOptions options)
    {
        if (options.TensorFlow.Device == TensorFlowDevice.Cpu || !NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1", out nint driver))
        {
            return false;
        }

        NativeLibrary.Free(driver);
        try
        {
            return GetInfo(options).HasGpu;
        }
        catch (TensorFlowException)
        {
            return false;
        }
    }

    private static void Validate(EngineOptions options, CnnModel? model = null)
    {
        EngineChecks.Options(options, model);
        if (options.TensorFlow.GpuIndex < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(options), $"GpuIndex must be 0 or more. Received: GpuIndex={options.TensorFlow.GpuIndex}.");
        }
    }

    private static Session OpenSession(GraphHandle graph, EngineOptions options)
    {
        int threads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
        Interlocked.CompareExchange(ref processThreads, threads, 0);
        return new Session(graph, SessionConfiguration.Write(processThreads, OperatorThreads, options.TensorFlow));
    }

    private static bool HasWantedGpu(IReadOnlyList<TensorFlowDeviceInfo> devices, EngineOptions options, LoadedLibrary library)
    {
        bool gpu = devices.Any(device => device.IsGpu);
        return gpu || options.TensorFlow.Device != TensorFlowDevice.Gpu
            ? gpu
            : throw new TensorFlowException(
                $"A GPU was demanded (TensorFlowOptions.Device = Gpu), but TensorFlow {library.Version} ('{library.Path}') shows only {string.Join(", ", devices)}. " +
                "Reference SciSharp.TensorFlow.Redist-Linux-GPU or SciSharp.TensorFlow.Redist-Windows-GPU with the CUDA and cuDNN versions it was built for, " +
                "and set TF_CPP_MIN_LOG_LEVEL=0 to see what TensorFlow misses; or choose Device = Auto.");
    }

    /// <summary>Operators are placed by TensorFlow, which takes the first GPU it sees.</summary>
    private static string Describe(IReadOnlyList<TensorFlowDeviceInfo> devices, bool gpu) => gpu
        ? devices.First(device => device.IsGpu).ToString()
        : string.Create(CultureInfo.InvariantCulture, $"CPU, {processThreads} {(processThreads == 1 ? "thread" : "threads")}");
}

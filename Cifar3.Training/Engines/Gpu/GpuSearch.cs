using System.Runtime.InteropServices;
using System.Text;

namespace Cifar3.Training;

/// <summary>
/// Finds the device to train on: the first GPU, or the one that the environment names. NVIDIA's driver is asked first, since containers often
/// lack the file that leads OpenCL to it.
/// </summary>
internal static class GpuSearch
{
    /// <summary>The environment variable that names a device by a part of its name: that one is taken, be it a GPU or not.</summary>
    public const string Variable = "CIFAR3_GPU";

    /// <summary>Opens the device.</summary>
    /// <param name="wanted">Part of the device's description, case ignored; null or empty takes the first GPU.</param>
    /// <exception cref="GpuException">None is there: lists everything that was looked for and found.</exception>
    public static GpuDevice Open(string? wanted)
    {
        var tried = new List<string>();
        return OpenCuda(wanted, CudaDriver.TryLoad(CudaDriver.FileNames, tried), tried) ?? OpenOpenCl(wanted, OpenClLibrary.FileNames, tried) ?? throw None(wanted, tried);
    }

    /// <summary>The first card of NVIDIA's driver, or the one that the environment names; null where there is none.</summary>
    /// <exception cref="GpuException">There is one, and its driver refused.</exception>
    public static GpuDevice? TryOpenCard()
    {
        var tried = new List<string>();
        return OpenCuda(Environment.GetEnvironmentVariable(Variable), CudaDriver.TryLoad(CudaDriver.FileNames, tried), tried);
    }

    /// <summary>The first card of NVIDIA's driver that will do; null, and lines in <paramref name="tried"/>, where there is none.</summary>
    internal static GpuDevice? OpenCuda(string? wanted, CudaDriver? cuda, List<string> tried)
    {
        if (cuda is null)
        {
            return null;
        }

        var devices = CudaDeviceInfo.All(cuda, out string? error);
        if (devices.Find(device => device.Capability >= CudaDeviceInfo.LeastCapability && IsWanted(device.ToString(), isGpu: true, wanted)) is { } found)
        {
            return new CudaDevice(cuda, found, Encoding.UTF8.GetBytes(GpuKernels.Ptx + '\0'));
        }

        tried.AddRange(devices.Count == 0
            ? [$"NVIDIA's driver (CUDA): it is there, but {error ?? "has no card"}"]
            : devices.Select(device => $"{device}: {(device.Capability < CudaDeviceInfo.LeastCapability ? $"older than sm_{CudaDeviceInfo.LeastCapability}" : "not the one that is wanted")}"));
        return null;
    }

    /// <summary>The first OpenCL device that will do; null, and lines in <paramref name="tried"/>, where there is none.</summary>
    internal static GpuDevice? OpenOpenCl(string? wanted, IReadOnlyList<string> names, List<string> tried)
    {
        if (OpenClLibrary.TryLoad(names, tried) is not { } cl)
        {
            return null;
        }

        var devices = OpenClDeviceInfo.All(cl);
        if (devices.Find(device => IsWanted(device.ToString(), device.IsGpu, wanted)) is { } found)
        {
            return new OpenClDevice(cl, found, GpuKernels.Source);
        }

        tried.AddRange(devices.Count == 0
            ? [$"{names[0]} (OpenCL): it is there, but no driver offers a device"]
            : devices.Select(device => $"{device}: {(device.IsGpu ? "not the one that is wanted" : "a processor, not a GPU")}"));
        return null;
    }

    /// <summary>The first library that is there and has all functions; null, and a line for each name in <paramref name="tried"/>, where there is none.</summary>
    /// <param name="names">File names, in order.</param>
    /// <param name="api">What it is the library of.</param>
    /// <param name="remedy">Which version has a function that is missing.</param>
    /// <param name="create">Finds the functions; throws <see cref="EntryPointNotFoundException"/> where one is missing.</param>
    /// <param name="tried">Receives what was looked for in vain.</param>
    internal static T? FirstLibrary<T>(IReadOnlyList<string> names, string api, string remedy, Func<nint, T> create, ICollection<string> tried)
        where T : class
    {
        foreach (string name in names)
        {
            try
            {
                return create(NativeLibrary.Load(name));
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
            {
                tried.Add($"{name} ({api}): {Unloadable(name, e.Message)}");
            }
            catch (EntryPointNotFoundException e)
            {
                tried.Add($"{name} ({api}): {e.Message.TrimEnd('.')}; {remedy}");
            }
        }

        return null;
    }

    /// <summary>Whether there is no such library, or one that cannot be loaded: of another system, or without one that it needs.</summary>
    private static string Unloadable(string name, string message)
    {
        string words = message.Split("environment variable:")[^1].ReplaceLineEndings(" ").Trim().TrimEnd('.'); // without the runtime's general advice
        bool isAbsent = words.Contains("0x8007007E", StringComparison.Ordinal) || (words.Contains("no such file", StringComparison.OrdinalIgnoreCase) && words.Split(": ")[0].Contains(name, StringComparison.Ordinal));
        return isAbsent ? "no such library" : $"it is there, and cannot be loaded: {words}";
    }

    internal static GpuException None(string? wanted, IEnumerable<string> tried) => new(
        $"There is no GPU to train on{(string.IsNullOrEmpty(wanted) ? "" : $" whose name contains '{wanted}'")}. Looked for:\n  {string.Join("\n  ", tried)}\n" +
        $"Install the GPU's driver, which brings what is missing; or set {Variable} to a part of a listed device's name to train on that one; or use the managed engine, which needs none of them.");

    private static bool IsWanted(string description, bool isGpu, string? wanted) =>
        string.IsNullOrEmpty(wanted) ? isGpu : description.Contains(wanted, StringComparison.OrdinalIgnoreCase);
}

using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>
/// The functions of NVIDIA's driver that this engine needs, and no others, out of the library that the driver itself brings: no CUDA toolkit.
/// </summary>
/// <remarks>
/// <see href="https://docs.nvidia.com/cuda/cuda-driver-api/"/>, as of CUDA 11.0. A <c>CUdevice</c> is an <see cref="int"/>, a <c>CUdeviceptr</c> and C's
/// <c>size_t</c> are <see cref="nint"/> (64 bits, as every system with this driver has), other handles too. Names with <c>_v2</c> are those that
/// <c>cuda.h</c> gives to programs by <c>#define</c>.
/// </remarks>
internal sealed unsafe class CudaDriver
{
    public readonly delegate* unmanaged<uint, int> Init;
    public readonly delegate* unmanaged<int*, int> DriverGetVersion, DeviceGetCount;
    public readonly delegate* unmanaged<int*, int, int> DeviceGet;
    public readonly delegate* unmanaged<byte*, int, int, int> DeviceGetName;
    public readonly delegate* unmanaged<int*, int, int, int> DeviceGetAttribute;
    public readonly delegate* unmanaged<nint*, int, int> DevicePrimaryCtxRetain;
    public readonly delegate* unmanaged<int, int> DevicePrimaryCtxRelease;
    public readonly delegate* unmanaged<nint, int> CtxSetCurrent, ModuleUnload, StreamSynchronize, StreamDestroy, EventSynchronize, EventDestroy, MemFree;
    public readonly delegate* unmanaged<nint*, byte*, uint, int*, void**, int> ModuleLoadDataEx;
    public readonly delegate* unmanaged<nint*, nint, byte*, int> ModuleGetFunction;
    public readonly delegate* unmanaged<int*, int, nint, int> FuncGetAttribute;
    public readonly delegate* unmanaged<nint*, nint, int> MemAlloc;
    public readonly delegate* unmanaged<void**, nint, uint, int> MemHostAlloc;
    public readonly delegate* unmanaged<void*, int> MemFreeHost;
    public readonly delegate* unmanaged<nint, void*, nint, nint, int> MemcpyHtoDAsync;
    public readonly delegate* unmanaged<void*, nint, nint, nint, int> MemcpyDtoHAsync;
    public readonly delegate* unmanaged<nint*, uint, int> StreamCreate, EventCreate;
    public readonly delegate* unmanaged<nint, nint, int> EventRecord;
    public readonly delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> LaunchKernel;
    public readonly delegate* unmanaged<int, byte**, int> GetErrorName, GetErrorString;

    /// <param name="find">The address of a function by its name; throws where there is none.</param>
    public CudaDriver(Func<string, nint> find)
    {
        Find = find;
        Init = (delegate* unmanaged<uint, int>)find("cuInit");
        DriverGetVersion = (delegate* unmanaged<int*, int>)find("cuDriverGetVersion");
        DeviceGetCount = (delegate* unmanaged<int*, int>)find("cuDeviceGetCount");
        DeviceGet = (delegate* unmanaged<int*, int, int>)find("cuDeviceGet");
        DeviceGetName = (delegate* unmanaged<byte*, int, int, int>)find("cuDeviceGetName");
        DeviceGetAttribute = (delegate* unmanaged<int*, int, int, int>)find("cuDeviceGetAttribute");
        DevicePrimaryCtxRetain = (delegate* unmanaged<nint*, int, int>)find("cuDevicePrimaryCtxRetain");
        DevicePrimaryCtxRelease = (delegate* unmanaged<int, int>)find("cuDevicePrimaryCtxRelease_v2");
        CtxSetCurrent = (delegate* unmanaged<nint, int>)find("cuCtxSetCurrent");
        ModuleLoadDataEx = (delegate* unmanaged<nint*, byte*, uint, int*, void**, int>)find("cuModuleLoadDataEx");
        ModuleGetFunction = (delegate* unmanaged<nint*, nint, byte*, int>)find("cuModuleGetFunction");
        ModuleUnload = (delegate* unmanaged<nint, int>)find("cuModuleUnload");
        FuncGetAttribute = (delegate* unmanaged<int*, int, nint, int>)find("cuFuncGetAttribute");
        MemAlloc = (delegate* unmanaged<nint*, nint, int>)find("cuMemAlloc_v2");
        MemFree = (delegate* unmanaged<nint, int>)find("cuMemFree_v2");
        MemHostAlloc = (delegate* unmanaged<void**, nint, uint, int>)find("cuMemHostAlloc");
        MemFreeHost = (delegate* unmanaged<void*, int>)find("cuMemFreeHost");
        MemcpyHtoDAsync = (delegate* unmanaged<nint, void*, nint, nint, int>)find("cuMemcpyHtoDAsync_v2");
        MemcpyDtoHAsync = (delegate* unmanaged<void*, nint, nint, nint, int>)find("cuMemcpyDtoHAsync_v2");
        StreamCreate = (delegate* unmanaged<nint*, uint, int>)find("cuStreamCreate");
        StreamSynchronize = (delegate* unmanaged<nint, int>)find("cuStreamSynchronize");
        StreamDestroy = (delegate* unmanaged<nint, int>)find("cuStreamDestroy_v2");
        EventCreate = (delegate* unmanaged<nint*, uint, int>)find("cuEventCreate");
        EventRecord = (delegate* unmanaged<nint, nint, int>)find("cuEventRecord");
        EventSynchronize = (delegate* unmanaged<nint, int>)find("cuEventSynchronize");
        EventDestroy = (delegate* unmanaged<nint, int>)find("cuEventDestroy_v2");
        LaunchKernel = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)find("cuLaunchKernel");
        GetErrorName = (delegate* unmanaged<int, byte**, int>)find("cuGetErrorName");
        GetErrorString = (delegate* unmanaged<int, byte**, int>)find("cuGetErrorString");
    }

    /// <summary>The address of any function by its name; throws where there is none.</summary>
    public Func<string, nint> Find { get; }

    /// <summary>The library's file names on this system; none on macOS, which has no such driver.</summary>
    public static IReadOnlyList<string> FileNames { get; } =
        OperatingSystem.IsWindows() ? ["nvcuda.dll"]
        : OperatingSystem.IsMacOS() ? []
        : ["libcuda.so.1", "libcuda.so"];

    /// <summary>Loads the driver; null, and a line for each name in <paramref name="tried"/>, where there is none.</summary>
    /// <param name="names">File names, in order.</param>
    /// <param name="tried">Receives what was looked for in vain.</param>
    public static CudaDriver? TryLoad(IReadOnlyList<string> names, ICollection<string> tried) =>
        GpuSearch.FirstLibrary(names, "CUDA", "drivers from CUDA 11.0 on (450.36) have it", library => new CudaDriver(function => NativeLibrary.GetExport(library, function)), tried);

    /// <summary>What the driver says about an error, such as <c>out of memory (CUDA_ERROR_OUT_OF_MEMORY, 2)</c>.</summary>
    public string Words(int error)
    {
        byte* name = null, text = null;
        GetErrorName(error, &name);
        GetErrorString(error, &text);
        return name == null || text == null ? $"CUDA error {error}" : $"{Marshal.PtrToStringUTF8((nint)text)} ({Marshal.PtrToStringUTF8((nint)name)}, {error})";
    }
}

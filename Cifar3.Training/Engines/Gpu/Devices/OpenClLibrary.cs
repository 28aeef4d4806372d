using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>
/// The functions of OpenCL 1.2 that this engine needs, and no others, out of the library that leads to every installed driver.
/// </summary>
/// <remarks>
/// <see href="https://registry.khronos.org/OpenCL/sdk/1.2/docs/man/xhtml/"/>. Handles are <see cref="nint"/>, C's <c>size_t</c> is <see cref="nint"/>
/// too, <c>cl_ulong</c> is <see cref="ulong"/>. Function pointers instead of imports by name: the file has several names, and may be absent.
/// </remarks>
internal sealed unsafe class OpenClLibrary
{
    public readonly delegate* unmanaged<uint, nint*, uint*, int> GetPlatformIDs;
    public readonly delegate* unmanaged<nint, uint, nint, void*, nint*, int> GetPlatformInfo;
    public readonly delegate* unmanaged<nint, ulong, uint, nint*, uint*, int> GetDeviceIDs;
    public readonly delegate* unmanaged<nint, uint, nint, void*, nint*, int> GetDeviceInfo;
    public readonly delegate* unmanaged<nint*, uint, nint*, nint, nint, int*, nint> CreateContext;
    public readonly delegate* unmanaged<nint, nint, ulong, int*, nint> CreateCommandQueue;
    public readonly delegate* unmanaged<nint, ulong, nint, void*, int*, nint> CreateBuffer;
    public readonly delegate* unmanaged<nint, uint, byte**, nint*, int*, nint> CreateProgramWithSource;
    public readonly delegate* unmanaged<nint, uint, nint*, byte*, nint, nint, int> BuildProgram;
    public readonly delegate* unmanaged<nint, nint, uint, nint, void*, nint*, int> GetProgramBuildInfo;
    public readonly delegate* unmanaged<nint, byte*, int*, nint> CreateKernel;
    public readonly delegate* unmanaged<nint, uint, nint, void*, int> SetKernelArg;
    public readonly delegate* unmanaged<nint, nint, uint, nint*, nint*, nint*, uint, nint*, nint*, int> EnqueueNDRangeKernel;
    public readonly delegate* unmanaged<nint, nint, uint, nint, nint, void*, uint, nint*, nint*, int> EnqueueReadBuffer;
    public readonly delegate* unmanaged<nint, nint, uint, nint, nint, void*, uint, nint*, nint*, int> EnqueueWriteBuffer;
    public readonly delegate* unmanaged<nint, int> Finish, ReleaseMemObject, ReleaseKernel, ReleaseProgram, ReleaseCommandQueue, ReleaseContext;

    private OpenClLibrary(nint library)
    {
        nint Find(string name) => NativeLibrary.GetExport(library, name);
        GetPlatformIDs = (delegate* unmanaged<uint, nint*, uint*, int>)Find("clGetPlatformIDs");
        GetPlatformInfo = (delegate* unmanaged<nint, uint, nint, void*, nint*, int>)Find("clGetPlatformInfo");
        GetDeviceIDs = (delegate* unmanaged<nint, ulong, uint, nint*, uint*, int>)Find("clGetDeviceIDs");
        GetDeviceInfo = (delegate* unmanaged<nint, uint, nint, void*, nint*, int>)Find("clGetDeviceInfo");
        CreateContext = (delegate* unmanaged<nint*, uint, nint*, nint, nint, int*, nint>)Find("clCreateContext");
        CreateCommandQueue = (delegate* unmanaged<nint, nint, ulong, int*, nint>)Find("clCreateCommandQueue");
        CreateBuffer = (delegate* unmanaged<nint, ulong, nint, void*, int*, nint>)Find("clCreateBuffer");
        CreateProgramWithSource = (delegate* unmanaged<nint, uint, byte**, nint*, int*, nint>)Find("clCreateProgramWithSource");
        BuildProgram = (delegate* unmanaged<nint, uint, nint*, byte*, nint, nint, int>)Find("clBuildProgram");
        GetProgramBuildInfo = (delegate* unmanaged<nint, nint, uint, nint, void*, nint*, int>)Find("clGetProgramBuildInfo");
        CreateKernel = (delegate* unmanaged<nint, byte*, int*, nint>)Find("clCreateKernel");
        SetKernelArg = (delegate* unmanaged<nint, uint, nint, void*, int>)Find("clSetKernelArg");
        EnqueueNDRangeKernel = (delegate* unmanaged<nint, nint, uint, nint*, nint*, nint*, uint, nint*, nint*, int>)Find("clEnqueueNDRangeKernel");
        EnqueueReadBuffer = (delegate* unmanaged<nint, nint, uint, nint, nint, void*, uint, nint*, nint*, int>)Find("clEnqueueReadBuffer");
        EnqueueWriteBuffer = (delegate* unmanaged<nint, nint, uint, nint, nint, void*, uint, nint*, nint*, int>)Find("clEnqueueWriteBuffer");
        Finish = (delegate* unmanaged<nint, int>)Find("clFinish");
        ReleaseMemObject = (delegate* unmanaged<nint, int>)Find("clReleaseMemObject");
        ReleaseKernel = (delegate* unmanaged<nint, int>)Find("clReleaseKernel");
        ReleaseProgram = (delegate* unmanaged<nint, int>)Find("clReleaseProgram");
        ReleaseCommandQueue = (delegate* unmanaged<nint, int>)Find("clReleaseCommandQueue");
        ReleaseContext = (delegate* unmanaged<nint, int>)Find("clReleaseContext");
    }

    /// <summary>The library's file names on this system. (Without its developers' files Linux has the one with the number alone.)</summary>
    public static IReadOnlyList<string> FileNames { get; } =
        OperatingSystem.IsWindows() ? ["OpenCL.dll"]
        : OperatingSystem.IsMacOS() ? ["/System/Library/Frameworks/OpenCL.framework/OpenCL"]
        : ["libOpenCL.so.1", "libOpenCL.so"];

    /// <summary>Loads the library; null, and a line for each name in <paramref name="tried"/>, where there is none.</summary>
    /// <param name="names">File names, in order.</param>
    /// <param name="tried">Receives what was looked for in vain.</param>
    public static OpenClLibrary? TryLoad(IReadOnlyList<string> names, ICollection<string> tried) =>
        GpuSearch.FirstLibrary(names, "OpenCL", "OpenCL 1.2 has it", library => new OpenClLibrary(library), tried);
}

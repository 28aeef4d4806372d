using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// NVIDIA's driver as its manual describes it, without a card: kernels run in <see cref="PtxMachine"/>. It is strict where a driver is, and where it cannot be:
/// what is asked for asynchronously takes place as late as it may, memory begins as garbage, copies must go through page-locked memory, a context must be
/// current on the calling thread. Handles and pointers are plain numbers here; those of 32 bits count by their lower half.
/// </summary>
internal sealed unsafe partial class FakeCuda
{
    private const int InvalidValue = 1, InvalidContext = 201, InvalidPtx = 218, InvalidHandle = 400, NotFound = 500, IllegalAddress = 700;
    private const int FirstDevice = 7, FirstContext = 0xC0;

    private readonly Dictionary<string, Delegate> functions = []; // they must live as long as their addresses
    private readonly Dictionary<int, (nint Name, nint Text)> words = [];
    private readonly ConcurrentDictionary<int, nint> current = new(); // context, by thread
    private int retained;

    public FakeCuda()
    {
        Add(2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory");
        Add(100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected");
        Add(InvalidPtx, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed");
        Add(222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain.");
        Add(IllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered");

        functions["cuInit"] = new F1(flags => Call("cuInit", () => flags == 0 ? 0 : InvalidValue));
        functions["cuDriverGetVersion"] = new F1(to => Call("cuDriverGetVersion", () => Give((int*)to, Version)));
        functions["cuDeviceGetCount"] = new F1(to => Call("cuDeviceGetCount", () => Give((int*)to, Cards.Count)));
        functions["cuDeviceGet"] = new F2((to, ordinal) => Call("cuDeviceGet", () => (int)ordinal < Cards.Count ? Give((int*)to, FirstDevice + (int)ordinal) : 101));
        functions["cuDeviceGetName"] = new F3((to, length, device) => Call("cuDeviceGetName", () => GiveText(to, (int)length, Cards[(int)device - FirstDevice].Name)));
        functions["cuDeviceGetAttribute"] = new F3((to, which, device) => Call("cuDeviceGetAttribute", () => Capability((int*)to, (int)which, (int)device)));
        functions["cuDevicePrimaryCtxRetain"] = new F2((to, device) => Call("cuDevicePrimaryCtxRetain", () => Give((nint*)to, FirstContext + (int)device + 0 * ++retained)));
        functions["cuDevicePrimaryCtxRelease_v2"] = new F1(device => Call("cuDevicePrimaryCtxRelease_v2", () => retained-- > 0 ? 0 : InvalidContext));
        functions["cuCtxSetCurrent"] = new F1(context => Call("cuCtxSetCurrent", () => SetCurrent(context)));
        functions["cuModuleLoadDataEx"] = new F5((to, image, count, options, values) => InContext("cuModuleLoadDataEx", () => Load((nint*)to, image, (uint)count, (int*)options, (nint*)values)));
        functions["cuModuleGetFunction"] = new F3((to, module, name) => InContext("cuModuleGetFunction", () => GetFunction((nint*)to, module, name)));
        functions["cuModuleUnload"] = new F1(module => InContext("cuModuleUnload", () => modules.Remove(module) ? 0 : InvalidHandle));
        functions["cuFuncGetAttribute"] = new F3((to, which, kernel) => InContext("cuFuncGetAttribute", () => Give((int*)to, (int)which switch { 1 => kernels[kernel].SharedBytes, 3 => 0, 4 => 168, _ => -1 })));
        functions["cuMemAlloc_v2"] = new F2((to, bytes) => InContext("cuMemAlloc_v2", () => Give((nint*)to, Allocate(deviceMemory, bytes))));
        functions["cuMemFree_v2"] = new F1(memory => InContext("cuMemFree_v2", () => Free(deviceMemory, memory)));
        functions["cuMemHostAlloc"] = new F3((to, bytes, flags) => InContext("cuMemHostAlloc", () => Give((nint*)to, Allocate(lockedMemory, bytes))));
        functions["cuMemFreeHost"] = new F1(memory => InContext("cuMemFreeHost", () => Free(lockedMemory, memory)));
        functions["cuMemcpyHtoDAsync_v2"] = new F4((to, from, bytes, stream) => InContext("cuMemcpyHtoDAsync_v2", () => Copy(stream, Contains(deviceMemory, to, bytes) && Contains(lockedMemory, from, bytes), to, from, bytes)));
        functions["cuMemcpyDtoHAsync_v2"] = new F4((to, from, bytes, stream) => InContext("cuMemcpyDtoHAsync_v2", () => Copy(stream, Contains(lockedMemory, to, bytes) && Contains(deviceMemory, from, bytes), to, from, bytes)));
        functions["cuStreamCreate"] = new F2((to, flags) => InContext("cuStreamCreate", () => (uint)flags == 1 ? Give((nint*)to, NewStream()) : InvalidValue));
        functions["cuStreamSynchronize"] = new F1(stream => InContext("cuStreamSynchronize", () => Synchronize(stream)));
        functions["cuStreamDestroy_v2"] = new F1(stream => InContext("cuStreamDestroy_v2", () => streams.Remove(stream) ? 0 : InvalidHandle));
        functions["cuEventCreate"] = new F2((to, flags) => InContext("cuEventCreate", () => (uint)flags == 2 ? Give((nint*)to, NewEvent()) : InvalidValue));
        functions["cuEventRecord"] = new F2((recorded, stream) => InContext("cuEventRecord", () => Record(recorded, stream)));
        functions["cuEventSynchronize"] = new F1(awaited => InContext("cuEventSynchronize", () => Await(awaited)));
        functions["cuEventDestroy_v2"] = new F1(given => InContext("cuEventDestroy_v2", () => events.Remove(given) ? 0 : InvalidHandle));
        functions["cuLaunchKernel"] = new LaunchFunction((kernel, x, y, z, blockX, blockY, blockZ, shared, stream, arguments, extra) =>
            InContext("cuLaunchKernel", () => (blockY, blockZ, shared, extra) == (1, 1, 0, 0) ? Launch(kernel, (x, y, z), blockX, stream, (ulong**)arguments) : InvalidValue));
        functions["cuStreamBeginCapture_v2"] = new F2((stream, mode) => InContext("cuStreamBeginCapture_v2", () => BeginCapture(stream)));
        functions["cuStreamEndCapture"] = new F2((stream, to) => InContext("cuStreamEndCapture", () => EndCapture((nint*)to)));
        functions["cuGraphInstantiateWithFlags"] = new F3((to, graph, flags) => InContext("cuGraphInstantiateWithFlags", () => graphs.TryGetValue(graph, out var work) ? Give((nint*)to, NewGraph(work)) : InvalidHandle));
        functions["cuGraphLaunch"] = new F2((graph, stream) => InContext("cuGraphLaunch", () => graphs[graph].Select(work => Later(stream, work)).Max()));
        functions["cuGraphDestroy"] = functions["cuGraphExecDestroy"] = new F1(graph => InContext("cuGraphDestroy", () => graphs.Remove(graph) ? 0 : InvalidHandle));
        functions["cuGetErrorName"] = new F2((error, to) => words.TryGetValue((int)error, out var found) ? Give((nint*)to, found.Name) : InvalidValue);
        functions["cuGetErrorString"] = new F2((error, to) => words.TryGetValue((int)error, out var found) ? Give((nint*)to, found.Text) : InvalidValue);
    }

    private delegate int F1(nint a);

    private delegate int F2(nint a, nint b);

    private delegate int F3(nint a, nint b, nint c);

    private delegate int F4(nint a, nint b, nint c, nint d);

    private delegate int F5(nint a, nint b, nint c, nint d, nint e);

    private delegate int LaunchFunction(nint kernel, uint x, uint y, uint z, uint blockX, uint blockY, uint blockZ, uint shared, nint stream, nint arguments, nint extra);

    /// <summary>The cards: name, and compute capability times ten.</summary>
    public List<(string Name, int Capability)> Cards { get; } = [("Fake H100", 90)];

    /// <summary>The newest CUDA that the driver knows, as it tells it.</summary>
    public int Version { get; set; } = 12040;

    /// <summary>The functions that fail, with their error.</summary>
    public Dictionary<string, int> Failures { get; } = [];

    /// <summary>What the compiler says when it fails.</summary>
    public string CompilerLog { get; set; } = "";

    /// <summary>The functions called, in order.</summary>
    public List<string> Calls { get; } = [];

    /// <summary>How many contexts, modules, streams, events and pieces of memory are not given back.</summary>
    public int Left => retained + modules.Count + streams.Count + events.Count + graphs.Count + deviceMemory.Count + lockedMemory.Count;

    /// <summary>The driver that this one poses as.</summary>
    public CudaDriver Driver => new(name => Marshal.GetFunctionPointerForDelegate(functions[name]));

    /// <summary>A device on the first card.</summary>
    /// <param name="stagingBytes">Page-locked memory that it gets.</param>
    /// <param name="ptx">Other kernels than the embedded ones.</param>
    public CudaDevice Open(int stagingBytes = CudaStaging.DefaultSize, string? ptx = null)
    {
        var driver = Driver;
        return new CudaDevice(driver, CudaDeviceInfo.All(driver, out _)[0], Encoding.UTF8.GetBytes((ptx ?? GpuKernels.Ptx) + '\0'), stagingBytes);
    }

    private static int Give<T>(T* to, T value)
        where T : unmanaged
    {
        *to = value;
        return 0;
    }

    private static int GiveText(nint to, int length, string text)
    {
        var room = new Span<byte>((void*)to, length);
        room[Encoding.UTF8.GetBytes(text, room[..^1])] = 0;
        return 0;
    }

    private void Add(int error, string name, string text) => words[error] = (Marshal.StringToCoTaskMemUTF8(name), Marshal.StringToCoTaskMemUTF8(text));

    private int Call(string name, Func<int> work)
    {
        Calls.Add(name);
        return Failures.TryGetValue(name, out int error) ? error : work();
    }

    private int InContext(string name, Func<int> work) => Call(name, () => current.GetValueOrDefault(Environment.CurrentManagedThreadId) != 0 && retained > 0 ? work() : InvalidContext);

    private int SetCurrent(nint context)
    {
        current[Environment.CurrentManagedThreadId] = context;
        return 0;
    }

    private int Capability(int* to, int which, int device)
    {
        int capability = Cards[device - FirstDevice].Capability;
        return which is 75 or 76 ? Give(to, which == 75 ? capability / 10 : capability % 10) : InvalidValue;
    }
}

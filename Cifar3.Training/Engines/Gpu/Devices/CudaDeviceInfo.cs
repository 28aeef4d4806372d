using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>A card that NVIDIA's driver offers.</summary>
/// <param name="Handle">The driver's handle.</param>
/// <param name="Name">The card's name, such as <c>NVIDIA H100 80GB HBM3</c>.</param>
/// <param name="Driver">The newest CUDA that the driver knows, such as <c>12.4</c>.</param>
/// <param name="Capability">The card's compute capability times ten, such as 90.</param>
internal sealed unsafe record CudaDeviceInfo(int Handle, string Name, string Driver, int Capability)
{
    /// <summary>The compute capability, times ten, that the kernels' PTX is made for: <c>make-ptx.sh</c>.</summary>
    public const int LeastCapability = 60;

    private const int CapabilityMajor = 75, CapabilityMinor = 76;
    private const int LongestName = 256;

    /// <inheritdoc/>
    public override string ToString() => $"{Name} (CUDA driver {Driver}, sm_{Capability})";

    /// <summary>All cards in the driver's order.</summary>
    /// <param name="cuda">The driver.</param>
    /// <param name="error">What went wrong, in the driver's words; null where nothing did.</param>
    public static List<CudaDeviceInfo> All(CudaDriver cuda, out string? error)
    {
        int count = 0, version = 0, code = cuda.Init(0);
        code = code != 0 ? code : cuda.DriverGetVersion(&version);
        code = code != 0 ? code : cuda.DeviceGetCount(&count);
        error = code != 0 ? cuda.Words(code) : null;
        var found = new List<CudaDeviceInfo>();
        for (int i = 0; i < count; i++)
        {
            int device = 0;
            if (cuda.DeviceGet(&device, i) == 0)
            {
                found.Add(Describe(cuda, device, version));
            }
        }

        return found;
    }

    private static CudaDeviceInfo Describe(CudaDriver cuda, int device, int version)
    {
        byte* name = stackalloc byte[LongestName];
        *name = 0;
        cuda.DeviceGetName(name, LongestName, device);
        return new CudaDeviceInfo(device, Marshal.PtrToStringUTF8((nint)name) ?? "", $"{version / 1000}.{version % 1000 / 10}", 10 * Attribute(CapabilityMajor) + Attribute(CapabilityMinor));

        int Attribute(int which)
        {
            int value = 0;
            return cuda.DeviceGetAttribute(&value, which, device) == 0 ? value : 0;
        }
    }
}

using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>A device that an OpenCL driver offers.</summary>
/// <param name="Handle">The driver's handle.</param>
/// <param name="Name">The device's name, such as <c>AMD Radeon RX 7900 XTX</c>.</param>
/// <param name="Driver">Platform and driver version.</param>
/// <param name="IsGpu">Whether it is a GPU, not a processor that a driver shows as a device.</param>
/// <param name="RoundsDivisions">Whether it can round divisions and roots correctly when asked to.</param>
internal sealed unsafe record OpenClDeviceInfo(nint Handle, string Name, string Driver, bool IsGpu, bool RoundsDivisions)
{
    private const uint PlatformName = 0x0902, DeviceType = 0x1000, SingleConfiguration = 0x101B, DeviceName = 0x102B, DriverVersion = 0x102D;
    private const ulong AllTypes = 0xFFFFFFFF, Gpu = 4, CorrectlyRounded = 1 << 7;
    private const uint Most = 16;

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Driver})";

    /// <summary>All devices of all drivers, in the drivers' order.</summary>
    public static List<OpenClDeviceInfo> All(OpenClLibrary cl)
    {
        var found = new List<OpenClDeviceInfo>();
        nint* platforms = stackalloc nint[(int)Most], devices = stackalloc nint[(int)Most];
        uint platformCount = 0;
        if (cl.GetPlatformIDs(Most, platforms, &platformCount) != 0)
        {
            return found; // a loader without any driver
        }

        for (int p = 0; p < Math.Min(platformCount, Most); p++)
        {
            uint count = 0;
            if (cl.GetDeviceIDs(platforms[p], AllTypes, Most, devices, &count) != 0)
            {
                continue; // a driver without a device
            }

            nint platform = platforms[p];
            string platformName = Text((size, to, needed) => cl.GetPlatformInfo(platform, PlatformName, size, (void*)to, (nint*)needed));
            for (int d = 0; d < Math.Min(count, Most); d++)
            {
                found.Add(Describe(cl, devices[d], platformName));
            }
        }

        return found;
    }

    private static OpenClDeviceInfo Describe(OpenClLibrary cl, nint device, string platform)
    {
        return new OpenClDeviceInfo(device, Info(DeviceName), $"OpenCL, {platform} {Info(DriverVersion)}", (Number(DeviceType) & Gpu) != 0, (Number(SingleConfiguration) & CorrectlyRounded) != 0);

        string Info(uint what) => Text((size, to, needed) => cl.GetDeviceInfo(device, what, size, (void*)to, (nint*)needed));

        ulong Number(uint what)
        {
            ulong value = 0;
            return cl.GetDeviceInfo(device, what, sizeof(ulong), &value, null) == 0 ? value : 0;
        }
    }

    /// <summary>A text of which the driver first tells the length. (Addresses as numbers: a lambda takes no pointers.)</summary>
    internal static string Text(Func<nint, nint, nint, int> get)
    {
        nint length = 0;
        if (get(0, 0, (nint)(&length)) != 0 || length <= 0)
        {
            return "";
        }

        byte[] bytes = new byte[length];
        fixed (byte* to = bytes)
        {
            return get(length, (nint)to, 0) == 0 ? (Marshal.PtrToStringUTF8((nint)to, (int)length) ?? "").TrimEnd('\0', ' ', '\n') : "";
        }
    }
}

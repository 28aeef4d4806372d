using System.Globalization;

namespace Cifar3.Training;

/// <summary>Which TensorFlow was found, and what it can compute on.</summary>
/// <param name="Version">TensorFlow's version, such as <c>2.16.1</c>.</param>
/// <param name="LibraryPath">The file that was loaded.</param>
/// <param name="Devices">The devices that the library shows.</param>
/// <param name="Notices">What the library printed on the standard error while it was loaded, a line each; kept from the app's own output.</param>
public sealed record TensorFlowInfo(string Version, string LibraryPath, IReadOnlyList<TensorFlowDeviceInfo> Devices, IReadOnlyList<string> Notices)
{
    /// <summary>Whether one of the devices is a GPU.</summary>
    public bool HasGpu => Devices.Any(device => device.IsGpu);

    /// <inheritdoc/>
    public override string ToString() => $"TensorFlow {Version} ({LibraryPath}): {string.Join(", ", Devices)}";
}

/// <summary>A device that TensorFlow can compute on.</summary>
/// <param name="Name">TensorFlow's full name, such as <c>/job:localhost/replica:0/task:0/device:GPU:0</c>.</param>
/// <param name="Type"><c>CPU</c> or <c>GPU</c>, among others.</param>
/// <param name="MemoryBytes">Memory that TensorFlow may use there; without meaning for the CPU.</param>
public sealed record TensorFlowDeviceInfo(string Name, string Type, long MemoryBytes)
{
    /// <summary>Whether it is a GPU.</summary>
    public bool IsGpu => Type == "GPU";

    /// <summary>Short form, such as <c>CPU:0</c> or <c>GPU:0 (77,824 MB)</c>.</summary>
    /// <returns>One line.</returns>
    public override string ToString()
    {
        string name = Name[(Name.LastIndexOf("device:", StringComparison.Ordinal) + "device:".Length)..];
        return IsGpu ? string.Create(CultureInfo.InvariantCulture, $"{name} ({MemoryBytes >> 20:N0} MB)") : name;
    }
}

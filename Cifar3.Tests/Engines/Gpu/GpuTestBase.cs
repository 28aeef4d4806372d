using System.Runtime.InteropServices;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// A fixture that needs an OpenCL device, be it a GPU or a processor (PoCL: <c>apt-get install pocl-opencl-icd ocl-icd-libopencl1</c>); without
/// one all its tests are skipped with the reason. Or one that also runs behind the other host, which needs nothing.
/// </summary>
public abstract class GpuTestBase(GpuHost host = GpuHost.OpenCl)
{
    private static readonly Lazy<string?> Absence = new(() =>
    {
        try
        {
            OpenDevice().Dispose();
            return null;
        }
        catch (GpuException e) when (e.Code == 0)
        {
            return $"there is no OpenCL device. {e.Message}";
        }
    });

    /// <summary>The reason why these tests cannot run here; null where there is a device. One that refuses the kernels is a failure, not a reason.</summary>
    internal static string? WhyAbsent() => Absence.Value;

    /// <summary>The device that CIFAR3_GPU names, or the first of OpenCL.</summary>
    internal static GpuDevice OpenDevice() => GpuSearch.Open(Environment.GetEnvironmentVariable(GpuSearch.Variable) is { Length: > 0 } named ? named : "OpenCL");

    /// <summary>The device behind the fixture's host.</summary>
    internal GpuDevice Open() => host == GpuHost.Ptx ? new FakeCuda().Open() : OpenDevice();

    [OneTimeSetUp]
    public void RequireDevice()
    {
        if (host == GpuHost.OpenCl && WhyAbsent() is { } reason)
        {
            Assert.Ignore(reason);
        }
    }

    internal static GpuEngine CreateEngine(CnnModel model, EngineOptions options) => new(model, options, OpenDevice);

    /// <summary>A new buffer with values.</summary>
    internal static GpuBuffer Buffer<T>(GpuDevice device, params T[] values)
        where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values.AsSpan());
        var buffer = device.Allocate(bytes.Length);
        device.Write(buffer, bytes);
        return buffer;
    }

    internal static T[] Read<T>(GpuDevice device, GpuBuffer buffer, int count)
        where T : unmanaged
    {
        var values = new T[count];
        device.Read(buffer, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>Numbers from −scale to scale.</summary>
    internal static float[] RandomFloats(int count, int seed, float scale = 1)
    {
        var random = new PhiloxRandom(seed, 0x7700000A);
        return [.. Enumerable.Range(0, count).Select(_ => scale * (2 * random.NextSingle() - 1))];
    }

    internal static int Groups(int elements) => (elements + GpuDevice.Group - 1) / GpuDevice.Group;

    /// <summary>Fails with the first difference unless both hold the same bits.</summary>
    internal static void AssertSameBits(float[] actual, float[] expected, string what)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length));
        int same = MemoryMarshal.Cast<float, int>(actual.AsSpan()).CommonPrefixLength(MemoryMarshal.Cast<float, int>(expected.AsSpan()));
        Assert.That(same, Is.EqualTo(expected.Length), $"{what} differs first at element {same}: {(same < expected.Length ? $"{actual[same]:R}, expected {expected[same]:R}" : "")}");
    }
}

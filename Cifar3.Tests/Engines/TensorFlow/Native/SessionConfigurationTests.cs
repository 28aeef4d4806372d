using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Bytes printed from TensorFlow's own ConfigProto.</summary>
public sealed class SessionConfigurationTests
{
    [Test]
    public void Write_Cpu_SetsThreadsAndNoGpu() =>
        Assert.That(Hex(2, new TensorFlowOptions { Device = TensorFlowDevice.Cpu }), Is.EqualTo("0A070A034750551000" + "1002" + "3801"));

    [Test]
    public void Write_Default_GrowsOnTheFirstGpu() =>
        Assert.That(Hex(0, new TensorFlowOptions()), Is.EqualTo("320520012A0130" + "3801"));

    [Test]
    public void Write_OtherGpuWithoutGrowth_SetsTheList() =>
        Assert.That(Hex(8, new TensorFlowOptions { Device = TensorFlowDevice.Gpu, AllowMemoryGrowth = false, GpuIndex = 1 }), Is.EqualTo("1008" + "32032A0131" + "3801"));

    private static string Hex(int threads, TensorFlowOptions options) => Convert.ToHexString(SessionConfiguration.Write(threads, options));
}

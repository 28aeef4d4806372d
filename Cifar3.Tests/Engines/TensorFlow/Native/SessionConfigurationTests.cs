using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Bytes printed from TensorFlow's own ConfigProto.</summary>
public sealed class SessionConfigurationTests
{
    [Test]
    public void Write_Cpu_SetsThreadsAndNoGpu() =>
        Assert.That(Hex(2, 1, new TensorFlowOptions { Device = TensorFlowDevice.Cpu }), Is.EqualTo("0A070A034750551000" + "1001" + "2802" + "3801"));

    [Test]
    public void Write_Default_GrowsOnTheFirstGpu() =>
        Assert.That(Hex(4, 1, new TensorFlowOptions()), Is.EqualTo("1001" + "2804" + "320520012A0130" + "3801"));

    [Test]
    public void Write_OtherGpuWithoutGrowth_SetsTheList() =>
        Assert.That(Hex(16, 16, new TensorFlowOptions { Device = TensorFlowDevice.Gpu, AllowMemoryGrowth = false, GpuIndex = 1 }), Is.EqualTo("1010" + "2810" + "32032A0131" + "3801"));

    private static string Hex(int threads, int operatorThreads, TensorFlowOptions options) => Convert.ToHexString(SessionConfiguration.Write(threads, operatorThreads, options));
}

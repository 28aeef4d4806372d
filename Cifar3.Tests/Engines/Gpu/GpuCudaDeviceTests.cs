using System.Runtime.InteropServices;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The host for NVIDIA's driver, against a driver that needs no card: what it asks for and in which order, and what it says when it is refused.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class GpuCudaDeviceTests
{
    private readonly FakeCuda cuda = new();

    [Test]
    public void Open_FirstCard_IsNamedWithItsDriver()
    {
        cuda.Cards.Insert(0, ("Fake Kepler", 37));

        using var device = GpuSearch.OpenCuda(null, cuda.Driver, [])!;

        Assert.That(device.Description, Is.EqualTo("Fake H100 (CUDA driver 12.4, sm_90)"), "the first that the PTX is made for");
    }

    [TestCase("h100", ExpectedResult = true)]
    [TestCase("CUDA", ExpectedResult = true)]
    [TestCase("OpenCL", ExpectedResult = false)]
    public bool Open_ByName_TakesThatOne(string wanted)
    {
        var tried = new List<string>();
        using var device = GpuSearch.OpenCuda(wanted, cuda.Driver, tried);
        Assert.That(tried, device is null ? Is.EqualTo(new[] { "Fake H100 (CUDA driver 12.4, sm_90): not the one that is wanted" }) : Is.Empty);
        return device is not null;
    }

    [Test]
    public void Open_NothingThatWillDo_SaysWhy()
    {
        var tried = new List<string>();
        Assert.That(CudaDriver.TryLoad(["libNoSuchCuda.so.1"], tried), Is.Null);
        cuda.Failures["cuInit"] = 100;
        Assert.That(GpuSearch.OpenCuda(null, cuda.Driver, tried), Is.Null);
        cuda.Failures.Clear();
        cuda.Cards[0] = ("Fake Maxwell", 52);
        Assert.That(GpuSearch.OpenCuda(null, cuda.Driver, tried), Is.Null);
        cuda.Cards.Clear();
        Assert.That(GpuSearch.OpenCuda(null, cuda.Driver, tried), Is.Null);

        Assert.That(tried, Is.EqualTo(new[]
        {
            "libNoSuchCuda.so.1 (CUDA): no such library",
            "NVIDIA's driver (CUDA): it is there, but no CUDA-capable device is detected (CUDA_ERROR_NO_DEVICE, 100)",
            "Fake Maxwell (CUDA driver 12.4, sm_52): older than sm_60",
            "NVIDIA's driver (CUDA): it is there, but has no card",
        }));
    }

    [Test]
    public void TryLoad_LibraryOfAnotherKind_SaysWhatItLacks()
    {
        Assume.That(OperatingSystem.IsLinux());
        var tried = new List<string>();

        Assert.That(CudaDriver.TryLoad(["libc.so.6"], tried), Is.Null);

        Assert.That(tried.Single(), Does.StartWith("libc.so.6 (CUDA): ").And.Contains("cuInit").And.Contains("CUDA 11.0"));
    }

    [Test]
    public void Open_DriverCannotCompile_ShowsItsWords()
    {
        cuda.CompilerLog = "ptxas application ptx input, line 9; fatal : Unsupported .version 7.0";

        var error = Assert.Throws<GpuException>(() => cuda.Open())!;

        Assert.That(error.Message, Is.EqualTo(
            "Fake H100 (CUDA driver 12.4, sm_90) cannot compile the kernels: a PTX JIT compilation failed (CUDA_ERROR_INVALID_PTX, 218). " +
            "A newer driver may, or the same card through OpenCL (CIFAR3_GPU=OpenCL). It says: " + cuda.CompilerLog));
        Assert.That(error.Code, Is.EqualTo(218));
        Assert.That(cuda.Left, Is.Zero, "all is given back");
    }

    [Test]
    public void Open_DriverTooOld_SaysWhichIsNot()
    {
        cuda.Failures["cuModuleLoadDataEx"] = 222;

        Assert.That(() => cuda.Open(), Throws.TypeOf<GpuException>().With.Message.Contains("CUDA_ERROR_UNSUPPORTED_PTX_VERSION, 222). A newer driver can: from CUDA 11.0 on (450.36)."));
    }

    [Test]
    public void Allocate_NoMemoryLeft_SaysHowMuchWasAskedFor()
    {
        using var device = cuda.Open();
        cuda.Failures["cuMemAlloc_v2"] = 2;

        Assert.That(() => device.Allocate(1 << 20), Throws.TypeOf<GpuException>().With.Message.EqualTo(
            "Fake H100 (CUDA driver 12.4, sm_90) refused 1,048,576 bytes of memory: out of memory (CUDA_ERROR_OUT_OF_MEMORY, 2). A smaller batch needs less memory."));
    }

    [TestCase("cuDevicePrimaryCtxRetain")]
    [TestCase("cuCtxSetCurrent")]
    [TestCase("cuStreamCreate")]
    [TestCase("cuMemHostAlloc")]
    public void Open_AnyCallFails_GivesBackWhatItHad(string function)
    {
        cuda.Failures[function] = 999;

        Assert.That(() => cuda.Open(), Throws.TypeOf<GpuException>().With.Property(nameof(GpuException.Code)).EqualTo(999).And.Message.Contains("CUDA error 999"));

        Assert.That(cuda.Left, Is.Zero);
    }

    [Test]
    public void Dispose_Always_GivesEverythingBackOnce()
    {
        var device = cuda.Open();
        device.Allocate(10);
        Assert.That(cuda.Left, Is.EqualTo(5), "context, stream, module, page-locked and device memory");

        device.Dispose();
        device.Dispose();

        Assert.That(cuda.Left, Is.Zero);
    }

    /// <summary>More than the page-locked memory holds, and several copies that are on their way when the caller changes what it gave.</summary>
    [Test]
    public void Write_MoreThanPageLockedMemoryHolds_ArrivesWhole([Values(256, 1000, 4096)] int staging)
    {
        using var device = cuda.Open(staging);
        var buffers = Enumerable.Range(0, 9).Select(_ => device.Allocate(1500)).ToList();
        var given = new byte[1500];
        for (int i = 0; i < buffers.Count; i++)
        {
            Fill(given, i);
            device.Write(buffers[i], given.AsSpan(0, 1500 - i));
            given.AsSpan().Clear();
        }

        var found = new byte[1500];
        for (int i = 0; i < buffers.Count; i++)
        {
            Fill(given, i);
            device.Read(buffers[i], found);
            Assert.That(found[..(1500 - i)], Is.EqualTo(given[..(1500 - i)]), $"buffer {i}");
        }

        static void Fill(byte[] values, int i) => new Random(i).NextBytes(values);
    }

    [Test]
    public void Write_PageLockedMemorySuffices_WaitsForNothing()
    {
        using var device = cuda.Open();
        var buffer = device.Allocate(4000);
        cuda.Calls.Clear();

        device.Write(buffer, new byte[4000]);
        device.Write(buffer, new byte[100]);

        Assert.That(cuda.Calls, Is.EqualTo(new[] { "cuCtxSetCurrent", "cuMemcpyHtoDAsync_v2", "cuCtxSetCurrent", "cuMemcpyHtoDAsync_v2" }));
    }

    /// <summary>What is launched behind the copy has not taken place when the host has it: here a driver waits no longer than it must.</summary>
    [Test]
    public void EndRead_LaunchesBehind_WaitsForTheCopyAlone()
    {
        using (var device = cuda.Open(512))
        {
            var (pixels, x) = (GpuTestBase.Buffer<byte>(device, 255, 0, 51), GpuTestBase.Buffer(device, 9f, 8, 7));
            var kernel = device.Kernel("pixels_to_floats");
            float[] found = new float[3];

            device.StartRead(x, 3 * sizeof(float));
            device.Launch(kernel, 1, 1, 1, pixels, x, 3);
            cuda.Calls.Clear();
            device.EndRead(MemoryMarshal.AsBytes(found.AsSpan()));
            string[] waited = [.. cuda.Calls];

            Assert.That(found, Is.EqualTo(new[] { 9f, 8, 7 }));
            Assert.That(waited, Is.EqualTo(new[] { "cuCtxSetCurrent", "cuEventSynchronize" }));
            Assert.That(GpuTestBase.Read<float>(device, x, 3), Is.EqualTo(new[] { 1, 0, .2f }));

            // A longer one after one that nobody waited for, and the memory that copies pass through, full and free again.
            byte[] given = [.. Enumerable.Range(0, 512).Select(i => (byte)i)], back = new byte[512];
            var (from, other) = (device.Allocate(512), device.Allocate(512));
            device.StartRead(x, 4);
            device.Write(from, given);
            device.StartRead(from, 512);
            device.EndRead(back);
            cuda.Calls.Clear();
            device.Write(other, given);
            Assert.That(back, Is.EqualTo(given));
            Assert.That(cuda.Calls, Does.Not.Contain("cuStreamSynchronize"), "EndRead has made room");
            device.StartRead(from, 512);
            device.Write(from, new byte[10]);
            device.EndRead(back);
            device.Read(other, back);
            Assert.That(back, Is.EqualTo(given), "a copy that came after StartRead keeps its place");
        }

        Assert.That(cuda.Left, Is.Zero);
    }

    [TestCase("cuEventCreate")]
    [TestCase("cuMemHostAlloc")]
    [TestCase("cuMemcpyDtoHAsync_v2")]
    [TestCase("cuEventRecord")]
    [TestCase("cuEventSynchronize")]
    public void Read_Refused_IsToldAndWorksTheNextTime(string function)
    {
        using (var device = cuda.Open())
        {
            var x = GpuTestBase.Buffer(device, 9f, 8, 7);
            float[] found = new float[3];
            cuda.Failures[function] = 999;

            Assert.That(ReadBack, Throws.TypeOf<GpuException>().With.Property(nameof(GpuException.Code)).EqualTo(999));

            cuda.Failures.Clear();
            ReadBack();
            Assert.That(found, Is.EqualTo(new[] { 9f, 8, 7 }));

            void ReadBack()
            {
                device.StartRead(x, 3 * sizeof(float));
                device.EndRead(MemoryMarshal.AsBytes(found.AsSpan()));
            }
        }

        Assert.That(cuda.Left, Is.Zero);
    }

    [Test]
    public void Calls_FromAnotherThread_HaveTheContext()
    {
        using var device = cuda.Open();

        var buffer = device.Allocate(4);
        device.Write(buffer, [1, 2, 3, 4]);
        byte[] found = new byte[4];
        var other = new Thread(() => device.Read(buffer, found));
        other.Start();
        other.Join();

        Assert.That(found, Is.EqualTo(new byte[] { 1, 2, 3, 4 }));
    }

    /// <summary>A kernel that is given less memory than it was told of: the driver notices when the host waits, and so does the caller.</summary>
    [Test]
    public void Launch_BeyondABuffer_IsRefusedAtTheNextRead()
    {
        using var device = cuda.Open();
        var (pixels, x) = (device.Allocate(64), device.Allocate(64 * 4));
        var kernel = device.Kernel("pixels_to_floats");

        device.Launch(kernel, 1, 1, 1, pixels, x, 64);
        device.Read(x, new byte[4]);
        device.Launch(kernel, 2, 1, 1, pixels, x, 65);

        Assert.That(() => device.Read(x, new byte[4]), Throws.TypeOf<GpuException>().With.Message.Contains("CUDA_ERROR_ILLEGAL_ADDRESS, 700). A launch before failed"));
        Assert.That(cuda.Faults.Single(), Does.StartWith("pixels_to_floats: 1 bytes at "));
    }

    /// <summary>Which errors leave a context that nothing can be done with: NVIDIA's manual, CUresult. 701 is a launch that did not take place, and harms nothing.</summary>
    [TestCase(700, true)]
    [TestCase(701, false)]
    [TestCase(715, true)]
    [TestCase(718, true)]
    [TestCase(719, true)]
    public void Launch_Refused_SaysWhetherTheCardIsLost(int error, bool isLost)
    {
        using var device = cuda.Open();
        var kernel = device.Kernel("pixels_to_floats");
        cuda.Failures["cuLaunchKernel"] = error;

        var refusal = Assert.Throws<GpuException>(() => device.Launch(kernel, 1, 1, 1))!;

        Assert.That(refusal.Message.Contains("this process can use the card no more", StringComparison.Ordinal), Is.EqualTo(isLost), refusal.Message);
    }

    [Test]
    public void Graph_OfALaunch_TakesPlaceWhenItIsLaunched()
    {
        using var device = cuda.Open();
        var (pixels, x) = (GpuTestBase.Buffer<byte>(device, 255, 0, 51), GpuTestBase.Buffer(device, 9f, 9, 9));
        var kernel = device.Kernel("pixels_to_floats");

        using (var graph = CudaGraph.Capture(device, () => device.Launch(kernel, 1, 1, 1, pixels, x, 3)))
        {
            float[] recorded = GpuTestBase.Read<float>(device, x, 3);
            graph.Launch();

            Assert.That(recorded, Is.EqualTo(new[] { 9f, 9, 9 }));
            Assert.That(GpuTestBase.Read<float>(device, x, 3), Is.EqualTo(new[] { 1, 0, .2f }));
        }

        device.Dispose();
        Assert.That(cuda.Left, Is.Zero);
    }

    [Test]
    public void Kernel_NoSuchName_NamesIt()
    {
        using var device = cuda.Open();

        Assert.That(() => device.Kernel("conv_sideways"), Throws.TypeOf<GpuException>().With.Message.Contains("refused kernel conv_sideways: CUDA error 500"));
        Assert.That(device.Resources(device.Kernel("conv_forward")).LocalBytes, Is.Zero);
    }

    /// <summary>The layout that a launch counts on: the bits of an argument come first.</summary>
    [Test]
    public void Argument_InMemory_BeginsWithItsBits()
    {
        var argument = (GpuArgument)1.5f;

        Assert.That(MemoryMarshal.Read<float>(MemoryMarshal.AsBytes(new ReadOnlySpan<GpuArgument>(in argument))), Is.EqualTo(1.5f));
    }
}

using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>What is said where there is nothing to train on. These run everywhere.</summary>
public sealed class GpuSearchTests
{
    [Test]
    public void Open_NoLibrary_ListsEveryNameLookedFor()
    {
        var tried = new List<string>();

        var device = GpuSearch.OpenOpenCl(null, ["libNoSuchOpenCL.so.1", "libNoSuchOpenCL.so"], tried);

        Assert.That(device, Is.Null);
        Assert.That(tried, Has.Count.EqualTo(2));
        Assert.That(GpuSearch.None(null, tried).Message, Does.Contain("libNoSuchOpenCL.so.1 (OpenCL): no such library").And.Contain("libNoSuchOpenCL.so (OpenCL)").And.Contain("managed engine"));
    }

    [Test]
    public void Open_LibraryOfAnotherKind_SaysWhatItLacks()
    {
        Assume.That(OperatingSystem.IsLinux());
        var tried = new List<string>();

        var device = GpuSearch.OpenOpenCl(null, ["libc.so.6"], tried);

        Assert.That(device, Is.Null);
        Assert.That(tried.Single(), Does.StartWith("libc.so.6 (OpenCL): ").And.Contains("clGetPlatformIDs"));
    }

    /// <summary>A driver of another system (in Alpine NVIDIA's container toolkit puts one that needs glibc, on 64 bits one for 32) is there, and cannot be loaded: the loader's reason is the one that helps.</summary>
    [Test]
    public void Open_LibraryThatCannotBeLoaded_SaysWhy()
    {
        Assume.That(OperatingSystem.IsLinux());
        string broken = Path.Combine(TestFiles.NewFolder(), "libOpenCL.so.1");
        File.WriteAllText(broken, "this is no library, and long enough for the header of one: 0123456789 0123456789 0123456789 0123456789");
        var tried = new List<string>();

        OpenClLibrary.TryLoad([broken, broken + ".2"], tried);

        Assert.That(tried[0], Does.Match(@"libOpenCL\.so\.1 \(OpenCL\): it is there, and cannot be loaded: .*(ELF|file)").And.Not.Contain("\n"));
        Assert.That(tried[1], Does.EndWith("libOpenCL.so.1.2 (OpenCL): no such library"));
    }

    [Test]
    public void Open_NoSuchName_ListsWhatIsThere()
    {
        var error = Assert.Throws<GpuException>(() => GpuSearch.Open("no card of this name"))!;

        TestContext.Out.WriteLine(error.Message);
        Assert.That(error.Message, Does.Contain("'no card of this name'").And.Contain("OpenCL").And.Contain(GpuSearch.Variable));
        Assert.That(error.Code, Is.Zero);
    }

    /// <summary>A processor that a driver shows as a device is not taken for a GPU.</summary>
    [Test]
    public void Create_NoGpu_IsRefusedWithEverythingThatWasLookedFor()
    {
        Assume.That(Environment.GetEnvironmentVariable(GpuSearch.Variable), Is.Null.Or.Empty, "A device is named.");
        var model = EngineTestData.Model([1, 2, 3], 2, .5);
        try
        {
            using var engine = TrainingEngines.Create(TrainingEngine.Gpu, model, new EngineOptions());
            Assert.That(engine.Device, Does.Contain("OpenCL").Or.Contain("CUDA"), "there is a GPU");
        }
        catch (GpuException e)
        {
            TestContext.Out.WriteLine(e.Message);
            Assert.That(e.Message, Does.StartWith("There is no GPU to train on. Looked for:").And.Contain("OpenCL"));
            Assert.That(CudaDriver.FileNames, Is.All.Matches<string>(name => e.Message.Contains(name, StringComparison.Ordinal)), "NVIDIA's driver was looked for by all its names");
            Assert.That(e.Message, GpuTestBase.WhyAbsent() is null ? Does.Contain("a processor, not a GPU") : Does.Contain("no such library").Or.Contain("no driver offers a device"));
        }
    }
}

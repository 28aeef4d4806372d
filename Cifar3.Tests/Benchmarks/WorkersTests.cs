using Cifar3.Benchmarks;

namespace Cifar3.Tests;

/// <summary>The contenders of the benchmark program: they keep the protocol and do the work that they are asked for.</summary>
public sealed class WorkersTests
{
    private WorkFolder folder = null!;

    [OneTimeSetUp]
    public void WriteImages() => folder = WorkFolder.Create(Cifar3Data.Synthetic(trainCount: 150, testCount: 33));

    [OneTimeTearDown]
    public void DeleteImages() => folder.Delete();

    [Test]
    public void Read_WhatCreateWrote_IsTheSameImagesInAnotherOrder()
    {
        var data = Cifar3Data.Synthetic(trainCount: 150, testCount: 33);
        var read = folder.ReadTrain();

        Assert.That(read.Labels.ToArray(), Is.EquivalentTo(data.Train.Labels.ToArray()).And.Not.EqualTo(data.Train.Labels.ToArray()));
        Assert.That(Enumerable.Range(0, 150).Select(i => Convert.ToHexString(read.Image(i))), Is.EquivalentTo(Enumerable.Range(0, 150).Select(i => Convert.ToHexString(data.Train.Image(i)))));
    }

    [Test]
    public void Worker_ManagedEngineAndOnnxRuntime_DoTheWorkAndAgree()
    {
        using var group = new PeerGroup(folder);
        var engine = group.Worker(WorkerCommand.Managed, 2)!;
        var runtime = group.Worker(WorkerCommand.OnnxRuntime, 2)!;

        Assert.That(group.Missing, Is.Empty);
        Assert.That(engine.Name, Does.Match(@"^Cifar3: Managed \S+ \(CPU, .*2 threads\)$"));
        Assert.That(runtime.Name, Does.StartWith("ONNX Runtime 1."));
        Assert.That(engine.Ask("evaluate", "correct"), Is.EqualTo(runtime.Ask("evaluate", "correct")), "the same model");
        Assert.That(engine.Ask("train 2", "images"), Is.EqualTo(256));
        Assert.That(engine.AskRate("train 1"), Is.GreaterThan(0));
        Assert.That(engine.Ask("allocated 2", "bytes_a_step"), Is.LessThan(100_000));
        Assert.That(engine.Ask("recipe 1", "val_accuracy"), Is.InRange(0, 1));
        Assert.That(engine.Ask("memory", "bytes"), Is.GreaterThan(30e6));
    }

    [Test]
    public void Worker_Avx512SwitchedOff_SaysWhatItUses()
    {
        Assume.That(System.Runtime.Intrinsics.X86.Avx512F.IsSupported, "This processor has no AVX-512.");
        using var group = new PeerGroup(folder);

        Assert.That(group.Worker(WorkerCommand.Managed, 1, ("DOTNET_EnableAVX512", "0"))!.Name, Does.Contain("AVX2").And.Contain("1 thread"));
    }

    [Test]
    public void Torch_Installed_DoesTheSameWork()
    {
        using var group = new PeerGroup(folder);
        CheckPython(group, group.Torch("bf16", 2), "PyTorch");
    }

    [Test]
    public void Keras_Installed_DoesTheSameWork()
    {
        using var group = new PeerGroup(folder, TestFiles.Peers());
        CheckPython(group, group.Keras("mixed_bfloat16", 2), "Keras");
    }

    [Test]
    public void Keras_NotInstalled_IsNamedAsMissingWithTheReason()
    {
        using var group = new PeerGroup(folder, packages: TestFiles.NewFolder());

        Assume.That(group.Keras("float32", 2), Is.Null, "The system's own Python has Keras.");
        Assert.That(group.Missing.Single(), Does.Match("^Keras float32: .*(keras|python)"));
    }

    private static void CheckPython(PeerGroup group, PeerProcess? peer, string name)
    {
        Assume.That(peer, Is.Not.Null, string.Join(' ', group.Missing));
        Assert.That(peer!.Name, Does.StartWith(name));
        Assert.That(peer.Ask("train 1", "images"), Is.EqualTo(128));
        Assert.That(peer.AskRate("evaluate"), Is.GreaterThan(0));
        Assert.That(peer.Ask("recipe 1", "val_accuracy"), Is.InRange(0, 1));
        Assert.That(peer.Ask("memory", "bytes"), Is.GreaterThan(30e6));
    }
}

namespace Cifar3.Tests;

internal sealed class KernelWarmupTests
{
    [TestCaseSource(typeof(SimdLevels), nameof(SimdLevels.Available))]
    public void Run_NetworkOfZeros_TellsNoClassFromAnother(object level) =>
        Assert.That(KernelWarmup.Run((SimdLevel)level), Is.All.EqualTo(1f / 3));

    [Test]
    public void IsWorthwhile_ManagedScorersFileAndAnotherProcessor_Alone()
    {
        Assume.That(Environment.ProcessorCount, Is.GreaterThan(1));
        var model = TestModels.Random(2, [2, 2, 2]);
        byte[] own = model.ToOnnxBytes(), folded = model.ToOnnxBytes(new OnnxExportOptions { Flavor = OnnxFlavor.Optimized });

        Assert.That(KernelWarmup.IsWorthwhile(own, null), Is.True);
        Assert.That(KernelWarmup.IsWorthwhile(own, new ClassifierOptions { Backend = ScoringBackend.Managed, Threads = 2 }), Is.True);
        Assert.That(KernelWarmup.IsWorthwhile(own, new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime }), Is.False);
        Assert.That(KernelWarmup.IsWorthwhile(own, new ClassifierOptions { Threads = 1 }), Is.False);
        Assert.That(KernelWarmup.IsWorthwhile(folded, null), Is.False);
        Assert.That(KernelWarmup.IsWorthwhile([], null), Is.False);
    }
}

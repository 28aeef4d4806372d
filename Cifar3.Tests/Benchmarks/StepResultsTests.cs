using Cifar3.Benchmarks;

namespace Cifar3.Tests;

public sealed class StepResultsTests
{
    private static readonly ProcessorKind Wide = new(ProcessorKind.Avx512, HasBfloat16: true, HasVnni: true), Laptop = new(ProcessorKind.AvxTwo, HasBfloat16: false, HasVnni: false);

    private static readonly StepResults WithoutPeers = new() { Machine = Wide, PeakFlops = 145e9, Training = 2000, OneThread = 1000, Avx2 = 1500, Evaluation = 9000, PeakMemory = 250e6, AllocatedBytes = 0 };

    [Test]
    public void Targets_AllMeasured_AreTheRatiosOfTheirFigures()
    {
        var results = WithoutPeers with { ChannelsLast = 750, BestFp32 = 800, BestBf16 = 1000, OnnxRuntime = 3000, Recipe = 50, RecipeChannelsLast = 200 };

        Assert.That(results.DirectRoofline, Is.EqualTo(1000));
        Assert.That(results.Targets.Select(target => target.Value), Is.EqualTo(new double?[] { 2.5, 2, 2, 2, 45, 3, .75, 2, 250, 0 }));
        Assert.That(results.Targets.Select(target => target.Met), Is.EqualTo(new[] { false, false, true, true, true, true, false, true, true, true }));
    }

    [Test]
    public void Targets_OtherMachine_AreThatMachinesAndSaySo()
    {
        var targets = (WithoutPeers with { Machine = Laptop, Training = 1800 }).Targets;

        Assert.That(targets.Select(target => target.Figure), Has.None.Contains("bf16").And.None.Contains("AVX-512"), "peers that take no part, and vectors that are not there, are no target");
        Assert.That(targets.Where(target => target.Figure.EndsWith("AVX2", StringComparison.Ordinal)).Select(target => (target.Goal, target.Met)), Is.EqualTo(new[] { (1.75, true), (1.75, true) }));
    }

    [Test]
    public void Targets_NoPeers_AreNotMeasuredAndNotMet()
    {
        var missed = WithoutPeers.Targets.Where(target => target.Value is null).ToList();

        Assert.That(missed.Select(target => target.Goal), Is.EqualTo(new[] { 3.5, 2.3, 60, 2.3, 1.5 }));
        Assert.That(missed, Has.All.Matches<Target>(target => !target.Met));
    }
}

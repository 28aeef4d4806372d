using System.Text.Json;
using Cifar3.Benchmarks;

namespace Cifar3.Tests;

/// <summary>The parts of the benchmark program that need no timing.</summary>
public sealed class BenchmarkPartsTests
{
    [TestCase(2.0, new[] { 3.0, 1.0, 2.0 })]
    [TestCase(2.5, new[] { 4.0, 1.0, 2.0, 3.0 })]
    [TestCase(7.0, new[] { 7.0 })]
    public void Median_Values_IsTheMiddle(double expected, double[] values) => Assert.That(new Measurement("x", values).Median, Is.EqualTo(expected));

    [Test]
    public void Run_TwoContenders_AlternatesRoundByRound()
    {
        var order = new List<string>();
        int number = 0;

        var measured = AlternatingRounds.Run(3, [Contender("a"), Contender("b")]);

        Assert.That(order, Is.EqualTo(new[] { "a", "b", "a", "b", "a", "b" }));
        Assert.That(measured["a"].Values, Is.EqualTo(new[] { 1, 3, 5 }));
        Assert.That(measured["b"].Values, Is.EqualTo(new[] { 2, 4, 6 }));

        Contender Contender(string name) => new(name, () =>
        {
            order.Add(name);
            return ++number;
        });
    }

    [Test]
    public void Met_FloorsAndCeilings_CompareTheRightWay()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Target.AtLeast(3.5, "ratio", 3.5).Met, Is.True);
            Assert.That(Target.AtLeast(3.5, "ratio", 3.49).Met, Is.False);
            Assert.That(Target.AtMost(600, "MB", 600).Met, Is.True);
            Assert.That(Target.AtMost(600, "MB", 601).Met, Is.False);
            Assert.That(Target.AtLeast(0, "ratio", null).Met, Is.False, "what was not measured is not met");
            Assert.That(Target.AtMost(0, "bytes", double.NaN).Met, Is.False);
        });
    }

    [Test]
    public void Current_Processor_IsWhatTheSystemSays()
    {
        Assume.That(OperatingSystem.IsLinux() && System.Runtime.Intrinsics.X86.X86Base.IsSupported, "the system's list is Linux's");
        string flags = File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("flags", StringComparison.Ordinal)) + " ";

        Assert.That(ProcessorKind.Current.HasBfloat16, Is.EqualTo(flags.Contains(" avx512_bf16 ", StringComparison.Ordinal) || flags.Contains(" amx_bf16 ", StringComparison.Ordinal)));
        Assert.That(ProcessorKind.Current.HasVnni, Is.EqualTo(flags.Contains(" avx512_vnni ", StringComparison.Ordinal) || flags.Contains(" avx_vnni ", StringComparison.Ordinal)));
    }

    [Test]
    public void ToJson_Targets_AreFigureValueTargetMet()
    {
        using var json = JsonDocument.Parse(TargetReport.ToJson([Target.AtLeast(3.5, "training, 2 threads", 4.25), Target.AtMost(600, "peak memory, MB", null)]));

        Assert.That(json.RootElement.EnumerateArray().Select(item => item.ToString().ReplaceLineEndings("").Replace(" ", "", StringComparison.Ordinal)), Is.EqualTo(new[]
        {
            """{"figure":"training,2threads","value":4.25,"target":3.5,"met":true}""",
            """{"figure":"peakmemory,MB","value":null,"target":600,"met":false}""",
        }));
    }

    [Test]
    public void TryStart_NoSuchProgram_SaysSo()
    {
        using var peer = PeerProcess.TryStart("no-such-program-here", [], new Dictionary<string, string>(), out string? missing);

        Assert.That(peer, Is.Null);
        Assert.That(missing, Does.Contain("no-such-program-here"));
    }

    [Test]
    public void PeakWorkingSet_ThisProcess_IsAtLeastWhatItHoldsNow() =>
        Assert.That(ProcessMemory.PeakWorkingSet, Is.GreaterThan(20_000_000).And.GreaterThanOrEqualTo(ProcessMemory.WorkingSet - 1_000_000));
}

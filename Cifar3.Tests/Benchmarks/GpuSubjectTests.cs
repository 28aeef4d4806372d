using Cifar3.Benchmarks;

namespace Cifar3.Tests;

/// <summary><c>gpu</c> of the benchmark program, at a tiny scale on whatever device there is: all of it runs and nothing is found wrong.</summary>
public sealed class GpuSubjectTests
{
    [Test]
    public void Checks_OnThisDevice_FindNothingWrong()
    {
        if (GpuTestBase.WhyAbsent() is { } reason)
        {
            Assert.Ignore(reason);
        }

        var findings = new GpuFindings();
        string? named = Environment.GetEnvironmentVariable("CIFAR3_GPU");
        try
        {
            Environment.SetEnvironmentVariable("CIFAR3_GPU", string.IsNullOrEmpty(named) ? "OpenCL" : named);
            GpuSubject.Run(small: true, checksOnly: true, findings);
        }
        finally
        {
            Environment.SetEnvironmentVariable("CIFAR3_GPU", named);
        }

        findings.Lines.ToList().ForEach(TestContext.Out.WriteLine);
        Assert.That(findings.HasFaults, Is.False, string.Join('\n', findings.Lines));
        Assert.That(findings.Lines.Count(), Is.AtLeast(9));
    }

    [Test]
    public void Part_ThatFails_IsALineAndAFault()
    {
        var findings = new GpuFindings();

        findings.Part("this", () => throw new Cifar3Exception("does not work"));

        Assert.That(findings.HasFaults);
        Assert.That(findings.Lines, Is.EqualTo(new[] { "this: does not work" }));
    }
}

namespace Cifar3.Tests;

/// <summary>What all comparisons rest on: a number that is none is no agreement. LINQ's Max passes over it, and NUnit takes it for less than any ceiling.</summary>
public sealed class EngineComparisonTests
{
    private static readonly double[] Expected = [1, 2, 4], Zeros = [0, 0, 0];

    [Test]
    public void Comparisons_NaNAmongTheNumbers_AreInfinite()
    {
        double[] actual = [1, double.NaN, 4];

        Assert.That(EngineComparison.Farthest(actual, Expected), Is.EqualTo(double.PositiveInfinity));
        Assert.That(EngineComparison.RelativeToLargest(actual, Expected), Is.EqualTo(double.PositiveInfinity));
        Assert.That(EngineComparison.RelativeL2(actual, Expected), Is.EqualTo(double.PositiveInfinity));
        Assert.That(actual[1], Is.LessThan(1e-5), "as NUnit has it; once it has not, Worse need say no more");
    }

    [Test]
    public void Comparisons_Numbers_AreTheirDifferences()
    {
        float[] actual = [1, 2.5f, 4];

        Assert.That(EngineComparison.Farthest(actual, Expected), Is.EqualTo(.5));
        Assert.That(EngineComparison.RelativeToLargest(actual.Select(value => (double)value), Expected), Is.EqualTo(.125));
        Assert.That(EngineComparison.RelativeL2([3, 0, 4], Expected), Is.EqualTo(Math.Sqrt(8.0 / 21)).Within(1e-15));
        Assert.That(EngineComparison.RelativeL2(Zeros, Zeros), Is.Zero, "gradients that are all zero, and should be");
        Assert.That(EngineComparison.RelativeToLargest([0, 1e-9, 0], Zeros), Is.EqualTo(double.PositiveInfinity));
    }
}

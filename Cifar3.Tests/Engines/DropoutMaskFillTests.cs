using Cifar3.Training;

namespace Cifar3.Tests;

[Category(TestCategories.Numerics)]
public sealed class DropoutMaskFillTests
{
    /// <summary>Every remainder of the vector loop, and rates at both ends.</summary>
    [TestCase(0.5)]
    [TestCase(0.1)]
    [TestCase(0.9999999)]
    [TestCase(0.0)]
    public void Scaled_AnyLength_IsTheMaskTimesTheScale(double rate)
    {
        var keep = new byte[1000];
        DropoutMask.Fill(-7, (5L << 32) + 3, 2, rate, 0, keep);
        float scale = (float)(1 / (1 - rate));
        float[] expected = [.. keep.Select(k => k * scale)];
        foreach (int length in Enumerable.Range(0, 140).Append(1000))
        {
            var factors = new float[length];
            DropoutMaskFill.Scaled(-7, (5L << 32) + 3, 2, rate, factors);
            Assert.That(factors, Is.EqualTo(expected[..length]));
        }
    }

    [Test]
    public void Keep_AnyLengthAndStart_IsTheMask([Values(0.5, 0.1, 0.0)] double rate, [Values(0, 8, 4096 + 40, (1L << 36) - 64)] long first)
    {
        foreach (int length in Enumerable.Range(0, 140).Append(1000))
        {
            byte[] expected = new byte[length], keep = new byte[length];
            DropoutMask.Fill(-7, (5L << 32) + 3, 2, rate, first, expected);
            DropoutMaskFill.Keep(-7, (5L << 32) + 3, 2, rate, first, keep);
            Assert.That(keep, Is.EqualTo(expected));
        }
    }

    [Test]
    public void Scaled_ManyElements_KeepsTheShareOfTheRate()
    {
        var factors = new float[1 << 18];
        DropoutMaskFill.Scaled(1, 1, 0, 0.3, factors);

        Assert.That(factors.Average(), Is.EqualTo(1).Within(0.005)); // inverted dropout keeps the expectation
        Assert.That(factors.Count(f => f == 0) / (double)factors.Length, Is.EqualTo(0.3).Within(0.004));
    }
}

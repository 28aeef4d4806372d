using System.Numerics;
using System.Runtime.InteropServices;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>How states and gradients of engines are compared.</summary>
internal static class EngineComparison
{
    /// <summary>The gradients that an engine used, out of Adam's first moments: m' = 0.9·m + 0.1·g, so g = (m' − 0.9·m)/0.1.</summary>
    public static Dictionary<string, double[]> Gradients(EngineState before, EngineState after) =>
        before.AdamM.Zip(after.AdamM).ToDictionary(
            pair => pair.First.Name,
            pair => pair.First.ToArray().Zip(pair.Second.ToArray(), (m, next) => (next - .9 * m) / .1).ToArray());

    /// <summary>√Σ(a − expected)² / √Σ expected².</summary>
    public static double RelativeL2(IEnumerable<double> actual, double[] expected) =>
        Relative(Math.Sqrt(actual.Zip(expected, (a, e) => (a - e) * (a - e)).Sum()), Math.Sqrt(expected.Sum(e => e * e)));

    /// <summary>The largest difference, relative to the largest expected value.</summary>
    public static double RelativeToLargest(IEnumerable<double> actual, double[] expected) => Relative(Farthest(actual, expected), expected.Max(Math.Abs));

    /// <summary>The largest difference.</summary>
    public static double Farthest<T, TExpected>(IEnumerable<T> actual, IEnumerable<TExpected> expected)
        where T : INumber<T>
        where TExpected : INumber<TExpected> =>
        Largest(actual.Zip(expected, (a, e) => Math.Abs(double.CreateChecked(a) - double.CreateChecked(e))));

    /// <summary>The largest error.</summary>
    public static double Largest(IEnumerable<double> errors) => errors.Aggregate(0.0, Worse);

    /// <summary>The larger error, infinity where one is no number: LINQ's Max passes over NaN, and NUnit takes it for less than any ceiling.</summary>
    public static double Worse(double worst, double error) => double.IsNaN(error) ? double.PositiveInfinity : Math.Max(worst, error);

    private static double Relative(double difference, double size) => difference == 0 ? 0 : Worse(0, difference / size);

    public static double[] Doubles(this WeightTensor tensor) => [.. tensor.ToArray().Select(value => (double)value)];

    public static WeightTensor Of(this IReadOnlyList<WeightTensor> tensors, string name) => tensors.Single(t => t.Name == name);

    public static bool IsMoving(this WeightTensor tensor) => tensor.Name.Contains("/moving_", StringComparison.Ordinal);

    public static double Median(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);

    /// <summary>Fails, naming the first tensor that differs, unless both states hold the same bits.</summary>
    public static void AssertSameBits(EngineState actual, EngineState expected, string what)
    {
        Assert.That(actual.Step, Is.EqualTo(expected.Step), $"{what}: step");
        AssertSame(actual.Weights, expected.Weights, "weight");
        AssertSame(actual.AdamM, expected.AdamM, "Adam's m of");
        AssertSame(actual.AdamV, expected.AdamV, "Adam's v of");

        void AssertSame(IReadOnlyList<WeightTensor> some, IReadOnlyList<WeightTensor> others, string kind)
        {
            Assert.That(some.Select(t => t.ToString()), Is.EqualTo(others.Select(t => t.ToString())), $"{what}: names and shapes of {kind}");
            foreach (var (a, e) in some.Zip(others))
            {
                int same = MemoryMarshal.Cast<float, int>(a.Values).CommonPrefixLength(MemoryMarshal.Cast<float, int>(e.Values));
                Assert.That(same, Is.EqualTo(a.Count), $"{what}: {kind} {a.Name} differs first at element {same}: {(same < a.Count ? $"{a.Values[same]:R}, expected {e.Values[same]:R}" : "")}");
            }
        }
    }
}

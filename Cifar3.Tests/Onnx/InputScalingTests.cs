namespace Cifar3.Tests;

/// <summary>Every pixel value through every scaling, against the formula that its documentation gives.</summary>
public sealed class InputScalingTests
{
    private static readonly byte[] Pixels = [.. Enumerable.Range(0, 2 * CnnArchitecture.ImageBytes).Select(i => (byte)(i / 3 + i % 3))];

    private static IEnumerable<TestCaseData> Cases()
    {
        double[] mean = [.4914, .4822, .4465], std = [.247, .2435, .2616];
        yield return Case("ZeroToOne", InputScaling.ZeroToOne, (pixel, _) => pixel / 255);
        yield return Case("Bytes", InputScaling.Bytes, (pixel, _) => pixel);
        yield return Case("MinusOneToOne", InputScaling.MinusOneToOne, (pixel, _) => pixel / 127.5 - 1);
        yield return Case("Rescaling", InputScaling.Rescaling(.5f, -3), (pixel, _) => pixel * .5 - 3);
        yield return Case("Normalize", InputScaling.Normalize(mean.Select(value => (float)value), std.Select(value => (float)value)), (pixel, channel) => (pixel / 255 - mean[channel]) / std[channel]);

        static TestCaseData Case(string name, InputScaling scaling, Func<double, int, double> formula) => new TestCaseData(scaling, formula).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Cases))]
    public void Scale_EveryPixelValue_IsTheFormulaInBothLayouts(InputScaling scaling, Func<double, int, double> formula)
    {
        float[] last = new float[Pixels.Length], first = new float[Pixels.Length];

        scaling.Scale(Pixels, last, channelsFirst: false);
        scaling.Scale(Pixels, first, channelsFirst: true);

        Assert.That(Pixels.Distinct().Count(), Is.EqualTo(256));
        Assert.That(last.Select(value => (double)value), Is.EqualTo(Pixels.Select((pixel, i) => formula(pixel, i % 3))).Within(1e-5));
        for (int image = 0; image < 2; image++)
        {
            for (int i = 0; i < CnnArchitecture.ImageBytes; i++)
            {
                // [row, column, channel] and [channel, row, column]
                Assert.That(first[image * CnnArchitecture.ImageBytes + i % 3 * 1024 + i / 3], Is.EqualTo(last[image * CnnArchitecture.ImageBytes + i]));
            }
        }
    }
}
